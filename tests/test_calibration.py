"""A measure becomes a score along straight lines, never outside 0-1 and never out of order."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

import limbfix.checks
from limbfix.calibration import HINT, score_from

KNOTS = ((1.0, 0.02), (2.0, 0.5), (4.0, 0.9))


def all_knots():
    for module in pkgutil.iter_modules(limbfix.checks.__path__):
        found = getattr(importlib.import_module(f"limbfix.checks.{module.name}"), "KNOTS", None)
        for kind, knots in found.items() if isinstance(found, dict) else [("", found)]:
            if knots is not None:
                yield pytest.param(knots, id=f"{module.name}{kind and f'-{kind.value}'}")


@pytest.mark.parametrize(("value", "score"), [(1, 0.02), (2, 0.5), (4, 0.9), (1.5, 0.26), (3, 0.7)])
def test_knots_are_met_and_joined_by_straight_lines(value, score):
    assert score_from(value, KNOTS) == pytest.approx(score)


@pytest.mark.parametrize(("value", "score"), [(-1e9, 0.02), (0.999, 0.02), (4.001, 0.9), (1e9, 0.9)])
def test_beyond_the_ends_the_score_stays(value, score):
    assert score_from(value, KNOTS) == pytest.approx(score)


def test_a_single_knot_is_a_constant():
    assert {score_from(value, ((3.0, 0.4),)) for value in (-5, 3, 99)} == {0.4}


def test_the_score_is_a_plain_float_with_four_places():
    score = score_from(1 + 1 / 3, KNOTS)
    assert type(score) is float
    assert score == round(score, 4)


@pytest.mark.parametrize("knots", list(all_knots()))
def test_every_checks_knots_rise_in_measure_and_never_turn(knots):
    measures, scores = zip(*knots, strict=True)
    assert list(measures) == sorted(set(measures))
    assert all(0 <= score <= 1 for score in scores)
    assert list(scores) in (sorted(scores), sorted(scores, reverse=True))


@pytest.mark.parametrize("knots", list(all_knots()))
def test_every_check_has_a_silent_end_and_at_least_a_hint(knots):
    scores = [score for _, score in knots]
    assert min(scores) < 0.2
    assert max(scores) >= HINT


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_larger_measure_never_scores_lower_on_rising_knots(first, second):
    low, high = sorted((first, second))
    assert 0 <= score_from(low, KNOTS) <= score_from(high, KNOTS) <= 1
