"""Which lines on photographs are digits? MediaPipe's joints say it, where its looks agree: a finger is one line, and a second one along it is none.

Renders hold few thumbs that are folded over a palm, and the parser likes to read those twice. Real people have five digits at most, but
which of six lines is the wrong one only joints can say. Lines on no finger of MediaPipe's say nothing: it may have missed one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limbfix.detectors.hand_reader import HandReader
from limbfix.digit_assembly import DigitLine, assemble_digits
from limbfix.digit_beliefs import line_features
from limbfix.digit_masks import CropPlace
from limbfix.geometry import line_distances
from limbfix.parts import Part
from limbfix.readings import place_line
from limbfix.training.hand_score_rows import Eyes, hands_in, photographs
from limbfix.training.photograph_halves import fits_lines

FINGERS = tuple(tuple(range(4 * finger + 1, 4 * finger + 5)) for finger in range(5))
"""Indices of MediaPipe's 21 joints, from each digit's knuckle (of the thumb, its CMC) outwards."""

MOST_SPREAD = 0.1
"""Of MediaPipe's windows, see `limbfix.parts.Part.spread`: beyond it they see different hands."""

MOST_SILENT = 1
"""Windows of a hand that may show MediaPipe none."""

SCALES = (1.0, 0.55)
"""Sizes in which photographs are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinedHand:
    """One hand and the lines that were assembled on it.

    Attributes:
        group: of hands that are alike: a defect and its twin, or one photograph in all of its sizes.
        lines, features: see `limbfix.digit_beliefs.line_features`.
        truth: (n,) 1 for digits, 0 for what is none, nan where nobody knows.
        head: the counting head's chances of 0, 1, ... visible digits.
        side: of the maps, cells.
    """

    group: int
    lines: Sequence[DigitLine]
    features: np.ndarray
    truth: np.ndarray
    head: np.ndarray
    side: int


def photograph_lines(folders: Sequence[Path], eyes: Eyes, reader: HandReader, near: float) -> Iterator[LinedHand]:
    """Yields every hand found in the half of the photographs that fits lines.

    Args:
        folders: of photographs of people with normal anatomy, which the parser was not trained on.
        eyes: find hands, with MediaPipe's opinion.
        reader: reads their maps.
        near: of the crop's side: a line so near a finger of MediaPipe's lies on it.
    """
    found = (row for folder in folders for row in photographs(folder, SCALES, fits_lines))
    for group, (_, sizes) in enumerate(found):
        for picture in sizes:
            hands = hands_in(picture, eyes)
            seen = reader.seen(picture.pixels, [hand.box for hand in hands])
            for hand, (place, maps) in zip(hands, seen, strict=True):
                lines, side = assemble_digits(maps.heat, maps.fields), maps.heat.shape[1]
                yield LinedHand(
                    group=group,
                    lines=lines,
                    features=line_features(lines, maps.heat, maps.fields, maps.parts),
                    truth=lines_on(hand, lines, place, side, near),
                    head=maps.number_chances()[1],
                    side=side,
                )


def lines_on(hand: Part, lines: Sequence[DigitLine], place: CropPlace, side: int, near: float) -> np.ndarray:
    """Returns (n,): 1 for lines that are a finger of MediaPipe's, the best one for each, 0 for other lines along it, nan for those on none.

    All are nan where MediaPipe saw no hand, or not the same one in its windows.
    """
    truth = np.full(len(lines), np.nan)
    if hand.keypoints is None or not _is_agreed(hand):
        return truth
    fingers = [hand.keypoints.xy[list(joints)] for joints in FINGERS]
    reach = near * place.side
    pairs = []
    for index, line in enumerate(place_line(line, place, side) for line in lines):
        for finger, joints in enumerate(fingers):
            away = _distances(line, joints).mean()
            if away < reach and _distances(line[-1:], joints[1:])[0] < reach:
                pairs.append((float(np.linalg.norm(line[-1] - joints[-1]) + away), index, finger))
    taken: set[int] = set()
    for _, index, finger in sorted(pairs):
        if finger not in taken and np.isnan(truth[index]):
            truth[index] = 1
            taken.add(finger)
    along = [index for _, index, _ in pairs if np.isnan(truth[index])]
    truth[along] = 0
    return truth


def _is_agreed(hand: Part) -> bool:
    if hand.views is None or hand.spread is None:
        return False
    agreed, shown = hand.views
    return shown - agreed <= MOST_SILENT and hand.spread <= MOST_SPREAD


def _distances(points: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Returns (q,): how far points (q, 2) lie from the bones between joints (k, 2)."""
    return line_distances(points, joints[:-1], joints[1:]).min(1)
