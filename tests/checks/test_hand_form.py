"""The look of a hand is told by the reading's scores where there is a reading, and by the views where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from read_hands import read_hand, reading
from scenes import sure_hand, verdict
from synthetic import scene

from limbfix.checks.hand_agreement import hand_agreement
from limbfix.checks.hand_form import hand_form
from limbfix.digits import CannotTell
from limbfix.findings import DefectCode
from limbfix.verdicts import Outcome


def test_a_good_hand_is_measured_and_silent():
    (one,) = hand_form(scene(read_hand(probability=0.02)))
    assert (one.code, one.defect_score, one.measured, one.expected) == (DefectCode.HAND_MALFORMED, 0.06, 0.02, 0.0)
    assert "looks right; by its look, the chance that something is wrong with it is 2%." in one.message


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("hand.malformed", "looks wrong"),
        ("hand.wrong_side", "other side"),
        ("hand.proportion", "out of proportion"),
    ],
)
def test_each_question_that_was_scored_has_its_finding(code, words):
    made = scene(read_hand(scores={code: 0.9}, probability=None, judgements={code.removeprefix("hand."): 0.8}))
    one = next(one for one in hand_form(made) if one.code == code)
    assert (one.defect_score, one.measured, one.unit) == (0.9, 0.8, "chance")
    assert words in one.message and "80%" in one.message
    assert verdict(made, hand_form(made)).outcome is Outcome.REJECT


@pytest.mark.parametrize(
    ("score", "chance", "words"),
    [
        (0.22, 0.74, "perhaps looks wrong; "),
        (0.22, 0.1, " looks right; "),
        (0.6, 0.1, "perhaps looks wrong; "),
        (0.6, 0.4, " looks wrong; "),
        (0.4, None, "perhaps looks wrong."),
        (0.6, None, " looks wrong."),
    ],
)
def test_a_message_never_denies_its_own_chance(score, chance, words):
    made = scene(read_hand(scores={"hand.malformed": score}, probability=chance))
    (one,) = [one for one in hand_form(made) if one.code is DefectCode.HAND_MALFORMED]
    assert words in one.message
    assert "perhaps" in words or "perhaps" not in one.message


def test_a_question_that_was_not_scored_has_none():
    assert [one.code for one in hand_form(scene(read_hand()))] == ["hand.malformed"]
    assert hand_form(scene(read_hand(read=replace(reading(5), scores={})))) == ()


def test_a_score_without_a_chance_has_no_number_behind_it():
    (one,) = hand_form(scene(read_hand(probability=None)))
    assert (one.measured, one.expected, one.unit) == (None, None, None)
    assert one.message.endswith("looks right.")


def test_views_speak_only_of_hands_whose_look_nobody_scored():
    unscored = replace(sure_hand(100, 500), reading=replace(reading(5), scores={}))
    assert len(hand_agreement(scene(unscored))) == 1
    assert hand_form(scene(unscored)) == ()
    seen = sure_hand(300, 500, spread=0.6, seen=(5, 20), side_score=0.6)
    read = replace(sure_hand(700, 500, spread=0.6, seen=(5, 20), side_score=0.6), reading=reading(5))
    made = scene(seen, read)
    assert [one.hand_index for one in hand_agreement(made)] == [0]
    assert [one.hand_index for one in hand_form(made)] == [1]


def test_a_hand_that_cannot_be_counted_may_still_be_malformed():
    made = scene(read_hand(number=2, cannot_tell=CannotTell.OCCLUDED, scores={"hand.malformed": 0.9}))
    assert verdict(made, hand_form(made)).outcome is Outcome.REJECT
