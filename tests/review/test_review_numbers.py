"""Who is looked at, what follows from the answers, and what scores are worth after them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ledger_cases import add, judged, order, refunds, sha_of
from review_ledgers import HOSTILE, fill, new_ledger, write_case

from limbfix.errors import CaseChanged, PolicyError, UsageError
from limbfix.ledger.cases import current_cases, find_case
from limbfix.ledger.deciding import Status
from limbfix.ledger.overrides import Decision, decide
from limbfix.ledger.refunds import Give
from limbfix.ledger.store import Ledger
from limbfix.ledger.verifying import verify
from limbfix.policies import Policy, load_policy
from limbfix.review.answering import Said, take_back, write_answer
from limbfix.review.auditing import Rates, Stratum, is_audited, make_strata
from limbfix.review.desks import LEASE_S, Room
from limbfix.review.estimates import estimate
from limbfix.review.index import Answer, Index, Row, place_of
from limbfix.review.label_files import FORMATS, Scored, label_file, read_labels
from limbfix.review.labels import make_labels
from limbfix.review.queueing import make_queue
from limbfix.review.recalibration import as_file, calibrate

ALL = Rates(passed=1.0, rejected=1.0)


def row(number: int, verdict: str = "flag", score: float | None = 0.6, label: str | None = None, **more) -> Row:
    picture = sha_of(f"p{number}")
    answers = (
        (Answer(kind="label", label=label, who="Ada", at="2026-11-28T10:00:00+00:00", seq=1000 + number),)
        if label
        else ()
    )
    made = Row(
        case_id=sha_of(f"c{number}"), seq=number, picture=picture, verdict=verdict, score=score, middle=0.65,
        waits=verdict == "flag", latest=sha_of(f"h{number}"), place=place_of(picture), answers=answers,
    )  # fmt: skip
    return replace(made, **more)


def case_of(ledger: Ledger, case_id: str):
    with ledger.reading() as reader:
        case = find_case(reader, case_id)
    assert case is not None
    return case


def say(ledger: Ledger, case_id: str, choice: str, who: str = "Ada", **more) -> str:
    case = case_of(ledger, case_id)
    return write_answer(ledger, case, Said(who=who, choice=choice, saw=case.latest_hash, **more))


def test_the_sample_is_the_contents_doing_and_has_the_asked_size():
    rows = [row(number, "pass", 0.1) for number in range(20_000)]
    chosen = [one.case_id for one in rows if is_audited(one, Rates(passed=0.05))]
    assert 850 < len(chosen) < 1150
    assert chosen == [
        one.case_id for one in rows if is_audited(replace(one, seq=one.seq + 7, score=0.4), Rates(passed=0.05))
    ]
    wider = {one.case_id for one in rows if is_audited(one, Rates(passed=0.1))}
    assert set(chosen) < wider


def test_the_queue_holds_all_flags_by_uncertainty_and_the_audit_evenly_among_them():
    rows = [row(number, "flag", 0.5 + number / 400) for number in range(100)]
    rows += [row(1000 + number, "pass", 0.001 * number) for number in range(400)]
    rates = Rates(passed=0.1, rejected=0.0)
    queue = make_queue(rows, rates)
    flags = [one for one in queue if one.verdict == "flag"]
    assert len(flags) == 100
    asked = [one for one in flags if not is_audited(one, rates)]
    assert [one.uncertainty for one in asked] == sorted((one.uncertainty for one in asked), reverse=True)
    audit = [one for one in queue if is_audited(one, rates)]
    assert [one.place for one in audit] == sorted(one.place for one in audit)
    half = sum(is_audited(one, rates) for one in queue[: len(queue) // 2])
    assert abs(half - len(audit) / 2) <= 1


def test_a_picture_sold_twice_is_audited_once():
    one = row(1, "pass", 0.1)
    twin = replace(one, case_id=sha_of("another order"), seq=2)
    assert len(make_queue([one, twin], ALL)) == 1
    assert make_strata([one, replace(twin, answers=row(1, label="fine").answers)], ALL)["pass"].seen == 1


def test_answers_outside_the_sample_do_not_count_while_some_are_missing():
    rows = [row(number, "pass", 0.1) for number in range(200)]
    rates = Rates(passed=0.2)
    outside = [one for one in rows if not is_audited(one, rates)]
    told = [replace(one, answers=row(5, label="defective").answers) for one in outside[:50]]
    found = make_strata([*told, *outside[50:], *(one for one in rows if is_audited(one, rates))], rates)["pass"]
    assert (found.size, found.seen, found.defective) == (200, 0, 0)


def stratum(verdict: str, size: int, seen: int, defective: int) -> Stratum:
    return Stratum(verdict=verdict, size=size, wanted=seen, seen=seen, defective=defective, is_whole=size == seen)


def test_a_whole_ledger_is_counted_and_not_estimated():
    found = estimate(
        {
            "pass": stratum("pass", 100, 100, 10),
            "flag": stratum("flag", 20, 20, 15),
            "reject": stratum("reject", 30, 30, 25),
        }
    )
    assert (
        found.reject_precision.value
        == found.reject_precision.low
        == found.reject_precision.high
        == pytest.approx(25 / 30)
    )
    assert found.reject_recall.value == pytest.approx(25 / 50)
    assert found.stop_recall.value == found.stop_recall.high == pytest.approx(40 / 50)
    assert found.stop_precision.value == pytest.approx(40 / 50)


def test_a_sample_is_counted_up_by_verdict():
    found = estimate(
        {
            "pass": stratum("pass", 1000, 50, 2),
            "flag": stratum("flag", 100, 100, 60),
            "reject": stratum("reject", 200, 40, 30),
        }
    )
    assert found.reject_recall.value == pytest.approx(150 / (150 + 60 + 40))
    assert found.reject_precision.low < 0.75 < found.reject_precision.high
    nothing = estimate(
        {"pass": stratum("pass", 10, 0, 0), "flag": stratum("flag", 0, 0, 0), "reject": stratum("reject", 5, 5, 5)}
    )
    assert nothing.reject_recall.value is None
    assert "passed" in nothing.reject_recall.words
    assert nothing.reject_precision.value == 1.0


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    rng, held, worlds = np.random.default_rng(7), {"recall": 0, "precision": 0}, 300
    shares, sizes, asked = (
        {"pass": 0.06, "flag": 0.5, "reject": 0.85},
        {"pass": 900, "flag": 80, "reject": 150},
        {"pass": 60, "flag": 80, "reject": 40},
    )
    for _ in range(worlds):
        truth = {name: rng.random(size) < shares[name] for name, size in sizes.items()}
        strata = {
            name: stratum(name, sizes[name], asked[name], int(truth[name][: asked[name]].sum())) for name in sizes
        }
        found = estimate(strata)
        wrong = {name: int(values.sum()) for name, values in truth.items()}
        recall, precision = wrong["reject"] / sum(wrong.values()), wrong["reject"] / sizes["reject"]
        held["recall"] += found.reject_recall.low <= recall <= found.reject_recall.high
        held["precision"] += found.reject_precision.low - 1e-9 <= precision <= found.reject_precision.high + 1e-9
    assert held["recall"] / worlds > 0.92
    assert held["precision"] / worlds > 0.92


def test_an_answer_decides_what_waits_and_only_labels_the_rest(tmp_path: Path):
    ledger = new_ledger(tmp_path)
    flag, passed, rejected = fill(ledger, flags=1, passes=1, rejects=1)
    say(ledger, flag, "accept")
    say(ledger, passed, "reject", codes=("hand.extra_digit",))
    say(ledger, rejected, "accept", note="fine to me")
    cases = {case.case_id: case for case in current_cases(ledger)}
    assert cases[flag].status is Status.DECLINED
    assert (cases[passed].status, cases[passed].label) == (Status.NONE, "defective")
    assert (cases[rejected].status, cases[rejected].label) == (Status.RECOMMENDED, "fine")
    assert cases[passed].overrides[0].data["codes"] == ["hand.extra_digit"]
    assert cases[rejected].overrides[0].data["why"] == "fine to me"
    assert verify(ledger).problems == ()


def test_a_picture_that_could_not_be_judged_is_not_refused_by_calling_it_defective(tmp_path: Path):
    ledger = new_ledger(tmp_path)
    record = judged("broken", "unjudged") | {"reason": "A detector failed.", "defect_score": None}
    add(ledger, [(record, order("broken"))], refunds(unjudged="wait"))
    (case,) = current_cases(ledger)
    assert (case.status, case.give) == (Status.WAITING, Give.NONE)
    say(ledger, case.case_id, "reject")
    labelled = case_of(ledger, case.case_id)
    assert (labelled.status, labelled.label) == (Status.WAITING, "defective")
    say(ledger, case.case_id, "accept")
    assert case_of(ledger, case.case_id).status is Status.DECLINED


def test_a_second_answer_is_a_conflict_and_the_same_one_twice_is_not(tmp_path: Path):
    ledger = new_ledger(tmp_path)
    (flag,) = fill(ledger, flags=1)
    case = case_of(ledger, flag)
    first = Said(who="Ada", choice="reject", saw=case.latest_hash)
    written = write_answer(ledger, case, first)
    assert write_answer(ledger, case, first) == written
    with pytest.raises(CaseChanged):
        write_answer(ledger, case, replace(first, who="Ben"))
    with pytest.raises(CaseChanged):
        write_answer(ledger, case, replace(first, choice="accept"))
    for other in (replace(first, note="a third arm"), replace(first, codes=("person.extra_arm",))):
        with pytest.raises(CaseChanged):  # two tabs of one name: what the second one says is not the first one's
            write_answer(ledger, case, other)
    assert len(case_of(ledger, flag).overrides) == 1


def test_taking_back_a_label_leaves_the_decision_that_stood(tmp_path: Path):
    ledger = new_ledger(tmp_path)
    (flag,) = fill(ledger, flags=1)
    say(ledger, flag, "reject")
    decide(ledger, flag, Decision(who="Ben", why="looked again", answer="label", label="fine"))
    assert case_of(ledger, flag).status is Status.CONFIRMED
    written = case_of(ledger, flag).latest_hash
    take_back(ledger, flag, who="Ben", answer=written)
    assert (case_of(ledger, flag).status, case_of(ledger, flag).label) == (Status.CONFIRMED, "defective")
    with pytest.raises(CaseChanged):
        take_back(ledger, flag, who="Ben", answer=written)


def test_the_index_reads_on_and_agrees_with_the_ledger(tmp_path: Path):
    ledger = new_ledger(tmp_path)
    ids = fill(ledger, flags=3)
    index = Index(ledger)
    index.refresh()
    say(ledger, ids[0], "reject")
    say(ledger, ids[1], "accept")
    take_back(ledger, ids[1], who="Ada", answer=case_of(ledger, ids[1]).latest_hash)
    index.refresh()
    fresh = Index(ledger)
    fresh.refresh()
    assert [index.row(case_id) for case_id in ids] == [fresh.row(case_id) for case_id in ids]
    assert [index.row(case_id).is_done for case_id in ids] == [True, False, False]


def test_a_lease_goes_to_one_desk_and_runs_out():
    now = [0.0]
    room = Room(clock=lambda: now[0])
    ada, ben = room.open_desk("Ada"), room.open_desk("Ben")
    assert room.hold("a", ada) is None
    assert room.hold("a", ben) == "Ada"
    assert room.held_by_others(ben) == {"a"}
    room.hold("b", ada)
    assert room.held_by_others(ben) == {"b"}
    now[0] += LEASE_S + 1
    assert room.hold("b", ben) is None


@pytest.mark.parametrize("format", FORMATS)
def test_labels_come_back_from_each_format(tmp_path: Path, format: str):
    ledger = new_ledger(tmp_path)
    ids = fill(ledger, flags=2, passes=4)
    with ledger.writing() as writer:
        ids += [
            write_case(writer, 100 + number, "flag", 0.6, path=path, prompt=path) for number, path in enumerate(HOSTILE)
        ]
    for number, case_id in enumerate(ids):
        say(ledger, case_id, ("accept", "reject")[number % 2], who=HOSTILE[0][:30], note=HOSTILE[1])
    labels = make_labels(ledger, ALL)
    path = tmp_path / FORMATS[format].file_name
    path.write_bytes(label_file(labels, format))
    back = read_labels(path)
    assert [(one.sha256, one.label, one.score, one.weight) for one in back] == [
        (one.sha256, one.label, one.score, one.weight) for one in labels
    ]
    assert {one.weight for one in back} == {1.0}


def test_the_csv_runs_nothing_and_coco_holds_boxes(tmp_path: Path):
    ledger = new_ledger(tmp_path)
    with ledger.writing() as writer:
        case_id = write_case(writer, 1, "flag", 0.6, path="=HYPERLINK(1).png")
    say(ledger, case_id, "reject", codes=("hand.extra_digit",))
    labels = make_labels(ledger, ALL)
    (line,) = csv.DictReader(io.StringIO(label_file(labels, "csv").decode()))
    assert line["path"] == "'=HYPERLINK(1).png"
    coco = json.loads(label_file(labels, "coco"))
    (annotation,) = coco["annotations"]
    assert annotation["bbox"] == [10.0, 10.0, 50.0, 50.0]
    assert annotation["picture_label"] == "defective" and annotation["named_by_person"]
    assert coco["categories"][annotation["category_id"] - 1]["name"] == "hand.extra_digit"


def test_a_label_changed_in_label_studio_is_read(tmp_path: Path):
    ledger = new_ledger(tmp_path)
    say(ledger, fill(ledger, flags=1)[0], "reject")
    tasks = json.loads(label_file(make_labels(ledger, ALL), "label-studio"))
    tasks[0]["annotations"][0]["result"][0]["value"]["choices"] = ["fine"]
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(tasks))
    assert read_labels(path)[0].label == "fine"


CHOICE = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["fine"]}}
NOTE = {"from_name": "note", "to_name": "image", "type": "textarea", "value": {"text": ["odd light"]}}
REASON = {"from_name": "reason", "to_name": "image", "type": "choices", "value": {"choices": ["glove"]}}


@pytest.mark.parametrize(
    ("annotations", "label"),
    [
        ([{"result": [NOTE, CHOICE]}], "fine"),
        ([{"result": [REASON, CHOICE]}], "fine"),
        ([{"result": [CHOICE | {"from_name": "seen"}]}], "fine"),
        ([{"result": [CHOICE]}, {"result": [], "was_cancelled": True}], "fine"),
        ([{"result": [NOTE]}], "unsure"),
        ([{"result": []}], "unsure"),
        ([], "defective"),
        ("none", "defective"),
    ],
)
def test_what_label_studio_writes_is_read(tmp_path: Path, annotations: Any, label: str):
    ledger = new_ledger(tmp_path)
    say(ledger, fill(ledger, flags=1)[0], "reject")
    tasks = json.loads(label_file(make_labels(ledger, ALL), "label-studio"))
    tasks[0]["annotations"] = annotations
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(tasks))
    assert read_labels(path)[0].label == label


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        "[1, 2]",
        '{"images": [{}]}',
        "\x00\x01",
        "{" * 2000,
        "sha256,verdict,score,label,weight,why\na,flag,0.5,fine,1," + "x" * 200_000,
        '{"images": [{"limbfix": {"sha256": "a", "verdict": "flag", "score": 0.5, "label": "fine", "weight": 1'
        + "0" * 400
        + "}}]}",
        '{"images": [{"limbfix": {"sha256": "a", "verdict": "flag", "score": 2, "label": "fine", "weight": 1}}]}',
    ],
)
def test_a_file_that_is_no_labels_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "labels"
    path.write_text(text)
    with pytest.raises(UsageError, match="label"):
        read_labels(path)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("mark", "point"), [(",", "."), (";", "."), (";", ","), ("\t", ",")])
def test_a_csv_that_a_spreadsheet_saved_is_read(tmp_path: Path, mark: str, point: str, ends: str):
    ledger = new_ledger(tmp_path)
    for case_id in fill(ledger, flags=4, rejects=2):
        say(ledger, case_id, "reject")
    path = tmp_path / "labels.csv"
    path.write_bytes(label_file(make_labels(ledger, ALL), "csv"))
    told = read_labels(path)
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    numbers = [rows[0].index(name) for name in ("score", "weight")]
    for row in rows[1:]:
        for place in numbers:
            row[place] = row[place].replace(".", point)
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=mark, lineterminator=ends).writerows([*rows, [""] * len(rows[0])])
    path.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    assert read_labels(path) == told and len(told) == 6


def test_an_empty_export_is_too_few_labels(tmp_path: Path):
    path = tmp_path / "labels.csv"
    path.write_bytes(label_file([], "csv"))
    with pytest.raises(UsageError, match="expected labels, got none"):
        read_labels(path)


def made_labels(count: int, slope: float, offset: float, seed: int = 3) -> list[Scored]:
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.02, 0.98, count)
    chances = 1 / (1 + np.exp(-(slope * np.log(scores / (1 - scores)) + offset)))
    wrong = rng.random(count) < chances
    return [
        Scored(
            sha256=sha_of(str(number)),
            verdict="flag",
            score=float(score),
            label="defective" if bad else "fine",
            weight=1.0,
        )
        for number, (score, bad) in enumerate(zip(scores, wrong, strict=True))
    ]


def test_calibrating_finds_the_curve_that_made_the_labels(tmp_path: Path):
    found = calibrate(made_labels(2000, 1.6, -1.0))
    assert found.slope == pytest.approx(1.6, abs=0.15)
    assert found.offset == pytest.approx(-1.0, abs=0.15)
    assert found.brier_after < found.brier_before
    for one in found.reliability:
        assert one.observed_low - 0.03 <= one.predicted <= one.observed_high + 0.03
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(as_file(found, Policy(name="shop", min_hand_px=48))))
    policy = load_policy(path)
    assert (policy.name, policy.min_hand_px) == ("shop-calibrated", 48)
    assert policy.flag_at == found.flag_at == pytest.approx(1 / (1 + np.exp(-1.0 / 1.6)), abs=0.03)
    assert policy.flag_at < policy.reject_at
    chances = [chance for _, chance in found.knots]
    assert chances == sorted(chances)


def test_a_label_that_stands_for_many_counts_for_many():
    labels = made_labels(600, 1.0, 0.0)
    heavier = [replace(one, weight=20.0 if one.score < 0.4 and one.label == "fine" else 1.0) for one in labels]
    plain, weighed = calibrate(labels), calibrate(heavier)
    assert weighed.flag_at > plain.flag_at
    assert weighed.effective < plain.effective == 600


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (made_labels(40, 1.5, 0.0), "at least 50"),
        ([replace(one, label="fine") for one in made_labels(200, 1.5, 0.0)], "10 of them defective"),
        ([replace(one, weight=None) for one in made_labels(200, 1.5, 0.0)], "got 0"),
        (made_labels(400, -1.5, 0.0), "the contrary"),
    ],
)
def test_labels_that_prove_nothing_are_refused(labels: list[Scored], words: str):
    with pytest.raises(UsageError, match=words):
        calibrate(labels)


def test_a_policy_file_with_other_keys_is_still_refused(tmp_path: Path):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"policy": {}, "other": {}}))
    with pytest.raises(PolicyError):
        load_policy(path)
