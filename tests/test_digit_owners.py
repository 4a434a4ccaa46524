"""A line belongs to the hand at whose palm it begins, wherever it ends."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.digit_owners import are_foreign
from limbfix.geometry import Box

LEFT, RIGHT = Box(0, 0, 100, 100), Box(90, 0, 190, 100)


def line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, np.float64)


@pytest.mark.parametrize(
    ("points", "is_foreign"),
    [
        (((50, 60), (50, 10)), False),  # an own digit
        (((80, 60), (140, 50)), False),  # begins at the own palm and lies over the other hand
        (((140, 60), (140, 10)), True),  # the neighbour's
        (((140, 60), (95, 50)), True),  # the neighbour's, reaching over
        (((140, 60),), True),  # a tip alone, outside the own box
        (((97, 50),), False),  # a tip alone, where both boxes are
        (((140, 160), (140, 110)), False),  # outside of both: nobody's, and not for this to say
    ],
)
def test_a_line_belongs_to_the_hand_at_whose_palm_it_begins(points, is_foreign):
    assert are_foreign([line(*points)], LEFT, [RIGHT]).tolist() == [is_foreign]


def test_a_hand_that_is_alone_owns_all_it_shows():
    lines = [line((140, 60), (140, 10)), line((50, 60), (50, 10))]
    assert are_foreign(lines, LEFT, []).tolist() == [False, False]
    assert are_foreign([], LEFT, [RIGHT]).shape == (0,)


def test_of_two_hands_at_one_place_neither_loses_its_digits():
    assert are_foreign([line((50, 60), (50, 10))], LEFT, [LEFT.shifted(4, 4)]).tolist() == [False]


def test_a_second_box_of_the_same_hand_takes_nothing():
    nested = Box(40, 0, 100, 60)  # a proposal that is sorted out later
    assert are_foreign([line((70, 30), (70, 5))], LEFT, [nested]).tolist() == [False]
