"""A hand out of all proportion flags, larger and smaller alike, and a hand held towards the camera does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import (
    HAND_M,
    SILENT,
    changed,
    clean_person,
    in_metres,
    loudest,
    measures,
    metric_person,
    mirrored,
    place,
    sure_hand,
    verdict,
    with_keypoints,
)
from synthetic import face, hand, person, scene

from limbfix.checks.hand_size import USUAL, hand_size
from limbfix.findings import DefectCode
from limbfix.policies import Policy
from limbfix.verdicts import Outcome

BODY = metric_person(height=600)
NORMAL_PX = 600 / 1.7 * 0.18 * USUAL
"""Hand length at which hand and body have the usual scales."""


def with_hand(factor, body=BODY):
    return scene(
        body, face(500, 240), sure_hand(*place(body, "left_wrist"), NORMAL_PX * factor), width=2000, height=2000
    )


def test_hands_of_their_bodys_size_are_silent():
    found = hand_size(scene(*clean_person()))
    assert len(found) == 2
    assert loudest(found) < SILENT


def test_the_usual_hand_measures_the_usual_ratio():
    (found,) = hand_size(with_hand(1))
    assert found.measured == pytest.approx(USUAL, abs=0.02)
    assert found.expected == USUAL
    assert found.defect_score < 0.05


@pytest.mark.parametrize(("factor", "word"), [(8, "larger"), (1 / 8, "smaller")])
def test_a_hand_eight_times_off_flags_with_the_factor(factor, word):
    made = with_hand(factor)
    (found,) = hand_size(made)
    assert found.code is DefectCode.HAND_PROPORTION
    assert found.measured == pytest.approx(USUAL * factor, rel=0.05)
    assert f"8.0 times {word}" in found.message
    assert found.defect_score >= 0.5
    assert (found.person_index, found.hand_index) == (0, 0)
    assert verdict(made, (found,), Policy(min_hand_px=0)).outcome is Outcome.FLAG


@pytest.mark.parametrize("factor", [1.5, 2, 3, 5])
def test_a_hand_held_towards_a_webcam_is_not_flagged(factor):
    made = with_hand(factor)
    assert len(hand_size(made)) == 1
    assert verdict(made, hand_size(made)).outcome is Outcome.PASS


def test_size_alone_never_rejects():
    assert loudest(hand_size(with_hand(30))) < 0.8


def test_a_fist_is_as_large_as_its_open_hand():
    body = metric_person()
    fist = hand(*place(body, "left_wrist"), 80)
    xy = fist.keypoints.xy.copy()
    for knuckle in range(1, 21, 4):  # fingers folded back onto the palm
        xy[knuckle + 1 : knuckle + 4] = xy[knuckle] - (0, 10)
    fist = in_metres(with_keypoints(fist, xy), HAND_M / 80)
    (found,) = hand_size(scene(body, fist))
    assert found.defect_score < SILENT


@pytest.mark.parametrize("mesh", ["hand", "body"])
def test_without_metres_nothing_is_measured(mesh):
    body = person() if mesh == "body" else metric_person()
    own = sure_hand if mesh == "body" else hand
    assert hand_size(scene(body, own(*place(body, "left_wrist"), 80))) == ()


@pytest.mark.parametrize(
    "options",
    [
        {"unseen": ("left_elbow",)},
        {"unseen": ("hip",)},
        {"absent": ("right_hip",)},
        {"unseen": ("left_shoulder",)},
        {"absent": ("left_elbow",)},
    ],
    ids=str,
)
def test_a_hidden_arm_or_trunk_gives_no_finding(options):
    body = metric_person(**options)
    made = scene(body, sure_hand(*place(body, "left_wrist"), 100))
    assert made.hands[0].arm is not None
    assert hand_size(made) == ()


def test_a_hand_with_absent_keypoints_gives_no_finding():
    body = metric_person()
    made = sure_hand(*place(body, "left_wrist"), 100)
    xy = made.keypoints.xy.copy()
    xy[1:] = np.nan
    assert hand_size(scene(body, with_keypoints(made, xy))) == ()


def test_a_hand_on_no_arm_gives_no_finding():
    assert hand_size(scene(metric_person(), sure_hand(900, 100, 80))) == ()
    assert hand_size(scene(sure_hand(500, 500, 400))) == ()
    assert hand_size(scene(face(500, 300), sure_hand(500, 500, 400))) == ()


def test_a_cartoon_may_have_large_hands():
    made = with_hand(10)
    assert verdict(made, hand_size(made), Policy(cartoon=True)).outcome is Outcome.PASS


@given(st.floats(1, 12), st.floats(1, 12), st.booleans())
def test_further_from_usual_never_scores_lower(first, second, shrink):
    low, high = sorted((first, second))
    near, far = (1 / low, 1 / high) if shrink else (low, high)
    assert loudest(hand_size(with_hand(near))) <= loudest(hand_size(with_hand(far))) + 1e-3


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_too_large_and_too_small_weigh_alike(factor):
    assert math.isclose(loudest(hand_size(with_hand(factor))), loudest(hand_size(with_hand(1 / factor))), abs_tol=0.01)


@pytest.mark.parametrize("elsewhere", [{"scale": 2}, {"shift": (60, -40)}], ids=str)
def test_place_size_and_mirror_do_not_matter(elsewhere):
    parts = (BODY, sure_hand(*place(BODY, "left_wrist"), NORMAL_PX))
    expected = measures(hand_size(scene(*parts)))
    assert expected
    assert measures(hand_size(scene(*changed(parts, **elsewhere), width=2000, height=2000))) == expected
    assert measures(hand_size(scene(*mirrored(parts)))) == expected
