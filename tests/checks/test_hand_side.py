"""Two left hands on one person flag; one mismatch, which models produce on mirrors and backs, does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scenes import SILENT, changed, clean_person, loudest, measures, metric_person, mirrored, place, sure_hand, verdict
from synthetic import face, scene

from limbfix.checks.hand_side import NEAR_WRIST, ONE_MISMATCH, SAME_SIDE_TWICE, SURE_SIDE, hand_side
from limbfix.findings import DefectCode
from limbfix.parts import Side
from limbfix.verdicts import Outcome


def with_sides(left_arm, right_arm, **options):
    """A clean person with these hands on the left and the right arm."""
    body = metric_person()
    hands = [
        sure_hand(*place(body, f"{arm}_wrist"), side=side, **options)
        for arm, side in (("left", left_arm), ("right", right_arm))
        if side is not None
    ]
    return (body, *hands)


def test_each_hand_on_its_own_arm_is_silent():
    found = hand_side(scene(*clean_person()))
    assert len(found) == 2
    assert loudest(found) < SILENT


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_two_hands_of_one_side_flag_the_one_on_the_other_arm(side):
    made = scene(*with_sides(side, side))
    found = hand_side(made)
    (bad,) = [one for one in found if one.defect_score >= SILENT]
    assert bad.code is DefectCode.HAND_WRONG_SIDE
    assert bad.defect_score == SAME_SIDE_TWICE
    owner = made.hands[bad.hand_index]
    assert made.people[0].limbs[owner.arm].side is not side
    assert bad.box == owner.part.box
    assert f"A {side.value} hand" in bad.message
    assert verdict(made, found).outcome is Outcome.FLAG


@pytest.mark.parametrize("sides", [(Side.RIGHT, Side.LEFT), (Side.RIGHT, None), (None, Side.LEFT)], ids=str)
def test_a_mismatch_without_a_twin_is_listed_and_passes(sides):
    made = scene(*with_sides(*sides))
    found = hand_side(made)
    assert {one.defect_score for one in found} == {ONE_MISMATCH}
    assert verdict(made, found).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "options", [{"side_score": SURE_SIDE - 0.01}, {"score": 0.79}, {"score": None}, {"side_score": None}], ids=str
)
def test_unsure_hands_are_not_judged(options):
    assert hand_side(scene(*with_sides(Side.LEFT, Side.LEFT, **options))) == ()


def test_a_hand_of_unknown_side_is_not_judged():
    parts = clean_person()
    made = scene(*parts[:2], replace(parts[2], side=Side.UNKNOWN))
    assert len(hand_side(made)) == 1


@pytest.mark.parametrize("joint", ["left_shoulder", "left_elbow", "left_wrist"])
def test_a_hand_on_a_half_seen_arm_is_not_judged(joint):
    body = metric_person(unseen=(joint,))
    wrong = sure_hand(*place(body, "left_wrist"), side=Side.RIGHT)
    assert hand_side(scene(body, wrong)) == ()


def test_a_hand_away_from_the_wrist_is_not_judged():
    body = metric_person()
    x, y = place(body, "left_wrist")
    made = scene(body, sure_hand(x + 60, y, 80, side=Side.RIGHT))
    assert made.hands[0].arm is not None
    assert made.hands[0].wrist_gap > NEAR_WRIST
    assert hand_side(made) == ()


def test_crossed_arms_are_not_wrong_sides():
    body = metric_person(moved={"left_wrist": (420, 420), "right_wrist": (580, 420)})
    made = scene(body, sure_hand(420, 420, side=Side.LEFT), sure_hand(580, 420, side=Side.RIGHT))
    assert len(hand_side(made)) == 2
    assert loudest(hand_side(made)) < SILENT


def test_two_left_hands_of_two_people_are_no_twins():
    one, two = metric_person(250, height=400), metric_person(750, height=400)
    hands = (
        sure_hand(*place(one, "left_wrist"), 40, side=Side.LEFT),
        sure_hand(*place(two, "right_wrist"), 40, side=Side.LEFT),
    )
    assert loudest(hand_side(scene(one, two, *hands))) == ONE_MISMATCH


def test_two_sights_on_one_arm_are_no_twins():
    body = metric_person()
    x, y = place(body, "left_wrist")
    hands = [sure_hand(x + dx, y, side=Side.RIGHT) for dx in (-5, 5)]
    assert loudest(hand_side(scene(body, *hands))) == ONE_MISMATCH


def test_without_a_body_there_is_no_arm_to_compare():
    assert hand_side(scene(face(500, 300), sure_hand(500, 600))) == ()


def test_a_person_seen_from_behind_is_silent():
    assert loudest(hand_side(scene(*clean_person(mirrored=True)))) < SILENT


@pytest.mark.parametrize("elsewhere", [{"scale": 3}, {"shift": (50, 30)}], ids=str)
def test_place_and_size_do_not_matter(elsewhere):
    parts = with_sides(Side.LEFT, Side.LEFT)
    side = 1000 * elsewhere.get("scale", 1)
    moved = hand_side(scene(*changed(parts, **elsewhere), width=side, height=side))
    assert measures(moved) == measures(hand_side(scene(*parts)))


def test_a_mirror_swaps_the_sides():
    parts = with_sides(Side.LEFT, Side.LEFT)
    straight, turned = hand_side(scene(*parts)), hand_side(scene(*mirrored(parts)))
    assert measures(straight) == measures(turned)
    assert max(straight, key=lambda one: one.defect_score).message.startswith("A left hand hangs on the right arm")
    assert max(turned, key=lambda one: one.defect_score).message.startswith("A right hand hangs on the left arm")
