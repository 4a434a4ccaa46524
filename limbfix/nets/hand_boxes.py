"""What do the maps of the hand finder say? Boxes of hands with scores, without torch, so that any runtime can use it.

The maps are centre-based, without anchors: one channel says where hands have their centre, four say how far the box reaches from there.
Source: Z. Liu et al., "Training-time-friendly network for real-time object detection", 2020.
"""

from __future__ import annotations

import numpy as np

STRIDE = 8
"""Input px per cell of the maps."""

INPUT_MULTIPLE = 32
"""Sides of the input are multiples of this, px."""

CHANNELS = 5
"""Of the maps: the logit of a centre, then the logarithms of the distances from the cell's centre to the box's left, top, right
and bottom side, in cells."""

_REACH_LOG = 4.5
"""Distances are cut at this logarithm, 90 cells: larger ones would overflow and mean nothing."""

_INSIDE = 0.85
"""A weaker box that lies inside a stronger one by this share of its area is a piece of the same hand."""


def decode(
    maps: np.ndarray, *, least_score: float = 0.3, most_overlap: float = 0.5, most: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """Reads boxes off the maps of one picture.

    Args:
        maps: (5, h, w) float, as the network gives them.
        least_score: 0-1; weaker centres are no hands.
        most_overlap: intersection over union from which the weaker of two boxes is dropped.
        most: boxes that are kept, the best ones.

    Returns:
        Boxes, float32 (n, 4), x0 y0 x1 y1 in px of the network's input, not clipped to it; scores, float32 (n,), 0-1, falling.

    Raises:
        ValueError: the maps have another shape.
    """
    if maps.ndim != 3 or len(maps) != CHANNELS:
        raise ValueError(f"expected maps of shape ({CHANNELS}, h, w), got {maps.shape}; give one picture's maps")
    centres = maps[0].astype(np.float32)
    floor = np.log(least_score / (1 - least_score)) if 0 < least_score < 1 else -np.inf
    rows, columns = np.nonzero((centres >= _neighbours(centres)) & (centres >= floor))
    logits = centres[rows, columns]
    order = np.argsort(-logits, kind="stable")[: 4 * most]
    rows, columns, logits = rows[order], columns[order], logits[order]
    scores = (1 / (1 + np.exp(-logits.astype(np.float64)))).astype(np.float32)
    reach = np.exp(np.minimum(maps[1:, rows, columns].astype(np.float32), _REACH_LOG)).T
    centre = np.stack([columns, rows], 1).astype(np.float32) + 0.5
    boxes = STRIDE * np.concatenate([centre - reach[:, :2], centre + reach[:, 2:]], 1)
    kept = suppress(boxes, scores, most_overlap)[:most]
    return boxes[kept], scores[kept]


def suppress(boxes: np.ndarray, scores: np.ndarray, most_overlap: float = 0.5) -> np.ndarray:
    """Returns the indices of boxes that no better one stands for, best first.

    A box goes if it overlaps a better one by more than `most_overlap` (intersection over union), or lies inside it.

    Args:
        boxes: (n, 4) x0 y0 x1 y1.
        scores: (n,).
        most_overlap: 0-1.
    """
    order = np.argsort(-scores, kind="stable")
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6), axis=1)
    kept: list[int] = []
    for index in order:
        others = np.array(kept, int)
        low = np.maximum(boxes[index, :2], boxes[others, :2])
        high = np.minimum(boxes[index, 2:], boxes[others, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        overlap = shared / (areas[index] + areas[others] - shared)
        if not ((overlap > most_overlap) | (shared > _INSIDE * areas[index])).any():
            kept.append(int(index))
    return np.array(kept, int)


def _neighbours(centres: np.ndarray) -> np.ndarray:
    """Returns the largest value among a cell and its eight neighbours."""
    padded = np.pad(centres, 1, constant_values=-np.inf)
    height, width = centres.shape
    shifts = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.maximum.reduce(shifts)
