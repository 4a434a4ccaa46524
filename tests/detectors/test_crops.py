"""Windows cover the picture, and a point found in one lies where it lies in the picture."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbfix.detectors.crops import cut, tile_boxes, whole_window
from limbfix.geometry import Box

DOT = (210, 130)


def dotted(x: int = DOT[0], y: int = DOT[1], size_wh: tuple[int, int] = (400, 300)) -> np.ndarray:
    pixels = np.zeros((size_wh[1], size_wh[0], 3), dtype=np.uint8)
    pixels[y - 3 : y + 4, x - 3 : x + 4] = 255
    return pixels


def brightest(pixels: np.ndarray) -> np.ndarray:
    """Center of the light in a window, as a fraction of it."""
    light = pixels.mean(axis=2)
    rows, columns = np.indices(light.shape)
    total = light.sum()
    return np.array(
        [
            [
                (light * (columns + 0.5)).sum() / total / light.shape[1],
                (light * (rows + 0.5)).sum() / total / light.shape[0],
            ]
        ]
    )


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(
    "box", [Box(150, 90, 300, 200), Box(-80, -60, 260, 190), Box(180, 100, 240, 160), Box(-500, -500, 900, 900)]
)
@pytest.mark.parametrize("target_px", [64, 256, 700])
def test_a_point_comes_back_to_where_it_is(box, target_px, mirrored):
    window = cut(dotted(), box, target_px, mirrored=mirrored)
    assert max(window.pixels.shape[:2]) == target_px
    assert window.to_picture(brightest(window.pixels))[0] == pytest.approx(np.array(DOT) + 0.5, abs=1.0)


def test_the_mirrored_window_shows_the_picture_from_left_to_right():
    plain, mirrored = (cut(dotted(), Box(150, 90, 300, 200), 100, mirrored=value) for value in (False, True))
    assert np.array_equal(plain.pixels[:, ::-1], mirrored.pixels)


def test_the_whole_window_is_the_picture_without_a_copy():
    pixels = dotted()
    window = whole_window(pixels)
    assert window.pixels is pixels and window.whole
    assert window.to_picture(np.array([[0, 0], [1, 1], [0.5, 0.25]])).tolist() == [[0, 0], [400, 300], [200, 75]]


def test_absent_points_stay_absent():
    assert np.isnan(whole_window(dotted()).to_picture(np.full((2, 2), np.nan))).all()


@pytest.mark.parametrize("box", [Box(500, 10, 600, 90), Box(-90, 0, 7, 300), Box(10, 10, 12, 300), Box(5, 5, 5, 5)])
def test_a_box_outside_the_picture_makes_no_window(box):
    assert cut(dotted(), box, 256) is None


def test_a_thin_picture_keeps_at_least_one_pixel():
    window = cut(np.zeros((8, 4000, 3), dtype=np.uint8), Box(0, 0, 4000, 8), 256)
    assert window.pixels.shape == (1, 256, 3)


@given(st.integers(8, 5000), st.integers(8, 5000), st.integers(1, 5))
def test_tiles_cover_the_picture_exactly_with_overlap(width, height, count):
    tiles = tile_boxes(width, height, count)
    assert len(tiles) == count * count
    assert min(tile.x_min for tile in tiles) == min(tile.y_min for tile in tiles) == 0
    assert max(tile.x_max for tile in tiles) == pytest.approx(width)
    assert max(tile.y_max for tile in tiles) == pytest.approx(height)
    for left, right in pairwise(tiles):
        if right.y_min == left.y_min:
            assert left.x_max - right.x_min == pytest.approx(0.25 * left.width)
