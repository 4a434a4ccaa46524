"""Which pixel of a person belongs to which limb? The person's mask, split by the nearest bone of the pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

BACKGROUND, TRUNK, HEAD, FIRST_LIMB = 0, 1, 2, 3
"""Values of a body map; segment s (0 upper, 1 lower, 2 end) of limb k of `LIMBS` has the value FIRST_LIMB + 3 k + s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimbBones:
    """One limb in BLAZEPOSE33.

    Attributes:
        kind: arm or leg.
        side: the subject's own.
        joints: indices of shoulder, elbow, wrist or hip, knee, ankle.
        ends: indices whose mean is the end of hand or foot.
        widths: of the three segments in trunk lengths.
    """

    kind: Literal["arm", "leg"]
    side: Literal["left", "right"]
    joints: tuple[int, int, int]
    ends: tuple[int, ...]
    widths: tuple[float, float, float]


_ARM, _LEG = (0.2, 0.15, 0.17), (0.32, 0.22, 0.2)
"""Thickness with clothes, about a third over ANSUR II's breadths of the bare limbs."""

LIMBS = (
    LimbBones(kind="arm", side="left", joints=(11, 13, 15), ends=(17, 19), widths=_ARM),
    LimbBones(kind="arm", side="right", joints=(12, 14, 16), ends=(18, 20), widths=_ARM),
    LimbBones(kind="leg", side="left", joints=(23, 25, 27), ends=(31,), widths=_LEG),
    LimbBones(kind="leg", side="right", joints=(24, 26, 28), ends=(32,), widths=_LEG),
)

_SURE = 0.8
"""Visibility of the joints of a limb that may be cut."""

_LEAST_ON_MASK = 0.85
"""Share of the points along a limb's bones that lie on the person, and of those that lie on this limb."""

_LEAST_FREE = 0.5
"""Share of a limb's outline that borders on the background: one that crosses the trunk has less."""

_LEAST_LIMB = 0.55
"""Length of a limb in trunk lengths; shorter ones point at the camera."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyRegions:
    """A person split into parts.

    Attributes:
        chains: float (4, 4, 2) px: for each limb its three joints and its end.
        body_map: (h, w) uint8, see the constants above.
        free: for each limb whether it can be cut as a piece.
        trunk_px: the length that scales everything, px.
        nose: float (2,) px.
    """

    chains: np.ndarray
    body_map: np.ndarray
    free: tuple[bool, ...]
    trunk_px: float
    nose: np.ndarray

    def limb_mask(self, limb: int, from_segment: int = 0) -> np.ndarray:
        """Returns (h, w) bool, the pixels of a limb from one of its segments outwards."""
        first = FIRST_LIMB + 3 * limb
        return (self.body_map >= first + from_segment) & (self.body_map < first + 3)


def split_body(keypoints: np.ndarray, visibility: np.ndarray, mask: np.ndarray) -> BodyRegions:
    """Splits a person's mask among trunk, head and limbs.

    Args:
        keypoints: float (33, 2) px, BLAZEPOSE33.
        visibility: float (33,), 0-1.
        mask: (h, w) bool, the person.
    """
    trunk_px = _trunk_length(keypoints)
    chains = np.stack([_chain(keypoints, limb) for limb in LIMBS])
    layers = [
        _trunk_distance(keypoints, mask.shape) / (0.15 * trunk_px) + 0.35,
        _head_distance(keypoints, mask.shape, trunk_px),
    ]
    for limb, chain in zip(LIMBS, chains, strict=True):
        for segment in range(3):
            start = chain[segment] + (0.2 * (chain[1] - chain[0]) if segment == 0 else 0)
            layers.append(_distance(start, chain[segment + 1], mask.shape) / (limb.widths[segment] / 2 * trunk_px))
    nearest = np.argmin(np.stack(layers), axis=0) + TRUNK
    body_map = np.where(mask, nearest, BACKGROUND).astype(np.uint8)
    free = tuple(_is_free(body_map, chains[k], visibility, k, trunk_px) for k in range(4))
    return BodyRegions(chains=chains, body_map=body_map, free=free, trunk_px=trunk_px, nose=keypoints[0])


def along_bone(start: np.ndarray, end: np.ndarray, shape_hw: tuple[int, ...]) -> np.ndarray:
    """Returns float (h, w): how far a pixel lies along a bone, 0 at its start, 1 at its end."""
    axis = end - start
    y, x = np.indices(shape_hw[:2], dtype=np.float32)
    return ((x - start[0]) * axis[0] + (y - start[1]) * axis[1]) / max(float(axis @ axis), 1e-6)


def _chain(keypoints: np.ndarray, limb: LimbBones) -> np.ndarray:
    joints = keypoints[list(limb.joints)]
    end = keypoints[list(limb.ends)].mean(axis=0)
    reach = 1.5 if limb.kind == "arm" else 1.1  # BlazePose marks the knuckles and the ball of the foot, not the tips
    return np.concatenate([joints, (joints[2] + reach * (end - joints[2]))[None]])


def _trunk_length(keypoints: np.ndarray) -> float:
    shoulders, hips = keypoints[[11, 12]], keypoints[[23, 24]]
    length = float(np.linalg.norm(shoulders.mean(axis=0) - hips.mean(axis=0)))
    return max(length, 1.3 * float(np.linalg.norm(shoulders[0] - shoulders[1])), 1.0)


def _distance(start: np.ndarray, end: np.ndarray, shape_hw: tuple[int, ...]) -> np.ndarray:
    """Returns float (h, w) px from a bone."""
    share = np.clip(along_bone(start, end, shape_hw), 0, 1)
    y, x = np.indices(shape_hw[:2], dtype=np.float32)
    return np.hypot(x - start[0] - share * (end[0] - start[0]), y - start[1] - share * (end[1] - start[1]))


def _trunk_distance(keypoints: np.ndarray, shape_hw: tuple[int, ...]) -> np.ndarray:
    canvas = np.ones(shape_hw[:2], np.uint8)
    cv2.fillConvexPoly(canvas, np.round(keypoints[[11, 12, 24, 23]]).astype(np.int32), 0)
    return cv2.distanceTransform(canvas, cv2.DIST_L2, 5)


def _head_distance(keypoints: np.ndarray, shape_hw: tuple[int, ...], trunk_px: float) -> np.ndarray:
    middle = keypoints[[0, 7, 8]].mean(axis=0)
    y, x = np.indices(shape_hw[:2], dtype=np.float32)
    return np.hypot(x - middle[0], y - middle[1]) / (0.22 * trunk_px)


def _is_free(body_map: np.ndarray, chain: np.ndarray, visibility: np.ndarray, limb: int, trunk_px: float) -> bool:
    bones = LIMBS[limb]
    limits = np.array(body_map.shape[::-1])
    if visibility[list(bones.joints)].min() < _SURE or not ((chain > 4) & (chain < limits - 4)).all():
        return False
    if np.linalg.norm(np.diff(chain[:3], axis=0), axis=1).sum() < _LEAST_LIMB * trunk_px:
        return False
    points = np.concatenate([np.linspace(chain[i], chain[i + 1], 12)[3 if i == 0 else 0 :] for i in range(2)]).astype(
        int
    )
    seen = body_map[points[:, 1], points[:, 0]]
    own = (body_map >= FIRST_LIMB + 3 * limb) & (body_map < FIRST_LIMB + 3 * limb + 3)
    if (seen != BACKGROUND).mean() < _LEAST_ON_MASK or own[points[:, 1], points[:, 0]].mean() < _LEAST_ON_MASK:
        return False
    ring = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~own
    return bool((body_map[ring] == BACKGROUND).mean() > _LEAST_FREE)
