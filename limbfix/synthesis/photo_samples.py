"""How does a photograph of a hand become a labelled sample? Its mask is split among palm, forearm, digits and segments.

The labels come from a detector: they are good enough to train on and to choose places, not to measure with (`exact` is False).
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from limbfix.synthesis.photographs import HandPhoto
from limbfix.synthesis.samples import DIGITS, JOINTS, PART_ID, SURFACE_ID, Instance, Joint, Sample, Side
from limbfix.synthesis.surgery.regions import FIRST_DIGIT, FOREARM, PALM, split_hand

ARM, HAND, FIRST = 1, 2, 3
"""Ids of the instances; digit d is FIRST + d."""

_TURN, _ZOOM = 12.0, (0.02, 0.18)
"""Degrees by which a crop is turned at most, and by how much it is magnified (logarithm), so that hardly anything of the outside
comes in. Every photograph passes this one resampling, edited or not."""


def photo_sample(photo: HandPhoto, rng: np.random.Generator, *, key: str, group: str, stream: str) -> Sample:
    """Returns a photograph as a plain sample: mirrored every second time, a little turned, scaled and shifted."""
    pixels, keypoints, mask, side, turned = placed(photo, rng)
    regions = split_hand(keypoints, mask)
    instance_map = np.zeros(mask.shape, np.uint16)
    for value, instance in ((FOREARM, ARM), (PALM, HAND), *((FIRST_DIGIT + d, FIRST + d) for d in range(5))):
        instance_map[regions.hand_map == value] = instance
    surface = np.where(instance_map > 0, SURFACE_ID["skin"], SURFACE_ID["background"]).astype(np.uint8)
    return Sample(
        key=key,
        group=group,
        stream=stream,
        role="plain",
        operator="",
        order=0,
        pixels=pixels,
        instance_map=instance_map,
        part_map=_parts(regions.hand_map, keypoints),
        surface_map=surface,
        instances=_instances(instance_map, keypoints, side),
        exact=False,
        recipe={"photograph": photo.source, "sha256": photo.sha256, "placed": turned},
    )


def placed(photo: HandPhoto, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, Side, list[float]]:
    """Returns (pixels, keypoints, mask, side, how it was placed) of a photograph after the one resampling that all pass."""
    height, width = photo.mask.shape
    mirrored, turn = rng.random() < 0.5, float(rng.uniform(-_TURN, _TURN))
    zoom, shift = float(np.exp(rng.uniform(*_ZOOM))), rng.uniform(-0.03, 0.03, 2) * width
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, zoom)
    matrix[:, 2] += shift
    if mirrored:
        matrix = matrix @ np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]])
    pixels = cv2.warpAffine(
        photo.pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    mask = cv2.warpAffine(photo.mask.astype(np.float32), matrix, (width, height)) > 0.5
    keypoints = photo.keypoints @ matrix[:, :2].T + matrix[:, 2]
    side: Side = photo.side if not mirrored else "right" if photo.side == "left" else "left"
    recipe = [float(mirrored), round(turn, 3), round(zoom, 4), *(round(float(step), 3) for step in shift)]
    return pixels, keypoints.astype(np.float32), mask, side, recipe


def _parts(hand_map: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
    """Returns the part map: palm, forearm, and each digit's pixels given to its nearest phalanx."""
    parts = np.zeros(hand_map.shape, np.uint8)
    parts[hand_map == PALM], parts[hand_map == FOREARM] = PART_ID["palm"], PART_ID["forearm"]
    for digit, name in enumerate(DIGITS):
        own = hand_map == FIRST_DIGIT + digit
        joints = keypoints[4 * digit + 1 : 4 * digit + 5][1 if digit == 0 else 0 :]
        bones = ("proximal", "distal") if digit == 0 else ("proximal", "middle", "distal")
        if own.any():
            y, x = np.nonzero(own)
            far = [_distance(np.stack([x, y], -1), *ends) for ends in pairwise(joints)]
            parts[own] = np.array([PART_ID[f"{name}_{bone}"] for bone in bones])[np.argmin(far, axis=0)]
    return parts


def _distance(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the distance of points, (n, 2) px, from a bone."""
    axis = end - start
    share = np.clip((points - start) @ axis / max(float(axis @ axis), 1e-6), 0, 1)
    return np.linalg.norm(points - start - share[:, None] * axis, axis=1)


def _instances(instance_map: np.ndarray, keypoints: np.ndarray, side: Side) -> tuple[Instance, ...]:
    pixels = np.bincount(instance_map.ravel(), minlength=FIRST + 5)
    nowhere = (float("nan"), float("nan"))
    wrist = _joint("wrist", keypoints[0], instance_map, (ARM, HAND))
    limbs = [
        Instance(
            id=HAND, kind="hand", name="hand", side=side, owner=None, visible_px=int(pixels[HAND]), joints=(wrist,)
        )
    ]
    if pixels[ARM]:
        unseen = tuple(Joint(name=name, xy=nowhere, visible=False) for name in JOINTS["arm"][:2])
        arm = Instance(
            id=ARM, kind="arm", name="arm", side=side, owner=None, visible_px=int(pixels[ARM]), joints=(*unseen, wrist)
        )
        limbs = [
            arm,
            Instance(
                id=HAND, kind="hand", name="hand", side=side, owner=ARM, visible_px=int(pixels[HAND]), joints=(wrist,)
            ),
        ]
    for digit, name in enumerate(DIGITS):
        xy, own = keypoints[4 * digit + 1 : 4 * digit + 5], FIRST + digit
        joints = tuple(
            _joint(joint, at, instance_map, (own, HAND)) for joint, at in zip(JOINTS["digit"], xy, strict=True)
        )
        limbs.append(
            Instance(id=own, kind="digit", name=name, side=side, owner=HAND, visible_px=int(pixels[own]), joints=joints)
        )
    return tuple(limbs)


def _joint(name: str, xy: np.ndarray, instance_map: np.ndarray, own: tuple[int, ...]) -> Joint:
    """Returns a joint, visible where its pixel belongs to its own limb."""
    x, y = np.floor(xy).astype(int)
    inside = 0 <= x < instance_map.shape[1] and 0 <= y < instance_map.shape[0]
    return Joint(name=name, xy=(float(xy[0]), float(xy[1])), visible=bool(inside and instance_map[y, x] in own))
