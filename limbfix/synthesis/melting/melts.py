"""What does a melting operator hand back? The picture, where it changed, and what became of digits and labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from limbfix.findings import DefectCode
from limbfix.synthesis.samples import Fault


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExtraLimb:
    """A digit or limb that an operator added.

    Attributes:
        like: index of the chain that it is a copy of.
        mask: (h, w) bool, its pixels.
        joints: (4, 2) px, as in `JointedView.chain`.
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
        fault: of the chains concerned.
        damaged: indices of the chains that got the fault (0 is the thumb); empty if the operation was harmless.
        extras: digits or limbs that were added.
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
    damaged: tuple[int, ...] = ()
    extras: tuple[ExtraLimb, ...] = ()
    cleared: np.ndarray | None = None
    strength: float = 0.0
    note: str = ""


def identity(shape_hw: tuple[int, ...]) -> np.ndarray:
    """Returns the map that leaves every pixel where it is, float32 (h, w, 2) as x, y."""
    y, x = np.mgrid[: shape_hw[0], : shape_hw[1]].astype(np.float32)
    return np.stack([x, y], axis=-1)


def blended(
    name: str,
    pixels: np.ndarray,
    region: np.ndarray,
    harmless: bool,
    strength: float,
    damaged: tuple[int, ...] = (),
    *,
    code: DefectCode = DefectCode.HAND_MALFORMED,
    fault: Fault = "malformed",
    origin: np.ndarray | None = None,
    extras: tuple[ExtraLimb, ...] = (),
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
        damaged=damaged,
        extras=extras,
        cleared=cleared,
        strength=float(strength),
    )


def nearest_of(mask: np.ndarray) -> np.ndarray:
    """Returns the nearest pixel of a mask for every pixel, float32 (h, w, 2) as x, y."""
    _, (rows, columns) = ndimage.distance_transform_edt(~mask, return_indices=True)  # type: ignore[misc]
    return np.stack([columns, rows], axis=-1).astype(np.float32)
