"""Can it be seen where a repair ends? Colour steps and grain along the border, against the same of the surroundings.

It cannot tell a wrong thing from a right one, only a glued one from a grown one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from limbfix.crops import resized
from limbfix.repair.focus import MASK_PX, at_size

RING_PX = 6
"""Width of the two strips that are compared, inside and outside the border, at most."""

STEP_MARGIN = 10.0
"""Grey levels beyond the surroundings' own steps from which the eye finds a line (chosen on 40 sheets of the examples)."""

MOST_VISIBLE = 0.12
"""Share of the border that may show a step: an arm that runs over the border brings one of its own."""

GRAIN_RANGE, GRAIN_FLOOR = (0.35, 3.0), 1.2
"""Grain inside over grain outside, and grey levels added to both: between two clean renders there is none to compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """How well a repair hides.

    Attributes:
        step_share: 0-1, share of the border along which a new colour step is visible.
        grain_ratio: fine texture inside over outside, 1 = equal.
        is_visible: whether either gives it away.
    """

    step_share: float
    grain_ratio: float

    @property
    def is_visible(self) -> bool:
        """Whether a viewer would find the border."""
        return self.step_share > MOST_VISIBLE or not GRAIN_RANGE[0] <= self.grain_ratio <= GRAIN_RANGE[1]


def seam_of(before: np.ndarray, after: np.ndarray, alpha: np.ndarray, *, ends: np.ndarray | None = None) -> Seam:
    """Measures the border of a repair.

    Args:
        before, after: uint8 (h, w, 3), the window without and with it.
        alpha: float32 (h, w), 0 where nothing changed.
        ends: bool (h, w), unchanged things at which a removal may well end in a step, such as the trunk beside an arm that
            went; the border along them is not looked at, unless there is no other.
    """
    before, after, alpha, ends = _reduced(before, after, alpha, ends)
    edited = alpha > 0
    if not edited.any() or edited.all():
        return Seam(step_share=0.0, grain_ratio=1.0)
    # Distances from the middle of the feather, where the one picture turns into the other.
    middle = alpha >= 0.5 if (alpha >= 0.5).any() else edited
    inner, outer = ndimage.distance_transform_edt(middle), ndimage.distance_transform_edt(~middle)
    border = (np.asarray(inner) > 0) & (np.asarray(inner) <= 1.5) & ~_at_frame(edited.shape)
    if not border.any():
        return Seam(step_share=0.0, grain_ratio=1.0)
    ring_px = max(2, min(RING_PX, int(np.asarray(inner).max())))
    if ends is not None and ends.any():
        free = border & (np.asarray(ndimage.distance_transform_edt(~ends)) > 2 * ring_px)
        border = free if free.any() else border
    steps_after = _steps(after, middle, ring_px)[border]
    around = (np.asarray(outer) > 2 * ring_px) & (np.asarray(outer) <= 8 * ring_px)
    usual = np.percentile(_gradients(before, ring_px)[around], 90) if around.any() else 0.0
    allowed = np.maximum(usual, 0.0) + STEP_MARGIN
    inside = (alpha >= 1) & (np.asarray(inner) <= 6 * ring_px) if (alpha >= 1).any() else middle
    outside = (np.asarray(outer) > ring_px) & (np.asarray(outer) <= 6 * ring_px) & ~edited
    ratio = 1.0
    if inside.any() and outside.any():
        ratio = (_grain(after, inside) + GRAIN_FLOOR) / (_grain(before, outside) + GRAIN_FLOOR)
    return Seam(step_share=round(float((steps_after > allowed).mean()), 4), grain_ratio=round(float(ratio), 3))


def _reduced(
    before: np.ndarray, after: np.ndarray, alpha: np.ndarray, ends: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Returns the same at MASK_PX at most: whoever looks at so large a window does not see its pixels."""
    longer = max(alpha.shape)
    if longer <= MASK_PX:
        return before, after, alpha, ends
    height, width = (max(1, round(side * MASK_PX / longer)) for side in alpha.shape)
    size_wh = (width, height)
    small = np.asarray(Image.fromarray(alpha).resize(size_wh, Image.Resampling.BILINEAR))
    fewer = None if ends is None else at_size(ends, size_wh)
    return resized(before, size_wh), resized(after, size_wh), small, fewer


def _at_frame(shape: tuple[int, ...]) -> np.ndarray:
    frame = np.ones(shape, bool)
    frame[1:-1, 1:-1] = False
    return frame


def _steps(pixels: np.ndarray, middle: np.ndarray, ring_px: int) -> np.ndarray:
    """Returns float (h, w): how far the mean colour just inside lies from that just outside, grey levels."""
    weights = middle.astype(np.float32)
    values = pixels.astype(np.float32)
    size = 2 * ring_px + 1
    inside, outside = _mean(values, weights, size), _mean(values, 1 - weights, size)
    return np.sqrt(((inside - outside) ** 2).mean(axis=2))


def _mean(values: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    total = np.stack([ndimage.uniform_filter(values[..., c] * weights, size) for c in range(3)], axis=2)
    return total / np.maximum(ndimage.uniform_filter(weights, size), 1e-6)[..., None]


def _gradients(pixels: np.ndarray, ring_px: int) -> np.ndarray:
    """Returns float (h, w): the colour steps that the picture has anyway at this scale, grey levels."""
    values = np.stack([ndimage.uniform_filter(pixels[..., c].astype(np.float32), ring_px) for c in range(3)], axis=2)
    across = np.sqrt(((np.roll(values, ring_px, 1) - values) ** 2).mean(axis=2))
    down = np.sqrt(((np.roll(values, ring_px, 0) - values) ** 2).mean(axis=2))
    return np.maximum(across, down)


def _grain(pixels: np.ndarray, where: np.ndarray) -> float:
    """Returns the median strength of what is finer than 3 px, grey levels; a median does not see the few outlines."""
    grey = pixels.astype(np.float32).mean(axis=2)
    return float(np.median(np.abs(grey - ndimage.gaussian_filter(grey, 1.5))[where]))
