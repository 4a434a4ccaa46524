"""The counts of a run."""

from __future__ import annotations

import json
import tracemalloc

from made_records import finding, record

from limbfix.reports.summary import SCORE_BINS, VERDICTS, RunTally


def tallied(records: list[dict], seconds: float = 2.0):
    tally = RunTally()
    for made in records:
        tally.add(made)
    return tally.summary(seconds)


def test_rejected_share_leaves_out_what_was_not_judged() -> None:
    summary = tallied([record(verdict=v) for v in ("reject", "pass", "pass", "flag", "no_subject", "unjudged")])
    assert summary.rejected_share == 0.25
    assert summary.pictures == 6
    assert summary.pictures_per_second == 3.0
    assert summary.verdicts == {"reject": 1, "flag": 1, "pass": 2, "no_subject": 1, "unjudged": 1}
    assert summary.sentence() == "6 pictures: 1 rejected, 1 flagged, 2 passed, 1 without a person, 1 unjudged"


def test_an_empty_run_has_no_shares_instead_of_zeros() -> None:
    summary = tallied([], seconds=0)
    assert summary.rejected_share is None
    assert summary.pictures_per_second is None
    assert summary.sentence() == "0 pictures"
    assert set(summary.verdicts) == set(VERDICTS)


def test_a_code_counts_once_per_picture_and_the_most_frequent_comes_first() -> None:
    twice = record(verdict="reject", findings=[finding("hand.malformed"), finding("hand.malformed"), finding()])
    summary = tallied([twice, record(verdict="reject")])
    assert list(summary.codes.items()) == [("hand.extra_digit", 2), ("hand.malformed", 1)]


def test_hints_are_counted_apart() -> None:
    quiet = record(
        findings=[
            finding("person.missing_leg", 0.37),
            finding("hand.malformed", 0.9, severity="info", exception="allow malformed (policy)"),
        ]
    )
    both = record(verdict="flag", findings=[finding("hand.malformed", 0.6), finding("hand.malformed", 0.3)])
    low = record(verdict="flag", reason="A low bar.", findings=[finding("hand.extra_digit", 0.4, message="A low bar.")])
    summary = tallied([quiet, both, low])
    assert summary.codes == {"hand.extra_digit": 1, "hand.malformed": 1}
    assert summary.hints == {"hand.malformed": 1, "person.missing_leg": 1}
    assert summary.to_json()["hints"] == summary.hints


def test_the_histogram_holds_every_score_and_no_absent_one() -> None:
    scores = [0.0, 0.049, 0.05, 0.999, 1.0, None]
    summary = tallied([record(defect_score=score) for score in scores])
    assert summary.score_histogram[:2] == (2, 1)
    assert summary.score_histogram[-1] == 2
    assert sum(summary.score_histogram) == 5
    assert len(summary.score_histogram) == SCORE_BINS


def test_the_summary_is_json_and_names_policies_and_models() -> None:
    document = json.loads(json.dumps(tallied([record(), record(policy="strict@aa")]).to_json(), allow_nan=False))
    assert document["policies"] == ["default@0123456789ab", "strict@aa"]
    assert document["models"] == {"hand_landmarker.task": "cd" * 32}


def test_memory_does_not_grow_with_the_number_of_pictures() -> None:
    tally = RunTally()
    for k in range(500):
        tally.add(record(f"{k}.png", "reject", policy=f"p@{k}"))
    tracemalloc.start()
    for k in range(5000):
        tally.add(record(f"{k}.png", "reject", policy=f"q@{k}"))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20_000
