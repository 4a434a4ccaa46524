"""How does a hand close about something? Each digit bends until its skin meets a surface, and no further."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.posing import update_matrices, world_matrices
from limbfix.synthesis.figures.subdivision import SparseMatrix
from limbfix.synthesis.poses.hand_poses import DigitPose, HandPose, normal_hand, pose_hand
from limbfix.synthesis.props.placed import Distance
from limbfix.synthesis.samples import DIGITS, Side

STEPS = 4
"""Steps of each joint between open and closed; the last one is refined by interpolation."""

TOUCH = 0.012
"""Decimetres by which a digit that touches already may go deeper."""

PRESSED = 0.025
"""Decimetres by which pulps give way."""


def _bent(start: DigitPose, end: DigitPose, shares: np.ndarray) -> DigitPose:
    """Returns a pose between two, joint by joint: shares (3,), 0 open, 1 closed; spread and twist go with the first."""
    first, second, third = ((1 - shares) * start.flexion + shares * end.flexion).tolist()
    t = float(shares[0])
    spread, twist = (1 - t) * start.spread + t * end.spread, (1 - t) * start.twist + t * end.twist
    return DigitPose(flexion=(first, second, third), spread=spread, twist=twist)


def close_hand(
    figure: Figure, side: Side, start: HandPose, end: HandPose, distance: Distance, *, least: float = -PRESSED
) -> HandPose:
    """Returns the pose in which each digit is closed as far as a surface lets it: MCP first, then PIP, then DIP.

    So underactuated hands close, and so do ours when they grasp without looking.

    Args:
        figure: posed but for this hand; its digits' rotations change.
        side: of the hand.
        start, end: where digits come from, and where they would go if nothing was there.
        distance: of the surface; world.
        least: decimetres that a digit's skin must stay away; negative lets it be pressed in.
    """
    hand = figure.find("hand", side)
    shares = np.zeros((len(DIGITS), 3))
    steps = np.linspace(0, 1, STEPS + 1)
    matrices, normal = world_matrices(figure), normal_hand(figure, side)
    turned = sorted(bone for digit in DIGITS for bone in figure.find("digit", side, digit).bones)

    def pose() -> HandPose:
        digits = tuple(_bent(a, b, t) for a, b, t in zip(start.digits, end.digits, shares, strict=True))
        return HandPose(style=end.style, digits=digits, cup=end.cup)

    for joint in range(3):
        skins = [_skin_of(figure, side, digit, joint) for digit in DIGITS]
        gaps = np.empty((len(steps), len(DIGITS)))
        for row, step in enumerate(steps):
            shares[:, joint] = step
            pose_hand(figure, hand.id, pose(), np.random.default_rng(0), normal)
            update_matrices(figure, matrices, turned)
            gaps[row] = _gaps(skins, matrices, distance)
        shares[:, joint] = [_last_free(steps, gaps[:, k], least) for k in range(len(DIGITS))]
    return pose()


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Some coarse vertices of a component: (r, bones) weights and (r, 3) rest positions, cut out once."""

    weights: SparseMatrix
    rest: np.ndarray

    def posed(self, matrices: np.ndarray) -> np.ndarray:
        bones = self.weights.shape[1]
        blended = (self.weights @ matrices[:bones].reshape(bones, 12)).reshape(-1, 3, 4)
        return np.einsum("vij,vj->vi", blended[:, :, :3], self.rest) + blended[:, :, 3]


def _piece(component: Component, rows: np.ndarray) -> _Piece:
    return _Piece(component.weights[rows], component.rest[rows])


def _skin_of(figure: Figure, side: Side, digit: str, joint: int) -> list[_Piece]:
    """Returns the coarse vertices that a joint moves: of gloves too, and of pasted digits.

    A first joint moves the skin about the knuckle too, which cannot get out of a thing's way: only the outer two bones count.
    """
    bones = figure.find("digit", side, digit).bones[max(1, joint) :]
    found = []
    for component in figure.components:
        if component.surface in ("skin", "glove"):
            rows = np.flatnonzero(component.weight_of(bones) > 0.5)
            if len(rows):
                found.append(_piece(component, rows))
    return found


def _gaps(skins: list[list[_Piece]], matrices: np.ndarray, distance: Distance) -> list[float]:
    """Returns for each digit the least distance of its vertices, posed, from a surface; inf if it has none."""
    points = [[piece.posed(matrices) for piece in pieces] for pieces in skins]
    sizes = [sum(len(piece) for piece in pieces) for pieces in points]
    if not sum(sizes):
        return [float("inf")] * len(skins)
    away = distance(np.concatenate([piece for pieces in points for piece in pieces]))  # one question for all digits
    return [float(own.min(initial=np.inf)) for own in np.split(away, np.cumsum(sizes)[:-1])]


def posed_rows(figure: Figure, rows: np.ndarray) -> np.ndarray:
    """Returns (r, 3) posed positions of some coarse vertices of the body."""
    return _piece(figure.body, rows).posed(world_matrices(figure))


def _last_free(shares: np.ndarray, gaps: np.ndarray, least: float) -> float:
    """Returns the share up to which a digit stays free, between the last free step and the first that is not.

    A digit that is in touch from the start may go on as long as it does not go in deeper.
    """
    least = min(least, float(gaps[0]) - TOUCH)
    blocked = np.flatnonzero(gaps < least)
    if not len(blocked):
        return 1.0
    first = int(blocked[0])
    if first == 0:
        return 0.0
    before, after = gaps[first - 1], gaps[first]
    return float(shares[first - 1] + (shares[first] - shares[first - 1]) * (before - least) / max(before - after, 1e-6))
