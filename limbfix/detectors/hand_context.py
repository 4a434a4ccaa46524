"""What does the body parser's trunk see where a box lies, and around it? Its maps of the whole picture, averaged there; nothing is computed anew.

A crop shows that something has fingers; only the picture shows whether it ends an arm. On 150 held-out places without people our
networks took 4 things for hands with joints alone and none with this (both where 0.81 of the boxes on AI pictures are hands; DESIGN.md, 2026-11-29).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limbfix.detectors.belief_model import Around
from limbfix.detectors.hand_surroundings import surroundings
from limbfix.detectors.hand_windows import View
from limbfix.geometry import Box

STRIDES = (4, 8, 16, 32)
"""Of the maps, see `limbfix.runtime.body_graph.STAGE_OUTPUTS`."""

REACHES = (1.0, 2.2)
"""Sides of the regions around a box's middle, in its own sides: the box, and the arm or face that it belongs to."""


def context(stages: Sequence[np.ndarray], view: View, box: Box) -> np.ndarray:
    """Returns the mean of every channel in each of `REACHES`, float32 (1296,) for the shipped trunk, finest map first.

    A region smaller than a cell, or outside the picture, is read off the nearest cell.

    Args:
        stages: (c, h, w) at each of `STRIDES`.
        view: that they were seen in.
        box: px of the picture.
    """
    low, high = view.from_picture(np.reshape(box.xyxy, (2, 2)))
    centre, half = (low + high) / 2, (high - low) / 2
    found = []
    for stage, stride in zip(stages, STRIDES, strict=True):
        sides = np.array(stage.shape[:0:-1])
        for reach in REACHES:
            first = np.floor((centre - reach * half) / stride).astype(int).clip(0, sides - 1)
            stop = np.ceil((centre + reach * half) / stride).astype(int).clip(first + 1, sides)
            found.append(stage[:, first[1] : stop[1], first[0] : stop[0]].mean((1, 2)))
    return np.concatenate(found).astype(np.float32)


def around_of(points: np.ndarray, stages: Sequence[np.ndarray], view: View, box: Box) -> Around:
    """Returns all that is weighed of what lies around a box.

    Args:
        points: see `limbfix.detectors.hand_surroundings.surroundings`.
        stages: see `context`.
        view: that both were seen in.
        box: px of the picture.
    """
    return Around(joints=surroundings(points, view, box), context=context(stages, view, box))
