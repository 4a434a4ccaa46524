"""What do the parser's maps say of one hand? Digits with lines and masks in the picture, and a count or the reason why there is none.

Lines come from `limbfix.digit_assembly`. Every pixel of a digit goes to the nearest line of its own connected piece, so two fingers that
touch are parted between their lines. `limbfix.digit_beliefs` says which lines are digits, and a count is claimed only where it is sure of
every line, the part map agrees, and nothing hides a digit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from limbfix.digit_assembly import DigitLine, assemble_digits
from limbfix.digit_beliefs import Belief, LineModel, belief, line_features
from limbfix.digit_masks import CropPlace, Piece, digit_pieces, smooth_classes
from limbfix.digit_owners import are_foreign
from limbfix.digits import EXPECTED_DIGITS, CannotTell, Digit, HandReading, Segment
from limbfix.geometry import Box
from limbfix.hand_scores import read_features
from limbfix.nets.hand_maps import HAND_PARTS, JUDGEMENTS, PARTS

SMALLEST_HAND_PX = 32.0
"""Longer side of a box below which digits are 3 px wide and nobody can count them."""

LEAST_SHARPNESS = 0.12
"""See `sharpness`. On 2026-11-28 2 % of the crops of `subhih` lay below 0.19 and of `epsrc` and `sld` below 0.36; blurred by 3 px (sigma, of a
crop of 128 px, at which two fingers run into one) their medians fell to 0.10, 0.18 and 0.15, by 4 px to 0.08, 0.15 and 0.11."""

SHARPNESS_PX = 128
"""Side at which sharpness is measured, whatever the parser's is."""

SURE_COUNT = 0.8
"""Chance that all lines are judged rightly from which digits are shown and counted. On 2026-11-28, of 394 made hands that no training saw and that
show all of their tips, 9 % were that sure, and 92 % of those counts exact (0.7: 19 % and 85 %; 0.5: 37 % and 77 %)."""

MORE_SHOWN = 0.5
"""Chance that there are more digits than usual from which those that are seen are shown, though nobody is sure of each: what speaks for a sixth digit must be
seen to be believed. The count stays untold."""

ALL_PRESENT = 0.5
"""Chance that the counting head must give to there being no more digits than are seen, where fewer than usual are seen."""

LIKELY = 0.5
"""Chance from which a line of another hand is worth a word: with those the crop shows two hands, and a count of one is no more sure."""

UNCLAIMED_SHARE = 0.2
"""Share of the digits' pixels that may belong to no line."""

Foreign = Callable[[Sequence[DigitLine]], np.ndarray]
"""Which of the lines, (n,) bool, are digits of another hand."""

_FOREIGN = tuple(PARTS.index(name) for name in ("object", "other_hand", "other_body"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandMaps:
    """What the parser says of one crop; h = w = side / STRIDE.

    Attributes:
        heat: (5, h, w) 0-1, see `JOINTS`.
        fields: (8, h, w), see `PHALANGES`.
        parts: (11, h, w) logits of `PARTS`.
        judgements: (6,) logits of `JUDGEMENTS`.
        counts: (2, MOST_DIGITS + 1) logits of digits present, and visible.
        appearance: how melted the hand looks, in a crop of its own; any unit.
        presence: logit that there is a hand at all, to which the finder's is to be added.
    """

    heat: np.ndarray
    fields: np.ndarray
    parts: np.ndarray
    judgements: np.ndarray
    counts: np.ndarray
    appearance: float = 0.0
    presence: float = 0.0

    def number_chances(self) -> np.ndarray:
        """Returns (2, MOST_DIGITS + 1): the counting head's chances of 0, 1, ... digits present, and visible."""
        chances = np.exp(self.counts - self.counts.max(1, keepdims=True))
        return chances / chances.sum(1, keepdims=True)

    def mirrored(self) -> HandMaps:
        """Returns the maps as they would be of the crop seen in a mirror."""
        fields = self.fields[:, :, ::-1].copy()
        fields[0::2] *= -1
        return replace(self, heat=self.heat[:, :, ::-1], fields=fields, parts=self.parts[:, :, ::-1])


def mean_maps(first: HandMaps, second: HandMaps) -> HandMaps:
    """Returns the mean of two views of one crop."""
    names = HandMaps.__slots__
    return HandMaps(**{name: (getattr(first, name) + getattr(second, name)) / 2 for name in names})


def sharpness(pixels: np.ndarray) -> float:
    """Returns how sharp a crop (s, s, 3) uint8 is: the steepest edges beside the contrast, in 1 / px of a crop of `SHARPNESS_PX`.

    The 99th percentile of the gradient divided by the spread of brightness (5th to 95th percentile); 0 for an even crop. A step of
    one pixel gives about 0.5, one smeared over n px about 1 / n.
    """
    if len(pixels) != SHARPNESS_PX:
        how = cv2.INTER_AREA if len(pixels) > SHARPNESS_PX else cv2.INTER_LINEAR
        pixels = cv2.resize(pixels, (SHARPNESS_PX, SHARPNESS_PX), interpolation=how)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    steep = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 8
    low, high = np.percentile(grey, (5, 95))
    return 0.0 if high - low < 4 else float(np.percentile(steep, 99) / (high - low))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Believed:
    """The lines that are digits.

    Attributes:
        lines: those that are believed.
        chances: 0-1, of each of them.
        belief: how many are digits among all lines, doubtful ones included, and how surely.
        has_foreign: whether digits of another hand were seen; see `limbfix.digit_owners`.
    """

    lines: tuple[DigitLine, ...]
    chances: np.ndarray
    belief: Belief
    has_foreign: bool = False


def believed_lines(
    maps: HandMaps, model: LineModel, foreign: Foreign = lambda lines: np.zeros(len(lines), bool)
) -> Believed:
    """Assembles the lines of a crop and keeps those that are digits of its hand; `foreign` tells which are another hand's."""
    lines = assemble_digits(maps.heat, maps.fields)
    chances = model.chances(line_features(lines, maps.heat, maps.fields, maps.parts))
    is_foreign = foreign(lines)
    has_foreign = bool((chances[is_foreign] >= LIKELY).any())
    chances = np.where(is_foreign, 0.0, chances)
    found = belief(lines, chances, maps.number_chances()[1], model, maps.heat.shape[1])
    chosen = list(found.chosen)
    return Believed(
        lines=tuple(lines[i] for i in chosen), chances=chances[chosen], belief=found, has_foreign=has_foreign
    )


def read_hand(
    maps: HandMaps, place: CropPlace, box: Box, *, sharp: float, model: LineModel, others: Sequence[Box] = ()
) -> HandReading:
    """Turns the maps of one crop into a reading.

    Args:
        maps: of the crop.
        place: of the crop in the picture.
        box: of the hand, px of the picture, as it was found.
        sharp: see `sharpness`.
        model: says which lines are digits.
        others: boxes of the picture's hands, this one among them or not; the digits of others are not counted here, and beside them nobody is sure of a count.

    Returns:
        The reading, not scored yet (`limbfix.hand_scores`).
    """
    cells = maps.heat.shape[1]
    believed = believed_lines(
        maps, model, lambda lines: are_foreign([place_line(line, place, cells) for line in lines], box, others)
    )
    lines = believed.lines
    classes, frame = smooth_classes(maps.parts, place)
    joints = [tuple(line.joints) for line in lines]
    pieces, unclaimed = digit_pieces(classes, [line.polyline for line in lines], joints, frame)
    digits = tuple(
        _digit(index, line, float(believed.chances[index]), piece, place, cells)
        for index, (line, piece) in enumerate(zip(lines, pieces, strict=True))
    )
    is_sure = bool(lines and believed.belief.surety >= SURE_COUNT and unclaimed <= UNCLAIMED_SHARE)
    is_sure &= not believed.has_foreign
    are_more = len(lines) > EXPECTED_DIGITS and believed.belief.counts[EXPECTED_DIGITS + 1 :].sum() >= MORE_SHOWN
    reason = _cannot_tell(maps, lines, classes, box, place, sharp=sharp, is_sure=is_sure)
    chances = 1 / (1 + np.exp(-maps.judgements.astype(np.float64)))
    return HandReading(
        digits=digits if is_sure or are_more else (),  # other lines that are in doubt are not shown to anybody
        count=len(digits) if reason is None else None,
        cannot_tell=reason,
        judgements={name: round(float(chance), 4) for name, chance in zip(JUDGEMENTS, chances, strict=True)},
        mask=frame.mask(np.isin(classes, HAND_PARTS)),
        features={
            **read_features(
                maps.judgements,
                maps.counts,
                digits,
                maps.appearance,
                line_counts=believed.belief.counts,
                box_px=box.size,
                sharpness=sharp,
            ),
            "presence": round(maps.presence, 4),
            "lines": float(len(lines)),
        },
    )


def untold(reading: HandReading) -> HandReading:
    """Returns a reading without its digits: those of weights that look at hands well and count badly.

    `no_model` then says the truth to whoever asks for a count, and the look of the hand is judged as before.
    """
    reason = CannotTell.TOO_SMALL if reading.cannot_tell is CannotTell.TOO_SMALL else CannotTell.NO_MODEL
    return replace(reading, digits=(), count=None, cannot_tell=reason, mask=None)


def _digit(index: int, line: DigitLine, chance: float, piece: Piece, place: CropPlace, cells: int) -> Digit:
    xy = place_line(line, place, cells).astype(np.float32)
    names = tuple(line.joints)
    segments = tuple(
        Segment(name=name, ends_xy=xy[k : k + 2].copy(), mask=mask)
        for k, (name, mask) in enumerate(zip(segment_names(names), piece.segments, strict=True))
    )
    return Digit(
        digit_index=index,
        is_thumb=piece.is_thumb,
        polyline=xy,
        joints=names,
        score=round(chance, 4),
        forked=line.forked,
        mask=piece.mask,
        segments=segments,
        nail=piece.nail,
    )


def place_line(line: DigitLine, place: CropPlace, cells: int) -> np.ndarray:
    """Returns a line's points (k, 2) in px of the picture; `cells`: side of the maps."""
    step = place.side / cells  # px of the picture per cell; a cell's centre lies half a cell from its corner
    return (line.polyline + 0.5) * step + (place.left, place.top)


def segment_names(joints: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the names of the phalanges between joints, by order from the palm."""
    order = {("mcp", "pip"): "proximal", ("pip", "dip"): "middle", ("dip", "tip"): "distal"}
    return tuple(order[pair] for pair in itertools.pairwise(joints))


def _cannot_tell(
    maps: HandMaps,
    lines: tuple[DigitLine, ...],
    classes: np.ndarray,
    box: Box,
    place: CropPlace,
    *,
    sharp: float,
    is_sure: bool,
) -> CannotTell | None:
    """Returns why no count is claimed, the plainest reason first; None where every line is sure and nothing hides a digit."""
    if box.size < SMALLEST_HAND_PX:
        return CannotTell.TOO_SMALL
    if box.touches_edge(place.width, place.height):
        return CannotTell.CROPPED
    if sharp < LEAST_SHARPNESS:
        return CannotTell.BLURRED
    if any(_is_cut_off(line, classes, maps.heat.shape[1]) for line in lines):
        return CannotTell.OCCLUDED
    if not is_sure:
        return CannotTell.UNCERTAIN
    if len(lines) < EXPECTED_DIGITS:  # six that are seen are six; of four nobody knows whether one is hidden
        present, visible = maps.number_chances()
        if present[: len(lines) + 1].sum() < ALL_PRESENT:
            is_hidden = int(visible.argmax()) <= len(lines)
            return CannotTell.OCCLUDED if is_hidden else CannotTell.UNCERTAIN
    return None


def _is_cut_off(line: DigitLine, classes: np.ndarray, cells: int) -> bool:
    """Tells whether something else lies on a digit's outer end, and the digit has no tip there."""
    if "tip" in line.joints:
        return False
    scale = classes.shape[0] / cells
    x, y = (line.polyline[-1] + 0.5) * scale
    reach = max(2, round(2.5 * scale))
    rows = slice(max(0, int(y) - reach), int(y) + reach + 1)
    columns = slice(max(0, int(x) - reach), int(x) + reach + 1)
    return bool(np.isin(classes[rows, columns], _FOREIGN).mean() > 0.1)
