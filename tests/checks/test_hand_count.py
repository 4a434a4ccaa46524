"""A third hand is found where it has no innocent reading, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scenes import (
    SILENT,
    bare_person,
    changed,
    clean_person,
    loudest,
    measures,
    metric_person,
    mirrored,
    place,
    sure_hand,
    verdict,
)
from synthetic import face, scene

from limbfix.checks.hand_count import ALONE, IN_COMPANY, SURE_HAND, hand_count
from limbfix.digits import IN_DOUBT, CannotTell, HandReading
from limbfix.findings import DefectCode
from limbfix.parts import Side
from limbfix.policies import Policy
from limbfix.verdicts import Outcome

THIRD = sure_hand(620, 300, 80, side=Side.LEFT)


def third_handed(*more, score=0.9):
    return scene(*clean_person(), sure_hand(620, 300, 80, side=Side.LEFT, score=score), *more)


@pytest.mark.parametrize("hands", [1, 2])
def test_one_or_two_hands_are_silent(hands):
    (found,) = hand_count(scene(*clean_person()[: hands + 1]))
    assert found.defect_score < SILENT
    assert (found.measured, found.expected, found.person_index, found.hand_index) == (hands, 2, 0, None)


def test_a_third_hand_on_somebody_alone_is_rejected_and_pointed_at():
    made = third_handed()
    (found,) = hand_count(made)
    assert found.code is DefectCode.PERSON_EXTRA_HAND
    assert found.defect_score == ALONE
    assert (found.measured, found.expected, found.unit) == (3, 2, "hands")
    assert found.box == THIRD.box
    assert made.hands[found.hand_index].part.box == THIRD.box
    assert "3 hands" in found.message
    assert verdict(made, (found,)).outcome is Outcome.REJECT


def test_a_third_hand_on_the_same_wrist_counts_too():
    parts = clean_person()
    x, y = place(parts[0], "left_wrist")
    made = scene(*parts, sure_hand(x + 40, y - 20, 80, angle_deg=-60))
    assert [hand.arm for hand in made.hands].count(0) == 2
    (found,) = hand_count(made)
    assert (found.measured, found.defect_score) == (3, ALONE)


def test_the_count_is_open_ended_and_the_score_never_falls_with_it():
    parts = clean_person()
    extra = [sure_hand(x, 120, 60) for x in (320, 420, 580, 680)]
    found = [hand_count(scene(*parts, *extra[:count]))[0] for count in range(5)]
    assert [one.measured for one in found] == [2, 3, 4, 5, 6]
    scores = [one.defect_score for one in found]
    assert scores == sorted(scores)


def test_in_company_a_third_hand_on_an_arm_stays_below_a_flag():
    parts = clean_person(300, height=500)
    x, y = place(parts[0], "left_wrist")
    friend = clean_person(x + 130, height=500)
    made = scene(*parts, *friend, sure_hand(x + 10, y - 45, 50, angle_deg=-30), width=1000)
    found = max(hand_count(made), key=lambda one: one.defect_score)
    assert found.measured == 3
    assert found.defect_score <= IN_COMPANY
    assert verdict(made, hand_count(made)).outcome is Outcome.PASS


def test_a_friends_hand_on_a_shoulder_is_not_a_third_hand():
    parts = clean_person(350, height=600)
    friend = clean_person(600, height=600, unseen=("right_wrist", "right_elbow"))
    x, y = place(parts[0], "left_shoulder")
    made = scene(*parts, *friend[:2], sure_hand(x, y, 60, side=Side.RIGHT))
    assert loudest(hand_count(made)) < SILENT


def test_a_hand_that_reaches_into_the_picture_is_not_a_third_hand():
    parts = clean_person(200)
    made = scene(*parts, sure_hand(2, 300, 90, angle_deg=0))
    assert made.hands[0].part.box.touches_edge(1000, 1000)
    assert made.hands[0].person_index == 0
    assert verdict(made, hand_count(made)).outcome is not Outcome.REJECT


def test_a_face_beside_a_person_is_company():
    made = third_handed(face(760, 160, 110))
    assert len(made.people) == 2
    assert verdict(made, hand_count(made)).outcome is not Outcome.REJECT


def test_a_loose_hand_counts_for_nobody_where_people_are_far_apart():
    near, far = clean_person(200, height=300), clean_person(800, height=300)
    made = scene(*near, *far, sure_hand(240, 390, 30))
    assert [one.measured for one in hand_count(made)] == [2, 2]
    assert loudest(hand_count(made)) < SILENT


def test_a_third_hand_that_few_windows_see_is_no_surplus():
    (found,) = hand_count(third_handed(score=SURE_HAND - 0.01))
    assert (found.measured, found.defect_score < SILENT) == (2, True)


def test_a_third_hand_that_is_in_doubt_is_no_surplus():
    reading = HandReading(digits=(), count=None, cannot_tell=CannotTell.NO_MODEL, features={IN_DOUBT: 1.0})
    third = replace(sure_hand(620, 300, 80, side=Side.LEFT, score=0.9), reading=reading)
    (found,) = hand_count(scene(*clean_person(), third))
    assert (found.measured, found.expected) == (2, 2)
    assert found.defect_score < SILENT


def test_a_third_hand_without_a_score_is_not_sure():
    assert loudest(hand_count(third_handed(score=None))) < SILENT


def test_one_hand_seen_twice_is_one():
    parts = clean_person()
    x, y = place(parts[0], "left_wrist")
    (found,) = hand_count(scene(*parts, sure_hand(x + 8, y + 8, 80, score=0.85)))
    assert found.measured == 2
    assert found.defect_score < SILENT


def test_crossed_arms_have_two_hands():
    crossed = metric_person(moved={"left_wrist": (420, 420), "right_wrist": (580, 420)})
    hands = (sure_hand(420, 420, 80, angle_deg=180), sure_hand(580, 420, 80, angle_deg=0, side=Side.RIGHT))
    (found,) = hand_count(scene(crossed, *hands))
    assert (found.measured, found.defect_score < SILENT) == (2, True)


@pytest.mark.parametrize(
    "parts", [(metric_person(),), (face(500, 300),), (face(500, 300), THIRD), (bare_person(),), (THIRD,)]
)
def test_without_a_body_or_without_hands_there_is_nothing_to_count(parts):
    assert loudest(hand_count(scene(*parts))) == 0


def test_a_bare_box_holds_two_hands_in_silence_and_not_three():
    hands = [sure_hand(x, 500, 60) for x in (400, 500, 600)]
    assert hand_count(scene(bare_person(), *hands[:2]))[0].measured == 2
    assert hand_count(scene(bare_person(), *hands))[0].measured == 3


def test_hands_too_small_for_the_policy_do_not_reject():
    made = third_handed()
    policy = Policy(min_hand_px=200)
    assert verdict(made, hand_count(made), policy).outcome is not Outcome.REJECT


@pytest.mark.parametrize(
    "elsewhere", [{"scale": 2}, {"scale": 3}, {"shift": (60, -40)}, {"scale": 2, "shift": (-30, 20)}], ids=str
)
def test_place_and_size_do_not_matter(elsewhere):
    parts = (*clean_person(), THIRD)
    moved = changed(parts, **elsewhere)
    side = 1000 * elsewhere.get("scale", 1)
    assert measures(hand_count(scene(*moved, width=side, height=side))) == measures(hand_count(scene(*parts)))


def test_a_mirror_changes_nothing_but_the_place():
    parts = (*clean_person(), THIRD)
    (straight,), (turned,) = hand_count(scene(*parts)), hand_count(scene(*mirrored(parts)))
    assert measures([straight]) == measures([turned])
    assert turned.box.x_min == pytest.approx(1000 - straight.box.x_max)
