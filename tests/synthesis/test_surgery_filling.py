"""Holes and layers: the fill shows background, what is outside stays as it was, and a lifted piece comes back unharmed."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.filling import MOST_MISFIT, fill_and_judge, fill_hole
from limbfix.synthesis.surgery.layers import lift, map_points, turn_about


@pytest.fixture
def wall():
    """Vertical stripes of 12 px."""
    column = np.where(np.arange(120) // 6 % 2, 200, 60)
    return np.repeat(np.broadcast_to(column, (120, 120))[..., None], 3, axis=2).astype(np.uint8)


def hole_at(rows, columns):
    hole = np.zeros((120, 120), bool)
    hole[rows, columns] = True
    return hole


def test_a_fill_goes_on_with_the_pattern(wall):
    hole = hole_at(slice(40, 80), slice(50, 66))
    damaged = np.where(hole[..., None], np.uint8(255), wall)
    filled = fill_hole(damaged, hole, np.zeros_like(hole))
    assert np.abs(filled[hole].astype(int) - wall[hole]).mean() < 6


def test_nothing_outside_the_hole_changes(wall):
    hole = hole_at(slice(40, 80), slice(50, 66))
    filled = fill_hole(wall, hole, np.zeros_like(hole))
    np.testing.assert_array_equal(filled[~hole], wall[~hole])


def test_what_is_forbidden_is_never_copied(wall):
    hole = hole_at(slice(50, 70), slice(50, 60))
    forbidden = hole_at(slice(0, 120), slice(60, 120))
    red = wall.copy()
    red[forbidden] = (255, 0, 0)
    filled = fill_hole(red, hole, forbidden)
    assert np.ptp(filled[hole].astype(int), axis=1).max() < 40, "the wall is grey"


def test_a_hole_with_no_free_copy_is_still_filled():
    pixels = np.full((60, 60, 3), 100, np.uint8)
    hole = np.ones((60, 60), bool)
    hole[:4] = False
    damaged = np.where(hole[..., None], np.uint8(255), pixels)
    assert np.abs(fill_hole(damaged, hole, np.zeros_like(hole)).astype(int) - 100).max() < 8


def test_an_empty_hole_changes_nothing(wall):
    np.testing.assert_array_equal(fill_hole(wall, np.zeros((120, 120), bool), np.zeros((120, 120), bool)), wall)


def test_a_piece_laid_where_it_was_lifted_is_the_picture(wall):
    mask = hole_at(slice(30, 90), slice(40, 70))
    laid = lift(wall, mask).on(wall.astype(np.float32))
    inner = hole_at(slice(33, 87), slice(43, 67))
    np.testing.assert_allclose(laid[inner], wall[inner], atol=0.5)


def test_a_moved_piece_brings_no_background_with_it():
    pixels = np.zeros((80, 80, 3), np.uint8)
    pixels[..., 2] = 250
    mask = np.zeros((80, 80), bool)
    mask[30:50, 30:50] = True
    pixels[mask] = (250, 0, 0)
    green = np.zeros((80, 80, 3), np.float32)
    green[..., 1] = 250
    laid = lift(pixels, mask).moved(turn_about(np.array([40.0, 40.0]), 30.0)).on(green)
    assert laid[..., 2].max() < 12, "blue is the background it was lifted from"


def test_turning_is_clockwise_on_screen():
    matrix = turn_about(np.array([10.0, 10.0]), 90.0)
    np.testing.assert_allclose(map_points(matrix, np.array([[20.0, 10.0]])), [[10.0, 20.0]], atol=1e-6)


def test_a_fill_that_had_nothing_to_copy_says_so(wall):
    hole = hole_at(slice(40, 80), slice(50, 66))
    assert fill_and_judge(wall, hole, np.zeros_like(hole))[1] < MOST_MISFIT
    everything_else = ~hole
    everything_else[30:35] = False
    assert fill_and_judge(wall, hole, everything_else)[1] > MOST_MISFIT
