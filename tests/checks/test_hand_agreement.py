"""Doubt about a hand rises with every sign of it, and a hand seen once is not called malformed for that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import SILENT, changed, clean_person, loudest, measures, mirrored, sure_hand, verdict
from synthetic import hand, scene

from limbfix.checks.hand_agreement import hand_agreement
from limbfix.findings import DefectCode
from limbfix.verdicts import Outcome


def score(**options):
    (found,) = hand_agreement(scene(sure_hand(500, 500, **options)))
    return found.defect_score


def test_a_hand_that_all_views_agree_on_is_silent():
    found = hand_agreement(scene(*clean_person()))
    assert len(found) == 2
    assert loudest(found) < SILENT


def test_a_hand_that_differs_from_view_to_view_is_rejected_with_its_numbers():
    made = scene(sure_hand(500, 500, spread=0.6, seen=(5, 20), side_score=0.6))
    (found,) = hand_agreement(made)
    assert found.code is DefectCode.HAND_MALFORMED
    assert found.measured == 0.6
    assert found.box == made.hands[0].part.box
    assert "0.60 hand sizes" in found.message
    assert "5 of 20" in found.message
    assert verdict(made, (found,)).outcome is Outcome.REJECT


@pytest.mark.parametrize("doubt", [{"spread": 0.3}, {"seen": (4, 20)}, {"side_score": 0.6}], ids=str)
def test_each_sign_of_doubt_counts(doubt):
    assert score(**{"spread": 0.1, "seen": (18, 20), **doubt}) > score(spread=0.1, seen=(18, 20)) + 0.05


def test_a_hand_that_was_looked_at_once_is_not_measured():
    assert hand_agreement(scene(hand(500, 500))) == ()


def test_a_hand_seen_by_one_of_its_views_is_not_rejected_for_that_alone():
    assert score(spread=None, seen=(1, 1)) < 0.5
    assert score(spread=None, seen=(1, 6)) < 0.8


@pytest.mark.parametrize("odd", [None, float("nan")])
def test_an_absent_spread_is_not_taken_for_agreement(odd):
    assert score(spread=odd) > score(spread=0.03)


def test_no_spread_at_all_is_perfect_agreement_and_not_absent():
    assert score(spread=0.0) <= score(spread=0.03)


def test_a_hand_without_a_side_is_not_surer_than_one_with_it():
    assert score(side_score=None) >= score(side_score=0.99)


def test_no_views_shown_is_no_crash():
    assert 0 <= score(seen=(0, 0)) <= 1


def test_the_hand_of_a_person_names_the_person():
    found = hand_agreement(scene(*clean_person()))
    assert {one.person_index for one in found} == {0}
    assert [one.hand_index for one in found] == [0, 1]


spreads, sides = st.floats(0, 2), st.floats(0.5, 1)


@given(spreads, spreads, sides, st.integers(0, 20))
def test_more_spread_never_lowers_the_score(first, second, side, agreed):
    low, high = sorted((first, second))
    assert score(spread=low, side_score=side, seen=(agreed, 20)) <= score(
        spread=high, side_score=side, seen=(agreed, 20)
    )


@given(spreads, sides, st.integers(0, 20), st.integers(0, 20))
def test_fewer_agreeing_views_never_lower_the_score(spread, side, first, second):
    few, many = sorted((first, second))
    assert score(spread=spread, side_score=side, seen=(few, 20)) >= score(
        spread=spread, side_score=side, seen=(many, 20)
    )


@given(spreads, sides, sides)
def test_a_less_sure_side_never_lowers_the_score(spread, first, second):
    low, high = sorted((first, second))
    assert score(spread=spread, side_score=low) >= score(spread=spread, side_score=high)


@pytest.mark.parametrize("elsewhere", [{"scale": 2}, {"shift": (100, -200)}], ids=str)
def test_place_size_and_mirror_do_not_matter(elsewhere):
    parts = [replace(part, spread=0.2) for part in clean_person()[1:]]
    expected = measures(hand_agreement(scene(*parts)))
    assert measures(hand_agreement(scene(*changed(parts, **elsewhere), width=2000, height=2000))) == expected
    assert measures(hand_agreement(scene(*mirrored(parts)))) == expected
