"""What do a digit's layers hang on? Weights move from bone to bone, and parts of a digit are held in a posture of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sparse

from limbfix.synthesis.defects.digit_shapes import layers_of
from limbfix.synthesis.figures.figure import Component, Figure, InstanceEntry
from limbfix.synthesis.figures.hand_frames import HandFrame, hand_frame
from limbfix.synthesis.figures.rotations import cross, turn, unit
from limbfix.synthesis.samples import Side


def rehang(component: Component, bones: Mapping[int, int], count: int) -> None:
    """Hands weights over from bones to bones (old -> new) in one component; `count` bones are in the figure."""
    coo: Any = sparse.coo_matrix(component.weights)
    column = np.arange(max(count, component.weights.shape[1]))
    column[list(bones)] = list(bones.values())
    component.weights = sparse.csr_matrix((coo.data, (coo.row, column[coo.col])), (coo.shape[0], count))


def flexion_axis(frame: HandFrame, line: np.ndarray) -> np.ndarray:
    """Returns the (3,) axis about which a positive turn bends a bone along `line` towards the palm."""
    return unit(cross(line, -frame.dorsal))


def thumb_flexion_axis(frame: HandFrame, line: np.ndarray) -> np.ndarray:
    """Returns the (3,) axis about which a positive turn bends a thumb's bone across the palm."""
    return unit(cross(line, 0.8 * frame.across - 0.6 * frame.dorsal))


def bend_axis(figure: Figure, side: Side, digit: InstanceEntry, bone: int) -> np.ndarray:
    """Returns the (3,) flexion axis of a digit's bone in rest pose."""
    frame, line = hand_frame(figure, side), figure.tails[bone] - figure.heads[bone]
    return thumb_flexion_axis(frame, line) if digit.name == "thumb" else flexion_axis(frame, line)


def hold(figure: Figure, side: Side, digit: InstanceEntry, first: int, turns: Sequence[np.ndarray]) -> None:
    """Holds a digit from one joint on in a posture of its own: no pose bends or straightens it there.

    Args:
        figure, side: whose.
        digit: keeps its bones, so that its first joints are still posed; what is held hangs on copies.
        first: index of the first bone that is held.
        turns: a (3, 3) rotation in rest axes for each bone from `first` on.
    """
    names = [figure.bone_names[bone] for bone in digit.bones[first:]]
    copies = figure.clone_bones(names, f"#held{digit.id}")
    for new, rotation in zip(copies.values(), turns, strict=True):
        figure.offsets[new] = rotation.astype(np.float32)
    for layer in layers_of(figure, side):
        rehang(layer, copies, len(figure.bone_names))
    digit.joints = tuple((name, copies.get(bone, bone), end) for name, bone, end in digit.joints)


def hold_flexed(figure: Figure, side: Side, digit: InstanceEntry, first: int, angles: Sequence[float]) -> None:
    """Holds a digit at flexion angles (radians, positive towards the palm) from one joint on."""
    turns = [
        turn(bend_axis(figure, side, digit, bone), angle)
        for bone, angle in zip(digit.bones[first:], angles, strict=True)
    ]
    hold(figure, side, digit, first, turns)
