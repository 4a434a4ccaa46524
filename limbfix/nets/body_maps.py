"""What do the body parser's maps mean? Names, sizes and orders of its channels, without torch, for training and for the runtime.

No channel belongs to a left or a right limb, or to a first and a second person: joints of one kind share one heatmap, so that a third
ankle is a third peak. The side is a map of its own, read where a limb was found.
"""

from __future__ import annotations

import numpy as np

from limbfix.nets.move_table import POINTS

STRIDE = 4
"""Input px per cell of every output map."""

JOINTS = ("head", "neck", "shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "foot")
"""Heatmap channels, any number of peaks in each. `head` is the skull's middle, between the ears, `neck` the middle of its root,
`hand` the hand's middle (mean of its digits' MCPs), `foot` the tip of the toes."""

FACE, EARS = (0, 1, 2), (3, 4)
"""MoveNet's points of a head: nose and eyes, and both ears."""

PUBLISHED: dict[str, tuple[int, int]] = {
    "shoulder": (5, 6),
    "elbow": (7, 8),
    "wrist": (9, 10),
    "hip": (11, 12),
    "knee": (13, 14),
    "ankle": (15, 16),
}
"""Points of MoveNet whose logits begin a joint's heat: the left one and the right one. The others it does not know."""

SIDES = tuple(zip(*(PUBLISHED.get(name, (POINTS, POINTS)) for name in JOINTS), strict=True))
"""For each of `JOINTS` the left and the right point among MoveNet's; `POINTS`, one behind its last, stands for what it does not know."""

HEAT_REACH = {True: 1.5, False: 20.0}
"""Logits by which training may move the heat of a joint: one that the published network knows, and one that it does not. Without a bound
renders taught the network to forget what real people look like (PCK@0.2 on 80 people of `lsp_extended` fell to 0.08; DESIGN.md)."""


def heat_bounds() -> np.ndarray:
    """Returns (1, 10, 1, 1) float32: `HEAT_REACH` of each of `JOINTS`."""
    return np.array([HEAT_REACH[name in PUBLISHED] for name in JOINTS], np.float32).reshape(1, -1, 1, 1)


BONES = (
    ("neck", "head"),
    ("neck", "shoulder"),
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("wrist", "hand"),
    ("neck", "hip"),
    ("hip", "knee"),
    ("knee", "ankle"),
    ("ankle", "foot"),
)
"""Part affinity fields, two channels each: the unit vector from the inner to the outer joint."""

PARTS = ("background", "head", "torso", "upper_arm", "forearm", "hand", "thigh", "shin", "foot", "object")
"""Classes of the part map, one limb as the other. What is covered by clothes keeps its name; see the `covered` map."""

ENDS = ("behind", "outside", "stump")
"""Heatmap channels at the last joint that is seen of a limb whose next joint is not: it goes behind something, leaves the frame, or ends
there."""

CENTRE_CHANNELS = 2
"""x, y from a cell of a person to that person's neck, in `CENTRE_UNIT`; it tells people apart where bones do not."""

CENTRE_UNIT = 384
"""px of the input. It is the side of the usual input and stays the same for others: what a cell sees does not tell the picture's size."""

SIDE_CHANNELS, COVERED_CHANNELS = 1, 1
"""Logits: the limb at this cell is the subject's left; this cell of a person is covered by clothes."""

OUTPUTS = (
    ("heatmaps", len(JOINTS)),
    ("fields", 2 * len(BONES)),
    ("centre", CENTRE_CHANNELS),
    ("side", SIDE_CHANNELS),
    ("covered", COVERED_CHANNELS),
    ("parts", len(PARTS)),
    ("ends", len(ENDS)),
)
"""Name and channels of each output, in order. Heatmaps, parts, ends, side and covered are logits."""
