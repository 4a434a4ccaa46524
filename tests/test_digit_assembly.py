"""Digits are counted from what is drawn: three or eight, crossed, forked, cut, or only a tip."""

from __future__ import annotations

import math

import numpy as np
import pytest

from limbfix.digit_assembly import JOINTS, PHALANGES, assemble_digits, find_peaks

SIDE = 56
WRIST = (28.0, 52.0)


class Canvas:
    """Maps as a perfect parser would draw them."""

    def __init__(self) -> None:
        self.heat = np.zeros((len(JOINTS), SIDE, SIDE), np.float32)
        self.fields = np.zeros((2 * len(PHALANGES), SIDE, SIDE), np.float32)
        self.rows, self.columns = np.mgrid[:SIDE, :SIDE]

    def joint(self, kind: int, xy: tuple[float, float], heat: float = 0.9) -> None:
        distance = (self.columns - xy[0]) ** 2 + (self.rows - xy[1]) ** 2
        self.heat[kind] = np.maximum(self.heat[kind], heat * np.exp(-distance / 2.0))

    def bone(self, row: int, start: tuple[float, float], end: tuple[float, float], width: float = 1.2) -> None:
        a, b = np.array(start), np.array(end)
        length = np.linalg.norm(b - a)
        direction = (b - a) / length
        offset = np.stack([self.columns - a[0], self.rows - a[1]], -1)
        along = offset @ direction
        aside = np.abs(offset @ np.array([-direction[1], direction[0]]))
        on = (along >= -1) & (along <= length + 1) & (aside <= width)
        self.fields[2 * row][on], self.fields[2 * row + 1][on] = direction

    def digit(self, points: list[tuple[float, float]], first: int = 1) -> None:
        """Draws a chain of joints, the first of kind `first`."""
        for k, point in enumerate(points):
            self.joint(first + k, point)
            if k:
                self.bone(first + k - 1, points[k - 1], point)

    def assemble(self):
        return assemble_digits(self.heat, self.fields)


def fan(n: int, *, reach: float = 27.0) -> Canvas:
    """A hand of n straight digits that spread from the wrist."""
    canvas = Canvas()
    canvas.joint(0, WRIST)
    for angle in np.linspace(-1.15, 1.15, n):
        points = [
            (WRIST[0] + reach * share * math.sin(angle), WRIST[1] - reach * share * math.cos(angle))
            for share in (0.5, 0.7, 0.85, 1.0)
        ]
        canvas.bone(0, WRIST, points[0])
        canvas.digit(points)
    return canvas


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8])
def test_as_many_digits_come_out_as_went_in(n):
    digits = fan(n).assemble()
    assert len(digits) == n
    assert all(list(digit.joints) == ["mcp", "pip", "dip", "tip"] for digit in digits)
    assert not any(digit.forked for digit in digits)
    assert all(digit.score > 0.6 for digit in digits)


def test_joints_lie_where_they_were_drawn_to_a_fifth_of_a_cell():
    canvas = Canvas()
    drawn = [(20.3, 40.7), (21.1, 33.4), (22.6, 26.2), (23.0, 20.8)]
    canvas.digit(drawn)
    (digit,) = canvas.assemble()
    np.testing.assert_allclose(digit.polyline, drawn, atol=0.2)


def test_digits_come_in_order_around_the_wrist():
    ends = [digit.polyline[-1][0] for digit in fan(5).assemble()]
    assert ends == sorted(ends)


def test_crossed_digits_keep_their_own_joints():
    canvas = Canvas()
    canvas.digit([(20, 45), (25, 36), (30, 27), (35, 18)])
    canvas.digit([(36, 45), (31, 36), (26, 27), (21, 18)])
    digits = canvas.assemble()
    assert len(digits) == 2
    for digit in digits:
        steps = np.diff(digit.polyline[:, 0])
        assert (steps > 0).all() or (steps < 0).all()


def test_touching_digits_are_two():
    canvas = Canvas()
    canvas.digit([(26, 45), (26, 37), (26, 29), (26, 22)])
    canvas.digit([(30, 45), (30, 37), (30, 29), (30, 22)])
    assert len(canvas.assemble()) == 2


def test_a_forked_digit_counts_twice_and_says_so():
    canvas = Canvas()
    canvas.digit([(28, 46), (28, 37), (23, 28), (20, 20)])
    canvas.digit([(28, 37), (33, 28), (36, 20)], first=2)
    digits = canvas.assemble()
    assert len(digits) == 2
    assert all(digit.forked for digit in digits)


def test_a_digit_with_a_hidden_root_is_a_digit():
    canvas = Canvas()
    canvas.digit([(28, 30), (28, 22)], first=3)
    (digit,) = canvas.assemble()
    assert list(digit.joints) == ["dip", "tip"]


def test_a_digit_that_ends_early_is_one_without_a_tip():
    canvas = Canvas()
    canvas.digit([(28, 45), (28, 36)])
    (digit,) = canvas.assemble()
    assert list(digit.joints) == ["mcp", "pip"]


def test_a_clear_tip_that_peeks_out_counts_and_a_faint_one_does_not():
    canvas = Canvas()
    canvas.joint(4, (20, 20), heat=0.8)
    canvas.joint(4, (40, 20), heat=0.35)
    (digit,) = canvas.assemble()
    assert digit.joints["tip"] == pytest.approx((20, 20), abs=0.2)
    assert digit.score < 0.5


def test_an_empty_palm_has_no_digit():
    canvas = Canvas()
    canvas.joint(0, WRIST)
    for x in (20, 26, 32, 38):
        canvas.joint(1, (x, 36))
        canvas.bone(0, WRIST, (x, 36))
    assert canvas.assemble() == ()


def test_two_hands_in_one_crop_do_not_share_digits():
    canvas = Canvas()
    for left in (8, 36):
        canvas.joint(0, (left + 6, 52))
        for k in range(3):
            x = left + 5 * k
            canvas.bone(0, (left + 6, 52), (x, 42))
            canvas.digit([(x, 42), (x, 34), (x, 27), (x, 21)])
    assert len(canvas.assemble()) == 6


def test_a_plateau_is_one_peak():
    heat = np.zeros((len(JOINTS), 10, 10), np.float32)
    heat[4, 4:6, 4:6] = 0.9
    assert len(find_peaks(heat)) == 1


def test_maps_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match="expected maps"):
        assemble_digits(np.zeros((4, 8, 8)), np.zeros((8, 8, 8)))
