"""Where is the foot of a leg, and how odd does it look? A box from the leg's joints, and one direction in what a trunk sees in it.

As for the look of a hand, no network is trained on made feet: the body parser's trunk stays as it is, and a ridge linear discriminant
(`python -m limbfix.training.feet`) says in which direction a made wrong foot differs from its twin.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from limbfix.bodies import LimbLine
from limbfix.clipped_linear import ClippedLinear, numbers_from
from limbfix.geometry import Box, distance
from limbfix.nets.hand_maps import MOVED_LEVELS
from limbfix.nets.move_table import LEVELS
from limbfix.shipped import read_model, shipped_file

FILE = "foot_looks.json"

FEATURES = tuple(
    f"{what}_{level}_{channel}"
    for level in MOVED_LEVELS
    for what in ("mean", "spread")
    for channel in range(LEVELS[level])
)
"""What is read of a crop: mean and spread of every channel of the trunk at strides 8 and 16, in the order of `hand_maps.CLOSE_LEVELS`."""

LEAST_PX = 40.0
"""Side of a foot's box from which it is looked at: below it a crop is enlarged four times and more, and shows blur."""

_OF_FOOT, _OF_SHIN = 1.25, 0.45
"""Side of the box in lengths from the ankle to the tip of the toes, and, for feet that point at the viewer, in lengths of the shin."""


def foot_box(limb: LimbLine) -> Box | None:
    """Returns the square around a leg's foot, px; None where ankle or toes are not seen."""
    joints = dict(zip(limb.joints, limb.polyline, strict=True))
    if "ankle" not in joints or "foot" not in joints:
        return None
    return box_around(joints["ankle"], joints["foot"], joints.get("knee"))


def box_around(ankle: np.ndarray, toes: np.ndarray, knee: np.ndarray | None) -> Box:
    """Returns the square around a foot, px.

    Args:
        ankle, toes: (2,) px; the toes by their tip.
        knee: (2,) px, or None where it is not seen.
    """
    shin = 0.0 if knee is None else distance(ankle, knee)
    half = max(_OF_FOOT * distance(ankle, toes), _OF_SHIN * shin) / 2
    x, y = (np.asarray(ankle, float) + toes) / 2
    return Box(x - half, y - half, x + half, y + half)


def model_from(data: Mapping) -> ClippedLinear:
    """Returns the model of a JSON value; its sums say how odd a foot looks, in standard deviations of normal made feet.

    Raises:
        KeyError, TypeError, ValueError: it is none, or one for other features.
    """
    return ClippedLinear(**numbers_from(data, FEATURES))


@cache
def shipped_model() -> ClippedLinear:
    """Returns the model that comes with the package.

    Raises:
        AssetMissing, ModelCorrupt: see `limbfix.shipped.shipped_file`; ModelCorrupt also where the file holds something else.
    """
    return read_model(shipped_file(FILE), model_from, "a model of feet")
