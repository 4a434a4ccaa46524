"""A box is fitted to the hand that lies in the middle of a wide crop, and to no other."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.detectors.hand_fitting import fitted_box, of_one_hand
from limbfix.detectors.hand_windows import hand_view
from limbfix.geometry import Box
from limbfix.nets.hand_maps import FITTING_VIEW, PARTS

SIDE, CELLS = 192, 48
PICTURE = np.zeros((300, 400, 3), np.uint8)


def parts_of(view, hands: dict[str, Box]) -> np.ndarray:
    """Returns logits that show parts of hands in boxes of the picture."""
    classes = np.zeros((CELLS, CELLS), int)
    step = SIDE / CELLS
    xs = view.to_picture(np.stack([(np.arange(CELLS) + 0.5) * step] * 2, 1))
    for name, box in hands.items():
        inside_x = (xs[:, 0] >= box.x_min) & (xs[:, 0] < box.x_max)
        inside_y = (xs[:, 1] >= box.y_min) & (xs[:, 1] < box.y_max)
        classes[np.ix_(inside_y, inside_x)] = PARTS.index(name)
    return np.eye(len(PARTS), dtype=np.float32)[classes].transpose(2, 0, 1) * 9


@pytest.mark.parametrize("true", [Box(150, 100, 230, 190), Box(165, 90, 215, 170), Box(170, 120, 250, 180)])
def test_the_box_is_that_of_the_hand_whatever_was_guessed(true):
    guess = Box(160, 110, 220, 180)
    view = hand_view(PICTURE, guess, SIDE, FITTING_VIEW)
    x, y = true.center
    palm, fingers = Box(true.x_min, y, true.x_max, true.y_max), Box(true.x_min, true.y_min, x, y)
    thumb = Box(x, true.y_min + 10, true.x_max, y)
    fitted = fitted_box(parts_of(view, {"palm": palm, "distal": fingers, "thumb": thumb}), view, 400, 300)
    assert fitted is not None
    cell = FITTING_VIEW * guess.size / CELLS
    np.testing.assert_allclose(fitted.xyxy, true.xyxy, atol=cell)


def test_another_hand_that_does_not_touch_it_and_a_forearm_are_left_out():
    guess = true = Box(160, 110, 220, 180)
    view = hand_view(PICTURE, guess, SIDE, FITTING_VIEW)
    beside = {"palm": true, "forearm": Box(160, 180, 220, 230), "nail": Box(226, 110, 250, 180)}
    fitted = fitted_box(parts_of(view, beside), view, 400, 300)
    assert fitted is not None
    np.testing.assert_allclose(fitted.xyxy, true.xyxy, atol=FITTING_VIEW * guess.size / CELLS)
    assert fitted_box(parts_of(view, {"other_hand": true}), view, 400, 300) is None
    assert fitted_box(parts_of(view, {"palm": Box(226, 110, 250, 180)}), view, 400, 300) is None


def test_the_box_stays_in_the_picture():
    guess = Box(0, 100, 60, 170)
    view = hand_view(PICTURE, guess, SIDE, FITTING_VIEW)
    fitted = fitted_box(parts_of(view, {"palm": Box(-50, 100, 60, 170)}), view, 400, 300)
    assert fitted is not None and fitted.x_min == 0


def test_a_box_that_takes_in_another_hand_is_given_up():
    left, right, far = Box(100, 100, 160, 180), Box(150, 100, 210, 180), Box(300, 10, 340, 60)
    both, grown = Box(100, 100, 210, 180), Box(295, 5, 345, 70)
    assert of_one_hand([both, right, grown], [left, right, far]) == [left, right, grown]
    assert of_one_hand([both, both], [left, right]) == [left, right]
    assert of_one_hand([both], [left]) == [both]  # nobody found the other one
    inner = Box(110, 110, 150, 170)  # a hand that was found twice: its outer box was never of it alone
    assert of_one_hand([both, inner], [both, inner]) == [both, inner]
