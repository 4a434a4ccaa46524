"""Which box fits a hand? The finder's is a guess; the part map of a crop that shows more than the hand says where the hand ends."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from limbfix.detectors.hand_windows import View
from limbfix.geometry import Box
from limbfix.nets.hand_maps import HAND_PARTS

_MIDDLE = 1 / 6
"""Share of the crop's side in whose middle the hand is looked for: beside it lie other people's."""

TAKEN_IN = 0.6
"""Share of another hand's box that a fitted box must cover, and the one that was found must not, to be taken for a box of both."""


def of_one_hand(fitted: Sequence[Box], found: Sequence[Box]) -> list[Box]:
    """Returns the fitted boxes; the found one of a hand whose fitted box takes in another hand: clasped hands are one piece of hand.

    Args:
        fitted, found: of all hands of a picture, in one order.
    """

    def covers(box: Box, other: Box) -> bool:
        return box.intersection(other) >= TAKEN_IN * other.area

    return [
        own if any(covers(box, other) and not covers(own, other) for other in found if other is not own) else box
        for box, own in zip(fitted, found, strict=True)
    ]


def fitted_box(parts: np.ndarray, view: View, width: int, height: int) -> Box | None:
    """Returns the box around the connected piece of hand in the middle of a crop, px of the picture; None where there is none.

    Args:
        parts: (n, h, w) logits of `PARTS`, h = w.
        view: the crop, `hand_maps.FITTING_VIEW` boxes wide.
        width, height: of the picture, px.
    """
    cells = parts.shape[1]
    is_hand = np.isin(parts.argmax(0), HAND_PARTS).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(is_hand)
    low, high = int(cells * (1 - _MIDDLE) / 2), int(np.ceil(cells * (1 + _MIDDLE) / 2))
    near = [int(label) for label in np.unique(labels[low:high, low:high]) if label]
    if not near:
        return None
    left, top, across, down, _ = stats[max(near, key=lambda label: stats[label, cv2.CC_STAT_AREA])]
    corners = view.pixels.shape[0] / cells * np.array([[left, top], [left + across, top + down]])
    (x_min, y_min), (x_max, y_max) = view.to_picture(corners)
    box = Box(float(x_min), float(y_min), float(x_max), float(y_max)).clipped(width, height)
    return box if box.area > 0 else None
