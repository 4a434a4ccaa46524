"""All checks together: an explicit order, pure functions, whole people silent, and sane findings on any scene."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from read_hands import read_hand
from scenes import (
    SILENT,
    bare_person,
    changed,
    clean_person,
    in_metres,
    loudest,
    measures,
    metric_person,
    mirrored,
    place,
    sure_hand,
    sure_hands,
    verdict,
    with_keypoints,
)
from synthetic import face, hand, person, scene

import limbfix.checks
from limbfix.checks import CHECKS, check
from limbfix.findings import CODES, DefectCode
from limbfix.layouts import BLAZEPOSE33, COCO17
from limbfix.parts import Keypoints, Part, PartKind, Side
from limbfix.policies import Policy
from limbfix.verdicts import Outcome

ORDER = (
    "hand_count",
    "digit_count",
    "fused_digits",
    "hand_form",
    "hand_agreement",
    "hand_side",
    "hand_size",
    "foot_form",
    "attachment",
    "limb_count",
    "limb_form",
    "loose_limb",
    "limb_end",
    "leftover",
    "bone_ratio",
    "joint_angle",
)

NETWORK_CODES = {
    DefectCode.HAND_EXTRA_DIGIT,
    DefectCode.HAND_MISSING_DIGIT,
    DefectCode.HAND_FUSED_DIGITS,
    DefectCode.FOOT_MALFORMED,
    DefectCode.PERSON_MISSING_ARM,
    DefectCode.PERSON_MISSING_LEG,
    DefectCode.PERSON_EXTRA_FOOT,
}
"""Nobody can tell these without a network of ours: of hands that none has read they are not claimed."""

READERS = ("digit_count", "fused_digits", "hand_form")
"""Checks that speak only of hands with a reading."""


BODY_READERS = ("foot_form", "limb_count", "limb_form", "loose_limb")
"""Checks that speak only where our network read the bodies."""


def test_the_checks_run_in_report_order():
    assert tuple(one.__name__ for one in CHECKS) == ORDER


def test_every_file_of_the_folder_holds_one_check_of_its_own_name_in_the_tuple():
    names = {module.name for module in pkgutil.iter_modules(limbfix.checks.__path__)}
    assert names == set(ORDER)
    for one in CHECKS:
        assert one is getattr(importlib.import_module(f"limbfix.checks.{one.__name__}"), one.__name__)


def test_findings_come_in_the_order_of_the_checks():
    made = scene(*clean_person())
    assert check(made) == tuple(found for one in CHECKS for found in one(made))
    assert [one.__name__ for one in CHECKS if not one(made)] == [*READERS, *BODY_READERS]
    read = scene(read_hand(500, 500))
    assert all(one(read) for one in CHECKS if one.__name__ in READERS)


def test_an_empty_scene_has_no_findings():
    assert check(scene()) == ()


# People with nothing wrong

CROSSED = metric_person(
    moved={"left_elbow": (560, 385), "left_wrist": (447, 360), "right_elbow": (440, 385), "right_wrist": (553, 360)}
)


def fists(body):
    """Short hands whose wrist lies half a hand away from the arm's."""
    return [
        sure_hand(place(body, f"{s}_wrist")[0] + 25, place(body, f"{s}_wrist")[1] + 10, 45, side=side)
        for s, side in _SIDES
    ]


_SIDES = (("left", Side.LEFT), ("right", Side.RIGHT))

INNOCENT = {
    "standing": clean_person(),
    "from behind": clean_person(mirrored=True),
    "small": clean_person(height=400),
    "at the edge": clean_person(180),
    "crossed arms": (
        CROSSED,
        sure_hand(447, 360, angle_deg=170, side=Side.LEFT),
        sure_hand(553, 360, angle_deg=10, side=Side.RIGHT),
    ),
    "fists": (metric_person(), *fists(metric_person())),
    "two people": clean_person(270, height=500) + clean_person(730, height=500),
    "embrace": clean_person(450, height=600) + clean_person(560, height=600),
    "cut at the hips": clean_person(500, 960),
    "a hand alone": (sure_hand(500, 500, 200),),
    "four hands and no body": tuple(sure_hand(x, 500, 120) for x in (100, 300, 500, 700)),
}


@pytest.mark.parametrize("name", [name for name in INNOCENT if name != "embrace"])
def test_innocent_people_are_silent(name):
    found = check(scene(*INNOCENT[name]))
    assert found
    assert loudest(found) < SILENT, max(found, key=lambda one: one.defect_score).message


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent_people_pass(name):
    made = scene(*INNOCENT[name])
    assert verdict(made, check(made)).outcome is Outcome.PASS


def test_hands_close_to_a_webcam_pass():
    wrists = {"left_wrist": (640, 560), "right_wrist": (360, 560)}
    towards_the_camera = {"left_wrist": (0.86, 0.82, -0.28), "right_wrist": (0.35, 0.82, -0.28)}
    body = metric_person(500, 900, 1400, moved=wrists, moved_m=towards_the_camera)
    hands = [sure_hand(x, 560, 330, angle_deg=-90, side=side) for x, side in ((640, Side.LEFT), (360, Side.RIGHT))]
    made = scene(body, face(500, 290, 260), *hands)
    assert len(made.people) == 1
    assert len(check(made)) >= 6
    assert verdict(made, check(made)).outcome is Outcome.PASS


def stump(**metres):
    """A left forearm of 28 px without a hand."""
    body = metric_person(moved={"left_wrist": (635, 400)}, moved_m=metres)
    return scene(body, sure_hands(body)[1])


FILLED_IN = {"left_wrist": (1.35, 1.05, 0.0)}
"""What a pose model does in its metres: a forearm as long as others."""


def test_an_amputee_passes_where_the_policy_allows_it_and_the_exception_is_named():
    made = stump(**FILLED_IN)
    assert verdict(made, check(made)).outcome is Outcome.FLAG
    allowed = verdict(made, check(made), Policy(allow=("missing_hand",)))
    assert allowed.outcome is Outcome.PASS
    assert allowed.exceptions == ("allow missing_hand (policy)",)


def test_an_amputee_whose_stump_is_measured_in_metres_passes_with_the_prompt():
    made = stump()
    assert verdict(made, check(made), prompt="portrait of an amputee").outcome is Outcome.PASS


def test_an_allowed_missing_arm_covers_the_hand_that_would_be_on_it():
    made = stump(**FILLED_IN)
    assert verdict(made, check(made), Policy(allow=("missing_arm",))).outcome is Outcome.PASS


def test_an_amputee_with_an_unseen_forearm_passes_with_the_prompt():
    made = scene(metric_person(unseen=("left_wrist",)))
    assert verdict(made, check(made), prompt="a one-armed swimmer").outcome is Outcome.PASS


@pytest.mark.parametrize("part", [face(500, 300), bare_person()], ids=["face", "box"])
def test_somebody_without_a_measured_body_is_unjudged_and_not_fine(part):
    made = scene(part)
    assert check(made) == ()
    assert verdict(made, ()).outcome is Outcome.UNJUDGED


def test_a_body_of_which_nothing_was_measured_has_no_findings():
    nothing = metric_person()
    lost = with_keypoints(nothing, np.full((33, 2), np.nan))
    assert check(scene(lost)) == ()


def test_unseen_people_are_neither_fine_nor_faulty():
    assert check(scene(metric_person(visibility=0.1))) == ()


def test_a_mirror_changes_no_score():
    parts = (*clean_person(), sure_hand(620, 300))
    assert measures(check(scene(*mirrored(parts)))) == measures(check(scene(*parts)))


@pytest.mark.parametrize("elsewhere", [{"scale": 2}, {"shift": (40, -30)}], ids=str)
def test_place_and_size_change_no_score(elsewhere):
    side = 1000 * elsewhere.get("scale", 1)
    parts = (*clean_person(), sure_hand(620, 300))
    assert measures(check(scene(*changed(parts, **elsewhere), width=side, height=side))) == measures(
        check(scene(*parts))
    )


def test_a_check_does_not_change_the_scene_and_gives_the_same_twice():
    made = scene(*clean_person(), sure_hand(620, 300))
    assert check(made) == check(made)


# Any scene

coordinates = st.floats(-300, 1300)
shares = st.one_of(st.none(), st.floats(0, 1))
landmarks = st.lists(st.sampled_from(BLAZEPOSE33.landmarks), max_size=6)


@st.composite
def bodies(draw):
    options = {
        "visibility": draw(st.floats(0, 1)),
        "mirrored": draw(st.booleans()),
        "absent": draw(landmarks),
        "unseen": draw(landmarks),
        "moved": draw(
            st.dictionaries(st.sampled_from(BLAZEPOSE33.landmarks), st.tuples(coordinates, coordinates), max_size=4)
        ),
    }
    body = person(draw(coordinates), draw(coordinates), draw(st.floats(20, 1500)), score=draw(shares), **options)
    if draw(st.booleans()):
        names = draw(landmarks)
        body = in_metres(
            body, 0.002, {name: (float("nan"),) * 3 if name in names else (0.0, 0.0, 0.0) for name in draw(landmarks)}
        )
    if draw(st.booleans()):
        mask = np.zeros((1000, 1000), bool)
        x, y = draw(st.integers(0, 900)), draw(st.integers(0, 900))
        mask[y : y + draw(st.integers(0, 700)), x : x + draw(st.integers(0, 700))] = True
        body = replace(body, mask=mask)
    return body


@st.composite
def hands(draw):
    side = draw(st.sampled_from(list(Side)))
    made = hand(
        draw(coordinates),
        draw(coordinates),
        draw(st.floats(1, 600)),
        side=side,
        score=draw(shares),
        angle_deg=draw(st.floats(0, 360)),
    )
    made = replace(made, side_score=draw(shares))
    if draw(st.booleans()):
        xy = made.keypoints.xy.copy()
        xy[draw(st.lists(st.integers(0, 20), max_size=5))] = np.nan
        made = with_keypoints(made, xy)
    if draw(st.booleans()):
        made = in_metres(made, 0.002)
    if draw(st.booleans()):
        made = replace(made, views=(draw(st.integers(0, 20)), 20), spread=draw(st.one_of(st.none(), st.floats(0, 5))))
    return replace(made, keypoints=None) if draw(st.integers(0, 5)) == 0 else made


parts = st.lists(
    st.one_of(
        bodies(), hands(), st.builds(face, coordinates, coordinates), st.builds(bare_person, coordinates, coordinates)
    ),
    max_size=5,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts)
def test_findings_on_any_scene_are_finite_and_point_at_what_exists(drawn):
    made = scene(*drawn)
    for found in check(made):
        assert 0 <= found.defect_score <= 1
        assert np.isfinite(found.box.xyxy).all()
        assert found.box.x_min <= found.box.x_max
        assert found.box.y_min <= found.box.y_max
        assert found.code in CODES
        assert found.code not in NETWORK_CODES
        assert found.message.endswith(".")
        assert "nan" not in found.message
        for number in (found.measured, found.expected):
            assert number is None or np.isfinite(number)
        assert found.person_index is None or 0 <= found.person_index < len(made.people)
        assert found.hand_index is None or 0 <= found.hand_index < len(made.hands)
    verdict(made, check(made))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts)
def test_every_scene_gives_the_same_findings_twice(drawn):
    made = scene(*drawn)
    assert check(made) == check(made)


@pytest.mark.parametrize("layout", [COCO17], ids=lambda one: one.name)
def test_a_body_of_another_layout_is_judged_by_what_it_has(layout):
    full = metric_person().keypoints
    order = [full.layout.index(name) for name in layout.landmarks]
    keypoints = Keypoints(layout=layout, xy=full.xy[order], score=full.score[order])
    body = Part(
        kind=PartKind.PERSON,
        box=metric_person().box,
        detection_score=0.9,
        detector="synthetic",
        keypoints=keypoints,
        mask=clean_person()[0].mask,
    )
    made = scene(body, *sure_hands(metric_person()))
    codes = {one.code for one in check(made)}
    assert DefectCode.PERSON_MISSING_FOOT in codes
    assert DefectCode.PERSON_PROPORTION not in codes, "no metres, no proportions"
    assert loudest(check(made)) < SILENT
