"""Where do our networks look? Letterboxed windows for the finder, square crops for the parser, and the way back to the picture.

All windows begin on whole pixels and know their scale along each axis, so that the way back is exact. Frame of every number: px of
the upright picture, from the outer corner of its first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.geometry import Box
from limbfix.nets.hand_maps import BORDER, VIEW

FINDER_PX = 640
"""Longest side of what the finder sees in one pass."""

SEARCH_SIDES = {"full": (640, 320, 144), "single": (448, 144)}
"""Longest sides at which each search sees the whole picture. The finder learns hands of up to 115 px; a hand that fills the picture is
one of them at 144 only (found on `roboflow_gesture` alone: 0.08 without that view, 0.92 with it)."""

MOST_ENLARGED = 2.0
"""A small picture is enlarged at most so much: more shows the finder nothing new."""

FINDER_MULTIPLE = 32
"""Its input's sides are multiples of this."""

TILES_FROM_PX = 1536
"""Pictures with a longer side are also seen in tiles: in one pass a hand of 64 px would shrink to less than 27."""

TILE_PX = 1280
"""Side of a tile, halved for the finder."""

TILE_OVERLAP = 0.25
"""Share of a tile's side that its neighbour shows too: 320 px. Larger hands are seen whole in the whole picture."""

MOST_TILES = 36
"""Beyond it tiles grow: 36 of 1,280 px with their overlap cover 6,080 x 6,080 px."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """A window, resampled for a network.

    Attributes:
        pixels: uint8 (h, w, 3) RGB; beyond the window lies `BORDER`.
        left, top: of the window in the picture, px.
        scale_xy: network px per picture px along each axis.
        inner: which sides (left, top, right, bottom) of the window run through the picture, where a box may be cut off.
    """

    pixels: np.ndarray
    left: float
    top: float
    scale_xy: tuple[float, float]
    inner: tuple[bool, bool, bool, bool] = (False, False, False, False)

    def to_picture(self, xy: np.ndarray) -> np.ndarray:
        """Maps float (..., 2) px of the network's input to px of the picture."""
        return np.asarray(xy, np.float64) / self.scale_xy + (self.left, self.top)

    def from_picture(self, xy: np.ndarray) -> np.ndarray:
        """Maps float (..., 2) px of the picture to px of the network's input."""
        return (np.asarray(xy, np.float64) - (self.left, self.top)) * self.scale_xy


def finder_views(pixels: np.ndarray, search: str = "full") -> list[View]:
    """Returns the whole picture, and its tiles where it is large, letterboxed to at most `FINDER_PX`.

    However large the picture is, each view has at most `FINDER_PX` squared pixels, and there are at most `MOST_TILES` tiles.

    Args:
        pixels: the whole picture, uint8 (H, W, 3).
        search: one of `SEARCH_SIDES`.
    """
    height, width = pixels.shape[:2]
    views = [letterboxed(pixels, 0, 0, width, height, side) for side in SEARCH_SIDES[search]]
    if max(width, height) > TILES_FROM_PX:
        tile = TILE_PX
        while len(_starts(width, tile)) * len(_starts(height, tile)) > MOST_TILES:
            tile *= 2
        views += [
            letterboxed(pixels, left, top, min(left + tile, width), min(top + tile, height), FINDER_PX)
            for top in _starts(height, tile)
            for left in _starts(width, tile)
        ]
    return views


def _starts(length: int, tile: int) -> list[int]:
    """Returns where tiles begin along one side, evenly spread, the last one ending at the picture's end."""
    if length <= tile:
        return [0]
    count = int(np.ceil((length - tile) / (tile * (1 - TILE_OVERLAP)))) + 1
    return [round(index * (length - tile) / (count - 1)) for index in range(count)]


def letterboxed(pixels: np.ndarray, left: int, top: int, right: int, bottom: int, side: int) -> View:
    """Returns a window of the picture, its longer side `side` px, in the top-left corner of a canvas whose sides are multiples of 32."""
    scale = min(MOST_ENLARGED, side / max(right - left, bottom - top))
    size_wh = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    window = np.ascontiguousarray(pixels[top:bottom, left:right])
    small = cv2.resize(window, size_wh, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    sides = [-(-size // FINDER_MULTIPLE) * FINDER_MULTIPLE for size in size_wh]
    canvas = np.full((sides[1], sides[0], 3), BORDER, np.uint8)
    canvas[: size_wh[1], : size_wh[0]] = small
    height, width = pixels.shape[:2]
    scale_xy = (size_wh[0] / (right - left), size_wh[1] / (bottom - top))
    inner = (left > 0, top > 0, right < width, bottom < height)
    return View(pixels=canvas, left=left, top=top, scale_xy=scale_xy, inner=inner)


def is_cut_off(box: Box, view: View, margin_px: float = 6.0) -> bool:
    """Tells whether a box (px of the network's input) ends where its window ends and the picture goes on."""
    size = np.array(view.pixels.shape[1::-1])
    low, high = np.array(box.xyxy[:2]) <= margin_px, np.array(box.xyxy[2:]) >= size - margin_px
    return bool((np.concatenate([low, high]) & np.array(view.inner)).any())


def hand_view(pixels: np.ndarray, box: Box, side: int, view: float = VIEW) -> View:
    """Cuts the square around a hand as the parser was trained to see it: `VIEW` times the box, `side` px.

    Args:
        pixels: the whole picture, uint8 (H, W, 3).
        box: of the hand.
        side: px of the parser's input.
        view: side of the square in longer sides of the box.
    """
    square = max(round(view * box.size), 4)
    factor = max(1, square // (4 * side))  # a huge crop is thinned before it is copied
    step = -(-square // factor)
    square = step * factor
    center = box.center
    left, top = (int(np.floor(value - square / 2 + 0.5)) for value in center)
    small = np.full((step, step, 3), BORDER, np.uint8)
    height, width = pixels.shape[:2]
    # the first whole block inside the picture, counted from the crop's corner
    first = [max(0, -(start // factor)) for start in (left, top)]
    last = [min(step, (limit - start) // factor) for limit, start in ((width, left), (height, top))]
    (x0, y0), (x1, y1) = first, last
    if x1 > x0 and y1 > y0:
        inside = pixels[top + y0 * factor : top + y1 * factor, left + x0 * factor : left + x1 * factor]
        if factor > 1:
            inside = cv2.resize(np.ascontiguousarray(inside), (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        small[y0:y1, x0:x1] = inside
    how = cv2.INTER_AREA if step > side else cv2.INTER_CUBIC
    crop = cv2.resize(small, (side, side), interpolation=how)
    return View(pixels=crop, left=left, top=top, scale_xy=(side / square, side / square))
