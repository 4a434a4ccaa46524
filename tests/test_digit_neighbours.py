"""A thumb that is read twice, a bent finger and one apart look different beside the other lines of their hand."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.digit_assembly import DigitLine
from limbfix.digit_neighbours import NEIGHBOUR_FEATURES, neighbour_features

SIDE = 48
KINDS = ("mcp", "pip", "dip", "tip")


def line(*points: tuple[float, float], first: str = "mcp", score: float = 0.8) -> DigitLine:
    names = KINDS[KINDS.index(first) :]
    return DigitLine(joints=dict(zip(names, points, strict=False)), score=score, forked=False)


def rows(*lines: DigitLine) -> list[dict[str, float]]:
    found = neighbour_features(lines, SIDE)
    assert found.shape == (len(lines), len(NEIGHBOUR_FEATURES))
    assert np.isfinite(found).all()
    return [dict(zip(NEIGHBOUR_FEATURES, row, strict=True)) for row in found]


LONG = line((10, 40), (10, 30), (10, 20), (10, 10))
APART = line((34, 40), (34, 30), (34, 20), (34, 10))


def test_lines_side_by_side_keep_their_distance():
    first, second = rows(LONG, APART)
    for row in (first, second):
        assert row["end_to_line"] == pytest.approx(24 / SIDE)
        assert row["start_to_outer"] == pytest.approx(np.hypot(24, 20) / SIDE)
        assert row["end_to_start"] == pytest.approx(np.hypot(24, 30) / SIDE)
        assert (row["overlap"], row["rank_of_inner"], row["straight"], row["relative_length"]) == (0, 0, 1, 1)
        assert row["last_bone"] == pytest.approx(10 / SIDE)


def test_a_second_sight_of_a_finger_runs_along_it_and_the_surer_line_does_not():
    second_sight = line((11, 22), (11, 12), first="dip", score=0.4)
    surer, fainter = rows(LONG, second_sight)
    assert (surer["overlap"], fainter["overlap"]) == (0.0, 1.0)
    assert fainter["end_to_line"] == pytest.approx(1 / SIDE)
    assert fainter["start_to_outer"] < 3 / SIDE
    assert fainter["rank_of_inner"] == 2
    assert fainter["relative_length"] == pytest.approx(1 / 3)


def test_a_folded_thumb_ends_beside_where_its_second_line_begins():
    folded = line((40, 30), (30, 30), (22, 30))
    stub = line((21, 32), (20, 36), first="dip")
    first, second = rows(folded, stub)
    assert first["end_to_start"] == pytest.approx(np.hypot(1, 2) / SIDE)
    assert second["start_to_outer"] == pytest.approx(np.hypot(1, 2) / SIDE)


def test_two_tips_of_one_finger_share_its_beginning_and_that_is_no_nearness():
    fork = line((10, 40), (10, 30), (10, 20), (18, 12))
    first, second = rows(LONG, fork)
    assert (first["start_to_outer"], second["start_to_outer"]) == (1.0, 1.0)
    assert second["end_to_line"] == pytest.approx(8 / SIDE)


def test_a_bent_finger_is_not_straight():
    (row,) = rows(line((10, 40), (10, 30), (20, 30), (20, 40)))
    assert row["straight"] == pytest.approx(1 / 3)


def test_one_line_and_one_tip_alone_have_no_neighbours():
    (alone,) = rows(line((10.0, 10.0), first="tip"))
    assert (alone["end_to_line"], alone["start_to_outer"], alone["end_to_start"]) == (1, 1, 1)
    assert (alone["straight"], alone["last_bone"], alone["relative_length"]) == (1, 0, 0)
    assert neighbour_features([], SIDE).shape == (0, len(NEIGHBOUR_FEATURES))
