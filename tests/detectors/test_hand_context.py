"""What the trunk sees at a box is the mean of its maps there, at every stride, at any scale, and at the frame's edge too."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.detectors.hand_context import REACHES, STRIDES, context
from limbfix.detectors.hand_windows import letterboxed
from limbfix.geometry import Box

CHANNELS = (1, 2, 3, 4)


def scene(width: int, height: int):
    """Returns maps that are 0 everywhere, and the view of a picture."""
    view = letterboxed(np.zeros((height, width, 3), np.uint8), 0, 0, width, height, 384)
    sides = view.pixels.shape[:2]
    return [
        np.zeros((c, *(side // s for side in sides)), np.float32) for c, s in zip(CHANNELS, STRIDES, strict=True)
    ], view


def parts(found: np.ndarray) -> dict[tuple[int, float], np.ndarray]:
    """Splits what was found into the channels of each stride and reach."""
    cut, start = {}, 0
    for count, stride in zip(CHANNELS, STRIDES, strict=True):
        for reach in REACHES:
            cut[stride, reach] = found[start : start + count]
            start += count
    assert start == len(found)
    return cut


def test_the_box_and_what_lies_beside_it_are_averaged_in_every_map():
    stages, view = scene(384, 384)
    box = Box(128, 128, 192, 192)
    for stage, stride in zip(stages, STRIDES, strict=True):
        stage[:, 128 // stride : 192 // stride, 128 // stride : 192 // stride] = 1.0
        stage[0] *= 3.0
    found = parts(context(stages, view, box))
    for stride in STRIDES:
        assert found[stride, 1.0][0] == pytest.approx(3.0)
        np.testing.assert_allclose(found[stride, 1.0][1:], 1.0)
        assert 0 < found[stride, REACHES[1]][0] < 3.0 / 4


@pytest.mark.parametrize(("width", "height"), [(1000, 500), (300, 1200), (100, 140)])
def test_a_box_is_laid_over_the_letterboxed_view(width, height):
    stages, view = scene(width, height)
    low, high = view.from_picture(np.array([[0.5 * width, 0.5 * height], [width, height]]))
    stages[0][:, int(low[1] / 4) + 1 : int(high[1] / 4), int(low[0] / 4) + 1 : int(high[0] / 4)] = 1.0
    inside = context(stages, view, Box(0.7 * width, 0.7 * height, 0.8 * width, 0.8 * height))
    outside = context(stages, view, Box(0.1 * width, 0.1 * height, 0.2 * width, 0.2 * height))
    assert parts(inside)[4, 1.0][0] == pytest.approx(1.0)
    assert parts(outside)[4, REACHES[1]][0] == 0.0


@pytest.mark.parametrize(
    "box", [Box(-400, 10, -300, 110), Box(2000, 2000, 2100, 2100), Box(200, 200, 200.1, 200.1), Box(383, 0, 384, 1)]
)
def test_boxes_outside_the_picture_and_tiny_ones_are_read_off_the_nearest_cell(box):
    stages, view = scene(384, 384)
    for stage in stages:
        stage += 7.0
    np.testing.assert_allclose(context(stages, view, box), 7.0)
