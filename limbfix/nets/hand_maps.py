"""What do the digit parser's maps mean? Names, sizes and orders of its channels, without torch, for training and for the runtime."""

from __future__ import annotations

import numpy as np

STRIDE = 4
"""Input px per cell of every output map."""

VIEW = 1.5
"""Side of a crop in longer sides of the hand's box, where it is asked whether there is a hand at all."""

READ_VIEW = 1.2
"""The same for the crop in which digits are read: the narrowest that the parser had been trained on then (1.1 since). On 152 made hands that show all tips (2026-11-29), read at 1.05, 1.2,
1.35, 1.5 and 1.65, the number is exact in 0.75, 0.79, 0.76, 0.72 and 0.70; on 160 hands of AI pictures its judgement is best at 1.2 too (AUROC 0.727, 0.702 at 1.5)."""

FITTING_VIEW = 1.9
"""The same for the crop that says where the hand ends, so that the box can be fitted to it: the widest that the parser was trained on."""

LOOK_VIEW = 1.05
"""The same for the crop in which the look of a hand is judged. On those 160 hands the AUROC of the appearance rises from 0.772 at 1.5 to 0.794 at 1.275, stays at 0.80 from
1.13 to 0.9, and falls below (0.787 at 0.75): what lies around a hand only blurs the mean of what is seen. Pairs of made hands say the same: 0.903 ranked right at the
views of the training, 0.912 at 0.95 to 1.3."""

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

HAND_PARTS = tuple(PARTS.index(name) for name in ("palm", "proximal", "middle", "distal", "thumb", "nail"))
"""Rows of `PARTS` that are the hand itself."""

JUDGEMENTS = ("extra_digit", "missing_digit", "fused_digits", "malformed", "wrong_side", "proportion")
"""Logits of the appearance head, in this order."""

JUDGE_SIDE, JUDGE_STRIDE = 160, 8
"""px of the hand judge's crops, and input px per cell of its maps."""

JUDGE_PLACES = ("digit", "thumb", "palm", "wrong")
"""The hand judge's maps, logits: its digits but the thumb, its thumb, its palm, and where it differs from what it should be."""

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
