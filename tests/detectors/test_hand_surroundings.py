"""The hottest joint of every kind is found in and around a box: drawn heat, any scale, boxes at and beyond the frame."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.detectors.hand_surroundings import GROUPS, NAMES, REACHES, surroundings
from limbfix.detectors.hand_windows import View, letterboxed
from limbfix.geometry import Box
from limbfix.nets.body_maps import STRIDE
from limbfix.nets.move_table import POINTS

COLD, COLDEST = -5.0, -8.0
LEFT_WRIST, RIGHT_WRIST, NOSE, LEFT_EAR = 9, 10, 0, 3


def scene(width: int, height: int, *joints: tuple[int, float, float, float]) -> tuple[np.ndarray, View]:
    """Returns maps and view of a picture with joints (point, x, y in px of the picture, logit), one cell each."""
    view = letterboxed(np.zeros((height, width, 3), np.uint8), 0, 0, width, height, 384)
    points = np.full((POINTS, *(side // STRIDE for side in view.pixels.shape[:2])), COLD, np.float32)
    for point, x, y, logit in joints:
        column, row = (view.from_picture(np.array([x, y])) / STRIDE).astype(int)
        points[point, row, column] = logit
    return points, view


def told(points: np.ndarray, view: View, box: Box) -> dict[str, float]:
    return dict(zip(NAMES, surroundings(points, view, box).tolist(), strict=True))


def test_every_point_of_coco_is_looked_for_once():
    assert sorted(point for group in GROUPS.values() for point in group) == list(range(POINTS))


def test_each_region_shows_its_hottest_joint_of_each_kind():
    box = Box(180, 180, 220, 220)  # half a side is 20 px: the regions end 20, 32 and 48 px from its middle
    found = told(*scene(384, 384, (NOSE, 200, 200, 1.0), (LEFT_WRIST, 200, 228, 2.0), (LEFT_EAR, 158, 200, 3.0)), box)
    assert [found[f"face_{reach}"] for reach in REACHES] == [1.0, 1.0, 1.0]
    assert [found[f"wrist_{reach}"] for reach in REACHES] == [COLD, 2.0, 2.0]
    assert [found[f"ear_{reach}"] for reach in REACHES] == [COLD, COLD, 3.0]
    assert {found[f"{name}_{reach}"] for name in ("knee", "elbow", "ankle") for reach in REACHES} == {COLD}


def test_left_and_right_are_one_kind_and_the_hotter_one_counts():
    joints = ((LEFT_WRIST, 200, 200, -1.0), (RIGHT_WRIST, 204, 204, 0.5))
    assert told(*scene(384, 384, *joints), Box(180, 180, 220, 220))["wrist_1.0"] == 0.5


@pytest.mark.parametrize(("width", "height"), [(384, 384), (1000, 500), (300, 1200), (100, 140)])
def test_a_box_is_laid_over_the_letterboxed_view_to_one_cell(width, height):
    box = Box(0.4 * width, 0.4 * height, 0.6 * width, 0.6 * height)
    _, view = scene(width, height)
    cell = STRIDE / np.array(view.scale_xy)  # px of the picture
    for axis in (0, 1):
        for sign in (-1, 1):
            edge = np.array(box.center)
            edge[axis] = (box.x_min, box.y_min, box.x_max, box.y_max)[axis if sign < 0 else 2 + axis]
            step = np.eye(2)[axis] * sign * cell[axis]
            within, beyond = edge - 0.1 * step, edge + 2.01 * step
            assert told(*scene(width, height, (NOSE, *within, 4.0)), box)["face_1.0"] == 4.0
            assert told(*scene(width, height, (NOSE, *beyond, 4.0)), box)["face_1.0"] == COLD


@pytest.mark.parametrize("corner", [(0, 0), (599, 0), (0, 399), (599, 399)])
def test_a_box_at_the_frames_edge_sees_what_the_frame_shows_of_its_regions(corner):
    x, y = corner
    box = Box(x - 30, y - 30, x + 30, y + 30)
    joints = ((LEFT_WRIST, x, y, 1.5), (NOSE, 300, 200, 9.0))
    found = told(*scene(600, 400, *joints), box)
    assert [found[f"wrist_{reach}"] for reach in REACHES] == [1.5] * 3
    assert [found[f"face_{reach}"] for reach in REACHES] == [COLD] * 3


@pytest.mark.parametrize(
    "box", [Box(-400, 10, -300, 110), Box(10, -400, 110, -300), Box(2000, 10, 2100, 110), Box(10, 2000, 110, 2100)]
)
def test_a_box_outside_the_maps_is_coldest_everywhere(box):
    found = surroundings(*scene(384, 384, (NOSE, 60, 60, 9.0)), box)
    assert found.shape == (len(NAMES),)
    assert set(found) == {COLDEST}
