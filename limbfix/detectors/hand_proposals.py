"""Where might hands be? The finder's views of a picture joined: each place once, pieces at a tile's edge only where nothing better lies.

Many a proposal shows no hand; `limbfix.detectors.hand_belief` says which do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limbfix.detectors.hand_windows import View, finder_views, is_cut_off
from limbfix.geometry import Box
from limbfix.nets.hand_boxes import decode, suppress
from limbfix.runtime.sessions import Network

MOST_HANDS = 40
"""Of one picture, the surest ones: what a crowd costs is bounded."""

MOST_OVERLAP = 0.5
"""Intersection over union from which the weaker of two boxes is dropped."""

SMALLEST_PX = 6.0
"""Shorter side below which nothing is a hand; reading such a crop would only enlarge noise."""


def proposals(finder: Network, pixels: np.ndarray, search: str, least: float) -> list[tuple[Box, float]]:
    """Returns boxes in which the finder proposes hands, with its scores, best first; many show none.

    Args:
        finder: see `limbfix.runtime.sessions.finder_network`.
        pixels: the whole picture, uint8 (H, W, 3).
        search: see `limbfix.detectors.hand_windows.finder_views`.
        least: score, 0-1, below which nothing is proposed.
    """
    boxes: list[Box] = []
    ranks: list[float] = []
    scores: list[float] = []
    height, width = pixels.shape[:2]
    for view in finder_views(pixels, search):
        maps = finder.run(view.pixels[None])["maps"][0]
        for xyxy, score in zip(*decode(maps, least_score=least, most=MOST_HANDS), strict=True):
            box = _in_picture(xyxy, view).clipped(width, height)
            if min(box.width, box.height) < SMALLEST_PX:
                continue
            boxes.append(box)
            scores.append(float(score))
            # a hand that a tile cuts off is seen whole elsewhere, and must not stand for it
            ranks.append(float(score) - is_cut_off(Box(*map(float, xyxy)), view))
    kept = distinct(boxes, ranks)[:MOST_HANDS]
    return [(boxes[i], round(scores[i], 4)) for i in kept]


def _in_picture(xyxy: np.ndarray, view: View) -> Box:
    low, high = view.to_picture(np.asarray(xyxy, np.float64).reshape(2, 2))
    return Box(*map(float, (*low, *high)))


def distinct(boxes: Sequence[Box], ranks: Sequence[float]) -> list[int]:
    """Returns the indices of boxes that stand for hands of their own, best first.

    Boxes of negative rank are pieces at a tile's edge: they stay only where nothing better covers them.
    """
    if not boxes:
        return []
    array, order = np.array([box.xyxy for box in boxes]), np.array(ranks)
    kept: list[int] = []
    for index in map(int, suppress(array, order, MOST_OVERLAP)):
        is_piece = ranks[index] < 0
        if is_piece and any(boxes[index].overlap_of_smaller(boxes[other]) > MOST_OVERLAP for other in kept):
            continue
        kept.append(index)
    return kept
