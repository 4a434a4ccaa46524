"""Where is everything once the bones are turned? Forward kinematics and linear blend skinning."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from limbfix.synthesis.figures.figure import Component, Figure


def world_matrices(figure: Figure) -> np.ndarray:
    """Returns (bones, 3, 4) float32: rest position -> posed position for each bone; parents come before children."""
    matrices = np.zeros((len(figure.bone_names), 3, 4), np.float32)
    update_matrices(figure, matrices, range(len(figure.bone_names)))
    return matrices


def update_matrices(figure: Figure, matrices: np.ndarray, bones: Iterable[int]) -> None:
    """Brings the matrices of some bones (parents first) up to date, where only these bones were turned."""
    identity = np.eye(3, dtype=np.float32)
    for bone in bones:
        parent = figure.parents[bone]
        if parent >= 0 and bone not in figure.rotations and bone not in figure.offsets:
            matrices[bone] = matrices[parent]  # most bones of a pose just follow
            continue
        rotation = figure.rotations.get(bone, identity)
        if bone in figure.offsets:
            rotation = rotation @ figure.offsets[bone]
        head = figure.heads[bone]
        shift = head - rotation @ head
        if parent >= 0:
            above = matrices[parent]
            matrices[bone, :, :3] = above[:, :3] @ rotation
            matrices[bone, :, 3] = above[:, :3] @ shift + above[:, 3]
        else:
            matrices[bone, :, :3], matrices[bone, :, 3] = rotation, shift + figure.place


def skinned(component: Component, matrices: np.ndarray) -> np.ndarray:
    """Returns (v, 3) float32 posed positions of a component's coarse vertices."""
    bones = component.weights.shape[1]
    blended = (component.weights @ matrices[:bones].reshape(bones, 12)).reshape(-1, 3, 4)
    return np.einsum("vij,vj->vi", blended[:, :, :3], component.rest) + blended[:, :, 3]


def joint_position(figure: Figure, matrices: np.ndarray, bone: int, end: str) -> np.ndarray:
    """Returns the (3,) posed position of a bone's `head` or `tail`."""
    rest = figure.heads[bone] if end == "head" else figure.tails[bone]
    return matrices[bone, :, :3] @ rest + matrices[bone, :, 3]
