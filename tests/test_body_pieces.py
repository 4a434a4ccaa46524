"""A large piece of somebody whom nobody made out is a piece; hands, heads, small things and what lies in people's boxes are none."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.body_masks import BodyPlace
from limbfix.body_pieces import MOST_PIECES, body_pieces
from limbfix.body_places import Ground
from limbfix.geometry import Box
from limbfix.nets.body_maps import PARTS, STRIDE

WIDTH, HEIGHT = 160, 120
PLACE = BodyPlace(scale_xy=(0.5, 0.5), width=2 * WIDTH * STRIDE, height=2 * HEIGHT * STRIDE)
PX = STRIDE / 0.5
"""px of the picture per cell."""


def ground_with(*painted: tuple[str, int, int, int, int], below: int = 0) -> Ground:
    """A view in which rectangles of cells (left, top, right, bottom) show a part; `below` rows of letterbox under it."""
    classes = np.full((HEIGHT + below, WIDTH), PARTS.index("background"), np.uint8)
    for name, left, top, right, bottom in painted:
        classes[top:bottom, left:right] = PARTS.index(name)
    return Ground(classes=classes, owners=np.full(classes.shape, -1), room_xyxy=PLACE.room_xyxy)


def test_a_trunk_without_a_head_is_a_piece_and_its_box_fits():
    (box,) = body_pieces(ground_with(("torso", 40, 20, 80, 70), ("upper_arm", 80, 20, 90, 60)), [], PLACE)
    assert box.xyxy == pytest.approx((40 * PX, 20 * PX, 90 * PX, 70 * PX))


def test_a_piece_at_the_frame_ends_there():
    (box,) = body_pieces(ground_with(("thigh", 120, 60, WIDTH, HEIGHT)), [], PLACE)
    assert box.xyxy == pytest.approx((120 * PX, 60 * PX, PLACE.width, PLACE.height))


@pytest.mark.parametrize("name", ["hand", "forearm", "head", "foot", "object"])
def test_what_has_no_limbs_to_count_is_none(name):
    assert body_pieces(ground_with((name, 20, 20, 120, 100)), [], PLACE) == ()


def test_small_pieces_are_none():
    assert body_pieces(ground_with(("torso", 20, 20, 40, 40)), [], PLACE) == ()


def test_pieces_of_people_who_were_made_out_are_none():
    ground = ground_with(("torso", 40, 20, 90, 80))
    around, half = Box(38 * PX, 10 * PX, 92 * PX, 90 * PX), Box(38 * PX, 10 * PX, 60 * PX, 90 * PX)
    assert body_pieces(ground, [around], PLACE) == ()
    assert len(body_pieces(ground, [half], PLACE)) == 1
    assert body_pieces(ground, [half, Box(60 * PX, 0, 70 * PX, 90 * PX)], PLACE) == ()


def test_the_largest_are_told_largest_first():
    painted = [("torso", 50 * k, 10, 50 * k + 30 + 5 * k, 60) for k in range(3)]
    boxes = body_pieces(ground_with(*painted), [], PLACE)
    assert [box.x_min for box in boxes] == [100 * PX, 50 * PX]
    assert len(boxes) == MOST_PIECES


def test_letterbox_does_not_make_a_picture_larger():
    painted = ("torso", 20, 20, 51, 51)
    assert len(body_pieces(ground_with(painted), [], PLACE)) == 1
    assert len(body_pieces(ground_with(painted, below=200), [], PLACE)) == 1
