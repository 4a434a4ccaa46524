"""How do generators merge two people? An arm of one ends in an arm of the other. Works on posed figures, unlike other operators."""

from __future__ import annotations

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.limb_copies import chain_of
from limbfix.synthesis.defects.limb_shapes import stretch_limb
from limbfix.synthesis.defects.missing_limbs import remove_limb
from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.posing import joint_position, world_matrices
from limbfix.synthesis.figures.rotations import turn_between
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import Side

LONGEST_REACH = 1.45
"""An arm may be stretched by this much to reach; people further apart are not merged."""

OPERATOR = "limbs.merged_arms"


def _arm_ends(figure: Figure, side: Side) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    matrices, suffix = world_matrices(figure), SIDES[side]
    bones = (f"upperarm01{suffix}", f"lowerarm01{suffix}", f"wrist{suffix}")
    shoulder, elbow, wrist = (joint_position(figure, matrices, figure.bone(bone), "head") for bone in bones)
    return shoulder, elbow, wrist


def nearest_arms(first: Figure, second: Figure) -> tuple[Side, Side, float]:
    """Returns the side of the first's forearm and of the second's shoulder that lie closest, and the reach that it takes.

    Reach is the distance over the second's arm length; 1 = a straight arm.
    """
    best: tuple[Side, Side, float] | None = None
    sides: tuple[Side, Side] = ("left", "right")
    for target_side in sides:
        _, elbow, wrist = _arm_ends(first, target_side)
        for side in sides:
            shoulder, own_elbow, own_wrist = _arm_ends(second, side)
            length = np.linalg.norm(own_elbow - shoulder) + np.linalg.norm(own_wrist - own_elbow)
            reach = float(np.linalg.norm((elbow + wrist) / 2 - shoulder) / length)
            if best is None or reach < best[2]:
                best = (target_side, side, reach)
    assert best is not None
    return best


def aim_arm(figure: Figure, side: Side, point: np.ndarray) -> None:
    """Straightens an arm and points it at a (3,) world position; lengthens it within `LONGEST_REACH` if it is too short."""
    suffix = SIDES[side]
    root, forearm = figure.bone(f"upperarm01{suffix}"), figure.bone(f"lowerarm01{suffix}")
    figure.rotations.pop(forearm, None)
    matrices = world_matrices(figure)
    wrist = joint_position(figure, matrices, figure.bone(f"wrist{suffix}"), "head")
    shoulder = joint_position(figure, matrices, root, "head")
    reach = float(np.linalg.norm(point - shoulder) / np.linalg.norm(wrist - shoulder))
    if reach > 1:
        stretch_limb(figure, "arm", side, min(reach, LONGEST_REACH))
    above = matrices[figure.parents[root], :, :3]
    to_parent = np.linalg.inv(above)  # the turn is found in world axes and kept in the parent's
    turned = turn_between(to_parent @ (wrist - shoulder), to_parent @ (point - shoulder))
    figure.rotations[root] = turned @ figure.rotations.get(root, np.eye(3, dtype=np.float32))


def merge_arms(first: Figure, second: Figure, *, merged: bool) -> Made | None:
    """Lets an arm of the second person end in a forearm of the first.

    Args:
        first, second: posed, close to each other; the second is changed.
        merged: True takes the second's hand away, so that its forearm grows into the first's; False leaves the hand there, as
            the benign twin: a person who touches another's arm.

    Returns:
        what was made, or None where the two are too far apart; then nothing was changed.
    """
    target_side, side, reach = nearest_arms(first, second)
    if reach > LONGEST_REACH:
        return None
    _, elbow, wrist = _arm_ends(first, target_side)
    aim_arm(second, side, (elbow + wrist) / 2)
    lost = [entry.id for entry in chain_of(second, "hand", side)]
    if merged:
        affected = remove_limb(second, "hand", side, stump=0.2)
        second.find("arm", side).add_fault("fused")
    else:
        affected = set(lost)
    return Made(
        code=DefectCode.PERSON_MISSING_HAND, operator=OPERATOR, instances=tuple(lost),
        affected=tuple(sorted({*affected, *lost, second.find("arm", side).id, first.find("arm", target_side).id})),
    )  # fmt: skip
