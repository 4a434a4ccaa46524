"""What does an edited photograph show? The maps and rows of a hand after surgery, at the size of the finished picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limbfix.synthesis.edit_pairs import LabelledPicture, shrunk, shrunk_map
from limbfix.synthesis.photo_samples import ARM, FIRST, HAND
from limbfix.synthesis.samples import JOINTS, PART_ID, SURFACE_ID, Instance, Joint, Side
from limbfix.synthesis.surgery.hand_scene import EditedDigit, HandVersion
from limbfix.synthesis.surgery.regions import FIRST_DIGIT, FOREARM, PALM

_NOWHERE = (float("nan"), float("nan"))


def hand_picture(version: HandVersion, wrist: np.ndarray, side: Side, size_px: int) -> LabelledPicture:
    """Labels one state of a hand.

    Args:
        version: the hand, at the size at which it was edited.
        wrist: float (2,) px of that size.
        side: the hand's.
        size_px: side of the finished picture.
    """
    scale = size_px / version.hand_map.shape[0]
    hand_map = shrunk_map(version.hand_map, size_px)
    digits = [(digit, digit.keypoints * scale) for digit in version.digits]
    instance_map = np.zeros(hand_map.shape, np.uint16)
    part_map = np.zeros(hand_map.shape, np.uint8)
    for value, instance, part in ((FOREARM, ARM, "forearm"), (PALM, HAND, "palm")):
        instance_map[hand_map == value], part_map[hand_map == value] = instance, PART_ID[part]
    for index, (digit, xy) in enumerate(digits):
        own = hand_map == FIRST_DIGIT + index
        instance_map[own] = FIRST + index
        _paint_segments(part_map, own, digit.name, xy)
    surface = np.where(instance_map > 0, SURFACE_ID["skin"], SURFACE_ID["background"]).astype(np.uint8)
    return LabelledPicture(
        pixels=shrunk(version.pixels, size_px),
        instance_map=instance_map,
        part_map=part_map,
        surface_map=surface,
        instances=_rows(instance_map, digits, wrist * scale, side),
    )


def _paint_segments(part_map: np.ndarray, own: np.ndarray, name: str, xy: np.ndarray) -> None:
    """Gives each pixel of a digit to its nearest phalanx; `xy` are its four joints."""
    y, x = np.nonzero(own)
    if not len(y) or not np.isfinite(xy).all():
        return
    bones = ("proximal", "distal") if name == "thumb" else ("proximal", "middle", "distal")
    joints = xy[4 - len(bones) - 1 :]
    points = np.stack([x, y], axis=1)
    far = [_distance(points, joints[i], joints[i + 1]) for i in range(len(bones))]
    part_map[own] = np.array([PART_ID[f"{name}_{bone}"] for bone in bones], np.uint8)[np.argmin(far, axis=0)]


def _distance(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the distance of points, (n, 2) px, from a bone."""
    axis = end - start
    share = np.clip((points - start) @ axis / max(float(axis @ axis), 1e-6), 0, 1)
    return np.linalg.norm(points - start - share[:, None] * axis, axis=1)


def _rows(
    instance_map: np.ndarray, digits: Sequence[tuple[EditedDigit, np.ndarray]], wrist: np.ndarray, side: Side
) -> tuple[Instance, ...]:
    counts = np.bincount(instance_map.ravel(), minlength=FIRST + len(digits))
    end = _joint("wrist", wrist, instance_map, (ARM, HAND))
    unseen = tuple(Joint(name=name, xy=_NOWHERE, visible=False) for name in JOINTS["arm"][:2])
    has_arm = bool(counts[ARM])
    rows = [
        Instance(
            id=HAND,
            kind="hand",
            name="hand",
            side=side,
            owner=ARM if has_arm else None,
            visible_px=int(counts[HAND]),
            joints=(end,),
        )
    ]
    if has_arm:
        rows.insert(
            0,
            Instance(
                id=ARM,
                kind="arm",
                name="arm",
                side=side,
                owner=None,
                visible_px=int(counts[ARM]),
                joints=(*unseen, end),
            ),
        )
    for index, (digit, xy) in enumerate(digits):
        own = FIRST + index
        joints = [_joint(name, at, instance_map, (own, HAND)) for name, at in zip(JOINTS["digit"], xy, strict=True)]
        rows.append(
            Instance(
                id=own,
                kind="digit",
                name=digit.name,
                side=side,
                owner=HAND,
                faults=digit.faults,
                present=digit.present,
                visible_px=int(counts[own]),
                joints=tuple(joints) if digit.present else (),
            )
        )
    return tuple(rows)


def _joint(name: str, xy: np.ndarray, instance_map: np.ndarray, own: tuple[int, ...]) -> Joint:
    """Returns a joint, visible where its pixel belongs to its own limb."""
    if not np.isfinite(xy).all():
        return Joint(name=name, xy=_NOWHERE, visible=False)
    x, y = np.floor(xy).astype(int)
    inside = 0 <= x < instance_map.shape[1] and 0 <= y < instance_map.shape[0]
    return Joint(name=name, xy=(float(xy[0]), float(xy[1])), visible=bool(inside and instance_map[y, x] in own))
