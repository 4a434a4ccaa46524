"""Limbs of human proportions are silent, gross ones are rejected, and only joints that are surely seen are measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import SILENT, changed, clean_person, loudest, measures, metric_person, mirrored, verdict
from synthetic import face, person, scene

from limbfix.checks.bone_ratio import USUAL, bone_ratio
from limbfix.findings import DefectCode
from limbfix.policies import Policy
from limbfix.skeletons import LimbKind
from limbfix.verdicts import Outcome

CHAINS = {LimbKind.ARM: ("shoulder", "elbow", "wrist"), LimbKind.LEG: ("hip", "knee", "ankle")}


def with_ratio(factor, kind=LimbKind.ARM, side="left", **options):
    """A person one of whose limbs has `factor` times the usual ratio, in metres; the picture does not show it."""
    lengths = (0.0, 0.3, 0.3 + 0.3 * USUAL[kind] * factor)
    moved = {f"{side}_{joint}": (0.2, length, 0.1) for joint, length in zip(CHAINS[kind], lengths, strict=True)}
    return metric_person(moved_m=moved, **options)


def worst(made):
    return max(bone_ratio(made), key=lambda one: one.defect_score)


def test_human_limbs_are_silent():
    found = bone_ratio(scene(*clean_person()))
    assert len(found) == 4
    assert loudest(found) < SILENT


@pytest.mark.parametrize("kind", list(LimbKind))
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("factor", [4, 0.25])
def test_a_limb_four_times_off_is_rejected_with_side_and_ratio(kind, side, factor):
    made = scene(with_ratio(factor, kind, side))
    found = worst(made)
    assert found.code is DefectCode.PERSON_PROPORTION
    assert found.measured == pytest.approx(USUAL[kind] * factor, abs=0.01)
    assert found.expected == USUAL[kind]
    assert f"{side} {kind.value}" in found.message
    assert found.person_index == 0
    assert verdict(made, (found,)).outcome is Outcome.REJECT
    assert sum(one.defect_score >= SILENT for one in bone_ratio(made)) == 1


@pytest.mark.parametrize("kind", list(LimbKind))
@pytest.mark.parametrize("factor", [0.75, 0.8, 1, 1.2, 1.3])
def test_the_spread_of_real_people_is_silent(kind, factor):
    assert loudest(bone_ratio(scene(with_ratio(factor, kind)))) < SILENT


def test_an_arm_that_points_at_the_camera_is_measured_in_metres_and_silent():
    foreshortened = metric_person(
        moved={"left_wrist": (622, 384)},
        moved_m={"left_elbow": (0.2, 0.3, 0), "left_shoulder": (0.2, 0, 0), "left_wrist": (0.2, 0.3, -0.28)},
    )
    found = bone_ratio(scene(foreshortened))
    assert len(found) == 4
    assert loudest(found) < SILENT


def test_crossed_arms_are_silent():
    crossed = metric_person(moved={"left_wrist": (460, 420), "right_wrist": (540, 420)})
    assert loudest(bone_ratio(scene(crossed))) < SILENT


@pytest.mark.parametrize("joint", ["left_shoulder", "left_elbow", "left_wrist"])
@pytest.mark.parametrize("how", ["unseen", "absent"])
def test_a_limb_with_an_unseen_joint_is_not_measured(joint, how):
    assert len(bone_ratio(scene(with_ratio(4, **{how: (joint,)})))) == 3


@pytest.mark.parametrize(("visibility", "count"), [(0.79, 0), (0.81, 4), (float("nan"), 0)])
def test_only_sure_joints_are_measured(visibility, count):
    assert len(bone_ratio(scene(metric_person(visibility=visibility)))) == count


def test_joints_that_are_half_hidden_give_a_hint_and_no_flag():
    def of(visibility: float) -> float:
        return worst(scene(with_ratio(4, visibility=visibility))).defect_score

    assert of(0.81) == of(0.9) == 0.45  # whatever makes a joint a little more or less visible moves no verdict
    assert 0.45 < of(0.95) < of(1.0)


def test_a_limb_that_leaves_the_picture_is_not_measured():
    assert len(bone_ratio(scene(with_ratio(4, moved={"left_wrist": (1001, 400)})))) == 3


@pytest.mark.parametrize("part", [person(), face(500, 300)])
def test_without_metres_or_body_nothing_is_measured(part):
    assert bone_ratio(scene(part)) == ()


@pytest.mark.parametrize("place", [(float("nan"),) * 3, (0.2, 0.0, 0.1)])
def test_absent_or_collapsed_metres_are_not_measured(place):
    made = scene(metric_person(moved_m={"left_elbow": place, "left_shoulder": (0.2, 0.0, 0.1)}))
    assert len(bone_ratio(made)) == 3


def test_a_cartoon_may_have_short_forearms():
    made = scene(with_ratio(0.25))
    assert verdict(made, bone_ratio(made), Policy(cartoon=True)).outcome is Outcome.PASS


@given(st.floats(1, 5), st.floats(1, 5), st.sampled_from(list(LimbKind)), st.booleans())
def test_further_from_usual_never_scores_lower(first, second, kind, shrink):
    low, high = sorted((first, second))
    near, far = (1 / low, 1 / high) if shrink else (low, high)
    assert worst(scene(with_ratio(near, kind))).defect_score <= worst(scene(with_ratio(far, kind))).defect_score + 1e-3


@pytest.mark.parametrize("elsewhere", [{"scale": 3}, {"shift": (60, -40)}], ids=str)
def test_place_and_size_do_not_matter(elsewhere):
    parts = (with_ratio(2),)
    moved = bone_ratio(scene(*changed(parts, **elsewhere), width=3000, height=3000))
    assert measures(moved) == measures(bone_ratio(scene(*parts)))


def test_a_mirror_swaps_the_sides():
    parts = (with_ratio(3),)
    assert measures(bone_ratio(scene(*parts))) == measures(bone_ratio(scene(*mirrored(parts))))
    assert "The left arm" in worst(scene(*parts)).message
    assert "The right arm" in worst(scene(*mirrored(parts))).message
