"""What does a melting operator know of a hand, and what does it hand back?"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from limbfix.findings import DefectCode
from limbfix.synthesis.samples import Fault

FINGER_HALF_WIDTH = 0.105
"""Half the breadth of a finger in palm lengths, the same proportions as in `photograph_masks`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandView:
    """One normal hand.

    Attributes:
        pixels: (h, w, 3) uint8 sRGB.
        keypoints: float32 (21, 2) px, HAND21.
        mask: (h, w) bool, skin of hand and forearm.
    """

    pixels: np.ndarray
    keypoints: np.ndarray
    mask: np.ndarray

    @property
    def palm_px(self) -> float:
        """Wrist to middle knuckle, or what the palm's width says where that is foreshortened, px."""
        length = float(np.linalg.norm(self.keypoints[9] - self.keypoints[0]))
        width = float(np.linalg.norm(self.keypoints[5] - self.keypoints[17]))
        return max(length, 1.3 * width, 8.0)

    def digit(self, index: int) -> np.ndarray:
        """Returns the four joints of a digit, (4, 2) px from the palm outwards; 0 is the thumb."""
        return self.keypoints[4 * index + 1 : 4 * index + 5].astype(np.float64)

    def half_width(self, index: int) -> float:
        """Returns half the breadth of a digit, px: what the mask says at its middle joints, within what a finger can have."""
        usual = FINGER_HALF_WIDTH * self.palm_px * (1.15 if index == 0 else 0.9 if index == 4 else 1)
        depth = cv2.distanceTransform(self.mask.astype(np.uint8), cv2.DIST_L2, 3)
        at = [depth[_inside(xy, depth.shape)] for xy in self.digit(index)[1:3]]
        return float(np.clip(np.mean(at), 0.75 * usual, 1.15 * usual))

    def long_digit(self, pick: float, least: float = 0.4) -> int | None:
        """Returns one of the digits that are seen at length, by `pick` (0-1); None if all are folded or point at the viewer."""
        long = np.flatnonzero(self.lengths() > least)
        return int(long[int(pick * len(long))]) if len(long) else None

    def lengths(self) -> np.ndarray:
        """Returns the lengths of the five digits in palm lengths, as they appear: a folded or foreshortened one is short."""
        return np.array([np.linalg.norm(np.diff(self.digit(d), axis=0), axis=1).sum() for d in range(5)]) / self.palm_px


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExtraDigit:
    """A digit that an operator added.

    Attributes:
        like: index of the digit that it is a copy of.
        mask: (h, w) bool, its pixels.
        joints: (4, 2) px, as in `HandView.digit`.
    """

    like: int
    mask: np.ndarray
    joints: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Melt:
    """A picture after an operator.

    Attributes:
        pixels: (h, w, 3) uint8 sRGB.
        region: (h, w) bool, where the picture may differ from what went in.
        origin: float32 (h, w, 2) px, the place whose labels each pixel takes: where its content comes from.
        operator: name of the operator.
        code: what a right judge would report of the damage.
        fault: of the digits concerned.
        digits: indices of the digits that got the fault, 0 is the thumb; empty if the operation was harmless.
        extras: digits that were added.
        cleared: (h, w) bool, pixels that show background now; None if there are none.
        strength: 0-1 within the operator's own range; 0 if harmless.
        note: how it was made harmless, else "".
    """

    pixels: np.ndarray
    region: np.ndarray
    origin: np.ndarray
    operator: str
    code: DefectCode = DefectCode.HAND_MALFORMED
    fault: Fault = "malformed"
    digits: tuple[int, ...] = ()
    extras: tuple[ExtraDigit, ...] = ()
    cleared: np.ndarray | None = None
    strength: float = 0.0
    note: str = ""


def identity(shape_hw: tuple[int, ...]) -> np.ndarray:
    """Returns the map that leaves every pixel where it is, float32 (h, w, 2) as x, y."""
    y, x = np.mgrid[: shape_hw[0], : shape_hw[1]].astype(np.float32)
    return np.stack([x, y], axis=-1)


def blended(
    name: str,
    view: HandView,
    pixels: np.ndarray,
    region: np.ndarray,
    harmless: bool,
    strength: float,
    digits: tuple[int, ...] = (),
    *,
    code: DefectCode = DefectCode.HAND_MALFORMED,
    fault: Fault = "malformed",
    origin: np.ndarray | None = None,
    extras: tuple[ExtraDigit, ...] = (),
    cleared: np.ndarray | None = None,
    note: str = "in place",
) -> Melt:
    """Puts the result of a blend together; what is harmless damages no digit and moves no label."""
    if harmless:
        return Melt(pixels=pixels, region=region, origin=identity(region.shape), operator=name, code=code, note=note)
    return Melt(
        pixels=pixels,
        region=region,
        origin=identity(region.shape) if origin is None else origin,
        operator=name,
        code=code,
        fault=fault,
        digits=digits,
        extras=extras,
        cleared=cleared,
        strength=float(strength),
    )


def nearest_of(mask: np.ndarray) -> np.ndarray:
    """Returns the nearest pixel of a mask for every pixel, float32 (h, w, 2) as x, y."""
    _, (rows, columns) = ndimage.distance_transform_edt(~mask, return_indices=True)  # type: ignore[misc]
    return np.stack([columns, rows], axis=-1).astype(np.float32)


def _inside(xy: np.ndarray, shape_hw: tuple[int, ...]) -> tuple[int, int]:
    x, y = np.clip(np.round(xy), 0, (shape_hw[1] - 1, shape_hw[0] - 1)).astype(int)
    return int(y), int(x)
