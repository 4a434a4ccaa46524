"""Which pixels are whose? The part map becomes masks of the picture: digits parted between their lines, phalanges, nails."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.digits import Mask
from limbfix.nets.hand_maps import PARTS

MOST_MASK_PX = 192
"""Side of the grid on which masks are made, six samples a cell; those of larger crops are enlarged smoothly. Twice the side costs four
times the time, more than the network takes, and shows nothing that its cells know."""

THUMB_SHARE, FINGER_SHARE = 0.6, 0.4
"""A digit is a thumb if at least this share of its pixels is of the thumb's class; a finger if at most that."""

_DIGIT = tuple(PARTS.index(name) for name in ("proximal", "middle", "distal", "thumb", "nail"))
_THUMB, _NAIL = PARTS.index("thumb"), PARTS.index("nail")
_ORDER = {
    ("mcp", "pip"): PARTS.index("proximal"),
    ("pip", "dip"): PARTS.index("middle"),
    ("dip", "tip"): PARTS.index("distal"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPlace:
    """Where a square crop lies: left and top in px of the picture, its side in px, and the picture's size."""

    left: float
    top: float
    side: float
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFrame:
    """The grid of `grid` x `grid` samples over a crop of `cells` x `cells` map cells, and the way to masks of the picture."""

    place: CropPlace
    grid: int
    cells: int

    def mask(self, inside: np.ndarray) -> Mask | None:
        """Returns a bool (grid, grid) array as a mask of the picture; None where none of its pixels lies in the picture."""
        rows, columns = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
        if not len(rows):
            return None
        step = self.place.side / self.grid
        left, top = (int(np.floor(start + step * low[0] - step)) for start, low in self._axes(columns, rows))
        right, bottom = (int(np.ceil(start + step * (low[-1] + 2))) for start, low in self._axes(columns, rows))
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, self.place.width), min(bottom, self.place.height)
        if right <= left or bottom <= top:
            return None
        # grid sample g lies at (g + 0.5) * step; pixel p at p + 0.5
        xs = ((np.arange(left, right) + 0.5 - self.place.left) / step - 0.5).astype(np.float32)
        ys = ((np.arange(top, bottom) + 0.5 - self.place.top) / step - 0.5).astype(np.float32)
        if abs(step - 1) < 1e-9:
            pixels = _picked(inside, xs, ys)
        else:
            grid_x, grid_y = np.meshgrid(xs, ys)
            pixels = cv2.remap(inside.astype(np.float32), grid_x, grid_y, cv2.INTER_LINEAR) > 0.5
        return trimmed(pixels, left, top)

    def _axes(self, columns: np.ndarray, rows: np.ndarray) -> tuple[tuple[float, np.ndarray], ...]:
        return (self.place.left, columns), (self.place.top, rows)


def _picked(inside: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    columns, rows = xs.round().astype(int), ys.round().astype(int)
    known = ((rows >= 0) & (rows < len(inside)))[:, None] & ((columns >= 0) & (columns < len(inside)))
    return inside[rows.clip(0, len(inside) - 1)[:, None], columns.clip(0, len(inside) - 1)] & known


def trimmed(pixels: np.ndarray, left: int, top: int) -> Mask | None:
    """Returns bool (h, w) pixels whose corner lies at (left, top) as the smallest patch that holds them all; None where there are none."""
    rows, columns = np.nonzero(pixels.any(1))[0], np.nonzero(pixels.any(0))[0]
    if not len(rows):
        return None
    kept = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Mask(left=left + int(columns[0]), top=top + int(rows[0]), pixels=np.ascontiguousarray(kept))


def smooth_classes(parts: np.ndarray, place: CropPlace) -> tuple[np.ndarray, MaskFrame]:
    """Returns the class of every sample of a fine grid over the crop, uint8 (g, g): logits enlarged smoothly, then the largest.

    Args:
        parts: (11, h, w) logits.
        place: of the crop.
    """
    grid = int(max(parts.shape[1], min(round(place.side), MOST_MASK_PX)))
    fine = cv2.resize(np.ascontiguousarray(parts.transpose(1, 2, 0)), (grid, grid), interpolation=cv2.INTER_LINEAR)
    return fine.argmax(2).astype(np.uint8), MaskFrame(place=place, grid=grid, cells=parts.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """The pixels of one digit: all of them, by phalanx, the nail's; and whether they are a thumb's."""

    mask: Mask | None
    segments: tuple[Mask | None, ...]
    nail: Mask | None
    is_thumb: bool | None


def digit_pieces(
    classes: np.ndarray, polylines: Sequence[np.ndarray], joints: Sequence[tuple[str, ...]], frame: MaskFrame
) -> tuple[list[Piece], float]:
    """Parts the digits' pixels between lines.

    Args:
        classes: (g, g), see `smooth_classes`.
        polylines: (k, 2) cells of the parser's maps, from the palm outwards.
        joints: the names of their points.
        frame: of the grid.

    Returns:
        A piece for each line, and the share of the digits' pixels, 0-1, in connected pieces that no line reaches.
    """
    on_digit = np.isin(classes, _DIGIT)
    total = int(on_digit.sum())
    scale = frame.grid / frame.cells
    scaled = [(np.asarray(line) + 0.5) * scale - 0.5 for line in polylines]
    owner = _owners(on_digit, scaled)
    pieces = [
        _piece(owner == index, classes, line, names, frame)
        for index, (line, names) in enumerate(zip(scaled, joints, strict=True))
    ]
    return pieces, float((on_digit & (owner < 0)).sum() / total) if total else 0.0


def _owners(on_digit: np.ndarray, polylines: Sequence[np.ndarray]) -> np.ndarray:
    """Returns int (g, g): the line that each pixel belongs to, -1 for none."""
    if not len(polylines):
        return np.full(on_digit.shape, -1)
    _, labels = cv2.connectedComponents(on_digit.astype(np.uint8))
    gaps = []
    for line in polylines:
        drawn = _drawn(line, on_digit.shape)
        touched = np.unique(labels[drawn])
        reached = np.isin(labels, touched[touched > 0])
        gaps.append(np.where(reached, _distance_to(drawn), np.inf))
    nearest = np.stack(gaps)
    return np.where(on_digit & np.isfinite(nearest.min(0)), nearest.argmin(0), -1)


def _piece(own: np.ndarray, classes: np.ndarray, line: np.ndarray, names: tuple[str, ...], frame: MaskFrame) -> Piece:
    nail = own & (classes == _NAIL)
    flesh = int((own & ~nail).sum())
    share = float((own & (classes == _THUMB)).sum() / flesh) if flesh else 0.5
    is_thumb = True if share >= THUMB_SHARE else False if share <= FINGER_SHARE else None
    bones = list(itertools.pairwise(names))
    segments = _segments(own, classes, line, bones)
    return Piece(
        mask=frame.mask(own),
        segments=tuple(frame.mask(segment) for segment in segments),
        nail=frame.mask(nail),
        is_thumb=is_thumb,
    )


def _segments(own: np.ndarray, classes: np.ndarray, line: np.ndarray, bones: list[tuple[str, str]]) -> list[np.ndarray]:
    """Parts a digit's pixels between its phalanges: by class where the part map names one, else to the nearest bone.

    A nail belongs to the last phalanx. Pixels of a phalanx whose joints were not seen belong to none.
    """
    rows, columns = np.nonzero(own.any(1))[0], np.nonzero(own.any(0))[0]
    if not bones or not len(rows):
        return [np.zeros_like(own) for _ in bones]
    # the same in the digit's own window, which is a small part of the grid
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    parted = _parted(own[window], classes[window], line - (columns[0], rows[0]), bones)
    segments = [np.zeros_like(own) for _ in bones]
    for segment, part in zip(segments, parted, strict=True):
        segment[window] = part
    return segments


def _parted(own: np.ndarray, classes: np.ndarray, line: np.ndarray, bones: list[tuple[str, str]]) -> list[np.ndarray]:
    gaps = np.stack([_distance_to(_drawn(line[k : k + 2], own.shape)) for k in range(len(bones))])
    nearest = gaps.argmin(0)
    named = {order: k for k, bone in enumerate(bones) if (order := _ORDER.get(bone)) is not None}
    for order in _ORDER.values():
        nearest[classes == order] = named.get(order, -1)
    nearest[classes == _NAIL] = len(bones) - 1 if bones[-1][1] == "tip" else -1
    return [own & (nearest == k) for k in range(len(bones))]


def _drawn(line: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Returns bool (g, g): the samples on a polyline, one sample wide."""
    canvas = np.zeros(shape, np.uint8)
    points = np.round(line * 16).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [points], isClosed=False, color=1, shift=4)
    x, y = np.clip(np.round(line[-1]).astype(int), 0, np.array(shape[::-1]) - 1)
    canvas[y, x] = 1  # a line of one point draws nothing
    return canvas > 0


def _distance_to(drawn: np.ndarray) -> np.ndarray:
    return cv2.distanceTransform((~drawn).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
