"""How does a hand look with its fingers placed anew? A clean plate, the palm, and fingers as layers that are laid down again.

An operator only says which fingers are lifted and where fingers are laid. A defect and its benign twin lift the same
fingers off the same plate and lay them through the same resampling, so that they carry the same traces.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.filling import fill_and_judge
from limbfix.synthesis.samples import DIGITS, Fault
from limbfix.synthesis.surgery.layers import Layer, dilated, lift, map_points, soft, turn_about
from limbfix.synthesis.surgery.regions import (
    BACKGROUND,
    FIRST_DIGIT,
    PALM,
    WEB,
    WIDTH,
    HandRegions,
    along_digit,
    digit_base,
    digit_joints,
)

_MARGIN = 0.07
"""How far a lifted finger's hole reaches beyond its mask, palm lengths: soft edge and contact shadow."""

_FADE = 0.4
"""Length over which a laid finger passes into the palm, in lengths of its first bone, below the web."""

_FEATHER_PX = 2.0

_STUB = 0.2
"""Length of what stays of a lifted digit, in lengths of its first bone: 10 degrees move its end by a thirtieth of a palm."""

_STUMP = (-0.2, 0.15, 0.15, 0.15, 0.15)
"""Where a removed digit is cut, as in `along_digit`; a thumb leaves the palm lower down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedDigit:
    """A finger laid down.

    Attributes:
        digit: which of the hand's own it is a copy of, 0 thumb to 4 little.
        turn: degrees about its MCP, clockwise on screen.
        scale: of length and width.
        offset: px by which its MCP moves.
        shortened: 0-1, share of its length that is taken out of its middle.
        is_behind: whether it comes out from behind the hand instead of passing into the palm.
        faults: for the label.
    """

    digit: int
    turn: float = 0.0
    scale: float = 1.0
    offset: tuple[float, float] = (0.0, 0.0)
    shortened: float = 0.0
    is_behind: bool = False
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EditedDigit:
    """A digit of an edited hand, for the labels.

    Attributes:
        name: as in `DIGITS`.
        keypoints: float (4, 2) px, from the palm outwards; nan where it is missing.
        faults: empty if normal.
        present: False where it was taken away.
    """

    name: str
    keypoints: np.ndarray
    faults: tuple[Fault, ...] = ()
    present: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandVersion:
    """One state of a hand.

    Attributes:
        pixels: (h, w, 3) uint8.
        hand_map: (h, w) uint8: as in `regions`, but FIRST_DIGIT + i is `digits[i]`.
        digits: the five, then the extra ones.
    """

    pixels: np.ndarray
    hand_map: np.ndarray
    digits: tuple[EditedDigit, ...]


class HandScene:
    """A hand taken apart.

    Args:
        pixels: (h, w, 3) uint8.
        regions: of this hand.

    Attributes:
        misfit: of the worst fill so far, see `filling.fill_and_judge`.
    """

    def __init__(self, pixels: np.ndarray, regions: HandRegions) -> None:
        self.pixels, self.regions = pixels, regions
        self.misfit = 0.0
        self._surroundings = dilated(regions.hand_map != BACKGROUND, _MARGIN * regions.palm_px)
        self._plates: dict[tuple[tuple[int, ...], tuple[int, ...]], np.ndarray] = {}

    def untouched(self) -> HandVersion:
        """Returns the hand as it is."""
        digits = tuple(self._own(digit) for digit in range(5))
        return HandVersion(pixels=self.pixels, hand_map=self.regions.hand_map, digits=digits)

    def plate(self, lifted: Iterable[int], gone: Iterable[int] = ()) -> np.ndarray:
        """Returns the picture, (h, w, 3) uint8, without some digits; what was behind them is filled from the surroundings.

        A stub stays of a digit that is laid down again: it turns about its MCP and covers the stub, with no slit at the web.

        Args:
            lifted: digits that leave their place.
            gone: which of them do not come back; of these nothing stays.
        """
        key = (tuple(sorted(set(lifted))), tuple(sorted(set(gone))))
        if key not in self._plates:
            plate = self.pixels
            for digit in key[0]:
                hole = self._hole(digit, *key)
                filled, misfit = fill_and_judge(plate, hole, self._surroundings)
                self.misfit = max(self.misfit, misfit)
                plate = _blended(plate, filled, soft(hole)) if digit in key[1] else _feathered(plate, filled, hole)
            self._plates[key] = plate
        return self._plates[key]

    def _hole(self, digit: int, lifted: Sequence[int], gone: Sequence[int]) -> np.ndarray:
        """Returns (h, w) bool: what is filled where a digit was, and the margin around it, but nothing of the rest of the hand."""
        leaves = np.isin(self.regions.hand_map, [FIRST_DIGIT + other for other in lifted])
        for other in lifted:
            leaves = leaves | self._stump(other) if other in gone else leaves & ~self._stub(other)
        own = self.regions.digit_mask(digit)
        own = own | self._stump(digit) if digit in gone else own & ~self._stub(digit)
        rest = (self.regions.hand_map != BACKGROUND) & ~leaves
        return dilated(own, _MARGIN * self.regions.palm_px) & ~rest

    def compose(self, lifted: Sequence[int], placed: Sequence[PlacedDigit], gone: Sequence[int] = ()) -> HandVersion:
        """Takes fingers off and lays fingers down, those behind the hand first.

        Args:
            lifted: the hand's own digits that leave their place.
            placed: where fingers are laid, in painting order. Each of `lifted` that is not gone is laid once or more.
            gone: which of `lifted` are missing in the result.

        Returns:
            the hand. The first placed copy of a digit without the fault `extra` is that digit.
        """
        regions = self.regions
        canvas = self.plate(lifted, gone).astype(np.float32)
        hand_map = regions.hand_map.copy()
        for digit in lifted:
            hand_map[regions.digit_mask(digit)] = BACKGROUND
            hand_map[self._stub(digit)] = PALM
        for digit in gone:
            hand_map[self._stump(digit)] = BACKGROUND
        digits = [self._own(d) if d not in gone else _missing(d) for d in range(5)]
        front = soft(hand_map != BACKGROUND)
        for item in sorted(placed, key=lambda item: not item.is_behind):
            layer, xy = self._laid(item)
            if "extra" in item.faults:
                value = FIRST_DIGIT + len(digits)
                digits.append(EditedDigit(name=DIGITS[item.digit], keypoints=xy, faults=item.faults))
            else:
                value = FIRST_DIGIT + item.digit
                digits[item.digit] = EditedDigit(name=DIGITS[item.digit], keypoints=xy, faults=item.faults)
            layer = layer.behind(front) if item.is_behind else layer
            canvas = layer.on(canvas)
            hand_map = np.where(layer.alpha > 0.5, np.uint8(value), hand_map)
        pixels = np.clip(canvas + 0.5, 0, 255).astype(np.uint8)
        return HandVersion(pixels=pixels, hand_map=hand_map.astype(np.uint8), digits=tuple(digits))

    def _stub(self, digit: int) -> np.ndarray:
        """Returns (h, w) bool: the first piece of a digit beyond the web."""
        own = self.regions.digit_mask(digit)
        return own & (along_digit(self.regions.keypoints, digit, own.shape) < WEB + _STUB)

    def _own(self, digit: int) -> EditedDigit:
        return EditedDigit(name=DIGITS[digit], keypoints=self.regions.keypoints[digit_joints(digit)])

    def _laid(self, item: PlacedDigit) -> tuple[Layer, np.ndarray]:
        """Returns the moved layer of a digit, and its four joints."""
        regions = self.regions
        shape_hw, digit = regions.hand_map.shape, item.digit
        along = along_digit(regions.keypoints, digit, shape_hw)
        base, _ = digit_base(regions.keypoints, digit)
        root = (along > WEB - _FADE) & (along <= WEB + 0.05) & self._near_axis(digit, 0.5) & (regions.hand_map == PALM)
        fade = np.clip((along - (WEB - _FADE)) / _FADE, 0, 1)
        mask = regions.digit_mask(digit)
        layer = lift(self.pixels, mask, None if item.is_behind else fade * fade * (3 - 2 * fade), root)
        xy = regions.keypoints[digit_joints(digit)]
        if item.shortened:
            layer, xy = _shortened(layer, xy, base, item.shortened)
        matrix = turn_about(base, item.turn, item.scale, item.offset)
        return layer.moved(matrix), map_points(matrix, xy)

    def _near_axis(self, digit: int, widths: float) -> np.ndarray:
        """Returns (h, w) bool: within `widths` digit widths of the line through the digit's first bone."""
        base, end = digit_base(self.regions.keypoints, digit)
        axis = (end - base) / max(float(np.linalg.norm(end - base)), 1e-6)
        y, x = np.indices(self.regions.hand_map.shape, dtype=np.float32)
        across = np.abs((x - base[0]) * axis[1] - (y - base[1]) * axis[0])
        return across < widths * WIDTH[digit] * self.regions.palm_px

    def _stump(self, digit: int) -> np.ndarray:
        """Returns (h, w) bool: the rest of a removed digit's root, in an arc, as far as it stands out of the palm."""
        hand_map = self.regions.hand_map
        along = along_digit(self.regions.keypoints, digit, hand_map.shape)
        stump = (along > _STUMP[digit]) & self._near_axis(digit, 0.75) & (hand_map == PALM) | self._stub(digit)
        rest = (hand_map != BACKGROUND) & ~stump & ~self.regions.digit_mask(digit)
        corners = _spikes(rest, 0.1 * self.regions.palm_px) & dilated(stump, 6) & (hand_map == PALM)
        return stump | corners


def _feathered(before: np.ndarray, after: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Lets a fill begin softly: beside the stub, the dark rim of a sharpened finger would end in a notch."""
    return _blended(
        before, after, np.clip(2 * cv2.GaussianBlur(hole.astype(np.float32), (0, 0), _FEATHER_PX) - 1, 0, 1)
    )


def _blended(before: np.ndarray, after: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.clip(before * (1 - alpha[..., None]) + after * alpha[..., None] + 0.5, 0, 255).astype(np.uint8)


def _spikes(mask: np.ndarray, radius: float) -> np.ndarray:
    """Returns what a mask loses to an opening: the corners that a straight cut leaves."""
    size = 2 * max(1, round(radius)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return mask & ~cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel).astype(bool)


def _missing(digit: int) -> EditedDigit:
    return EditedDigit(name=DIGITS[digit], keypoints=np.full((4, 2), np.nan), faults=("missing",), present=False)


def _shortened(layer: Layer, xy: np.ndarray, base: np.ndarray, share: float) -> tuple[Layer, np.ndarray]:
    """Takes a piece out of a digit's middle: the tip keeps its size and slides towards the base.

    Returns:
        (layer, joints (4, 2) px).
    """
    axis = xy[-1] - base
    length = float(np.linalg.norm(axis))
    axis = axis / max(length, 1e-6)
    y, x = np.indices(layer.alpha.shape, dtype=np.float32)
    along = (x - base[0]) * axis[0] + (y - base[1]) * axis[1]
    start, reach = 0.3 * length, max((0.95 - share) * length - 0.3 * length, 0.12 * length)
    step = np.clip((along - start) / reach, 0, 1)
    shift = share * length * step * step * (3 - 2 * step)
    moved = layer.bent((x + shift * axis[0]).astype(np.float32), (y + shift * axis[1]).astype(np.float32))
    joints = xy - np.outer(share * length * np.clip(((xy - base) @ axis) / length, 0, 1), axis)
    return moved, joints
