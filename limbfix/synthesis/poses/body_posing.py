"""How does a figure take a pose? Trunk, legs, arms and hands in turn; limbs that an operator added get poses of their
own."""

from __future__ import annotations

import numpy as np

from limbfix.synthesis.figures.figure import Figure, InstanceEntry
from limbfix.synthesis.figures.rotations import turn
from limbfix.synthesis.poses.arm_poses import pose_arm, sample_arm_pose
from limbfix.synthesis.poses.body_gestures import GESTURES, make_gesture
from limbfix.synthesis.poses.body_poses import BodyPose, TrunkPose
from limbfix.synthesis.poses.hand_poses import pose_hand, sample_hand_pose
from limbfix.synthesis.poses.leg_poses import plant_feet, pose_leg
from limbfix.synthesis.poses.limb_chains import BOTH_SIDES, FORWARD, UP
from limbfix.synthesis.samples import Side

_RIGHT = [1.0, 0.0, 0.0]

SPINE_SHARES = {"spine05": 0.2, "spine04": 0.25, "spine03": 0.2, "spine02": 0.2, "spine01": 0.15}
"""Of bend, lean and twist: the lumbar spine bends more than the chest, which the ribs stiffen."""

NECK_SHARES = {"neck01": 0.25, "neck02": 0.25, "neck03": 0.2, "head": 0.3}

EXTRA_ARMS = ("hang", "hang", "side", "front", "offer", "up", "wave", "swing_back")


def _pose_trunk(figure: Figure, trunk: TrunkPose) -> None:
    for bone, share in SPINE_SHARES.items():
        figure.rotations[figure.bone(bone)] = (
            turn(UP, share * trunk.twist) @ turn(FORWARD, -share * trunk.lean) @ turn(_RIGHT, share * trunk.bend)
        )
    for bone, share in NECK_SHARES.items():
        figure.rotations[figure.bone(bone)] = (
            turn(UP, share * trunk.turn) @ turn(FORWARD, -share * trunk.tilt) @ turn(_RIGHT, share * trunk.nod)
        )


def pose_body(figure: Figure, pose: BodyPose, rng: np.random.Generator, *, yaw: float = 0.0) -> None:
    """Poses a whole figure.

    Args:
        figure: changed: its rotations. Its place stays.
        pose: what to do.
        rng: for extra limbs and digits only, which a twin lacks.
        yaw: radians; where the figure faces, 0 = +z.
    """
    figure.rotations[figure.bone("root")] = (
        turn(UP, yaw) @ turn(FORWARD, -pose.roll) @ turn(_RIGHT, pose.pitch)
    ).astype(np.float32)
    _pose_trunk(figure, pose.trunk)
    for side in BOTH_SIDES:
        pose_leg(figure, pose.legs[side], side)
    plant_feet(figure, pose.legs)
    for side in BOTH_SIDES:
        if pose.gestures[side]:
            make_gesture(figure, GESTURES[pose.gestures[side]], side)
        else:
            pose_arm(figure, pose.arms[side], side)
    finish_pose(figure, pose, rng)


def finish_pose(figure: Figure, pose: BodyPose, rng: np.random.Generator) -> None:
    """Poses hands, and the limbs that an operator added, of a figure whose normal limbs are posed."""
    for side in BOTH_SIDES:
        pose_hand(figure, figure.find("hand", side).id, pose.hands[side], rng)
    pose_extra_limbs(figure, rng)


def pose_extra_limbs(figure: Figure, rng: np.random.Generator) -> None:
    """Gives every copied limb a pose of its own; a detached one keeps that of the limb it was."""
    copies = {entry.id for entry in figure.instances if entry.copy_of is not None and entry.kind != "digit"}
    for entry in figure.instances:
        if entry.id not in copies or entry.owner in copies or entry.side is None or not entry.joints:
            continue
        suffix = "#" + figure.bone_names[entry.joints[-1][1]].partition("#")[2]
        if "detached" in entry.faults:
            _pose_as_original(figure, suffix)
        else:
            _pose_copy(figure, entry, entry.side, suffix, rng)
            _pose_copied_hand(figure, entry, rng)


def _pose_as_original(figure: Figure, suffix: str) -> None:
    for bone, name in enumerate(figure.bone_names):
        if name.endswith(suffix):
            rotation = figure.rotations.get(figure.bone(name.removesuffix(suffix)))
            if rotation is not None:
                figure.rotations[bone] = rotation


def _pose_copy(figure: Figure, entry: InstanceEntry, side: Side, suffix: str, rng: np.random.Generator) -> None:
    joints = {name for name, _, _ in entry.joints}
    if entry.kind == "arm" and "shoulder" in joints:
        pose_arm(figure, sample_arm_pose(rng, str(rng.choice(EXTRA_ARMS))), side, suffix)
    elif (
        entry.kind == "leg" and "hip" in joints
    ):  # the operator swings it; from a sitter's hips it grows like the other legs
        _pose_as_original(figure, suffix)
        knee = entry.joints[1][1]
        stirred = turn(_RIGHT, float(rng.normal(0, 0.15))) @ figure.rotations.get(knee, np.eye(3))
        figure.rotations[knee] = stirred.astype(np.float32)
    else:  # a forearm, hand, shin or foot: the operator turned it already, it only stirs
        bone = entry.joints[0][1]
        figure.rotations[bone] = turn(rng.normal(0, 1, 3), float(rng.normal(0, 0.25)))


def _pose_copied_hand(figure: Figure, entry: InstanceEntry, rng: np.random.Generator) -> None:
    for hand in figure.instances:
        if hand.kind == "hand" and hand.copy_of is not None and entry.id in (hand.id, hand.owner):
            pose_hand(figure, hand.id, sample_hand_pose(rng), rng)
