"""Fused digits are told by the network's score, on hands in part view too, and by nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from read_hands import read_hand, reading
from scenes import sure_hand, verdict
from synthetic import scene

from limbfix.checks.fused_digits import fused_digits
from limbfix.digits import CannotTell
from limbfix.policies import Policy
from limbfix.verdicts import Outcome

CODE = "hand.fused_digits"


def test_a_good_hand_is_measured_and_silent():
    made = scene(read_hand())
    (one,) = fused_digits(made)
    assert (one.code, one.measured, one.expected, one.unit) == (CODE, 5, 5, "digits")
    assert "none looks grown to another" in one.message
    assert verdict(made, (one,)).outcome is Outcome.PASS


@pytest.mark.parametrize(("score", "outcome"), [(0.6, "flag"), (0.85, "reject")])
def test_the_score_is_the_readings_and_the_message_has_the_count(score, outcome):
    made = scene(read_hand(number=4, scores={CODE: score}))
    (one,) = fused_digits(made)
    assert one.defect_score == score
    assert one.box == made.hands[0].part.box
    assert "has 4 digits, and some look grown together." in one.message
    assert verdict(made, (one,)).outcome == outcome


def test_digits_may_be_fused_on_a_hand_that_is_half_hidden():
    (one,) = fused_digits(scene(read_hand(number=2, cannot_tell=CannotTell.OCCLUDED, scores={CODE: 0.9})))
    assert one.measured == 2
    assert "shows 2 digits (occluded)" in one.message


def test_without_a_reading_or_a_score_nothing_is_said():
    unscored = replace(reading(5), scores={})
    assert fused_digits(scene(sure_hand(300, 500), read_hand(read=unscored))) == ()


def test_an_exception_excuses_it_by_name():
    made = scene(read_hand(scores={CODE: 0.9}))
    assert verdict(made, fused_digits(made), Policy(allow=("fused_digits",))).exceptions == (
        "allow fused_digits (policy)",
    )
