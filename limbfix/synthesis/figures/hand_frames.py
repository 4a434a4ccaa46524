"""Which way do a hand's directions point in rest pose?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.rotations import cross, unit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandFrame:
    """A hand's own axes in rest pose, decimetres.

    Attributes:
        wrist: (3,) position of the wrist.
        across: (3,) unit, from the index finger to the little finger.
        along: (3,) unit, from the wrist to the knuckles.
        dorsal: (3,) unit, out of the back of the hand.
        knuckles: (4, 3) MCP joints, index to little finger.
    """

    wrist: np.ndarray
    across: np.ndarray
    along: np.ndarray
    dorsal: np.ndarray
    knuckles: np.ndarray

    @property
    def spacing(self) -> float:
        """Mean distance between neighbouring knuckles, decimetres."""
        return float(np.linalg.norm(self.knuckles[3] - self.knuckles[0]) / 3)

    @property
    def palm_length(self) -> float:
        """Distance from the wrist to the middle of the knuckles, decimetres."""
        return float((self.knuckles[1:3].mean(0) - self.wrist) @ self.along)


def hand_frame(figure: Figure, side: str) -> HandFrame:
    """Returns the frame of a normal hand as it is now, moved by operators or not."""
    return frame_of_joints(figure.heads, figure.tails, figure.model.bone_index, side)


def frame_of_joints(
    heads: Sequence[np.ndarray] | np.ndarray,
    tails: Sequence[np.ndarray] | np.ndarray,
    index: Mapping[str, int],
    side: str,
) -> HandFrame:
    """Returns a hand's frame from the rig's rest joints; the fingers curl towards the palm side.

    Args:
        heads, tails: (3,) of each bone.
        index: bone name -> place in them.
        side: `left` or `right`.
    """
    suffix = SIDES[side]  # pyright: ignore[reportArgumentType]
    wrist = heads[index[f"wrist{suffix}"]]
    knuckles = np.stack([heads[index[f"finger{k}-1{suffix}"]] for k in (2, 3, 4, 5)])
    along = unit(knuckles[1:3].mean(0) - wrist)
    across = knuckles[3] - knuckles[0]
    across = unit(across - along * (across @ along))
    dorsal = cross(across, along)
    tips = np.stack([tails[index[f"finger{k}-3{suffix}"]] for k in (3, 4)]).mean(0)
    if (tips - knuckles[1:3].mean(0)) @ dorsal > 0:
        dorsal = -dorsal
    return HandFrame(wrist=wrist, across=across, along=along, dorsal=dorsal, knuckles=knuckles)
