"""What do the digit parser's maps mean? Names, sizes and orders of its channels, without torch, for training and for the runtime."""

from __future__ import annotations

import numpy as np

STRIDE = 4
"""Input px per cell of every output map."""

VIEW = 1.5
"""Side of a crop in longer sides of the hand's box, in training and at run time."""

BORDER = (127, 127, 127)
"""What lies outside the picture in a crop. Not a mirrored edge: it would show a second hand."""

JOINTS = ("wrist", "mcp", "pip", "dip", "tip")
"""Heatmap channels, from the wrist outwards. A thumb's CMC, MCP, IP and tip are an mcp, pip, dip and tip too."""

PHALANGES = (("wrist", "mcp"), ("mcp", "pip"), ("pip", "dip"), ("dip", "tip"))
"""Part affinity fields, two channels each: the unit vector from the inner to the outer joint."""

PARTS = (
    "background",
    "forearm",
    "palm",
    "proximal",
    "middle",
    "distal",
    "thumb",
    "nail",
    "object",
    "other_hand",
    "other_body",
)
"""Classes of the part map. Segments by their order on the digit, so that a sixth finger has a class too."""

JUDGEMENTS = ("extra_digit", "missing_digit", "fused_digits", "malformed", "wrong_side", "proportion")
"""Logits of the appearance head, in this order."""

APPEARANCE_LEVELS = (1, 2)
"""Rows of the levels of `lite_table.LITE0_LOOKS` whose mean and spread over the crop the appearance score reads: strides 8 and 16. On coarser levels it
learnt what made pictures show, and not what is wrong with a hand."""

MOVED_LEVELS = (1, 2)
"""Rows of `move_table.LEVELS` that are pooled in the same way where a body parser is at hand: strides 8 and 16 too. With them the
AUROC of the score on 197 hands of AI pictures rose from 0.779 to 0.800 (2,758 pairs, 2026-11-28); stride 4 in place of 16 gave 0.795."""

CLOSE_LEVELS = (1, 2, 3)
"""The rows that tell hands from other proposals: `MOVED_LEVELS` first, so that the look reads the beginning of what is pooled."""

CENTRE_SPREAD = 0.45
"""Standard deviation, in half sides of the crop, of the bell that weighs cells for the appearance score: the hand lies in the middle."""

MOST_DIGITS = 9
"""The counting head's last class means this many or more. It is a second opinion; the count comes from assembled digits."""


def centre_weights(cells: int) -> np.ndarray:
    """Returns (cells, cells) float32 weights that sum to 1; see `CENTRE_SPREAD`."""
    at = (np.arange(cells) + 0.5) / cells * 2 - 1
    bell = np.exp(-(at**2) / (2 * CENTRE_SPREAD**2))
    weights = bell[:, None] * bell[None]
    return (weights / weights.sum()).astype(np.float32)
