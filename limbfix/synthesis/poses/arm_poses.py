"""How does somebody hold an arm? Angles of shoulder, elbow, forearm and wrist, and arms that touch something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import cross, turn, turn_between, unit
from limbfix.synthesis.poses.limb_chains import FORWARD, UP, Chain, aim, limb_chain, reach, rotation_of
from limbfix.synthesis.samples import Side

# Limits in radians: American Academy of Orthopaedic Surgeons, Joint Motion: Method of Measuring and Recording (1965).
ELBOW = (0.0, 2.53)  # 145 degrees; the soft parts meet before the 150 of slim people
SWIVEL = (-1.4, 1.4)  # shoulder: 90 outwards; 70 inwards, more when the shoulder blade comes along
TWIST = (-1.4, 1.4)  # supination and pronation 80 each
WRIST = (-1.2, 1.3)  # extension 70, flexion 80
DEVIATION = (-0.35, 0.52)  # towards the thumb 20, towards the little finger 30

SETTING = 0.52
"""Radians (30 degrees) by which an arm is raised before the shoulder blade follows (Inman, Saunders and Abbott
1944)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPose:
    """How one arm is held. Angles in radians, in the chest's frame.

    Attributes:
        style: name of the way it was drawn.
        elevation: of the upper arm; -pi/2 hangs, 0 is level, pi/2 points up.
        azimuth: of the upper arm; 0 to its side, pi/2 forwards, more across the body.
        flexion: of the elbow, 0 is straight.
        swivel: of the upper arm about itself; positive turns a bent forearm inwards.
        twist: of the forearm; positive pronates.
        wrist: positive flexes towards the palm.
        deviation: positive bends the hand towards the little finger.
    """

    style: str
    elevation: float
    azimuth: float
    flexion: float = 0.3
    swivel: float = 0.0
    twist: float = 0.0
    wrist: float = 0.0
    deviation: float = 0.0

    def within_limits(self) -> ArmPose:
        """Returns the pose with every joint inside its range."""
        return replace(
            self,
            flexion=float(np.clip(self.flexion, *ELBOW)),
            swivel=float(np.clip(self.swivel, *SWIVEL)),
            twist=float(np.clip(self.twist, *TWIST)),
            wrist=float(np.clip(self.wrist, *WRIST)),
            deviation=float(np.clip(self.deviation, *DEVIATION)),
        )


_Means = tuple[tuple[float, float], ...]

_STYLES: Mapping[str, _Means] = {
    # mean and deviation of elevation, azimuth, flexion, swivel, twist
    "hang": ((-1.36, 0.08), (0.35, 0.35), (0.25, 0.15), (0.2, 0.2), (0.2, 0.3)),
    "swing_forward": ((-1.0, 0.2), (1.35, 0.2), (0.6, 0.3), (0.3, 0.2), (0.1, 0.3)),
    "swing_back": ((-1.0, 0.15), (-1.2, 0.25), (0.35, 0.2), (0.2, 0.2), (0.1, 0.3)),
    "run_forward": ((-0.85, 0.2), (1.35, 0.15), (1.6, 0.2), (0.35, 0.2), (0.0, 0.2)),
    "run_back": ((-0.6, 0.2), (-1.25, 0.2), (1.5, 0.2), (0.1, 0.2), (0.0, 0.2)),
    "side": ((-0.1, 0.35), (0.15, 0.3), (0.3, 0.3), (0.0, 0.5), (0.3, 0.6)),
    "front": ((-0.35, 0.35), (1.25, 0.25), (0.6, 0.45), (0.3, 0.4), (0.2, 0.6)),
    "offer": ((-1.1, 0.15), (0.9, 0.3), (1.4, 0.3), (0.0, 0.4), (-0.4, 0.6)),
    "up": ((1.1, 0.25), (0.5, 0.5), (0.4, 0.35), (0.0, 0.4), (0.1, 0.6)),
    "wave": ((-0.2, 0.3), (0.4, 0.3), (1.7, 0.3), (-1.0, 0.3), (0.8, 0.4)),
    "point": ((0.1, 0.3), (1.1, 0.4), (0.12, 0.12), (0.0, 0.3), (0.6, 0.5)),
    "behind_back": ((-1.15, 0.08), (-0.9, 0.2), (1.1, 0.25), (1.2, 0.15), (0.6, 0.3)),
    "dance": ((0.1, 0.7), (0.6, 0.6), (0.9, 0.6), (0.0, 0.7), (0.2, 0.8)),
    # On the ground an arm stays in the body's plane: turned outwards, its elbow bends towards the head.
    "lying_up": ((0.7, 0.4), (0.0, 0.06), (0.9, 0.5), (-1.4, 0.05), (0.3, 0.4)),
    "lying_side": ((-0.8, 0.3), (0.0, 0.06), (0.35, 0.2), (-1.3, 0.1), (0.2, 0.5)),
    "carry": ((-1.25, 0.1), (0.9, 0.3), (1.65, 0.2), (0.5, 0.2), (-0.8, 0.3)),
}

ARM_STYLES = tuple(_STYLES)


def sample_arm_pose(rng: np.random.Generator, style: str) -> ArmPose:
    """Draws an arm of a style (`ARM_STYLES`)."""
    elevation, azimuth, flexion, swivel, twist = (float(rng.normal(*row)) for row in _STYLES[style])
    wrist, deviation = float(rng.normal(0, 0.25)), float(rng.normal(0.05, 0.12))
    pose = ArmPose(
        style=style, elevation=float(np.clip(elevation, -1.45, 1.5)), azimuth=azimuth, flexion=abs(flexion),
        swivel=swivel, twist=twist, wrist=wrist, deviation=deviation,
    )  # fmt: skip
    return pose.within_limits()


def _directions(pose: ArmPose, outwards: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the directions of the upper arm, and to which the forearm bends, in the chest's frame."""
    level = np.cos(pose.elevation)
    direction = np.array(
        [outwards * level * np.cos(pose.azimuth), np.sin(pose.elevation), level * np.sin(pose.azimuth)]
    )
    bend = turn_between(-UP, direction) @ FORWARD
    return direction, turn(direction, outwards * pose.swivel) @ bend


def raise_shoulder(figure: Figure, chain: Chain, direction: np.ndarray) -> None:
    """Lets collar bone and shoulder blade follow an upper arm; `direction` (3,) is the arm's in the chest's frame."""
    clavicle, shoulder = _shoulder_bones(figure, chain)
    if clavicle < 0:
        return
    raised = max(0.0, float(np.arccos(np.clip(-unit(direction) @ UP, -1, 1))) - SETTING)
    ahead = float(unit(direction) @ FORWARD)
    # A third of the raise is the shoulder blade's; the collar bone and the joint share what skin weights can show.
    up, forward = chain.outwards * min(0.16 * raised, 0.36), -chain.outwards * 0.22 * ahead
    figure.rotations[clavicle] = turn(UP, forward) @ turn(FORWARD, up)
    figure.rotations[shoulder] = turn(UP, forward) @ turn(FORWARD, 0.7 * up)


def _shoulder_bones(figure: Figure, chain: Chain) -> tuple[int, int]:
    """Returns collar bone and shoulder blade; -1 for a copied arm, which moves no shoulder of the normal one."""
    if chain.upper[0] >= len(figure.model.bones):
        return -1, -1
    shoulder = figure.parents[chain.upper[0]]
    return figure.parents[shoulder], shoulder


def _chest(figure: Figure) -> np.ndarray:
    return rotation_of(figure, figure.bone("spine01"))


def pose_arm(figure: Figure, pose: ArmPose, side: Side, suffix: str = "") -> None:
    """Holds an arm as a pose says.

    Args:
        figure: changed; its spine is posed already.
        pose: what to do.
        side: of the arm.
        suffix: of a copied arm's bones.
    """
    chain = limb_chain(figure, "arm", side, suffix)
    direction, bend = _directions(pose, chain.outwards)
    raise_shoulder(figure, chain, direction)
    chest = _chest(figure)
    aim(figure, chain, chest @ direction, chest @ bend, flexion=pose.flexion, twist=pose.twist)
    bend_wrist(figure, chain, pose.wrist, pose.deviation)


def bend_wrist(figure: Figure, chain: Chain, flexion: float, deviation: float) -> None:
    """Bends a hand: towards its palm and towards its little finger, radians."""
    frame = hand_frame(figure, chain.side)
    figure.rotations[chain.end] = turn(cross(frame.along, -frame.dorsal), flexion) @ turn(
        cross(frame.along, frame.across), deviation
    )


def reach_with_arm(
    figure: Figure, side: Side, point: np.ndarray, *, pole: np.ndarray, palm: np.ndarray | None = None, wrist: float = 0.0
) -> None:  # fmt: skip
    """Brings a wrist to a point.

    Args:
        figure: changed; its spine is posed already.
        side: of the arm.
        point: (3,) world position of the wrist.
        pole: (3,) world direction for the elbow.
        palm: (3,) world direction that the palm should face: forearm and wrist turn as far as they can to lay
            the hand flat.
        wrist: flexion of the wrist, radians, on top of that.
    """
    chain = limb_chain(figure, "arm", side)
    way = reach(figure, chain, point, pole, most_flexion=ELBOW[1])
    raise_shoulder(figure, chain, _chest(figure).T @ way.direction)
    way = reach(figure, chain, point, pole, most_flexion=ELBOW[1])  # the shoulder has moved with the arm
    aim(figure, chain, way.direction, way.bend, flexion=way.flexion)
    if palm is not None:
        twist = _twist_towards(figure, chain, palm)
        aim(figure, chain, way.direction, way.bend, flexion=way.flexion, twist=twist)
        along = rotation_of(figure, chain.lower[1]) @ hand_frame(figure, side).along
        wrist -= float(np.arcsin(np.clip(along @ palm, -1, 1)))
    bend_wrist(figure, chain, float(np.clip(wrist, *WRIST)), 0.0)


def _twist_towards(figure: Figure, chain: Chain, palm: np.ndarray) -> float:
    """Returns the forearm's twist that turns the palm to a world direction, within `TWIST`."""
    forearm = rotation_of(figure, chain.lower[1])
    axis = unit(figure.heads[chain.end] - figure.heads[chain.lower[0]])
    wanted = forearm.T @ palm
    wanted = wanted - (wanted @ axis) * axis
    now = -hand_frame(figure, chain.side).dorsal
    now = now - (now @ axis) * axis
    if np.linalg.norm(wanted) < 0.15:  # the palm faces along the forearm: no twist helps
        return 0.0
    angle = float(np.arctan2(cross(now, wanted) @ axis, now @ wanted)) * chain.outwards
    return float(np.clip(angle, *TWIST))
