"""Every record, of every verdict, keeps to the published schema, and no number in it is a lie or a nan."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_hands import forked, read_hand, reading
from synthetic import HEIGHT, WIDTH, face, finding, hand, person, picture, scene, whole_person

from limbfix.checks import check
from limbfix.digits import CannotTell
from limbfix.findings import CODES
from limbfix.geometry import Box
from limbfix.policies import Policy
from limbfix.records import make_error_record, make_record, record_schema
from limbfix.verdicts import judge

PICTURE = picture()
VALIDATOR = jsonschema.Draft202012Validator(record_schema())
MODELS = {"b.task": "b" * 64, "a.task": "a" * 64}


def record_of(made, *findings, policy=None, prompt=None, pixels=PICTURE, **options):
    policy = policy or Policy()
    verdict = judge(tuple(findings), made, policy.for_prompt(prompt))
    return make_record(
        pixels,
        made,
        verdict,
        policy=policy.label,
        min_hand_px=policy.min_hand_px,
        models=MODELS,
        seconds=0.123456,
        **options,
    )


def assert_valid(record):
    VALIDATOR.validate(record)
    json.dumps(record, allow_nan=False)
    for owner in (*record["people"], *record["hands"], *record["findings"]):
        x_min, y_min, x_max, y_max = owner["box_xyxy"]
        assert 0 <= x_min <= x_max <= record["width"]
        assert 0 <= y_min <= y_max <= record["height"]


@pytest.mark.parametrize("flag_at", [0.1, 0.5])
def test_what_flags_or_rejects_is_listed_however_low_the_policy_sets_the_bar(flag_at):
    policy = Policy(flag_at=flag_at, reject_at=0.6)
    record = record_of(scene(*whole_person()), finding(0.15, "hand.malformed"), finding(0.05), policy=policy)
    assert_valid(record)
    listed = [one["code"] for one in record["findings"]]
    assert (record["verdict"], listed) == (("flag", ["hand.malformed"]) if flag_at < 0.15 else ("pass", []))


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(record_schema())


@pytest.mark.parametrize(
    ("made", "findings", "verdict"),
    [
        (scene(), (), "no_subject"),
        (scene(face(500, 300)), (), "unjudged"),
        (scene(*whole_person()), (finding(0.1, hand_index=0, person_index=0),), "pass"),
        (scene(*whole_person()), (finding(0.6, "person.proportion", person_index=0),), "flag"),
        (scene(*whole_person(), face(100, 100)), (finding(0.9, hand_index=1),), "reject"),
        (scene(hand(500, 500, 10)), (), "unjudged"),
    ],
)
def test_every_verdict_has_a_valid_record(made, findings, verdict):
    record = record_of(made, *findings)
    assert record["verdict"] == verdict
    assert_valid(record)


@pytest.mark.parametrize("code", ["unsupported_format", "too_large", "unreadable", "detector_failed"])
@pytest.mark.parametrize("sha256", [None, "0" * 64])
def test_an_error_is_a_valid_unjudged_record(code, sha256):
    record = make_error_record(
        "a\udcff.png", sha256, code=code, message="why", policy=Policy().label, models=MODELS, seconds=0.0
    )
    VALIDATOR.validate(record)
    assert (record["verdict"], record["defect_score"], record["reason"]) == ("unjudged", None, "why")
    assert record["error"] == {"code": code, "message": "why"}


def test_judged_and_unjudged_records_have_the_same_keys_in_the_same_order():
    error = make_error_record("a", None, code="unreadable", message="m", policy="p@" + "0" * 12, models={}, seconds=0)
    assert list(record_of(scene())) == list(error)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(CODES),
            st.floats(0, 1),
            st.one_of(st.none(), st.floats()),
            st.sampled_from([None, 0]),
            st.sampled_from([None, 0, 1]),
        ),
        max_size=6,
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_checks_measure_the_record_is_valid(found):
    findings = [
        finding(score, code, measured=value, expected=value, person_index=person_index, hand_index=hand_index)
        for code, score, value, person_index, hand_index in found
    ]
    assert_valid(record_of(scene(*whole_person()), *findings))


@pytest.mark.parametrize("absent", [(), ("hip", "knee", "ankle"), ("wrist",), ("nose",)])
def test_absent_joints_leave_no_nan_in_a_record(absent):
    assert_valid(record_of(scene(person(absent=absent, score=float("nan")), hand(200, 200, score=None)), finding(0.3)))


@pytest.mark.parametrize("height", [800, 1600, 3000])
def test_a_person_larger_than_the_picture_has_a_box_in_it(height):
    record = record_of(scene(person(height=height)), finding(0.3))
    assert_valid(record)
    assert record["people"][0]["box_xyxy"][3] <= HEIGHT


@pytest.mark.parametrize("place", [(10, 500), (990, 500), (500, 985), (WIDTH + 300, 500)])
def test_a_hand_at_the_frame_has_its_boxes_in_the_picture(place):
    made = scene(hand(*place))
    assert_valid(record_of(made, finding(0.9, hand_index=0, box=made.hands[0].part.box)))


def test_a_finding_without_a_place_is_refused():
    with pytest.raises(ValueError, match="expected finite px"):
        finding(0.9, box=Box(math.nan, math.nan, math.nan, math.nan))


def test_digits_are_never_counted_without_a_model_that_counts():
    record = record_of(scene(hand(300, 300, 80), hand(600, 600, 15)), finding(0.1))
    assert [one["digits"]["count"] for one in record["hands"]] == [None, None]
    assert [one["digits"]["cannot_tell"] for one in record["hands"]] == ["no_model", "too_small"]


def test_a_score_stands_at_its_hand_and_person_even_far_below_every_threshold():
    record = record_of(scene(*whole_person()), finding(0.03, hand_index=1, person_index=0))
    assert record["hands"][1]["defect_score"] == 0.03
    assert record["people"][0]["defect_score"] == 0.03
    assert record["hands"][0]["defect_score"] is None
    assert record["findings"] == []


def test_an_accepted_finding_stays_in_the_record_as_information_with_its_exception():
    policy = Policy(allow=("missing_arm",))
    record = record_of(scene(*whole_person()), finding(0.9, "person.missing_arm", person_index=0), policy=policy)
    (listed,) = record["findings"]
    assert listed["exception"] == "allow missing_arm (policy)"
    assert listed["severity"] == "info"
    assert record["exceptions"] == ["allow missing_arm (policy)"]
    assert record["policy"] == policy.label
    assert_valid(record)


def test_limbs_are_counted_as_seen_and_hidden():
    made = scene(*whole_person(unseen=("left_knee", "left_ankle", "right_heel", "right_foot_index")))
    limbs = record_of(made, finding(0.1))["people"][0]["limbs"]
    assert limbs["arms"] == {"seen": 2, "hidden": 0, "expected": 2}
    assert limbs["legs"] == {"seen": 1, "hidden": 1, "expected": 2}
    assert limbs["hands"] == {"seen": 2, "hidden": 0, "expected": 2}
    assert limbs["feet"]["seen"] == 1


def test_three_hands_are_three_seen_and_none_hidden():
    made = scene(*whole_person(), hand(560, 420, 80))
    limbs = record_of(made, finding(0.1))["people"][0]["limbs"]
    assert limbs["hands"] == {"seen": 3, "hidden": 0, "expected": 2}


def test_models_are_listed_by_name():
    assert list(record_of(scene())["models"]) == ["a.task", "b.task"]


def test_the_schema_refuses_a_pass_without_a_score_and_a_score_without_judgement():
    passed = record_of(scene(*whole_person()), finding(0.1))
    for wrong in ({"defect_score": None}, {"defect_score": 1.5}, {"verdict": "unjudged"}, {"extra": 1}, {"reason": ""}):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate(passed | wrong)


# Digits


def test_every_digit_stands_in_the_record_with_its_line_segments_and_nail():
    made = scene(read_hand(500, 500, number=6))
    record = record_of(made, finding(0.1, hand_index=0))
    assert_valid(record)
    digits = record["hands"][0]["digits"]
    assert (digits["count"], digits["visible"], digits["cannot_tell"]) == (6, 6, None)
    assert [item["digit_index"] for item in digits["items"]] == list(range(6))
    assert [item["kind"] for item in digits["items"]] == ["thumb"] + ["finger"] * 5
    first = digits["items"][0]
    assert first["joints"] == ["mcp", "pip", "dip", "tip"]
    assert first["polyline"][-1] == pytest.approx(made.hands[0].part.reading.digits[0].polyline[-1], abs=0.06)
    assert [segment["name"] for segment in first["segments"]] == ["proximal", "middle", "distal"]
    assert first["segments"][2]["ends"][1] == first["polyline"][3]
    assert first["nail"] is True
    assert record["hands"][0]["defect_probability"] == 0.05


def test_a_hand_without_a_count_says_why_and_what_is_visible():
    made = scene(read_hand(number=3, cannot_tell=CannotTell.OCCLUDED))
    record = record_of(made, finding(0.1, hand_index=0))
    assert_valid(record)
    hand_row = record["hands"][0]
    assert (hand_row["digits"]["count"], hand_row["digits"]["visible"]) == (None, 3)
    assert hand_row["digits"]["cannot_tell"] == "occluded"
    assert hand_row["defect_probability"] is None
    assert record["notes"] == ["digits not counted: hands[0] occluded"]


def test_an_unjudged_picture_keeps_what_was_measured_on_its_hand():
    made = scene(read_hand(number=3, cannot_tell=CannotTell.OCCLUDED, scores={"hand.malformed": 0.4}))
    record = record_of(made, *check(made))
    assert_valid(record)
    assert (record["verdict"], record["defect_score"]) == ("unjudged", None)
    assert record["hands"][0]["defect_score"] == 0.4
    assert [one["code"] for one in record["findings"]] == ["hand.malformed"]


def test_hands_that_nobody_read_fill_no_notes():
    record = record_of(scene(*whole_person()), finding(0.1))
    assert record["notes"] == []
    assert all(one["digits"]["items"] == [] and one["defect_probability"] is None for one in record["hands"])


def test_a_record_names_the_people_who_were_too_small_to_judge():
    record = record_of(scene(person(300, 500, 900), person(800, 500, 50)), finding(0.1))
    assert_valid(record)
    assert record["notes"] == ["limbs not judged as a whole: people[1] too small"]


def test_a_read_hand_that_is_too_small_has_no_count():
    record = record_of(scene(read_hand(300), read_hand(700, 500, 15)), finding(0.1))
    assert_valid(record)
    assert [one["digits"]["count"] for one in record["hands"]] == [5, None]
    assert record["notes"] == ["digits not counted: hands[1] too_small"]


def test_the_extra_digit_of_a_fork_is_marked():
    items = record_of(scene(read_hand(read=forked(6))))["hands"][0]["digits"]["items"]
    assert [item["extra"] for item in items] == [False] * 5 + [True]
    assert [item["forked"] for item in items] == [False] * 4 + [True] * 2


def mask_keys(value, path=""):
    """Paths of every key that holds a mask."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ([f"{path}.{key}"] if key in ("mask", "nail_mask") else mask_keys(inner, f"{path}.{key}"))
    elif isinstance(value, list):
        for inner in value:
            yield from mask_keys(inner, path)


def test_masks_are_written_only_where_they_are_asked_for():
    made = scene(read_hand(number=6), *whole_person(200))
    assert list(mask_keys(record_of(made, finding(0.1)))) == []
    record = record_of(made, finding(0.1), with_masks=True)
    assert_valid(record)
    item = ".hands.digits.items"
    assert set(mask_keys(record)) == {".hands.mask", f"{item}.mask", f"{item}.nail_mask", f"{item}.segments.mask"}
    read = next(one for one in made.hands if one.part.reading is not None)
    row = record["hands"][read.hand_index]
    whole = read.part.reading.digits[2].mask
    assert row["digits"]["items"][2]["mask"] == whole.rle(WIDTH, HEIGHT)
    assert all(one["mask"] is None for one in record["hands"] if one["hand_index"] != read.hand_index)


def test_a_digit_without_pixels_of_its_own_has_a_null_mask():
    bare = [replace(one, mask=None, nail=None) for one in reading(5).digits]
    record = record_of(scene(read_hand(read=reading(5, digits=tuple(bare), mask=None))), with_masks=True)
    assert_valid(record)
    item = record["hands"][0]["digits"]["items"][0]
    assert (item["mask"], item["nail_mask"], item["nail"], record["hands"][0]["mask"]) == (None, None, False, None)


def test_the_schema_refuses_a_count_beside_a_reason_not_to_tell():
    record = record_of(scene(read_hand()), finding(0.1))
    digits = record["hands"][0]["digits"]
    for wrong in ({"cannot_tell": "blurred"}, {"count": None}, {"cannot_tell": "lazy", "count": None}, {"more": 1}):
        broken = json.loads(json.dumps(record))
        broken["hands"][0]["digits"] = digits | wrong
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate(broken)
