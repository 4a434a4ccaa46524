"""What is seen of one hand's digits? The types of a hand > digit > segment > nail, with masks and a count that may be absent.

Nothing here holds a place for five: a hand has as many digits as were seen. Frame of every number: px of the upright original.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

EXPECTED_DIGITS = 5
"""Of a human hand, thumb included. What other hands may have is the policy's affair."""


class CannotTell(StrEnum):
    """Why digits were not counted. Never a pass of the hand."""

    NO_MODEL = "no_model"
    TOO_SMALL = "too_small"
    CROPPED = "cropped"
    OCCLUDED = "occluded"
    BLURRED = "blurred"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """Some pixels of a picture, kept as the patch that holds them all.

    Attributes:
        left, top: px, the patch's place in the upright picture; inside it.
        pixels: bool (h, w); no pixel lies outside the picture.
    """

    left: int
    top: int
    pixels: np.ndarray

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.pixels.sum())

    def full(self, width: int, height: int) -> np.ndarray:
        """Returns bool (height, width), the mask in the picture's frame."""
        whole = np.zeros((height, width), bool)
        rows, columns = self.pixels.shape
        whole[self.top : self.top + rows, self.left : self.left + columns] = self.pixels
        return whole

    def rle(self, width: int, height: int) -> dict[str, list[int]]:
        """Returns COCO's uncompressed run-length code: column by column, runs of 0 and 1 in turn, 0 first.

        `pycocotools.mask.frPyObjects(rle, height, width)` reads it.
        """
        columns = self.pixels.shape[1]
        runs: list[int] = []
        done, value = 0, False  # px counted so far along the columns; the value of the run that is open
        changes = []
        for column in range(columns):
            line = np.concatenate([[False], self.pixels[:, column], [False]])
            edges = np.flatnonzero(line[1:] != line[:-1])
            start = (self.left + column) * height + self.top
            changes += [start + int(edge) for edge in edges]
        # two edges at one place (a mask that touches the next column's top) cancel out
        kept: list[int] = []
        for change in changes:
            if kept and kept[-1] == change:
                kept.pop()
            else:
                kept.append(change)
        for change in kept:
            runs.append(change - done)
            done, value = change, not value
        if done < width * height or not runs:
            runs.append(width * height - done)
        return {"size": [height, width], "counts": runs}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment:
    """One phalanx.

    Attributes:
        name: `proximal`, `middle` or `distal`, by order from the palm.
        ends_xy: float32 (2, 2) px, inner and outer joint.
        mask: its pixels, or None where none are its own.
    """

    name: str
    ends_xy: np.ndarray
    mask: Mask | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Digit:
    """One digit that is there.

    Attributes:
        digit_index: position in the hand's `digits`: around the wrist, from one side to the other.
        is_thumb: True, False, or None where the parts do not say.
        polyline: float32 (k, 2) px, k >= 1, from the palm outwards; the last point is the tip or the outermost joint seen.
        joints: names of the points of `polyline`, of `mcp`, `pip`, `dip`, `tip`.
        score: 0-1, how surely it is a digit.
        forked: whether it shares an inner joint with another digit.
        mask: its pixels, or None where none are its own.
        segments: its phalanges, from the palm outwards; those between joints that were seen.
        nail: the nail's pixels, or None where none is seen.
    """

    digit_index: int
    is_thumb: bool | None
    polyline: np.ndarray
    joints: tuple[str, ...]
    score: float
    forked: bool = False
    mask: Mask | None = None
    segments: tuple[Segment, ...] = ()
    nail: Mask | None = None


IN_DOUBT = "in_doubt"
"""Key of `HandReading.features`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandReading:
    """What our own networks read in one hand.

    Attributes:
        digits: every digit that is seen.
        count: how many digits the hand has, or None: see `cannot_tell`. Equal to `visible` where all of the hand is seen.
        cannot_tell: why `count` is None; None where there is a count.
        judgements: the appearance head's chances, 0-1, by name (`extra_digit`, `missing_digit`, `fused_digits`, `malformed`,
            `wrong_side`, `proportion`); raw, not calibrated.
        probability: calibrated chance, 0-1, that something is wrong with this hand; None where it was not judged.
        look_probability: the same by all but its digits; no higher.
        scores: defect score by code (`hand.extra_digit`, ...), 0-1: 0.5 where one real hand in ten, 0.8 where one in a hundred
            scores higher.
        mask: the hand's own pixels with its digits, or None.
        features: plain numbers that `limbfix.hand_scores` judges by; see `limbfix.hand_scores.read_features`.
    """

    digits: tuple[Digit, ...]
    count: int | None
    cannot_tell: CannotTell | None
    judgements: Mapping[str, float] = field(default_factory=dict)
    probability: float | None = None
    look_probability: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    mask: Mask | None = None
    features: Mapping[str, float] = field(default_factory=dict)

    @property
    def visible(self) -> int:
        """How many digits are seen."""
        return len(self.digits)

    @property
    def in_doubt(self) -> bool:
        """Whether our networks alone saw it, and not surely: it is told, and decides nothing about others."""
        return bool(self.features.get(IN_DOUBT))

    @property
    def is_counted(self) -> bool:
        """Whether all digits are known; a count beside a `cannot_tell` is no count."""
        return self.count is not None and self.cannot_tell is None

    @property
    def extra(self) -> tuple[int, ...]:
        """`digit_index` of the digits beyond five, where it is known which they are; empty where it is not.

        Known is the weaker branch of a fork, and the weaker of two thumbs. Of six fingers in a row nobody can say which
        one is too many, so none is named; nor is one of a hand that is blurred, too small or not surely read.
        """
        surplus = self.visible - EXPECTED_DIGITS
        if surplus <= 0 or self.cannot_tell not in (None, CannotTell.CROPPED, CannotTell.OCCLUDED):
            return ()
        groups: dict[tuple[float, ...], list[Digit]] = {}
        for digit in self.digits:
            if digit.forked:
                groups.setdefault(tuple(digit.polyline[0].round(1).tolist()), []).append(digit)
        found = [digit for group in groups.values() for digit in _all_but_the_surest(group)]
        found = found or _all_but_the_surest([digit for digit in self.digits if digit.is_thumb])
        weakest = sorted(found, key=lambda digit: digit.score)[:surplus]
        return tuple(sorted(digit.digit_index for digit in weakest))


def _all_but_the_surest(digits: list[Digit]) -> list[Digit]:
    return sorted(digits, key=lambda digit: -digit.score)[1:]


def why_uncounted(reading: HandReading | None, *, is_too_small: bool) -> CannotTell | None:
    """Returns why a hand's digits count as not counted, or None where they are counted.

    Args:
        reading: of the hand, or None where none of our networks looked.
        is_too_small: the policy does not judge hands of this size, whatever was read in them.
    """
    if is_too_small:
        return CannotTell.TOO_SMALL
    if reading is None:
        return CannotTell.NO_MODEL
    # a count that is absent without a word is no count either
    return None if reading.is_counted else reading.cannot_tell or CannotTell.UNCERTAIN
