"""Limbs that are too many, absent in plain view, or nobody's are found with their place; hidden ones are not; and nothing is said twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_people import Stage, draw_person, limb_points
from read_scenes import PX, read_scene, someone
from scenes import SILENT, clean_person, loudest, sure_hand
from synthetic import scene

from limbfix.assembly import assemble
from limbfix.bodies import LimbKind
from limbfix.checks import check
from limbfix.checks.attachment import attachment
from limbfix.checks.hand_count import hand_count
from limbfix.checks.leftover import leftover
from limbfix.checks.limb_count import NORMAL, limb_count
from limbfix.checks.limb_end import limb_end
from limbfix.checks.loose_limb import loose_limb
from limbfix.digits import IN_DOUBT, CannotTell, HandReading, Mask
from limbfix.findings import DefectCode
from limbfix.geometry import Box
from limbfix.limb_looks import AGREED, DENIED, LEAST_BACKING, LimbLook
from limbfix.nets.limb_maps import JUDGED
from limbfix.skeletons import Scene

ARM, LEG = LimbKind.ARM, LimbKind.LEG
THIRD_ARM = [(1, 0, 4), (-1, 0, 4), (1, 75, 4)]


def loud(findings, least: float = 0.5) -> list[DefectCode]:
    return sorted(one.code for one in findings if one.defect_score >= least)


def test_four_limbs_are_silent():
    found = limb_count(read_scene(someone()))
    assert {one.code for one in found} == {
        DefectCode.PERSON_EXTRA_ARM, DefectCode.PERSON_EXTRA_LEG, DefectCode.PERSON_MISSING_ARM, DefectCode.PERSON_MISSING_LEG,
    }  # fmt: skip
    assert loudest(found) < SILENT
    assert loudest(check(read_scene(someone()))) < SILENT


@pytest.mark.parametrize(
    ("options", "code", "number"),
    [
        ({"arms": THIRD_ARM}, DefectCode.PERSON_EXTRA_ARM, 3),
        ({"legs": [(1, 10, 4), (-1, 10, 4), (0.1, 0, 4)]}, DefectCode.PERSON_EXTRA_LEG, 3),
    ],
)
def test_one_limb_too_many_is_found_once(options, code, number):
    found = check(read_scene(someone(**options)))
    assert loud(found) == [code]
    (one,) = [one for one in found if one.code is code and one.defect_score >= 0.5]
    assert (one.measured, one.expected, one.person_index) == (number, 2, 0)
    assert one.message.endswith(".")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"arms": [(-1, 0, 4), (1, 0, 1)]}, DefectCode.PERSON_MISSING_ARM),
        ({"legs": [(-1, 0, 4), (1, 0, 1)]}, DefectCode.PERSON_MISSING_LEG),
    ],
)
def test_a_limb_too_few_is_a_hint_that_never_flags(options, code):
    found = check(read_scene(someone(**options)))
    assert loud(found) == []
    (one,) = [one for one in found if one.defect_score >= 0.2]
    assert one.code is code
    assert one.defect_score < 0.5
    assert (one.measured, one.expected, one.person_index) == (1, 2, 0)
    assert "in plain view" in one.message


def test_the_box_of_a_missing_arm_is_its_place():
    made = read_scene(someone(arms=[(-1, 0, 4), (1, 0, 1)]))
    (found,) = [one for one in limb_count(made) if one.code is DefectCode.PERSON_MISSING_ARM]
    wanted = (np.array(limb_points(ARM, (48, 24), 20, 1)[:3]) + 0.5) * PX
    assert found.box.overlap_of_smaller(Box.around(wanted).grown(0.05)) > 0.9


def test_the_third_arm_is_the_one_that_is_named_where_it_is_known():
    made = read_scene(someone(arms=THIRD_ARM))
    (found,) = [one for one in limb_count(made) if one.code is DefectCode.PERSON_EXTRA_ARM]
    extra = made.bodies.people[0].extra(ARM)
    assert len(extra) == 1
    assert found.box == extra[0].box
    assert "too many" in found.message


@pytest.mark.parametrize("hide", ["box", "edge", "side"])
def test_hidden_limbs_are_silent(hide):
    options = {"arms": [(1, 0, 1), (-1, 0, 4)]}
    stage = {
        "box": lambda: someone(**options),
        "edge": lambda: someone(neck=(86, 24), **options),
        "side": lambda: someone(narrow=0.2, arms=[(1, 0, 4)], legs=[(1, 0, 4)]),
    }[hide]()
    if hide == "box":
        stage.box(57, 20, 80, 70)
    assert loudest(check(read_scene(stage))) < 0.3


def test_a_loose_limb_in_the_open_is_found_and_never_rejects_alone():
    stage = someone()
    stage.limb(ARM, [(80, 20), (84, 30), (86, 36)], (48, 24), size=20, first=1)
    made = read_scene(stage)
    (found,) = loose_limb(made)
    assert found.code is DefectCode.PERSON_DETACHED_LIMB
    assert 0.5 <= found.defect_score < 0.8
    assert loud(check(made)) == [DefectCode.PERSON_DETACHED_LIMB]
    assert found.box.overlap_of_smaller(Box(78 * PX, 18 * PX, 88 * PX, 38 * PX)) > 0.9


def test_an_arm_that_reaches_in_is_no_loose_limb():
    stage = someone()
    stage.limb(ARM, [(95, 70), (87, 72), (82, 73)], (120, 60), size=20, first=1)
    assert loose_limb(read_scene(stage)) == ()


def test_the_hand_of_a_loose_arm_is_not_reported_again():
    stage = someone()
    stage.limb(ARM, [(80, 20), (84, 30), (86, 36)], (48, 24), size=20, first=1)
    hand = replace(sure_hand(86 * PX, 34 * PX, 40), detection_score=0.9)
    made = read_scene(stage, hand)
    assert made.bodies.loose[0].hands == (0,)
    assert attachment(made) == ()


@pytest.mark.parametrize(
    ("kind", "count", "code"),
    [
        ("arm", 2, DefectCode.PERSON_MISSING_ARM),
        ("arm", 3, DefectCode.PERSON_MISSING_HAND),
        ("leg", 2, DefectCode.PERSON_MISSING_LEG),
        ("leg", 3, DefectCode.PERSON_MISSING_FOOT),
    ],
)
def test_a_stump_is_what_is_missing_beyond_it(kind, count, code):
    limbs = {f"{kind}s": [(1, 0, count), (-1, 0, 4)], "ends": {(kind, 0): "stump"}}
    made = read_scene(someone(**limbs))
    assert loud(limb_end(made)) == loud(check(made)) == [code]


@pytest.mark.parametrize("end", ["behind", "outside"])
def test_an_end_that_is_hidden_has_no_finding(end):
    made = read_scene(someone(arms=[(1, 0, 2), (-1, 0, 4)], ends={("arm", 0): end}))
    assert loudest(check(made)) < SILENT


def test_pixels_of_an_arm_that_nobody_joined_are_left_over():
    stage = someone()
    stage.flesh("upper_arm", (70, 10), (86, 30), 3.5, (48, 24))
    made = read_scene(stage)
    found = {one.code: one for one in leftover(made)}
    one = found[DefectCode.PERSON_EXTRA_ARM]
    assert one.measured == pytest.approx(((stage.columns > 65) & (stage.classes > 0)).sum() / 20**2, rel=0.15)
    assert 0.3 < one.defect_score < 0.8
    assert one.box.overlap_of_smaller(Box(67 * PX, 7 * PX, 89 * PX, 33 * PX)) > 0.9
    assert found[DefectCode.PERSON_EXTRA_LEG].defect_score < SILENT


def test_hands_on_three_counted_arms_are_not_counted_again():
    points = (
        limb_points(ARM, (48, 24), 20, 1),
        limb_points(ARM, (48, 24), 20, -1),
        limb_points(ARM, (48, 24), 20, 1, turn_deg=75),
    )
    hands = [replace(sure_hand(*((np.array(line[-1]) + 0.5) * PX), 30), detection_score=0.9) for line in points]
    made = read_scene(someone(arms=THIRD_ARM), *hands)
    assert sorted(len(limb.hands) for limb in made.bodies.people[0].of_kind(ARM)) == [1, 1, 1]
    assert [hand.person_index for hand in made.hands] == [0, 0, 0]
    assert DefectCode.PERSON_EXTRA_HAND not in loud(hand_count(made)) or loudest(limb_count(made)) < 0.85


def test_two_feet_on_one_leg_are_feet_and_no_third_leg():
    stage, neck = Stage(110, 120), (55, 16)
    draw_person(stage, neck=neck, size=34)
    ankle = limb_points(LEG, neck, 34, 1)[2]
    toes = (ankle[0] - 8, ankle[1] - 2)
    stage.flesh("foot", ankle, toes, 2.0, neck)
    stage.joint("foot", toes)
    stage.bone("ankle", "foot", ankle, toes, width=0.7)
    found = limb_count(read_scene(stage))
    assert loud(found) == [DefectCode.PERSON_EXTRA_FOOT]


def test_without_a_reading_of_bodies_these_checks_are_silent():
    made = scene(*clean_person())
    assert made.bodies is None
    assert limb_count(made) == loose_limb(made) == ()


def test_a_reading_finds_its_person_and_makes_a_new_one_of_whom_only_it_saw():
    stage = Stage()
    draw_person(stage, neck=(26, 24), size=20)
    draw_person(stage, neck=(70, 24), size=20)
    (body, *_) = clean_person(27 * PX, 44 * PX, 34 * PX * 2, picture=(96 * PX, 96 * PX))
    made = read_scene(stage, body)
    assert len(made.people) == 2
    assert made.people[0].body is body
    assert made.people[1].body is None
    assert [graph.person_index for graph in made.bodies.people] == [0, 1]
    assert made.graph_of(0).neck[0] < made.graph_of(1).neck[0]


@pytest.mark.parametrize(("size_px", "people"), [(300, 0), (60, 1)])
def test_whom_only_our_network_sees_in_a_close_up_of_a_hand_is_nobody(size_px, people):
    made = read_scene(someone(), sure_hand(48 * PX, 40 * PX, size_px))
    assert len(made.people) == people
    assert len(made.hands) == 1
    assert [graph.person_index for graph in made.bodies.people] == ([0] if people else [None])


def scene_with(graph_options, reading_options=None) -> Scene:
    """A read scene with the one person's graph changed."""
    made = read_scene(someone())
    (graph,) = made.bodies.people
    graph = replace(graph, **graph_options(graph))
    return replace(made, bodies=replace(made.bodies, people=(graph,), **(reading_options or {})))


def faint_third(chance: float):
    """Adds a third arm, as clear a line as the others, that is a limb by some chance."""

    def changed(graph):
        arm = graph.of_kind(ARM)[0]
        third = replace(arm, limb_index=9, polyline=arm.polyline + 40, chance=chance, forked=True)
        return {"limbs": (*graph.limbs, third)}

    return changed


@pytest.mark.parametrize(("chance", "number"), [(0.29, 2), (0.31, 3)])
def test_a_third_line_that_is_hardly_a_limb_is_not_counted_and_only_hinted_at(chance, number):
    made = scene_with(faint_third(chance))
    (found,) = [one for one in limb_count(made) if one.code is DefectCode.PERSON_EXTRA_ARM]
    assert found.measured == number
    assert (found.defect_score > 0.5) == (number == 3)
    assert found.defect_score >= 0.45
    assert ("too faint to be counted" in found.message) == (number == 2)


def judged(logit: float, change=lambda graph: {}):
    """Adds what the judge says of an arm too many to another change."""

    def changed(graph):
        look = LimbLook(box=graph.box, logits={name: -6.0 for name in JUDGED} | {"extra_arm": logit})
        return {**change(graph), "look": look}

    return changed


def test_where_the_judge_looked_a_faint_third_line_says_nothing_and_a_counted_one_as_much_as_it_backs():
    def arms(logit: float, chance: float) -> tuple[float, float]:
        made = scene_with(judged(logit, faint_third(chance)))
        (found,) = [one for one in limb_count(made) if one.code is DefectCode.PERSON_EXTRA_ARM]
        return found.measured, found.defect_score

    assert arms(AGREED, 0.29) == (2, NORMAL)
    number, clear = arms(AGREED, 0.9)
    assert number == 3 and clear > 0.5
    assert arms(9.0, 0.9) == (3, clear)
    assert arms(-1.0, 0.9)[1] == pytest.approx((1 + LEAST_BACKING) / 2 * clear, abs=1e-4)
    assert arms(DENIED, 0.9)[1] == arms(-9.0, 0.9)[1] == pytest.approx(LEAST_BACKING * clear, abs=1e-4)


def test_arm_pixels_count_as_far_as_the_judge_backs_them():
    (alone,) = arm_claims(scene_with(lambda graph: {}, unclaimed()))
    scores = [arm_claims(scene_with(judged(logit), unclaimed()))[0] for logit in (-9.0, DENIED, -1.0, AGREED, 9.0)]
    assert alone > 0.5
    assert scores[0] == scores[1] == pytest.approx(LEAST_BACKING * alone, abs=1e-4)
    assert scores[1] < scores[2] < scores[3] == scores[4] == alone


def unclaimed(side: int = 200) -> dict:
    """A large piece of arm that no line explains."""
    return {"unclaimed": {ARM: Mask(left=20, top=20, pixels=np.ones((side, side), bool))}}


def arm_claims(made: Scene) -> list[float]:
    return [one.defect_score for one in leftover(made) if one.code is DefectCode.PERSON_EXTRA_ARM]


def test_arm_pixels_beside_two_arms_are_a_third_and_beside_one_they_may_be_the_second():
    (beside_two,) = arm_claims(scene_with(lambda graph: {}, unclaimed()))

    def one_arm(graph):
        return {"limbs": tuple(limb for limb in graph.limbs if limb is not graph.of_kind(ARM)[0])}

    (beside_one,) = arm_claims(scene_with(one_arm, unclaimed()))
    assert beside_two > 0.5
    assert beside_one == 0.45


def test_who_has_no_limb_that_counts_measures_nothing():
    def doubtful(graph):
        return {"limbs": tuple(replace(limb, chance=0.1) for limb in graph.limbs)}

    assert arm_claims(scene_with(doubtful, unclaimed())) == []


def big_hand(features: dict[str, float]):
    """A box as large as somebody's torso, on it, that was read as a hand."""
    reading = HandReading(digits=(), count=None, cannot_tell=CannotTell.NO_MODEL, features=features)
    return replace(sure_hand(48 * PX, 34 * PX, size=22 * PX), keypoints=None, reading=reading)


@pytest.mark.parametrize(("grown", "people"), [(0.1, 0), (-0.3, 1)])
def test_nobody_whose_torso_is_not_known_is_within_a_hand(grown, people):
    made = scene_with(lambda graph: {"neck": None, "hips": graph.hips[:0]}, {})
    (somebody,) = made.bodies.people
    assert np.isnan(somebody.torso)
    hand = replace(big_hand({}), box=somebody.box.grown(grown))
    assert len(assemble([hand], made.width, made.height, made.bodies).people) == people


def test_a_torso_that_may_be_a_hand_is_none_and_a_sure_hand_of_that_size_is_no_body():
    doubtful = read_scene(someone(), big_hand({IN_DOUBT: 1.0}))
    assert len(doubtful.people) == 1
    assert doubtful.hands == ()
    sure = read_scene(someone(), big_hand({}))
    assert sure.people == ()  # a close-up of a hand, into which the network read a body
    assert len(sure.hands) == 1
