"""How does a photograph of a person become a labelled sample? The person's mask is split among limbs by the nearest bone.

The labels come from a detector: good enough to train on and to choose places, not to measure with (`exact` is False).
"""

from __future__ import annotations

import cv2
import numpy as np

from limbfix.layouts import BLAZEPOSE33
from limbfix.synthesis.photographs import BodyPhoto
from limbfix.synthesis.samples import JOINTS, PART_ID, SURFACE_ID, Instance, Joint, Kind, Sample, Side

PERSON = 1
"""Id of the person."""

_LEAST_VISIBILITY = 0.5
"""Below it MediaPipe guesses a joint: it counts as unknown."""

_BONES: tuple[tuple[str, str, str, float, Kind], ...] = (
    ("shoulder", "elbow", "upper_arm", 0.13, "arm"),
    ("elbow", "wrist", "forearm", 0.11, "arm"),
    ("wrist", "index", "palm", 0.13, "hand"),
    ("hip", "knee", "thigh", 0.18, "leg"),
    ("knee", "ankle", "shin", 0.14, "leg"),
    ("heel", "foot_index", "foot", 0.1, "foot"),
)
"""From, to, part, half the breadth in lengths of the trunk (clothes included), instance."""

_LIMBS: tuple[tuple[Kind, int], ...] = (("arm", 2), ("hand", 4), ("leg", 6), ("foot", 8))
"""Kind and id of the left one; the right one's is one more."""

_HEAD, _TORSO = 10, 11
_OWNER: dict[Kind, Kind] = {"hand": "arm", "foot": "leg"}
_LANDMARK = {"toe_tip": "foot_index"}
"""Joints of instances that MediaPipe calls otherwise."""


def body_photo_sample(
    photo: BodyPhoto, size_px: int, rng: np.random.Generator, *, key: str, group: str, stream: str
) -> Sample | None:
    """Returns a photograph as a plain sample of `size_px` squared around its person; None if the trunk is not seen.

    Where the square leaves the picture the edge is drawn on: a reflection would show a second hand. Every photograph passes this one resampling, edited or not.
    """
    seen = photo.visibility >= _LEAST_VISIBILITY
    trunk = [BLAZEPOSE33.index(f"{side}_{joint}") for joint in ("shoulder", "hip") for side in ("left", "right")]
    if not seen[trunk].all():
        return None
    matrix, mirrored = _placement(photo, seen, size_px, rng)
    shape = (size_px, size_px)
    pixels = cv2.warpAffine(photo.pixels, matrix, shape, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(photo.mask.astype(np.float32), matrix, shape) > 0.5
    xy = photo.keypoints @ matrix[:, :2].T + matrix[:, 2]
    xy[~seen] = np.nan
    points = {name: xy[index] for index, name in enumerate(_named(mirrored))}
    instance_map, part_map = _maps(points, mask)
    return Sample(
        key=key,
        group=group,
        stream=stream,
        role="plain",
        operator="",
        order=0,
        pixels=pixels,
        instance_map=instance_map,
        part_map=part_map,
        # Skin and cloth are not told apart here.
        surface_map=np.where(mask, SURFACE_ID["skin"], SURFACE_ID["background"]).astype(np.uint8),
        instances=_instances(points, instance_map),
        exact=False,
        recipe={"photograph": photo.source, "sha256": photo.sha256, "mirrored": mirrored},
    )


def _named(mirrored: bool) -> list[str]:
    """Returns the landmarks' names; in a mirrored picture left is right."""
    if not mirrored:
        return list(BLAZEPOSE33.landmarks)
    swap = {"left": "right", "right": "left"}
    return ["_".join(swap.get(word, word) for word in name.split("_")) for name in BLAZEPOSE33.landmarks]


def _placement(photo: BodyPhoto, seen: np.ndarray, size_px: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Returns (matrix from the photograph to the square, whether it is mirrored)."""
    mirrored, turn, zoom = rng.random() < 0.5, rng.uniform(-6, 6), np.exp(rng.uniform(-0.08, 0.08))
    known = photo.keypoints[seen]
    low, high = known.min(axis=0), known.max(axis=0)
    x, y = ((low + high) / 2).tolist()
    scale = float(zoom) * size_px / (1.25 * float((high - low).max()))
    matrix = cv2.getRotationMatrix2D((x, y), float(turn), scale)
    matrix[:, 2] += size_px / 2 - np.array([x, y])
    if mirrored:
        matrix = np.array([[-1, 0, size_px - 1], [0, 1, 0]], float) @ np.vstack([matrix, [0, 0, 1]])
    return matrix, bool(mirrored)


def _maps(points: dict[str, np.ndarray], mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (instance map, part map): pixels of the mask go to the bone that is nearest in half breadths, else to the trunk."""
    trunk = np.linalg.norm(
        np.mean([points["left_shoulder"], points["right_shoulder"]], axis=0)
        - np.mean([points["left_hip"], points["right_hip"]], axis=0)
    )
    trunk = max(float(trunk), 0.8 * float(np.linalg.norm(points["left_shoulder"] - points["right_shoulder"])))
    best = np.full(mask.shape, 1.0, np.float32)
    instances, parts = np.full(mask.shape, _TORSO, np.uint16), np.full(mask.shape, PART_ID["torso"], np.uint8)
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
    above = (y < min(points["left_shoulder"][1], points["right_shoulder"][1])) & _near(
        points["nose"], x, y, 0.8 * trunk
    )
    instances[above], parts[above] = _HEAD, PART_ID["head"]
    for start, end, part, half, kind in _BONES:
        for shift, side in enumerate(("left", "right")):
            ends = points[f"{side}_{start}"], points[f"{side}_{end}"]
            if not np.isfinite(ends).all():
                continue
            far = _far_from(x, y, *ends) / (half * trunk)
            nearer = far < best
            best = np.where(nearer, far, best)
            instances = np.where(nearer, dict(_LIMBS)[kind] + shift, instances).astype(np.uint16)
            parts = np.where(nearer, PART_ID[part], parts).astype(np.uint8)
    return np.where(mask, instances, 0).astype(np.uint16), np.where(mask, parts, 0).astype(np.uint8)


def _near(centre: np.ndarray, x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    if not np.isfinite(centre).all():
        return np.zeros(x.shape, bool)
    return np.hypot(x - centre[0], y - centre[1]) < radius


def _far_from(x: np.ndarray, y: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    axis = end - start
    share = np.clip(((x - start[0]) * axis[0] + (y - start[1]) * axis[1]) / max(float(axis @ axis), 1e-6), 0, 1)
    return np.hypot(x - start[0] - share * axis[0], y - start[1] - share * axis[1])


def _instances(points: dict[str, np.ndarray], instance_map: np.ndarray) -> tuple[Instance, ...]:
    pixels = np.bincount(instance_map.ravel(), minlength=_TORSO + 1)
    middle = {
        "neck": np.mean([points["left_shoulder"], points["right_shoulder"]], axis=0),
        "pelvis": np.mean([points["left_hip"], points["right_hip"]], axis=0),
        "nose": points["nose"],
        "crown": np.full(2, np.nan),
    }

    def made(ident: int, kind: Kind, side: Side | None, owner: int | None) -> Instance:
        named = [(name, points.get(f"{side}_{_LANDMARK.get(name, name)}", middle.get(name))) for name in JOINTS[kind]]
        joints = tuple(_joint(name, xy, instance_map) for name, xy in named if xy is not None)
        return Instance(
            id=ident, kind=kind, name=kind, side=side, owner=owner, visible_px=int(pixels[ident]), joints=joints
        )

    rows = [made(PERSON, "person", None, None), made(_HEAD, "head", None, PERSON), made(_TORSO, "torso", None, PERSON)]
    sides: tuple[Side, Side] = ("left", "right")
    for kind, first in _LIMBS:
        for shift, side in enumerate(sides):
            owner = dict(_LIMBS)[_OWNER[kind]] + shift if kind in _OWNER else PERSON
            rows.append(made(first + shift, kind, side, owner))
    return tuple(rows)


def _joint(name: str, xy: np.ndarray, instance_map: np.ndarray) -> Joint:
    """Returns a joint; visible where it is known and the person is seen at it."""
    if not np.isfinite(xy).all():
        return Joint(name=name, xy=(float("nan"), float("nan")), visible=False)
    x, y = np.floor(xy).astype(int)
    inside = 0 <= x < instance_map.shape[1] and 0 <= y < instance_map.shape[0]
    return Joint(name=name, xy=(float(xy[0]), float(xy[1])), visible=bool(inside and instance_map[y, x] > 0))
