"""How is a picture kept until it is drawn? Its pixels and maps as small files in memory, its joints, bones and limbs as lists."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from limbfix.geometry import scaled_from_first_centre
from limbfix.nets.body_maps import BONES, JOINTS

STORED_PX = 400
"""Longer side of a stored picture; its maps have half of it."""

MAP_STEP = 2
"""Stored px per cell of a stored map."""

HIDDEN, UNSURE, SEEN, OUTSIDE = 0, 1, 2, 3
"""States of a joint: behind something else; behind its own body, or not known; seen; beyond the picture."""

UNKNOWN = 255
"""In stored maps: nobody knows the part, whether it is covered, the side; in the map of people: nobody."""

OTHERS = 254
"""In the map of people: somebody whose joints are not labelled. Nothing is said there, of no joint, bone or part."""

NONE, OVER = -1, -2
"""In a chain: the limb has no such joint, it ends before; or nothing more belongs to the chain."""

LIMBS: Mapping[str, tuple[str, ...]] = {
    "arm": ("shoulder", "elbow", "wrist", "hand"),
    "leg": ("hip", "knee", "ankle", "foot"),
}
"""Joints of a limb with its end, from the body outwards."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredBody:
    """A picture in memory with all that is known of its people, about 80 kB.

    Attributes:
        jpeg: the pixels, its longer side `STORED_PX`.
        maps: PNG, uint8 (h / 2, w / 2, 4): class of `PARTS`; covered; left; number of the person, or `OTHERS`. `UNKNOWN` for what nobody knows.
        joints: (n, 4) float32: kind (index in `JOINTS`), x, y in stored px, state.
        bones: (m, 3) int32: row of `BONES`, inner and outer joint.
        chains: (k, 4) int32: joints of a limb from the body outwards, `NONE` for what it has not, `OVER` after the last.
        necks: (p, 2) float32, stored px; nan where unknown. Rows are the numbers in the map of people.
        complete: (10,) bool: all visible joints of this kind are labelled, so that there are no others.
        exact: labels come from a renderer; otherwise ends are not known, and parts only near bones.
    """

    jpeg: bytes
    maps: bytes
    joints: np.ndarray
    bones: np.ndarray
    chains: np.ndarray
    necks: np.ndarray
    complete: np.ndarray
    exact: bool = True


def stored_scale(shape: Sequence[int]) -> float:
    """Returns stored px per picture px; pictures are never enlarged."""
    return min(1.0, STORED_PX / max(shape[:2]))


def stored_pixels(pixels: np.ndarray) -> bytes:
    """Returns (h, w, 3) uint8 RGB as a JPEG of the stored size."""
    scale = stored_scale(pixels.shape)
    size_wh = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    small = cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def unpacked(data: bytes, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    """Returns what `stored_pixels` (in BGR) or `stored_maps` packed."""
    values = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    assert values is not None  # it was encoded here
    return np.asarray(values, np.uint8)


def stored_maps(maps: Sequence[np.ndarray]) -> bytes:
    """Returns four (h, w) uint8 maps of a picture's size as a PNG of the stored size."""
    scale = stored_scale(maps[0].shape)
    size_wh = tuple(max(1, round(side * scale) // MAP_STEP) for side in maps[0].shape[::-1])
    small = [cv2.resize(one, size_wh, interpolation=cv2.INTER_NEAREST_EXACT) for one in maps]
    return cv2.imencode(".png", np.stack(small, -1), [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()


class JointList:
    """Joints and bones of one picture while they are collected; places are picture px."""

    def __init__(self) -> None:
        self.joints: list[tuple[float, float, float, float]] = []
        self.bones: list[tuple[int, int, int]] = []
        self.chains: list[list[int]] = []

    def joint(self, name: str, xy: np.ndarray, state: int) -> int:
        """Adds a joint and returns its number; `NONE` where it has no place."""
        if not np.isfinite(xy).all():
            return NONE
        self.joints.append((JOINTS.index(name), float(xy[0]), float(xy[1]), state))
        return len(self.joints) - 1

    def bone(self, inner: int, outer: int) -> None:
        """Adds the bone between two joints, if both are there."""
        if NONE not in (inner, outer):
            kinds = tuple(JOINTS[int(self.joints[end][0])] for end in (inner, outer))
            self.bones.append((BONES.index(kinds), inner, outer))

    def chain(self, numbers: Sequence[int]) -> None:
        """Adds a limb, `NONE` for joints that it has not, with the bones along it."""
        self.chains.append([*numbers, *[OVER] * (4 - len(numbers))])
        for inner, outer in itertools.pairwise(numbers):
            self.bone(inner, outer)

    def stored(self, scale: float) -> dict[str, Any]:
        """Returns joints, bones and chains of a `StoredBody`."""
        joints = np.array(self.joints, np.float32).reshape(-1, 4)
        joints[:, 1:3] = scaled_from_first_centre(joints[:, 1:3], scale)
        return {
            "joints": joints,
            "bones": np.array(self.bones, np.int32).reshape(-1, 3),
            "chains": np.array(self.chains, np.int32).reshape(-1, 4),
        }
