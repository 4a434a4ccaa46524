"""How does a region get to a painter and back? Crop with context, enlarge, paint, shrink, blend: limbfix does all but the painting.

Outside the feathered mask not one pixel changes, whatever a painter gives back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from limbfix.crops import resized
from limbfix.digits import Mask as Patch
from limbfix.errors import RepairError
from limbfix.inpainting import Mask
from limbfix.repair.patches import box_of_patch, window_of

CONTEXT = 2.75
"""Side of the crop in sides of the region: a painter that sees no wrist paints no hand. ADetailer users know 2.5 to 3."""

GROWTH, LEAST_GROWTH = 0.06, 4.0
"""Of the region's size, and px: masks end where a network is half sure, and shadows lie beyond."""

FEATHER, LEAST_FEATHER = 0.03, 2.0
"""Of the region's size, and px: over how much of the growth the painted pixels fade in."""

_LEAST_ON_KEPT = 1.5
"""px: the rim that an outline's own blur takes."""

MASK_PX = 1536
"""Longer side of the windows in which masks are drawn; those of larger ones are enlarged."""

_ROWS = 512
"""How many rows are blended at once: floats of a whole 8,192 px picture would take a gigabyte."""

MOST_PX = 1536
"""Longer side of what a painter without a size of its own gets; a larger place is worked on reduced, in bounded memory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Focus:
    """A window of a picture, and what may change in it.

    Attributes:
        left, top: px, the window's corner in the picture.
        alpha: float32 (h, w) of the window: 0 = not one bit changes, 1 = painted, between them the feather.
        core: bool (h, w), what the region was before it was grown.
        size_wh: px at which the painter works.
    """

    left: int
    top: int
    alpha: np.ndarray
    core: np.ndarray
    size_wh: tuple[int, int]

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture."""
        rows, columns = self.alpha.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)


Enlarge = Callable[[np.ndarray, tuple[int, int]], np.ndarray]
"""uint8 (h, w, 3) and a size in px -> uint8 of that size: an upscaler or face restorer."""

KeptPixels = Callable[[int, int, tuple[int, int]], np.ndarray]
"""(left, top, shape) of a window -> bool `shape`, what must not be painted over although it touches the region."""


def focus_on(
    patch: Patch,
    width: int,
    height: int,
    *,
    native_px: int | None = None,
    multiple: int = 1,
    kept: KeptPixels | None = None,
) -> Focus:
    """Returns the window around a region.

    Args:
        patch: the region, px of the picture.
        width, height: of the picture.
        native_px: side at which the painter works best, or None for any.
        multiple: sides of its pixels must be a multiple of this.
        kept: onto which pixels the region must not grow: the trunk behind an arm that goes.

    Raises:
        RepairError: the region is empty.
    """
    box = box_of_patch(patch)
    if not patch.pixels.any():
        raise RepairError("expected a region with pixels in it, got an empty one; there is nothing to repair there")
    growth = max(LEAST_GROWTH, GROWTH * box.size)
    side = max(CONTEXT * box.size, box.size + 4 * growth + 16)
    left, right = _span(box.x_min, box.x_max, side, width)
    top, bottom = _span(box.y_min, box.y_max, side, height)
    core = window_of(patch, left, top, (bottom - top, right - left))
    feather = min(max(LEAST_FEATHER, FEATHER * box.size), growth)
    stays = None if kept is None else kept(left, top, core.shape)
    alpha = _alpha(core, stays, growth, feather)
    return Focus(
        left=left,
        top=top,
        alpha=alpha,
        core=core,
        size_wh=_working_size(right - left, bottom - top, native_px, multiple),
    )


def _alpha(core: np.ndarray, kept: np.ndarray | None, growth: float, feather: float) -> np.ndarray:
    """Returns float32 (h, w): the region grown and feathered; drawn reduced where the window is large, in bounded memory."""
    longer = max(core.shape)
    if longer > MASK_PX:
        scale = MASK_PX / longer
        size_wh = (max(1, round(core.shape[1] * scale)), max(1, round(core.shape[0] * scale)))
        reduced = None if kept is None else at_size(kept, size_wh)
        small = _alpha(at_size(core, size_wh), reduced, growth * scale, feather * scale)
        return np.asarray(Image.fromarray(small).resize(core.shape[::-1], Image.Resampling.BILINEAR))
    gap = np.asarray(ndimage.distance_transform_edt(~core))
    stays = np.zeros_like(core) if kept is None else kept & (gap > _LEAST_ON_KEPT)
    grown = (gap <= growth) & ~stays
    alpha = np.where(grown, _fading(~grown & ~stays, feather), 0.0)
    if stays.any():  # an outline is sharp, a wall may be soft; the blur takes the steps out of a slanting one
        away = np.asarray(ndimage.gaussian_filter(1.0 - (stays & ~grown), 1.0))
        alpha = np.where(grown, np.minimum(alpha, np.clip(1.6 * away - 0.6, 0.0, 1.0)), 0.0)
    return alpha.astype(np.float32)


def _fading(outside: np.ndarray, feather: float) -> np.ndarray:
    """Returns float (h, w), 0-1: 1 from `feather` px beyond what lies outside. The frame is no border: things are cut there."""
    if not outside.any():
        return np.ones(outside.shape)
    away = np.asarray(ndimage.distance_transform_edt(np.pad(~outside, 1, mode="edge")))[1:-1, 1:-1]
    return np.clip(away / (feather + 1), 0.0, 1.0)


def request_pixels(pixels: np.ndarray, focus: Focus, enlarge: Enlarge | None = None) -> tuple[np.ndarray, Mask]:
    """Returns the window's pixels and its mask at the painter's size, all of the feathered zone white.

    Args:
        pixels: uint8 (H, W, 3), the whole picture.
        focus: the window.
        enlarge: (pixels, size_wh) -> pixels, instead of resampling where the window is enlarged.
    """
    window = pixels[focus.window]
    grows = focus.size_wh[0] > window.shape[1] and focus.size_wh[1] > window.shape[0]
    crop = enlarge(np.ascontiguousarray(window), focus.size_wh) if enlarge and grows else resized(window, focus.size_wh)
    return crop, Mask(edit=at_size(focus.alpha > 0, focus.size_wh).astype(np.float32))


def at_size(mask: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """Returns a bool mask at another size; whoever shrinks keeps every pixel that is partly in it."""
    if mask.shape == (size_wh[1], size_wh[0]):
        return mask
    grey = resized(np.repeat((mask * np.uint8(255))[..., None], 3, axis=2), size_wh)
    return grey[..., 0] > 16


def composite(pixels: np.ndarray, painted: np.ndarray, focus: Focus) -> np.ndarray:
    """Returns a copy of the picture with the painted window blended in; equal to the bit wherever alpha is 0.

    Args:
        pixels: uint8 (H, W, 3), the whole picture.
        painted: uint8 (h, w, 3) of the painter's size.
        focus: the window.

    Raises:
        RepairError: the painter gave another size or kind of pixels.
    """
    expected = (focus.size_wh[1], focus.size_wh[0], 3)
    if not isinstance(painted, np.ndarray) or painted.shape != expected or painted.dtype != np.uint8:
        got = f"{painted.dtype} {painted.shape}" if isinstance(painted, np.ndarray) else type(painted).__name__
        raise RepairError(
            f"expected painted pixels uint8 {expected}, got {got}; the inpainter must keep the size of its request"
        )
    window = pixels[focus.window]
    shrunk = resized(painted, (window.shape[1], window.shape[0]))
    whole = pixels.copy()
    for start in range(0, window.shape[0], _ROWS):
        rows = slice(start, start + _ROWS)
        alpha = focus.alpha[rows, :, None]
        blended = np.rint(window[rows] * (1 - alpha) + shrunk[rows] * alpha).astype(np.uint8)
        whole[focus.window][rows] = np.where(alpha > 0, blended, window[rows])
    return whole


def _span(low: float, high: float, side: float, frame: int) -> tuple[int, int]:
    """Returns (start, stop) px of a window of about `side` px around low..high, moved into the frame where it fits."""
    length = min(frame, max(math.ceil(side), math.ceil(high) - math.floor(low)))
    start = round((low + high) / 2 - length / 2)
    start = min(max(0, start), frame - length)
    return start, start + length


def _working_size(width: int, height: int, native_px: int | None, multiple: int) -> tuple[int, int]:
    longer = max(width, height)
    scale = native_px / longer if native_px else min(1.0, MOST_PX / longer)
    if multiple == 1:
        return max(1, round(width * scale)), max(1, round(height * scale))
    wide, high = (max(multiple, math.ceil(value * scale / multiple - 1e-6) * multiple) for value in (width, height))
    return wide, high
