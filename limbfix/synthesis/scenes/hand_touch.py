"""How is a hand laid on something? The arm is aimed, the wrist turned within its range, the hand pushed out, the digits closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.posing import world_matrices
from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.poses.arm_poses import reach_with_arm
from limbfix.synthesis.poses.hand_poses import HandPose, pose_hand
from limbfix.synthesis.poses.limb_chains import head_position, rotation_of
from limbfix.synthesis.props.closing import close_hand, posed_rows
from limbfix.synthesis.props.placed import Distance
from limbfix.synthesis.samples import Side

PALM_DEPTH = 0.15
"""Decimetres from the joints to the palm's skin, about."""

WRIST_RANGE = 1.2
"""Radians that a wrist may be turned from straight, all axes together: 70 degrees (AAOS 1965)."""

FARTHEST = 0.12
"""Decimetres of air below a palm that was to touch; more, and the arm did not reach."""

DEEPEST = 0.12
"""Decimetres that a hand may sink in: flesh and cloth give way by about as much."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spot:
    """Where a hand should lie.

    Attributes:
        point: (3,) world, where the middle of the palm goes.
        normal: (3,) unit, out of the surface.
        fingers: (3,) where the fingers should point; bent to what the wrist allows.
        pole: (3,) where the elbow should point.
        play: radians by which the fingers may turn in the surface's plane from the forearm's direction.
    """

    point: np.ndarray
    normal: np.ndarray
    fingers: np.ndarray
    pole: np.ndarray
    play: float = 0.5


def lay_hand(
    figure: Figure, side: Side, spot: Spot, distance: Distance, start: HandPose, end: HandPose
) -> HandPose | None:
    """Lays a hand on a surface; returns its pose, or None if the arm does not reach or the hand would sink in.

    Args:
        figure: changed: arm and hand.
        side: of the hand.
        spot: where.
        distance: of the surface; world.
        start, end: between these the digits close.
    """
    hand = figure.find("hand", side)
    pose_hand(figure, hand.id, start, np.random.default_rng(0))
    rows = np.flatnonzero(np.isin(figure.body.instance, [hand.id, *_digit_ids(figure, hand.id)]))
    height, gap = 0.0, np.inf
    for _ in range(4):
        reach_spot(figure, side, spot, height)
        gap = float(distance(posed_rows(figure, rows)).min())
        if abs(gap) < 0.02:
            break
        height = float(np.clip(height - gap, -0.3, 1.0))
    if not -DEEPEST < gap < FARTHEST:
        return None
    return close_hand(figure, side, start, end, distance)


def _digit_ids(figure: Figure, hand: int) -> list[int]:
    return [entry.id for entry in figure.instances if entry.owner == hand]


def reach_spot(figure: Figure, side: Side, spot: Spot, height: float) -> None:
    """Brings a palm to a spot, `height` decimetres above it, as far as arm and wrist can."""
    frame = hand_frame(figure, side)
    fingers = _tangent(spot.fingers, spot.normal)
    for _ in range(2):
        palm = spot.point + spot.normal * (height + PALM_DEPTH)
        reach_with_arm(figure, side, palm - fingers * 0.6 * frame.palm_length, pole=spot.pole, palm=-spot.normal)
        fingers = _within_reach(figure, side, fingers, spot)
        turn_hand(figure, side, fingers, spot.normal)


def _tangent(vector: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return unit(vector - (vector @ normal) * normal)


def _within_reach(figure: Figure, side: Side, fingers: np.ndarray, spot: Spot) -> np.ndarray:
    """Turns the wanted direction in the surface's plane to within the play of the forearm's.

    A forearm that stands upright on the surface has no direction in it; the hand may then turn as it likes.
    """
    suffix = SIDES[side]
    wrist, elbow = (head_position(figure, figure.bone(f"{name}{suffix}")) for name in ("wrist", "lowerarm01"))
    arm = unit(wrist - elbow)
    forearm = _tangent(arm, spot.normal)
    play = spot.play + 1.5 * float(abs(arm @ spot.normal)) ** 3
    angle = float(np.arctan2(np.cross(forearm, fingers) @ spot.normal, forearm @ fingers))
    return turn(spot.normal, float(np.clip(angle, -play, play))) @ forearm


def turn_hand(figure: Figure, side: Side, fingers: np.ndarray, dorsal: np.ndarray) -> float:
    """Turns a wrist so that fingers and back of the hand point somewhere, within its range; returns radians left over."""
    frame, wrist = hand_frame(figure, side), figure.bone(f"wrist{SIDES[side]}")
    handed = float(np.sign(np.linalg.det(np.stack([frame.across, frame.along, frame.dorsal]))))
    rest = np.stack([frame.across, frame.along, frame.dorsal], 1)
    wanted = np.stack([handed * np.cross(fingers, dorsal), fingers, dorsal], 1) @ rest.T
    local = rotation_of(figure, figure.parents[wrist]).T @ wanted
    angle = float(np.arccos(np.clip((np.trace(local) - 1) / 2, -1, 1)))
    axis = np.array([local[2, 1] - local[1, 2], local[0, 2] - local[2, 0], local[1, 0] - local[0, 1]])
    figure.rotations[wrist] = turn(axis, min(angle, WRIST_RANGE)) if angle > 1e-3 else np.eye(3, dtype=np.float32)
    return max(0.0, angle - WRIST_RANGE)


def hand_axes(figure: Figure, side: Side) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns a posed hand's wrist (3,), and its directions across, along and dorsal (3,), world."""
    frame, matrix = hand_frame(figure, side), world_matrices(figure)[figure.bone(f"wrist{SIDES[side]}")]
    turned = matrix[:, :3]
    return turned @ frame.wrist + matrix[:, 3], turned @ frame.across, turned @ frame.along, turned @ frame.dorsal
