from __future__ import annotations

import signal
import time

import pytest

from limbfix import runs
from limbfix.interruption import Interruption
from limbfix.reports.summary import RunTally
from limbfix.settings import Settings


def summary(**verdicts: int):
    tally = RunTally()
    for verdict, number in verdicts.items():
        for _ in range(number):
            tally.add({"verdict": verdict})
    return tally.summary(2.0)


@pytest.mark.parametrize(
    ("verdicts", "flags", "code"),
    [
        ({"pass": 9, "reject": 1}, {"max_reject_rate": 0.1}, 0),
        ({"pass": 8, "reject": 1, "no_subject": 5, "unjudged": 0}, {"max_reject_rate": 0.1}, 1),
        ({"pass": 9, "reject": 1, "unjudged": 1}, {"max_reject_rate": 0.1}, 3),
        ({"flag": 1, "pass": 1}, {"fail_on": "flag", "max_reject_rate": 0.5}, 0),
        ({"flag": 1, "reject": 1, "pass": 1}, {"fail_on": "flag", "max_reject_rate": 0.5}, 1),
        ({"reject": 1, "unjudged": 1}, {}, 1),
        ({"unjudged": 1}, {"fail_on": "never"}, 3),
        ({"no_subject": 1}, {}, 0),
        ({}, {}, 5),
    ],
)
def test_rejects_outweigh_the_unjudged_and_the_rate_is_of_the_judged(verdicts, flags, code):
    outcome = runs.RunOutcome()
    assert runs.exit_code(summary(**verdicts), outcome, Settings(**flags), require_subject=False) == code


def test_interruption_outweighs_errors_which_outweigh_verdicts():
    outcome = runs.RunOutcome(warnings=1)
    assert runs.exit_code(summary(reject=1), outcome, Settings(), require_subject=False) == 2
    outcome.is_interrupted = True
    assert runs.exit_code(summary(reject=1), outcome, Settings(), require_subject=False) == 130


def test_the_verdict_line_leaves_out_what_did_not_happen():
    line = runs.verdict_line(summary(**{"pass": 1}), 0)
    assert line == "limbfix: PASS - 1 picture: 1 passed (2.0 s)"
    assert runs.verdict_line(summary(reject=1), 0).startswith("limbfix: DONE - 1 picture: 1 rejected")
    assert runs.verdict_line(summary(), 5) == "limbfix: NO PICTURES - 0 pictures (2.0 s)"


def test_a_signal_ends_waiting_at_once_and_work_only_at_its_end():
    with Interruption().installed() as interruption, pytest.raises(KeyboardInterrupt), interruption.allowed():
        signal.raise_signal(signal.SIGTERM)
        time.sleep(10)
    with Interruption().installed() as interruption:
        signal.raise_signal(signal.SIGINT)  # no exception: something is being written
        with pytest.raises(KeyboardInterrupt), interruption.allowed():
            pass


def test_handlers_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with Interruption().installed():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_whatever_changes_a_judgement_changes_its_label():
    label = runs.settings_label("default@1", {"a": "1"}, Settings())
    others = [
        runs.settings_label("default@2", {"a": "1"}, Settings()),
        runs.settings_label("default@1", {"a": "2"}, Settings()),
        runs.settings_label("default@1", {"a": "1"}, Settings(search="single")),
        runs.settings_label("default@1", {"a": "1"}, Settings(detector=("yolo:x.pt",))),
    ]
    assert len({label, *others}) == 5
    assert runs.settings_label("default@1", {"a": "1"}, Settings(jobs=4, format="csv")) == label


def test_records_with_masks_and_of_another_version_are_not_remembered_as_the_same(monkeypatch):
    label = runs.settings_label("default@1", {}, Settings(format="jsonl"))
    assert runs.settings_label("default@1", {}, Settings(format="jsonl", masks=True)) != label
    monkeypatch.setattr(runs, "SCHEMA_VERSION", runs.SCHEMA_VERSION + 1)
    assert runs.settings_label("default@1", {}, Settings(format="jsonl")) != label


def test_what_other_code_judged_is_not_remembered_as_its_own(tmp_path, monkeypatch):
    from limbfix import states

    settings = Settings(state=tmp_path / "state")
    label = runs.settings_label("default@1", {}, settings)
    assert runs.settings_label("default@1", {}, settings) == label
    monkeypatch.setattr(states, "code_hash", lambda: "0" * 64)
    assert runs.settings_label("default@1", {}, settings) != label


@pytest.mark.parametrize(("failing", "judged", "rate"), [(29, 100, 0.29), (57, 100, 0.57), (1, 10, 0.1)])
def test_exactly_the_allowed_share_of_rejects_is_no_failure(failing, judged, rate):
    tally = RunTally()
    for index in range(judged):
        tally.add({"verdict": "reject" if index < failing else "pass", "defect_score": 0.5, "findings": []})
    settings = Settings(max_reject_rate=rate)
    outcome = runs.RunOutcome()
    assert runs.exit_code(tally.summary(1.0), outcome, settings, require_subject=False) == 0
