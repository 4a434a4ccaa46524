"""A limb that ends in nothing is found, and a limb that is merely hidden, cut or covered never rejects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from read_scenes import read_scene, someone
from scenes import (
    SILENT,
    changed,
    clean_person,
    loudest,
    masked,
    measures,
    metric_person,
    mirrored,
    place,
    sure_hand,
    sure_hands,
    verdict,
)
from synthetic import face, scene

from limbfix.bodies import LimbEnd, LimbKind
from limbfix.checks.limb_end import HINT, IN_THE_OPEN, MIN_TORSO_PX, NO_HAND, STUMP, limb_end
from limbfix.findings import DefectCode
from limbfix.geometry import Box
from limbfix.parts import Side
from limbfix.policies import Policy
from limbfix.verdicts import Outcome

STUMP_AT = {"left_wrist": (635, 400)}
"""A forearm of about 28 px below the left elbow at (620, 380)."""


def of(made, code):
    return [one for one in limb_end(made) if one.code is code]


def stumped(**options):
    body = metric_person(moved=STUMP_AT, **options)
    return (body, sure_hands(body)[1])


def in_the_open(**options):
    """The left forearm is neither seen nor in the mask."""
    body = metric_person(unseen=("left_wrist", "left_pinky", "left_index", "left_thumb"), **options)
    return (masked(body, without=("left_wrist", "left_pinky", "left_index", "left_thumb")), sure_hands(body)[1])


def test_limbs_with_ends_are_silent():
    found = limb_end(scene(*clean_person()))
    assert [one.code for one in found].count(DefectCode.PERSON_MISSING_HAND) == 2
    assert [one.code for one in found].count(DefectCode.PERSON_MISSING_FOOT) == 2
    assert loudest(found) < SILENT


def test_a_forearm_that_ends_in_background_flags_that_arm():
    made = scene(*in_the_open())
    (bad,) = [one for one in limb_end(made) if one.defect_score >= SILENT]
    assert bad.code is DefectCode.PERSON_MISSING_HAND
    assert bad.defect_score == IN_THE_OPEN
    assert bad.measured == pytest.approx(0.01)
    assert "left arm" in bad.message
    assert "background" in bad.message
    assert verdict(made, limb_end(made)).outcome is Outcome.FLAG


def test_a_shin_that_ends_in_background_flags_that_leg():
    body = metric_person(unseen=("right_ankle",))
    body = masked(body, without=("right_ankle", "right_heel", "right_foot_index"))
    (bad,) = [one for one in of(scene(body), DefectCode.PERSON_MISSING_FOOT) if one.defect_score >= SILENT]
    assert bad.defect_score == IN_THE_OPEN
    assert "right leg" in bad.message


def test_a_stump_without_a_hand_flags():
    made = scene(*stumped())
    bad = max(limb_end(made), key=lambda one: one.defect_score)
    assert (bad.code, bad.defect_score) == (DefectCode.PERSON_MISSING_HAND, STUMP)
    assert "stump" in bad.message
    assert verdict(made, limb_end(made)).outcome is Outcome.FLAG


def test_a_forearm_that_points_at_the_camera_shows_its_hand_and_is_silent():
    body, right = stumped()
    made = scene(body, right, sure_hand(*place(body, "left_wrist"), 120))
    assert loudest(limb_end(made)) < SILENT


@pytest.mark.parametrize("policy", [Policy(allow=("missing_hand",)), Policy(ignore=("person.missing_hand",))])
@pytest.mark.parametrize("parts", [stumped(), in_the_open()])
def test_an_amputee_passes_where_the_policy_allows_it(policy, parts):
    made = scene(*parts)
    assert verdict(made, limb_end(made)).outcome is Outcome.FLAG
    assert verdict(made, limb_end(made), policy).outcome is Outcome.PASS


def test_an_amputee_in_the_prompt_passes_and_the_exception_is_named():
    made = scene(*stumped())
    result = verdict(made, limb_end(made), prompt="portrait of an amputee veteran")
    assert result.outcome is Outcome.PASS
    assert any("missing_hand" in name for name in result.exceptions)


def test_a_hand_not_found_on_a_seen_arm_is_a_hint():
    body = metric_person()
    found = of(scene(body), DefectCode.PERSON_MISSING_HAND)
    assert [one.defect_score for one in found] == [NO_HAND, NO_HAND]
    assert NO_HAND < 0.5


@pytest.mark.parametrize("joint", ["left_wrist", "right_ankle"])
def test_an_end_hidden_by_the_own_body_is_a_hint_and_passes(joint):
    body = masked(metric_person(unseen=(joint,)))
    made = scene(body, *sure_hands(body))
    assert loudest(limb_end(made)) == HINT
    assert verdict(made, limb_end(made)).outcome is Outcome.PASS


def test_without_a_mask_an_unseen_end_is_a_hint():
    assert loudest(limb_end(scene(metric_person(unseen=("left_wrist",))))) == HINT


def test_an_end_hidden_by_another_person_is_no_missing_hand():
    hidden, right = in_the_open()
    x, y = place(hidden, "left_wrist")
    front = clean_person(x, y, 500)
    made = scene(hidden, right, *front)
    assert front[0].mask[int(y), int(x)]
    assert verdict(made, limb_end(made)).outcome is Outcome.PASS


@pytest.mark.parametrize("joint", ["shoulder", "elbow"])
@pytest.mark.parametrize("how", ["unseen", "absent"])
def test_a_limb_that_is_not_seen_to_its_middle_gives_no_finding(joint, how):
    assert of(scene(metric_person(**{how: (joint,)})), DefectCode.PERSON_MISSING_HAND) == []


def test_an_absent_end_is_neither_fine_nor_a_fault():
    assert of(scene(metric_person(absent=("wrist",))), DefectCode.PERSON_MISSING_HAND) == []
    assert of(scene(metric_person(absent=("ankle",))), DefectCode.PERSON_MISSING_FOOT) == []


@pytest.mark.parametrize("outside", [(1005, 500), (600, -4), (-3, 400), (500, 1001)])
def test_an_end_outside_the_picture_gives_no_finding(outside):
    made = scene(metric_person(moved={"left_wrist": outside}))
    assert [one.message for one in of(made, DefectCode.PERSON_MISSING_HAND) if "left arm" in one.message] == []


def test_people_cut_at_the_knees_have_no_missing_feet():
    made = scene(*clean_person(500, 900, 800))
    assert of(made, DefectCode.PERSON_MISSING_FOOT) == []


def test_a_hand_at_the_frame_edge_is_a_hand():
    body = metric_person(moved={"left_wrist": (990, 480), "left_elbow": (850, 450)})
    made = scene(body, *sure_hands(body))
    assert made.hands[-1].part.box.touches_edge(1000, 1000, margin=60)
    assert loudest(limb_end(made)) < SILENT


def test_on_a_body_too_small_for_hands_none_is_missed():
    small = metric_person(height=MIN_TORSO_PX / 0.3 - 8)
    assert 0.5 * MIN_TORSO_PX < scene(small).people[0].torso < MIN_TORSO_PX
    assert loudest(limb_end(scene(small))) < SILENT


def test_a_missed_hand_says_more_the_larger_the_body_and_never_jumps():
    scores = [loudest(limb_end(scene(metric_person(height=height)))) for height in range(250, 460, 10)]
    assert scores[0] < SILENT and scores[-1] == NO_HAND
    steps = np.diff(scores)
    assert (steps >= 0).all() and steps.max() < 0.05


@pytest.mark.parametrize(("shift", "findings"), [(3, 1), (200, 2)])
def test_one_arm_that_is_read_as_two_lines_lacks_one_hand(shift, findings):
    made = read_scene(someone())
    (graph,) = made.bodies.people
    arm = next(limb for limb in graph.limbs if limb.kind is LimbKind.ARM)
    ends = {"joints": arm.joints[:3], "end": LimbEnd.CANNOT_TELL, "hands": (), "side": Side.RIGHT}
    whole = replace(arm, polyline=arm.polyline[:3], **ends)
    forearm = replace(arm, polyline=arm.polyline[1:3] + shift, **{**ends, "joints": arm.joints[1:3]}, chance=0.1)
    graph = replace(graph, limbs=(forearm, whole))
    found = of(replace(made, bodies=replace(made.bodies, people=(graph,))), DefectCode.PERSON_MISSING_HAND)
    assert [one.defect_score for one in found] == [NO_HAND] * findings
    assert found[0].box == Box.around(whole.polyline[-2:]).grown(0.25), "the surer line's"


def test_a_person_of_whom_only_a_face_is_known_has_no_limbs():
    assert limb_end(scene(face(500, 300))) == ()


@pytest.mark.parametrize("parts", [stumped(), in_the_open()])
@pytest.mark.parametrize("elsewhere", [{"scale": 2}, {"shift": (60, -40)}], ids=str)
def test_place_and_size_do_not_matter(parts, elsewhere):
    side = 1000 * elsewhere.get("scale", 1)
    made = scene(*changed(parts, **elsewhere), width=side, height=side)
    assert measures(limb_end(made)) == measures(limb_end(scene(*parts)))


@pytest.mark.parametrize("parts", [stumped(), in_the_open()])
def test_a_mirror_swaps_the_sides(parts):
    straight, turned = limb_end(scene(*parts)), limb_end(scene(*mirrored(parts)))
    assert measures(straight) == measures(turned)
    assert "left arm" in max(straight, key=lambda one: one.defect_score).message
    assert "right arm" in max(turned, key=lambda one: one.defect_score).message
