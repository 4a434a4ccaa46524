"""Windows are where they say they are: half a pixel, whatever the picture's size."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.detectors.hand_windows import (
    FINDER_PX,
    MOST_TILES,
    SEARCH_SIDES,
    TILE_OVERLAP,
    TILE_PX,
    finder_views,
    hand_view,
    is_cut_off,
)
from limbfix.geometry import Box
from limbfix.nets.hand_maps import BORDER, VIEW


def blob(width: int, height: int, x: int, y: int, half: int) -> np.ndarray:
    """A black picture with a white square whose centre is the corner of pixels (x, y)."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[y - half : y + half, x - half : x + half] = 255
    return pixels


def centre_of(view_pixels: np.ndarray, dark: int = BORDER[0] + 10) -> np.ndarray:
    light = np.clip(view_pixels[..., 0].astype(float) - dark, 0, None)  # the border is dark too
    rows, columns = np.mgrid[: light.shape[0], : light.shape[1]] + 0.5
    return np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()


@pytest.mark.parametrize("search", ["full", "single"])
@pytest.mark.parametrize("size", [(640, 480), (300, 500), (1024, 683), (1333, 999), (1501, 40), (90, 120)])
def test_the_whole_picture_is_seen_without_a_shift(size, search):
    x, y, half = size[0] // 3, size[1] // 2, min(size) // 4
    views = finder_views(blob(*size, x, y, half), search)
    assert [round(max(size) * view.scale_xy[int(np.argmax(size))]) for view in views] == [
        min(side, 2 * max(size)) for side in SEARCH_SIDES[search]
    ]
    view = views[-1]
    width, height = view.from_picture(np.array(size)).round().astype(int)
    assert (view.pixels[height:] == BORDER).all()
    assert (view.pixels[:, width:] == BORDER).all()
    assert max(view.pixels.shape[:2]) <= FINDER_PX
    assert all(side % 32 == 0 for side in view.pixels.shape[:2])
    assert np.abs(view.to_picture(centre_of(view.pixels[:height, :width], dark=0)) - (x, y)).max() < 0.5
    np.testing.assert_allclose(view.from_picture(view.to_picture(np.array([[3.0, 9.5]]))), [[3.0, 9.5]])


def test_a_large_picture_is_covered_by_tiles_that_overlap_and_cost_bounded_memory():
    pixels = blob(4096, 3000, 2000, 1500, 40)
    whole, _, _, *tiles = finder_views(pixels)
    covered = np.zeros((3000, 4096), np.uint8)
    for view in tiles:
        assert max(view.pixels.shape[:2]) <= FINDER_PX
        covered[int(view.top) : int(view.top) + TILE_PX, int(view.left) : int(view.left) + TILE_PX] += 1
        if (view.pixels == 255).any():
            assert np.abs(view.to_picture(centre_of(view.pixels)) - (2000, 1500)).max() < 0.5
    assert covered.min() == 1
    lefts = sorted({view.left for view in tiles})
    assert max(np.diff(lefts)) <= TILE_PX * (1 - TILE_OVERLAP)
    assert np.abs(whole.to_picture(centre_of(whole.pixels)) - (2000, 1500)).max() < 0.5


def test_a_huge_picture_has_a_bounded_number_of_tiles():
    row = np.zeros((1, 1, 3), np.uint8)
    pixels = np.broadcast_to(row, (9000, 9000, 3))
    assert len(finder_views(pixels)) <= len(SEARCH_SIDES["full"]) + MOST_TILES


def test_a_box_is_cut_off_only_where_the_picture_goes_on():
    tiles = finder_views(np.zeros((2000, 2000, 3), np.uint8))[len(SEARCH_SIDES["full"]) :]
    first = next(view for view in tiles if view.left == 0 and view.top == 0)
    assert not is_cut_off(Box(0, 0, 100, 100), first)
    assert is_cut_off(Box(500, 100, 638, 200), first)
    assert is_cut_off(Box(100, 500, 200, 640), first)


@pytest.mark.parametrize("centre", [(200.0, 150.0), (33.5, 40.25), (380.0, 12.0)])
@pytest.mark.parametrize("size", [30.0, 101.0, 290.0])
def test_a_crop_is_where_it_says(centre, size):
    width, height = 400, 300
    x, y = int(centre[0]), int(centre[1])
    pixels = blob(width, height, x, y, 5)
    box = Box(centre[0] - size / 2, centre[1] - size / 3, centre[0] + size / 2, centre[1] + size / 3)
    view = hand_view(pixels, box, 128)
    assert view.pixels.shape == (128, 128, 3)
    assert abs(128 / view.scale_xy[0] - VIEW * size) <= 1
    assert np.abs(view.to_picture(np.array([64.0, 64.0])) - centre).max() <= 1
    assert np.abs(view.to_picture(centre_of(view.pixels)) - (x, y)).max() < 0.5


def test_what_lies_beyond_the_picture_is_grey():
    view = hand_view(np.full((100, 100, 3), 255, np.uint8), Box(60, 60, 140, 140), 64)
    assert (view.pixels[-1, -1] == BORDER).all()
    assert (view.pixels[0, 0] == 255).all()


def test_a_crop_of_a_huge_hand_is_thinned_and_stays_in_place():
    pixels = blob(6000, 5000, 2900, 2600, 100)
    box = Box(700, 600, 5200, 4700)
    view = hand_view(pixels, box, 128)
    assert np.abs(view.to_picture(centre_of(view.pixels)) - (2900, 2600)).max() < 0.5 / view.scale_xy[0]
    assert abs(128 / view.scale_xy[0] - VIEW * 4500) <= 60


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (3, 2)])
def test_tiny_pictures_have_windows(size):
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    for view in finder_views(pixels):
        assert min(view.pixels.shape[:2]) >= 32
    assert hand_view(pixels, Box(0, 0, *size), 64).pixels.shape == (64, 64, 3)
