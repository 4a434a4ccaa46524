"""Outlines enclose the pixels of a mask, exactly or to the tolerance, holes and single pixels included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw

from limbfix.outlines import outlines_of


def area(outline: np.ndarray) -> float:
    """Signed, px squared; outlines of holes run the other way round."""
    x, y = outline.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


@given(arrays.arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 8))))
def test_the_areas_of_outlines_and_holes_add_up_to_the_mask(pixels):
    assert sum(map(area, outlines_of(pixels))) == pixels.sum()


def test_a_rectangle_has_four_corners_on_the_edges_of_its_pixels():
    pixels = np.zeros((5, 7), bool)
    pixels[1:4, 2:6] = True
    (outline,) = outlines_of(pixels)
    assert sorted(map(tuple, outline.tolist())) == [(2, 1), (2, 4), (6, 1), (6, 4)]


def test_a_hole_has_an_outline_of_its_own_and_the_largest_comes_first():
    pixels = np.ones((6, 6), bool)
    pixels[2:4, 2:4] = False
    outer, hole = outlines_of(pixels)
    assert (area(outer), area(hole)) == (36, -4)


@pytest.mark.parametrize("shape", [(0, 0), (3, 3)])
def test_nothing_has_no_outline(shape):
    assert outlines_of(np.zeros(shape, bool)) == []


def test_a_round_region_needs_few_points_and_stays_close():
    canvas = Image.new("1", (200, 200))
    ImageDraw.Draw(canvas).ellipse((20, 40, 180, 150), fill=1)
    pixels = np.array(canvas)
    (outline,) = outlines_of(pixels, 1.5)
    again = Image.new("1", (200, 200))
    ImageDraw.Draw(again).polygon([tuple(map(int, xy)) for xy in outline], fill=1)
    assert len(outline) < 40
    wrong = np.logical_xor(np.array(again), pixels).sum()
    assert wrong < 0.03 * pixels.sum()
