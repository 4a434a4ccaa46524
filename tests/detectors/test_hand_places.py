"""Places where the part map shows hands are proposed once, in px of the picture."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.detectors.hand_places import LEAST_CELLS, MOST_PLACES, hand_places
from limbfix.detectors.hand_windows import View, letterboxed
from limbfix.geometry import Box
from limbfix.nets.body_maps import PARTS, STRIDE

HAND, GROUND = PARTS.index("hand"), PARTS.index("background")


def scene(width: int, height: int, *hands: tuple[Box, float]) -> tuple[np.ndarray, View]:
    """Returns a part map and the view of a picture with hands (box in px of the picture, logit over the ground)."""
    view = letterboxed(np.zeros((height, width, 3), np.uint8), 0, 0, width, height, 384)
    parts = np.full((len(PARTS), *(side // STRIDE for side in view.pixels.shape[:2])), -20.0)
    parts[GROUND] = 0.0
    for box, logit in hands:
        (x0, y0), (x1, y1) = np.round(view.from_picture(np.reshape(box.xyxy, (2, 2))) / STRIDE).astype(int)
        parts[HAND, y0:y1, x0:x1] = logit
    return parts, view


def places(width: int, height: int, *hands: tuple[Box, float], known: tuple[Box, ...] = ()) -> list[Box]:
    parts, view = scene(width, height, *hands)
    return hand_places(parts, view, (width, height), known)


@pytest.mark.parametrize(("width", "height"), [(384, 384), (768, 384), (300, 1200), (1024, 1536)])
def test_a_hand_is_proposed_where_it_lies_whatever_the_picture_size(width, height):
    box = Box(0.4 * width, 0.3 * height, 0.6 * width, 0.5 * height)
    (found,) = places(width, height, (box, 3.0))
    assert found.iou(box) > 0.7


def test_hands_that_touch_are_two_at_the_higher_level_and_one_at_the_lower():
    left, right = Box(100, 100, 140, 140), Box(164, 100, 204, 140)
    between = Box(140, 100, 164, 140)
    found = places(384, 384, (left, 3.0), (right, 3.0), (between, -0.5))
    assert [max(one.iou(other) for one in found) > 0.7 for other in (left, right)] == [True, True]
    assert len(found) == 3 and found[2].width > 80  # the piece of the lower level, after those of the higher


def test_what_is_proposed_already_and_what_is_too_small_or_too_faint_is_no_place():
    box = Box(100, 100, 140, 140)
    assert places(384, 384, (box, 3.0), known=(Box(102, 98, 142, 138),)) == []
    assert len(places(384, 384, (box, 3.0), known=(Box(200, 200, 240, 240),))) == 1
    assert LEAST_CELLS == 2 and places(384, 384, (Box(100, 100, 104, 104), 3.0)) == []
    assert places(384, 384, (box, -2.0)) == []
    assert places(384, 384) == []


def test_a_hand_at_the_frame_stays_inside_it():
    (found,) = places(384, 384, (Box(350, 350, 384, 384), 3.0))
    assert found.x_max <= 384 and found.y_max <= 384


def test_a_map_full_of_hands_gives_a_bounded_number_of_places_the_largest_first():
    small = [(Box(x, y, x + 8, y + 8), 3.0) for x in range(0, 384, 32) for y in range(0, 320, 32)]
    found = places(384, 384, *small, (Box(100, 340, 160, 380), 3.0))
    assert len(found) == MOST_PLACES < len(small)
    assert found[0].iou(Box(100, 340, 160, 380)) > 0.7
