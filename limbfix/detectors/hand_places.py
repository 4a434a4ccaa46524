"""Where does the body parser see hands? Boxes around the pieces of its part map that are hands, as further proposals beside the finder's.

The finder knows hands that lie open; the body parser knows that something ends an arm. Many a place shows no hand; `limbfix.detectors.hand_belief` says which do.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from limbfix.detectors.hand_proposals import MOST_OVERLAP
from limbfix.detectors.hand_windows import View
from limbfix.geometry import Box
from limbfix.nets.body_maps import PARTS, STRIDE
from limbfix.nets.part_chances import part_chances

LEVELS = (0.5, 0.25)
"""Chances of a cell from which it belongs to a piece, one level after the other: two hands that touch are one piece at the lower and two at the higher."""

LEAST_CELLS = 2
"""Smaller pieces are nothing that a crop could show."""

MOST_PLACES = 40
"""Of one picture, the largest pieces of the higher level first: what a crowd costs is bounded. Of 327 AI pictures and places on 2026-11-30 none had more than 30, and the mean was 2.8."""

MARGIN = 0.5
"""Cells by which a box is larger than its piece: the outermost cells of a hand show less of it than of its ground."""

SCORE = 0.15
"""What stands for the finder's score, 0-1: its own bar, which it did not reach there."""


def hand_places(parts: np.ndarray, view: View, size_wh: tuple[int, int], known: Sequence[Box]) -> list[Box]:
    """Returns boxes, px of the picture, around what the part map takes for hands and nobody proposed, those of the higher level first.

    Args:
        parts: logits of `body_maps.PARTS`, (10, h, w), of the view.
        view: all of the picture.
        size_wh: of the picture, px.
        known: boxes that were proposed.
    """
    hand = part_chances(parts)[PARTS.index("hand")]
    places: list[Box] = []
    for level in LEVELS:
        _, _, stats, _ = cv2.connectedComponentsWithStats((hand > level).astype(np.uint8))
        for left, top, columns, rows, cells in sorted(stats[1:].tolist(), key=lambda piece: -piece[-1]):
            if cells < LEAST_CELLS or len(places) == MOST_PLACES:
                break
            corners = np.array([(left - MARGIN, top - MARGIN), (left + columns + MARGIN, top + rows + MARGIN)])
            box = Box.around(view.to_picture(STRIDE * corners)).clipped(*size_wh)
            if all(box.iou(other) < MOST_OVERLAP for other in (*known, *places)):
                places.append(box)
    return places
