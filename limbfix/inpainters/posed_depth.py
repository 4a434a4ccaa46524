"""How deep is a plausible hand? MakeHuman's hand (CC0), bent in the picture's plane onto the joints and drawn as a depth map.

It takes the place of MANO, whose licence forbids commercial use. Bones turn in the picture's plane only and the relief is that of
an open hand, which is what a depth ControlNet needs to know where five fingers go. No OpenGL is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from limbfix.parts import Side

NEAREST, FARTHEST = 255, 110
"""Grey of the hand's nearest and farthest point; the background is 0, as in HandRefiner's depth maps."""

_FINER = 2
_FOREARM = 0.35
"""Of a vertex's weight that must hang on the hand's bones for it to be drawn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RestHand:
    """The right hand at rest, seen on its back.

    Attributes:
        xy: float64 (n, 2), fingers up (y down), thumb to the left, in decimetres.
        near: float64 (n,), decimetres towards the viewer.
        faces: int (m, 4) rows of `xy`.
        shares: float64 (n, 21): how much each vertex follows the bone that ends in each joint of hand21; 0 = the wrist.
        joints: float64 (21, 2), where the joints are.
    """

    xy: np.ndarray
    near: np.ndarray
    faces: np.ndarray
    shares: np.ndarray
    joints: np.ndarray


PARENTS = (0, *(0 if joint == 1 else first + joint - 2 for first in range(1, 21, 4) for joint in range(1, 5)))
"""Joint of hand21 from which the bone to each joint comes."""


def depth_hint(joints: np.ndarray, size_wh: tuple[int, int], *, shows_palm: bool = False) -> np.ndarray:
    """Draws a hand's depth.

    Args:
        joints: float (21, 2) px of the hint, in the layout hand21, all finite; `plausible_hand` gives them.
        size_wh: of the hint, px.
        shows_palm: whether the palm faces the viewer; else the back does.

    Returns:
        uint8 (h, w, 3), near = white, background black.

    Raises:
        AssetMissing: MakeHuman's body data are not on this machine; the message holds the command that fetches them.
        ValueError: joints of another shape, or absent ones.
    """
    from PIL import Image, ImageDraw, ImageFilter

    target = np.asarray(joints, float)
    if target.shape != (21, 2) or not np.isfinite(target).all():
        raise ValueError(f"depth_hint: expected 21 finite joints, got an array of shape {target.shape}")
    hand = rest_hand()
    xy = bent(hand, target) * _FINER
    near = -hand.near if shows_palm else hand.near
    low, high = near.min(), near.max()
    grey = FARTHEST + (NEAREST - FARTHEST) * (near - low) / (high - low)
    image = Image.new("L", (size_wh[0] * _FINER, size_wh[1] * _FINER))
    draw = ImageDraw.Draw(image)
    depth = grey[hand.faces].mean(axis=1)
    for face in np.argsort(depth):  # from far to near
        draw.polygon([tuple(point) for point in xy[hand.faces[face]].tolist()], fill=int(depth[face]))
    image = image.filter(ImageFilter.MedianFilter(3)).resize(size_wh, Image.Resampling.BOX)
    return np.repeat(np.asarray(image)[..., None], 3, axis=2)


def bent(hand: RestHand, target: np.ndarray) -> np.ndarray:
    """Returns (n, 2): the hand's vertices when its joints lie at `target`.

    Each bone turns and stretches in the plane with its two joints; across itself it is as wide as the palm's scale says.
    """
    whole, offset = _similarity(hand.joints, target)
    points = hand.xy[:, 0] + 1j * hand.xy[:, 1]
    is_mirrored = _is_mirrored(hand.joints, target)
    if is_mirrored:
        points = -points.conj()
    moved = (points * whole + offset) * hand.shares[:, 0]
    rest = hand.joints[:, 0] + 1j * hand.joints[:, 1]
    rest = -rest.conj() if is_mirrored else rest
    goal = target[:, 0] + 1j * target[:, 1]
    for joint in range(1, 21):
        parent = PARENTS[joint]
        bone, wanted = rest[joint] - rest[parent], goal[joint] - goal[parent]
        if abs(bone) < 1e-9 or abs(wanted) < 1e-9:
            bone, wanted = 1.0, whole
        local = (points - rest[parent]) * (abs(bone) / bone)  # along the real axis, across the imaginary one
        placed = local.real * abs(wanted) / abs(bone) + 1j * local.imag * abs(whole)
        moved = moved + (placed * (wanted / abs(wanted)) + goal[parent]) * hand.shares[:, joint]
    return np.stack([moved.real, moved.imag], axis=1)


def shows_palm(joints: np.ndarray, side: Side) -> bool:
    """Says whether the palm faces the viewer, from which way round the knuckles lie; False where the side is unknown."""
    if side is Side.UNKNOWN:
        return False
    wrist, index, little = (np.asarray(joints, float)[place] for place in (0, 5, 17))
    (ax, ay), (bx, by) = index - wrist, little - wrist
    turns_right = ax * by - ay * bx > 0  # from index to little finger, clockwise on the screen: a right hand's back
    return bool(turns_right) != (side is Side.RIGHT)


@lru_cache(maxsize=1)
def rest_hand() -> RestHand:
    """Reads the right hand of the body model once.

    Raises:
        AssetMissing: see `limbfix.synthesis.assets.body_data_folder`.
    """
    from limbfix.synthesis.figures.body_model import BodyShape, load_body_model
    from limbfix.synthesis.figures.hand_frames import frame_of_joints

    model = load_body_model()
    vertices = model.shaped(BodyShape())
    heads, tails = model.joints(vertices)
    frame = frame_of_joints(heads, tails, model.bone_index, "right")
    bones = [model.bone_index["wrist.R"]]
    ends = [frame.wrist]
    for digit in range(1, 6):
        names = [f"finger{digit}-{k}.R" for k in (1, 2, 3)]
        bones += [model.bone_index[f"metacarpal{digit - 1}.R"] if digit > 1 else -1]
        bones += [model.bone_index[name] for name in names]
        ends += [heads[model.bone_index[names[0]]], *(tails[model.bone_index[name]] for name in names)]
    drawn = (model.weight_of(("wrist", "finger", "metacarpal"), ".R") > _FOREARM) & model.mask("body")
    faces = model.faces[drawn[model.faces].all(axis=1)]
    used, rows = np.unique(faces, return_inverse=True)
    columns = model.weights[used].toarray().astype(float)
    shares = np.stack([columns[:, bone] if bone >= 0 else np.zeros(len(used)) for bone in bones], axis=1)
    shares[:, 0] += np.clip(1 - shares.sum(axis=1), 0, 1)  # what hangs on the forearm follows the wrist
    axes = np.stack([frame.across, -frame.along, frame.dorsal], axis=1)
    flat, joints = (vertices[used] - frame.wrist) @ axes, (np.stack(ends) - frame.wrist) @ axes
    return RestHand(
        xy=flat[:, :2].astype(float),
        near=flat[:, 2].astype(float),
        faces=rows.reshape(-1, 4),
        shares=shares / shares.sum(axis=1, keepdims=True),
        joints=joints[:, :2].astype(float),
    )


def _is_mirrored(rest: np.ndarray, target: np.ndarray) -> bool:
    def turn(joints: np.ndarray) -> float:
        (ax, ay), (bx, by) = joints[5] - joints[0], joints[17] - joints[0]
        return float(ax * by - ay * bx)

    return turn(rest) * turn(target) < 0


def _similarity(rest: np.ndarray, target: np.ndarray) -> tuple[complex, complex]:
    """Returns (a, b) with a * rest + b nearest to the target on wrist and knuckles, as complex numbers."""
    palm = [0, 5, 9, 13, 17]
    a, b = (xy[palm, 0] + 1j * xy[palm, 1] for xy in (rest, target))
    if _is_mirrored(rest, target):
        a = -a.conj()
    a0, b0 = a.mean(), b.mean()
    scale = (np.conj(a - a0) * (b - b0)).sum() / (np.abs(a - a0) ** 2).sum()
    return complex(scale), complex(b0 - scale * a0)
