"""Elbows and knees that fold flat are found; bends that people reach are silent, and unsure joints are not measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import SILENT, changed, clean_person, loudest, measures, metric_person, mirrored, verdict
from synthetic import face, person, scene

from limbfix.checks.joint_angle import joint_angle
from limbfix.findings import DefectCode
from limbfix.verdicts import Outcome

CHAINS = {"elbow": ("shoulder", "elbow", "wrist"), "knee": ("hip", "knee", "ankle")}


def folded(angle, joint="elbow", side="left", **options):
    """A person with one joint at an inner angle, degrees, in metres; the picture does not show it."""
    turn = np.radians(angle)
    places = ((0.2, 0.0, 0.0), (0.2, 0.3, 0.0), (0.2 + 0.28 * np.sin(turn), 0.3 - 0.28 * np.cos(turn), 0.0))
    moved = {f"{side}_{name}": place for name, place in zip(CHAINS[joint], places, strict=True)}
    return metric_person(moved_m=moved, **options)


def worst(made):
    return max(joint_angle(made), key=lambda one: one.defect_score)


def test_a_standing_person_is_silent():
    found = joint_angle(scene(*clean_person()))
    assert len(found) == 4
    assert loudest(found) < SILENT


@pytest.mark.parametrize("joint", CHAINS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_joint_folded_flat_is_rejected_with_side_and_degrees(joint, side):
    made = scene(folded(6, joint, side))
    found = worst(made)
    assert found.code is DefectCode.PERSON_JOINT_ANGLE
    assert found.measured == pytest.approx(6, abs=0.1)
    assert found.expected == 30
    assert f"The {side} {joint} is folded to 6 degrees" in found.message
    assert verdict(made, (found,)).outcome is Outcome.REJECT
    assert sum(one.defect_score >= SILENT for one in joint_angle(made)) == 1


@pytest.mark.parametrize("joint", CHAINS)
@pytest.mark.parametrize("angle", [31, 45, 60, 90, 135, 180])
def test_bends_that_people_reach_are_silent(joint, angle):
    assert loudest(joint_angle(scene(folded(angle, joint)))) < SILENT


@pytest.mark.parametrize("angle", [23, 27, 34])
def test_a_gymnasts_knee_is_not_flagged(angle):
    made = scene(folded(angle, "knee"))
    assert verdict(made, joint_angle(made)).outcome is Outcome.PASS


def test_a_fold_of_the_picture_alone_is_no_fold():
    made = scene(metric_person(moved={"left_wrist": (580, 262)}, moved_m={"left_wrist": (1.03, 0.65, -0.3)}))
    assert len(joint_angle(made)) == 4
    assert loudest(joint_angle(made)) < SILENT


def test_crossed_arms_are_silent():
    crossed = metric_person(moved={"left_wrist": (460, 420), "right_wrist": (540, 420)})
    assert loudest(joint_angle(scene(crossed))) < SILENT


@pytest.mark.parametrize("hidden", ["left_shoulder", "left_elbow", "left_wrist"])
@pytest.mark.parametrize("how", ["unseen", "absent"])
def test_a_limb_with_an_unseen_joint_is_not_measured(hidden, how):
    assert len(joint_angle(scene(folded(6, **{how: (hidden,)})))) == 3


@pytest.mark.parametrize(("visibility", "count"), [(0.79, 0), (0.81, 4), (float("nan"), 0)])
def test_only_sure_joints_are_measured(visibility, count):
    assert len(joint_angle(scene(metric_person(visibility=visibility)))) == count


def test_a_limb_that_leaves_the_picture_is_not_measured():
    assert len(joint_angle(scene(folded(6, moved={"left_wrist": (1001, 400)})))) == 3


@pytest.mark.parametrize("part", [person(), face(500, 300)])
def test_without_metres_or_body_nothing_is_measured(part):
    assert joint_angle(scene(part)) == ()


@pytest.mark.parametrize("place", [(float("nan"),) * 3, (0.2, 0.0, 0.0)])
def test_absent_or_collapsed_metres_have_no_angle(place):
    made = scene(metric_person(moved_m={"left_shoulder": (0.2, 0.0, 0.0), "left_elbow": place}))
    assert len(joint_angle(made)) == 3


@given(st.floats(0.5, 180), st.floats(0.5, 180), st.sampled_from(sorted(CHAINS)))
def test_a_tighter_fold_never_scores_lower(first, second, joint):
    tight, wide = sorted((first, second))
    assert worst(scene(folded(tight, joint))).defect_score >= worst(scene(folded(wide, joint))).defect_score - 1e-3


@pytest.mark.parametrize("elsewhere", [{"scale": 3}, {"shift": (60, -40)}], ids=str)
def test_place_and_size_do_not_matter(elsewhere):
    parts = (folded(15),)
    moved = joint_angle(scene(*changed(parts, **elsewhere), width=3000, height=3000))
    assert measures(moved) == measures(joint_angle(scene(*parts)))


def test_a_mirror_swaps_the_sides():
    parts = (folded(10, "knee"),)
    assert measures(joint_angle(scene(*parts))) == measures(joint_angle(scene(*mirrored(parts))))
    assert "The left knee" in worst(scene(*parts)).message
    assert "The right knee" in worst(scene(*mirrored(parts))).message
