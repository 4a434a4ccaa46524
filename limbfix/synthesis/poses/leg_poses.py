"""How does somebody hold a leg? Angles of hip, knee and ankle, and feet that stand on the ground."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.poses.limb_chains import (
    BOTH_SIDES,
    FORWARD,
    UP,
    Chain,
    aim,
    head_position,
    limb_chain,
    reach,
    rotation_of,
)
from limbfix.synthesis.samples import Side

# Limits in radians: American Academy of Orthopaedic Surgeons, Joint Motion: Method of Measuring and Recording (1965).
HIP_FLEXION = (-0.5, 2.2)  # 30 degrees back, 120 forwards
HIP_ABDUCTION = (-0.4, 0.85)  # 30 inwards; 45 outwards
HIP_ROTATION = (-0.75, 0.8)  # 45 each
KNEE = (0.0, 2.5)  # 135; in a deep squat the body's weight presses it to about 145
ANKLE = (-0.4, 0.85)  # 20 up, 50 down


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPose:
    """How one leg is held. Angles in radians, in the pelvis's frame.

    Attributes:
        flexion: of the hip, positive forwards.
        abduction: of the hip, positive outwards.
        rotation: of the hip, positive turns the knee outwards.
        knee: flexion, 0 is straight.
        ankle: positive points the toes down.
        planted: whether the foot stands on the ground; then hip, knee and ankle give way so that it does.
        heel: how far a planted foot's heel is raised.
    """

    flexion: float = 0.0
    abduction: float = 0.05
    rotation: float = 0.15
    knee: float = 0.05
    ankle: float = 0.0
    planted: bool = False
    heel: float = 0.0

    def within_limits(self) -> LegPose:
        """Returns the pose with every joint inside its range."""
        return replace(
            self,
            flexion=float(np.clip(self.flexion, *HIP_FLEXION)),
            abduction=float(np.clip(self.abduction, *HIP_ABDUCTION)),
            rotation=float(np.clip(self.rotation, *HIP_ROTATION)),
            knee=float(np.clip(self.knee, *KNEE)),
            ankle=float(np.clip(self.ankle, *ANKLE)),
            heel=float(np.clip(self.heel, 0, 0.9)),
        )


_Row = tuple[tuple[float, float], ...]

_STYLES: Mapping[str, _Row] = {
    # mean and deviation of flexion, abduction, rotation, knee, ankle
    "straight": ((0.03, 0.05), (0.04, 0.05), (0.12, 0.12), (0.06, 0.05), (0.0, 0.05)),
    "resting": ((0.16, 0.1), (0.10, 0.08), (0.3, 0.15), (0.38, 0.15), (0.0, 0.1)),
    "apart": ((0.05, 0.08), (0.32, 0.12), (0.2, 0.12), (0.08, 0.07), (0.0, 0.05)),
    "step_forward": ((0.45, 0.1), (0.0, 0.04), (0.1, 0.1), (0.12, 0.08), (0.0, 0.1)),
    "step_back": ((-0.22, 0.1), (0.0, 0.04), (0.1, 0.1), (0.35, 0.15), (0.3, 0.1)),
    "run_forward": ((1.15, 0.2), (0.0, 0.05), (0.05, 0.08), (1.3, 0.3), (0.1, 0.15)),
    "run_back": ((-0.3, 0.12), (0.0, 0.05), (0.05, 0.08), (0.6, 0.4), (0.5, 0.2)),
    "tucked": ((1.1, 0.3), (0.15, 0.15), (0.1, 0.15), (1.5, 0.3), (0.4, 0.2)),
    "kicked": ((-0.2, 0.25), (0.2, 0.2), (0.1, 0.2), (1.2, 0.5), (0.6, 0.2)),
    "seated": ((1.5, 0.08), (0.14, 0.12), (0.1, 0.12), (1.5, 0.15), (0.0, 0.08)),
    "seated_ahead": ((1.4, 0.08), (0.14, 0.12), (0.15, 0.12), (0.85, 0.2), (0.1, 0.1)),
    "floor_long": ((1.5, 0.08), (0.2, 0.15), (0.2, 0.15), (0.15, 0.12), (0.1, 0.2)),
    "floor_bent": ((1.9, 0.12), (0.12, 0.1), (0.1, 0.12), (1.75, 0.2), (0.2, 0.1)),
    "crossed": ((1.62, 0.08), (0.72, 0.08), (0.75, 0.05), (2.15, 0.12), (0.2, 0.1)),
    "squat": ((1.85, 0.15), (0.35, 0.15), (0.35, 0.15), (2.2, 0.15), (-0.2, 0.1)),
    "half_squat": ((1.0, 0.2), (0.25, 0.15), (0.25, 0.12), (1.25, 0.25), (-0.2, 0.1)),
    "lunge_front": ((1.25, 0.15), (0.05, 0.05), (0.08, 0.08), (1.35, 0.2), (0.0, 0.1)),
    "lunge_back": ((-0.35, 0.1), (0.05, 0.05), (0.05, 0.08), (0.8, 0.3), (0.3, 0.1)),
    "knelt": ((0.08, 0.06), (0.1, 0.06), (0.05, 0.08), (1.6, 0.08), (0.75, 0.08)),
    "heel_sit": ((0.9, 0.05), (0.12, 0.08), (0.05, 0.08), (2.4, 0.06), (0.8, 0.05)),
    "lying_straight": ((0.02, 0.08), (0.12, 0.1), (0.2, 0.2), (0.08, 0.07), (0.5, 0.15)),
    "lying_bent": ((0.8, 0.15), (0.08, 0.08), (0.05, 0.1), (1.6, 0.1), (0.6, 0.1)),
    "side_bent": ((0.75, 0.2), (0.0, 0.05), (0.0, 0.1), (1.4, 0.25), (0.3, 0.15)),
    "prone_straight": ((0.0, 0.03), (0.15, 0.1), (0.1, 0.15), (0.08, 0.07), (0.8, 0.1)),
    "prone_bent": ((0.0, 0.03), (0.12, 0.08), (0.0, 0.1), (1.3, 0.4), (0.4, 0.2)),
    "dance": ((0.3, 0.4), (0.2, 0.25), (0.2, 0.25), (0.5, 0.4), (0.2, 0.25)),
}  # fmt: skip

LEG_STYLES = tuple(_STYLES)

_SHINS: Mapping[str, tuple[float, float]] = {"knelt": (1.0, 1.6), "heel_sit": (1.0, 1.6), "lying_bent": (2.0, 0.05)}
"""Knee = factor * hip + offset where the ground leaves no choice: a shin that lies on it, a foot that stands beside a
lying body."""


def sample_leg_pose(rng: np.random.Generator, style: str, *, planted: bool = False, heel: float = 0.0) -> LegPose:
    """Draws a leg of a style (`LEG_STYLES`)."""
    flexion, abduction, rotation, knee, ankle = (float(rng.normal(*row)) for row in _STYLES[style])
    if style in _SHINS:
        factor, offset = _SHINS[style]
        knee = factor * flexion + offset
    pose = LegPose(
        flexion=flexion, abduction=abduction, rotation=rotation, knee=abs(knee), ankle=ankle, planted=planted,
        heel=heel * float(rng.uniform(0.6, 1.3)),
    )  # fmt: skip
    return pose.within_limits()


def pose_leg(figure: Figure, pose: LegPose, side: Side, suffix: str = "") -> None:
    """Holds a leg by its angles; `plant_feet` brings planted feet to the ground afterwards.

    Args:
        figure: changed; its root is turned already.
        pose: what to do.
        side: of the leg.
        suffix: of a copied leg's bones.
    """
    chain = limb_chain(figure, "leg", side, suffix)
    hip = turn([1.0, 0, 0], -pose.flexion) @ turn(FORWARD, chain.outwards * pose.abduction)
    direction = hip @ -UP
    bend = turn(direction, -chain.outwards * pose.rotation) @ hip @ -FORWARD
    pelvis = rotation_of(figure, figure.bone("root"))
    aim(figure, chain, pelvis @ direction, pelvis @ bend, flexion=pose.knee, rest_bend=-FORWARD)
    figure.rotations[chain.end] = turn([1.0, 0, 0], pose.ankle)


def plant_feet(figure: Figure, legs: Mapping[Side, LegPose]) -> None:
    """Brings the planted feet of both legs to one level: the shorter leg decides, the other bends more.

    Args:
        figure: changed; both legs hold their angles already.
        legs: side -> pose.
    """
    chains: dict[Side, Chain] = {s: limb_chain(figure, "leg", s) for s in BOTH_SIDES if legs[s].planted}
    if not chains:
        return
    lifts: dict[Side, float] = {s: _heel_lift(figure, chain, legs[s].heel) for s, chain in chains.items()}
    ground = max(head_position(figure, chain.end)[1] - lifts[side] for side, chain in chains.items())
    for side, chain in chains.items():
        ankle = head_position(figure, chain.end)
        knee = head_position(figure, chain.lower[0])
        hip = head_position(figure, chain.upper[0])
        pelvis = rotation_of(figure, figure.bone("root"))
        middle = (hip + ankle) / 2
        pole = knee - middle + 0.4 * pelvis @ np.array([0.3 * chain.outwards, 0, 1.0])
        goal = np.array([ankle[0], ground + lifts[side], ankle[2]])
        way = reach(figure, chain, goal, pole, most_flexion=KNEE[1])
        aim(figure, chain, way.direction, way.bend, flexion=way.flexion, rest_bend=-FORWARD)
        _set_foot(figure, chain, legs[side])


def _heel_lift(figure: Figure, chain: Chain, heel: float) -> float:
    """Returns how much higher the ankle lies when the heel is raised about the ball of the foot."""
    ankle, ball = figure.heads[chain.end], figure.tails[chain.end]
    return float(np.sin(heel) * abs(ball[2] - ankle[2]) + (1 - np.cos(heel)) * (ball[1] - ankle[1]))


def _set_foot(figure: Figure, chain: Chain, pose: LegPose) -> None:
    """Sets a foot level, as far as the ankle lets it, pointing where the knee points; a raised heel bends the toes
    back."""
    shin = rotation_of(figure, chain.lower[1])
    ahead = shin @ FORWARD
    level = np.array([ahead[0], 0, ahead[2]])
    if np.linalg.norm(level) < 0.2:
        level = rotation_of(figure, figure.bone("root")) @ FORWARD
    yaw = float(np.arctan2(level[0], level[2]))
    wanted = turn(UP, yaw) @ turn([1.0, 0, 0], pose.heel)
    step = Rotation.from_matrix(shin.T @ wanted).as_rotvec()
    most = ANKLE[1] if step[0] > 0 else -1.6 * ANKLE[0]  # a bent knee lets the ankle give more than a straight one
    figure.rotations[chain.end] = (
        Rotation.from_rotvec(unit(step) * min(float(np.linalg.norm(step)), most)).as_matrix().astype(np.float32)
    )
    for toe in range(1, 6):
        bone = figure.bone(f"toe{toe}-1.{'L' if chain.side == 'left' else 'R'}")
        figure.rotations[bone] = turn([1.0, 0, 0], -0.8 * pose.heel)
