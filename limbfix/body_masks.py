"""Which pixels are whose limb? The part map becomes masks of the picture: every pixel goes to the nearest limb of its class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from limbfix.bodies import LIMB_JOINTS, LimbKind
from limbfix.body_chains import Chain
from limbfix.digit_masks import trimmed
from limbfix.digits import Mask
from limbfix.geometry import line_distances
from limbfix.nets.body_maps import PARTS, STRIDE

FINE = 2
"""Samples per cell along each axis at which masks are made; logits are enlarged smoothly. Finer ones cost four times the time and show
nothing that the cells know."""

MOST_SAMPLES = 640
"""Longest side of the grid; maps of more cells are not enlarged."""

CLAIM_REACH = 0.45
"""Of a limb's longest bone: pixels that lie farther from its line belong to no limb, although their class fits. A thigh is 0.2 of its
length to each side, loose trousers twice that."""

LEAST_REACH = 1.5
"""Cells; the reach of limbs that are no longer than their own width on the map."""

PIECES = {
    LimbKind.ARM: ("upper_arm", "forearm", "hand"),
    LimbKind.LEG: ("thigh", "shin", "foot"),
}
"""Classes of a limb's three bones, from the trunk outwards."""

_PAIRS = 2_000_000
"""Distances that are computed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPlace:
    """Where a view lies in the picture: view px per picture px along each axis, and the picture's size in px."""

    scale_xy: tuple[float, float]
    width: int
    height: int

    def to_picture(self, cells: np.ndarray) -> np.ndarray:
        """Maps float (..., 2) cells to float32 px of the picture."""
        return ((np.asarray(cells, np.float64) + 0.5) * STRIDE / self.scale_xy).astype(np.float32)

    @property
    def room_xyxy(self) -> tuple[float, float, float, float]:
        """Where the picture lies in the view, in cells."""
        sx, sy = self.scale_xy
        return -0.5, -0.5, self.width * sx / STRIDE - 0.5, self.height * sy / STRIDE - 0.5


def body_masks(
    parts: np.ndarray, limbs: Sequence[Chain], place: BodyPlace
) -> tuple[list[Mask | None], dict[LimbKind, Mask]]:
    """Parts the pixels of arms and legs between limbs.

    Args:
        parts: (10, h, w) logits.
        limbs: of everybody, in cells.
        place: of the view.

    Returns:
        The mask of each limb, None where no pixel is its own; and by kind the pixels that no limb explains.
    """
    height, width = parts.shape[1:]
    fine = FINE if FINE * max(height, width) <= MOST_SAMPLES else 1
    logits = np.ascontiguousarray(parts.transpose(1, 2, 0))
    if fine > 1:
        logits = cv2.resize(logits, (width * fine, height * fine), interpolation=cv2.INTER_LINEAR)
    classes = logits.argmax(2).astype(np.uint8)
    owner = np.full(classes.shape, -1, np.int32)
    unclaimed: dict[LimbKind, Mask] = {}
    for kind in LimbKind:
        _claim(owner, classes, kind, limbs, fine)
        of_kind = np.isin(classes, [PARTS.index(name) for name in PIECES[kind]])
        left = _picture_mask(of_kind & (owner < 0), place, fine)
        if left is not None:
            unclaimed[kind] = left
    return _masks(owner, len(limbs), place, fine), unclaimed


def _claim(owner: np.ndarray, classes: np.ndarray, kind: LimbKind, limbs: Sequence[Chain], fine: int) -> None:
    """Writes into `owner` (gh, gw) the index of the nearest limb of every pixel of a kind, within its reach."""
    chosen = [index for index, limb in enumerate(limbs) if limb.kind is kind]
    if not chosen:
        return
    reaches = np.array([max(CLAIM_REACH * limbs[index].longest_bone, LEAST_REACH) for index in chosen]) * fine
    for piece, name in enumerate(PIECES[kind]):
        rows, columns = np.nonzero(classes == PARTS.index(name))
        if not len(rows):
            continue
        segments = [_segment(limbs[index], piece) for index in chosen]
        starts, ends = ((np.array(points) + 0.5) * fine - 0.5 for points in zip(*segments, strict=True))
        points = np.stack([columns, rows], 1).astype(np.float64)
        step = max(1, _PAIRS // len(chosen))
        for start in range(0, len(points), step):
            some = slice(start, start + step)
            gaps = line_distances(points[some], starts, ends) / reaches
            nearest = gaps.argmin(1)
            is_near = gaps[np.arange(len(gaps)), nearest] <= 1
            owner[rows[some][is_near], columns[some][is_near]] = np.array(chosen)[nearest[is_near]]


def _segment(limb: Chain, piece: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the line of a limb, in cells, that pixels of its piece number `piece` lie on: a bone, or the end nearest to it.

    A piece whose outer joint is not seen begins at the last joint that is, and ends there.
    """
    order = [LIMB_JOINTS[limb.kind].index(name) for name in limb.joints]
    inner = max((k for k, joint in enumerate(order) if joint <= piece), default=0)
    outer = min((k for k, joint in enumerate(order) if joint >= piece + 1), default=len(order) - 1)
    return limb.xy[min(inner, outer)], limb.xy[max(inner, outer)]


def _masks(owner: np.ndarray, count: int, place: BodyPlace, fine: int) -> list[Mask | None]:
    rows, columns = np.nonzero(owner >= 0)
    order = np.argsort(owner[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    bounds = np.searchsorted(owner[rows, columns], np.arange(count + 1))
    masks: list[Mask | None] = []
    for start, stop in pairwise(bounds):
        if start == stop:
            masks.append(None)
            continue
        y, x = rows[start:stop], columns[start:stop]
        top, left = int(y.min()), int(x.min())
        window = np.zeros((int(y.max()) - top + 1, int(x.max()) - left + 1), bool)
        window[y - top, x - left] = True
        masks.append(_window_mask(window, left, top, place, fine))
    return masks


def _picture_mask(inside: np.ndarray, place: BodyPlace, fine: int) -> Mask | None:
    rows, columns = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
    if not len(rows):
        return None
    window = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _window_mask(window, int(columns[0]), int(rows[0]), place, fine)


def _window_mask(window: np.ndarray, left: int, top: int, place: BodyPlace, fine: int) -> Mask | None:
    """Returns a window of the grid as a mask of the picture, its edge between samples; None where it lies outside the picture."""
    steps = [
        STRIDE / fine / scale for scale in place.scale_xy
    ]  # picture px per sample; sample g lies at (g + 0.5) * step
    limits = (place.width, place.height)
    spans = []
    for start, length, step, limit in zip((left, top), window.shape[::-1], steps, limits, strict=True):
        low, high = int(np.floor((start - 1) * step)), int(np.ceil((start + length + 1) * step))
        spans.append(np.arange(max(low, 0), min(high, limit)))
    if not all(len(span) for span in spans):
        return None
    padded = np.pad(window, 1).astype(np.float32)
    at = [
        ((span + 0.5) / step - 0.5 - start + 1).astype(np.float32)
        for span, step, start in zip(spans, steps, (left, top), strict=True)
    ]
    grid_x, grid_y = np.meshgrid(*at)
    pixels = cv2.remap(padded, grid_x, grid_y, cv2.INTER_LINEAR) > 0.5
    return trimmed(pixels, int(spans[0][0]), int(spans[1][0]))
