"""Where should a detector look? Windows over a picture, and the way back from a window to the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from limbfix.geometry import Box


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """A part of a picture, resampled for a detector.

    Attributes:
        pixels: uint8 (h, w, 3) RGB.
        left, top: of the window in the picture, px.
        scale_xy: window px per picture px along each axis.
        mirrored: whether the window shows the picture from left to right.
        whole: whether it is the whole picture.
    """

    pixels: np.ndarray
    left: float
    top: float
    scale_xy: tuple[float, float]
    mirrored: bool = False
    whole: bool = False

    def to_picture(self, fractions: np.ndarray) -> np.ndarray:
        """Maps (N, 2) fractions of the window, 0-1, to float (N, 2) px of the picture."""
        height, width = self.pixels.shape[:2]
        x = (1 - fractions[:, 0] if self.mirrored else fractions[:, 0]) * width
        y = fractions[:, 1] * height
        return np.stack([x / self.scale_xy[0] + self.left, y / self.scale_xy[1] + self.top], axis=1)


def whole_window(pixels: np.ndarray) -> Window:
    """Returns the picture itself as a window, without a copy."""
    return Window(pixels=pixels, left=0.0, top=0.0, scale_xy=(1.0, 1.0), whole=True)


def cut(pixels: np.ndarray, box: Box, target_px: int, *, mirrored: bool = False) -> Window | None:
    """Cuts a box, clipped to the picture, and resamples it so that its longer side is `target_px`.

    Returns:
        The window, or None where less than 8 x 8 px lie inside the picture.
    """
    height, width = pixels.shape[:2]
    inside = box.clipped(width, height)
    left, top = int(np.floor(inside.x_min)), int(np.floor(inside.y_min))
    right, bottom = int(np.ceil(inside.x_max)), int(np.ceil(inside.y_max))
    if right - left < 8 or bottom - top < 8:
        return None
    scale = target_px / max(right - left, bottom - top)
    size_wh = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    # reducing_gap shrinks large windows by box filter first: two to four times faster at no visible loss.
    image = Image.fromarray(pixels[top:bottom, left:right]).resize(size_wh, Image.Resampling.BICUBIC, reducing_gap=2.0)
    array = np.asarray(image)
    if mirrored:
        array = array[:, ::-1]
    scale_xy = (size_wh[0] / (right - left), size_wh[1] / (bottom - top))
    return Window(pixels=array, left=float(left), top=float(top), scale_xy=scale_xy, mirrored=mirrored)


def tile_boxes(width: int, height: int, count: int, overlap: float = 0.25) -> tuple[Box, ...]:
    """Returns count x count boxes that cover a picture, neighbours sharing `overlap` of their side."""
    steps = 1 + (count - 1) * (1 - overlap)
    tile_w, tile_h = width / steps, height / steps
    step_x, step_y = tile_w * (1 - overlap), tile_h * (1 - overlap)
    return tuple(
        Box(column * step_x, row * step_y, column * step_x + tile_w, row * step_y + tile_h)
        for row in range(count)
        for column in range(count)
    )
