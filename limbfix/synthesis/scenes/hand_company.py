"""What do the hands of two people do? They lie on somebody else, or shake."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.poses.arm_poses import pose_arm, sample_arm_pose
from limbfix.synthesis.poses.hand_poses import DigitPose, HandPose, sample_hand_pose
from limbfix.synthesis.poses.limb_chains import FORWARD, UP, limb_chain
from limbfix.synthesis.props.closing import close_hand
from limbfix.synthesis.samples import Side
from limbfix.synthesis.scenes.hand_contacts import OTHERS, draw_touch, flat_hand, opposite, towards
from limbfix.synthesis.scenes.hand_free import rest_arm, stand
from limbfix.synthesis.scenes.hand_stage import Stage
from limbfix.synthesis.scenes.hand_touch import PALM_DEPTH, Spot, hand_axes, lay_hand, reach_spot
from limbfix.synthesis.scenes.landmarks import place_on
from limbfix.synthesis.scenes.surfaces import arm_ids, but, hand_ids, only, surface_of


def on_other(stage: Stage, rng: np.random.Generator) -> bool:
    """A hand on somebody else: shoulder, arm, back, chest or cheek."""
    figure, other, side = stage.figure, stage.figures[1], stage.side
    touch = draw_touch(OTHERS, rng)
    for person in stage.figures:
        stand(person, rng)
    rest_arm(stage, stage.other_side, rng)
    for arm in SIDES:
        pose_arm(other, sample_arm_pose(rng, "hang"), arm)
        stage.hold(arm, sample_hand_pose(rng, "relaxed"), rng, person=1)
    outwards = 1.0 if side == "left" else -1.0
    facing = (
        0.0 if touch.place in ("back",) or rng.random() < 0.25 else np.pi
    )  # same way as the first person, or face to face
    yaw = facing + rng.normal(0, 0.3)
    _turn(other, yaw)
    other_side: Side = side if abs(facing) < 0.1 else opposite(side)
    reach = rng.uniform(3.6, 4.6)
    shoulder = place_on(figure, "shoulder", side)
    wanted = shoulder + reach * unit(np.array([outwards * rng.uniform(-0.2, 0.3), rng.uniform(-0.35, 0.05), 1.0]))
    shift = wanted - place_on(other, touch.place, other_side)
    other.place = (other.place + shift * [1.0, 0.0, 1.0]).astype(np.float32)  # both stand on one floor
    surface = surface_of([(other, but([]))])
    point, normal = surface.nearest(place_on(other, touch.place, other_side) + rng.normal(0, 0.1, 3))
    spot = Spot(point=point, normal=normal, fingers=towards(touch.fingers, side), pole=towards(touch.pole, side))
    start, end = flat_hand(rng, f"on_other_{touch.place}", fan=float(rng.uniform(-0.05, 0.1)))
    pose = lay_hand(figure, side, spot, surface.distance, start, end)
    if pose is None:
        return False
    stage.hold(side, pose, rng)
    return not _overlap(stage)


def _overlap(stage: Stage) -> bool:
    """Whether two people stand in each other: a tenth of the second's coarse vertices lie inside the first."""
    first, second = stage.figures[:2]
    trunk = surface_of([(first, but(arm_ids(first, "left") + arm_ids(first, "right")))])
    points = surface_of([(second, but([]))]).points[::7]
    return bool((trunk.distance(points) < -0.1).sum() > 0.02 * len(points))


def handshake(stage: Stage, rng: np.random.Generator) -> bool:
    """Two people shake hands: both reach forward, and the second is turned half round to where the palms meet."""
    first, second, side = stage.figure, stage.figures[1], stage.side
    aside, below, ahead = rng.uniform(0.6, 1.2), rng.uniform(1.8, 2.3), rng.uniform(2.6, 3.3)
    for person, body in enumerate(stage.figures):
        stand(body, rng)
        rest_arm(stage, stage.other_side, rng, person=person)
        size = _arm_length(body, side) / ARM_LENGTH
        meet = place_on(body, "shoulder", side) + size * towards((-aside, -below, ahead), side)
        outwards = unit(towards((1.0, -0.15, 0.0), side))
        spot = Spot(point=meet, normal=outwards, fingers=FORWARD, pole=towards((0.5, -1.0, -0.3), side))
        reach_spot(body, side, spot, 0.0)
        stage.hold(side, _shaking()[0], rng, person=person)
    _turn(second, np.pi)
    second.place = (second.place + _palm(first, side) - _palm(second, side)).astype(np.float32)
    for person, body in enumerate(stage.figures):
        partner = surface_of([(stage.figures[1 - person], only(hand_ids(stage.figures[1 - person], side)))])
        stage.hold(side, close_hand(body, side, *_shaking(), partner.distance, least=-0.05), rng, person=person)
    return True


ARM_LENGTH = 4.6
"""Decimetres from shoulder to wrist of the neutral body."""


def _arm_length(figure: Figure, side: Side) -> float:
    chain = limb_chain(figure, "arm", side)
    joints = np.stack([figure.heads[bone] for bone in (chain.upper[0], chain.lower[0], chain.end)])
    return float(np.linalg.norm(np.diff(joints, axis=0), axis=1).sum())


def _turn(figure: Figure, yaw: float) -> None:
    """Turns a whole person about the upright axis, radians."""
    root = figure.bone("root")
    figure.rotations[root] = turn(UP, yaw) @ figure.rotations.get(root, np.eye(3))


def _palm(figure: Figure, side: Side) -> np.ndarray:
    """Returns the (3,) middle of a posed palm's skin."""
    wrist, _, along, dorsal = hand_axes(figure, side)
    return wrist + along * 0.75 * hand_frame(figure, side).palm_length - dorsal * PALM_DEPTH


def _shaking() -> tuple[HandPose, HandPose]:
    fingers = [DigitPose(flexion=(0.0, 0.1, 0.05), spread=s) for s in (-0.06, -0.02, 0.0, 0.02)]
    thumb = DigitPose(flexion=(0.35, 0.0, 0.0), spread=0.95)
    start = HandPose(style="handshake", digits=(thumb, *fingers))
    bent = [replace(finger, flexion=(0.8, 0.9, 0.5)) for finger in fingers]
    return start, replace(start, digits=(replace(thumb, flexion=(0.9, 0.5, 0.5), spread=0.4), *bent))
