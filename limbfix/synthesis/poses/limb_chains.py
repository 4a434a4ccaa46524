"""How is a two-boned limb brought where it should be? Aiming and reaching for arms and legs, normal ones and copies.

A chain is shoulder-elbow-wrist or hip-knee-ankle. Its upper part turns freely, its middle joint is a hinge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.rotations import cross, turn, turn_between, unit
from limbfix.synthesis.samples import Side

UP = np.array([0.0, 1.0, 0.0])
FORWARD = np.array([0.0, 0.0, 1.0])
"""The rest body's axes: y up, z to the front, x to the subject's left."""

BOTH_SIDES: tuple[Side, Side] = ("left", "right")

_NAMES = {
    "arm": ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist"),
    "leg": ("upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot"),
}

UPPER_TWIST = (0.45, 0.55)
"""Shares of a limb's turn about its own axis that its two upper bones take. In life the skin is drawn along gradually;
one bone alone would wring it."""

LOWER_TWIST = (0.35, 0.65)
"""The same for a forearm: the radius crosses the ulna, most of the turn is seen near the wrist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Bone indices of an arm or a leg.

    Attributes:
        side: of the limb it is, or was copied from.
        upper, lower: two bones each, from the trunk outwards.
        end: wrist or foot.
    """

    side: Side
    upper: tuple[int, int]
    lower: tuple[int, int]
    end: int

    @property
    def outwards(self) -> float:
        """1 for a left limb (x points left), -1 for a right one."""
        return 1.0 if self.side == "left" else -1.0


def limb_chain(figure: Figure, limb: str, side: Side, suffix: str = "") -> Chain:
    """Returns the bones of a limb (`arm` or `leg`); `suffix` is that of a copy's bones, such as `#163`."""
    upper01, upper02, lower01, lower02, end = (figure.bone(f"{name}{SIDES[side]}{suffix}") for name in _NAMES[limb])
    return Chain(side=side, upper=(upper01, upper02), lower=(lower01, lower02), end=end)


def rotation_of(figure: Figure, bone: int) -> np.ndarray:
    """Returns the (3, 3) rotation of a bone in the world; -1 is the world itself."""
    rotation = np.eye(3)
    while bone >= 0:
        own = figure.rotations.get(bone)
        if bone in figure.offsets:
            own = figure.offsets[bone] if own is None else own @ figure.offsets[bone]
        if own is not None:
            rotation = own @ rotation
        bone = figure.parents[bone]
    return rotation


def head_position(figure: Figure, bone: int) -> np.ndarray:
    """Returns the (3,) world position of a bone's head; cheaper than the matrices of all bones."""
    point = np.asarray(figure.heads[bone], np.float64)
    above = figure.parents[bone]
    while above >= 0:
        head = figure.heads[above]
        own = figure.rotations.get(above)
        if above in figure.offsets:
            own = figure.offsets[above] if own is None else own @ figure.offsets[above]
        if own is not None:
            point = own @ (point - head) + head
        above = figure.parents[above]
    return point + figure.place


def _perpendicular(vector: np.ndarray, axis: np.ndarray) -> np.ndarray:
    return unit(vector - (vector @ axis) * axis)


def _frame(direction: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """Returns (3, 3): columns are the upper part's direction, where the lower part bends to, and the hinge's axis."""
    return np.column_stack([direction, bend, cross(direction, bend)])


def _rest_frame(figure: Figure, chain: Chain, bend: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns the rest frame, the lower part's rest direction, and its rest flexion in radians."""
    start, middle, end = (figure.heads[bone] for bone in (chain.upper[0], chain.lower[0], chain.end))
    upper, lower = unit(middle - start), unit(end - middle)
    aside = _perpendicular(lower if bend is None else bend, upper)
    return _frame(upper, aside), lower, float(np.arctan2(lower @ aside, lower @ upper))


def aim(
    figure: Figure, chain: Chain, direction: np.ndarray, bend: np.ndarray, *, flexion: float, twist: float = 0.0,
    rest_bend: np.ndarray | None = None,
) -> None:  # fmt: skip
    """Turns a limb.

    Args:
        figure: changed; the bones above the limb are posed already.
        chain: of the limb.
        direction: (3,) world direction of the upper part.
        bend: (3,) world direction to which the lower part bends.
        flexion: of the hinge, radians; 0 is straight.
        twist: of a forearm about its axis from the middle position, radians; positive pronates (palm backwards
            on a hanging arm).
        rest_bend: (3,) where the lower part bends to in rest; None: it is bent in rest, as the arms are.
    """
    rest, lower, rest_flexion = _rest_frame(figure, chain, rest_bend)
    direction = unit(direction)
    wanted = _frame(direction, _perpendicular(np.asarray(bend, np.float64), direction)) @ rest.T
    local = rotation_of(figure, figure.parents[chain.upper[0]]).T @ wanted
    axis = rest[:, 0]
    swing = turn_between(axis, local @ axis)
    rolled = swing.T @ local @ rest[:, 1]
    roll = float(np.arctan2(cross(rest[:, 1], rolled) @ axis, rest[:, 1] @ rolled))
    figure.rotations[chain.upper[0]] = swing @ turn(axis, UPPER_TWIST[0] * roll)
    figure.rotations[chain.upper[1]] = turn(axis, UPPER_TWIST[1] * roll)
    hinge = turn(rest[:, 2], flexion - rest_flexion)
    figure.rotations[chain.lower[0]] = hinge @ turn(lower, LOWER_TWIST[0] * twist * chain.outwards)
    figure.rotations[chain.lower[1]] = turn(lower, LOWER_TWIST[1] * twist * chain.outwards)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """How a limb lies when its end is at a point: arguments of `aim`."""

    direction: np.ndarray
    bend: np.ndarray
    flexion: float


def reach(figure: Figure, chain: Chain, point: np.ndarray, pole: np.ndarray, *, most_flexion: float) -> Reach:
    """Finds how a limb's end gets to a point, or as near as its length allows (law of cosines).

    Args:
        figure, chain: the bones above are posed already.
        point: (3,) world position for the wrist or ankle.
        pole: (3,) world direction to which the elbow or knee should point.
        most_flexion: of the hinge, radians.
    """
    start, middle, end = (figure.heads[bone] for bone in (chain.upper[0], chain.lower[0], chain.end))
    upper, lower = float(np.linalg.norm(middle - start)), float(np.linalg.norm(end - middle))
    line = np.asarray(point, np.float64) - head_position(figure, chain.upper[0])
    nearest = np.sqrt(upper**2 + lower**2 + 2 * upper * lower * np.cos(most_flexion))
    distance = float(np.clip(np.linalg.norm(line), nearest, 0.999 * (upper + lower)))
    towards = unit(line)
    lift = np.arccos(np.clip((upper**2 + distance**2 - lower**2) / (2 * upper * distance), -1, 1))
    inner = np.arccos(np.clip((upper**2 + lower**2 - distance**2) / (2 * upper * lower), -1, 1))
    aside = _perpendicular(np.asarray(pole, np.float64), towards)
    direction = np.cos(lift) * towards + np.sin(lift) * aside
    return Reach(direction=direction, bend=_perpendicular(-aside, direction), flexion=float(np.pi - inner))
