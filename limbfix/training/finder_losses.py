"""What does the hand finder learn from? Bell-shaped centres, and boxes that must overlap the true ones near those centres.

Source: Z. Liu et al., "Training-time-friendly network for real-time object detection", 2020: bells as wide as the box is, and every cell
under a bell learns the box, weighted by the bell. This learns from few pictures. Overlap: H. Rezatofighi et al., "Generalized IoU", 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limbfix.nets.hand_boxes import STRIDE

_BREADTH = 0.54 / 6
"""Deviation of a bell in sides of the box; at least `_LEAST_CELLS`."""

_LEAST_CELLS = 0.45
_LEAST_WEIGHT = 0.05
"""Cells whose bell is lower learn no box."""

_BOX_WEIGHT = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FinderTargets:
    """Targets of b pictures, h x w cells.

    Attributes:
        centres: (b, h, w) 0-1, 1 at the centres.
        counted: (b, h, w) bool; False where nothing is asked.
        boxes: (b, 4, h, w) px, the box that a cell is to give.
        weights: (b, h, w), of the boxes; 0 where none is asked.
    """

    centres: Tensor
    counted: Tensor
    boxes: Tensor
    weights: Tensor


def draw_targets(boxes: np.ndarray, vague: np.ndarray, side_px: int) -> tuple[np.ndarray, ...]:
    """Draws the targets of one square picture.

    Args:
        boxes: (n, 4) px of hands; vague: (m, 4) px where nothing is asked.
        side_px: of the picture.

    Returns:
        centres (h, w), counted (h, w), boxes (4, h, w), weights (h, w), as in `FinderTargets`.
    """
    cells = side_px // STRIDE
    centres, weights = np.zeros((2, cells, cells), np.float32)
    targets = np.zeros((4, cells, cells), np.float32)
    counted = np.ones((cells, cells), bool)
    for x0, y0, x1, y1 in vague / STRIDE:
        counted[max(0, int(y0)) : int(np.ceil(y1)), max(0, int(x0)) : int(np.ceil(x1))] = False
    grid = np.arange(cells, dtype=np.float32)
    sizes = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    for index in np.argsort(-sizes):  # small hands last: they lie in front, or would be lost
        x0, y0, x1, y1 = boxes[index] / STRIDE
        column, row = (int(np.clip((low + high) / 2, 0, cells - 1)) for low, high in ((x0, x1), (y0, y1)))
        wide, high = (max(_BREADTH * side, _LEAST_CELLS) for side in (x1 - x0, y1 - y0))
        bell = np.outer(np.exp(-((grid - row) ** 2) / (2 * high**2)), np.exp(-((grid - column) ** 2) / (2 * wide**2)))
        own = (bell > _LEAST_WEIGHT) & (bell >= centres)
        centres = np.maximum(centres, bell)
        targets[:, own] = boxes[index][:, None]
        # A large hand has many cells, a small one few: each hand counts by the logarithm of its area, as in the source.
        weights[own] = (bell * np.log(max(sizes[index], 4.0)) / bell[own].sum())[own] / 8
        counted |= bell > _LEAST_WEIGHT
    return centres, counted, targets, weights


def finder_loss(maps: Tensor, targets: FinderTargets) -> dict[str, Tensor]:
    """Returns the losses by name: `centres` (focal) and `boxes` (generalised overlap).

    Args:
        maps: (b, 5, h, w), as the network gives them.
        targets: of the same pictures.
    """
    maps = maps.float()
    hands = (targets.centres >= 1).sum().clamp(min=1)
    return {
        "centres": _focal(maps[:, 0], targets) / hands,
        "boxes": _BOX_WEIGHT * _overlap(maps[:, 1:], targets) / targets.weights.sum().clamp(min=1e-3),
    }


def _focal(logits: Tensor, targets: FinderTargets) -> Tensor:
    chance = torch.sigmoid(logits)
    here = targets.centres >= 1
    hit = (1 - chance) ** 2 * functional.softplus(-logits)
    miss = (1 - targets.centres) ** 4 * chance**2 * functional.softplus(logits)
    return (torch.where(here, hit, miss) * targets.counted).sum()


def _overlap(reaches: Tensor, targets: FinderTargets) -> Tensor:
    """Returns the weighted sum of 1 - generalised overlap over the cells that are asked for a box."""
    asked = targets.weights > 0
    batch, rows, columns = asked.nonzero(as_tuple=True)
    centre = torch.stack([columns, rows], 1).to(reaches) + 0.5
    reach = torch.exp(reaches[batch, :, rows, columns].clamp(max=4.5))
    given = STRIDE * torch.cat([centre - reach[:, :2], centre + reach[:, 2:]], 1)
    true = targets.boxes[batch, :, rows, columns]
    shared = _area(torch.maximum(given[:, :2], true[:, :2]), torch.minimum(given[:, 2:], true[:, 2:]))
    union = _area(given[:, :2], given[:, 2:]) + _area(true[:, :2], true[:, 2:]) - shared
    hull = _area(torch.minimum(given[:, :2], true[:, :2]), torch.maximum(given[:, 2:], true[:, 2:]))
    overlap = shared / union.clamp(min=1e-3) - (hull - union) / hull.clamp(min=1e-3)
    return ((1 - overlap) * targets.weights[asked]).sum()


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0).prod(1)
