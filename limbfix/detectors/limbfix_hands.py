"""Where are the hands, and what is in them? limbfix's own two networks: a finder for the picture, a parser for each hand.

MediaPipe, where it is there, gives a second opinion: `complete` joins its hands to ours, so that one hand is one part, and reads the
hands that only it found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from limbfix.detectors.hand_reader import HandReader
from limbfix.detectors.hand_windows import View, finder_views, is_cut_off
from limbfix.geometry import Box
from limbfix.hand_scores import scored, shipped_models
from limbfix.nets.hand_boxes import decode, suppress
from limbfix.parts import Part, PartKind, Side
from limbfix.runtime.sessions import finder_network, load_runtime
from limbfix.shipped import DIGIT_PARSER, HAND_FINDER, shipped_file

if TYPE_CHECKING:
    from limbfix.images import Picture

LEAST_SCORE = 0.3
"""Of the finder, where its file of weights names no `threshold`."""

MOST_HANDS = 40
"""Of one picture, the surest ones: what a crowd costs is bounded."""

MOST_OVERLAP = 0.5
"""Intersection over union from which the weaker of two boxes is dropped."""

SAME_HAND_IOU = 0.3
"""From which a hand of another detector is one of ours; or the smaller lies in the larger by this share:"""
SAME_HAND_INSIDE = 0.8

SMALLEST_PX = 6.0
"""Shorter side below which nothing is a hand; reading such a crop would only enlarge noise."""


class LimbfixHands:
    """Finds and reads hands.

    Args:
        search: `full` looks at two scales and reads every hand twice, once in a mirror; `single` looks and reads once.
        providers: of ONNX Runtime, best first.
        finder_file, parser_file: weights of the user's own; None for those that come with limbfix.
        notes: for every record, such as what a missing second opinion means.

    Raises:
        MissingExtra: ONNX Runtime is missing.
        AssetMissing, ModelCorrupt: see `limbfix.shipped.shipped_file`.
    """

    name = "limbfix_hands"

    def __init__(
        self,
        *,
        search: str = "full",
        providers: tuple[str, ...] = ("CPUExecutionProvider",),
        finder_file: Path | None = None,
        parser_file: Path | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.notes = notes
        self._search = search
        load_runtime()  # a missing library is told at once, not picture by picture
        self._finder = finder_network(finder_file or shipped_file(HAND_FINDER), providers)
        mirrored = search == "full"
        self._reader = HandReader(parser_file or shipped_file(DIGIT_PARSER), mirrored=mirrored, providers=providers)

    def model_hashes(self) -> dict[str, str]:
        """Returns the SHA-256 of both files of weights."""
        networks = (self._finder, self._reader.network)
        return {network.file.name: network.sha256 for network in networks}

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns hands with box, score and reading, surest first. See `Detector.detect`."""
        return self.read(picture, self._find(picture.pixels))

    def read(self, picture: Picture, found: Sequence[tuple[Box, float]]) -> tuple[Part, ...]:
        """Returns the hands at given boxes, with the finder's score of each, read but not scored."""
        readings = self._reader.read(picture.pixels, [box for box, _ in found])
        return tuple(
            Part(kind=PartKind.HAND, box=box, detection_score=score, detector=self.name, reading=reading)
            for (box, score), reading in zip(found, readings, strict=True)
        )

    def complete(self, picture: Picture, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns the parts of all detectors with each hand once: joined, read and scored."""
        others = tuple(part for part in parts if part.kind is not PartKind.HAND)
        hands = join_hands([part for part in parts if part.kind is PartKind.HAND], own=self.name)
        unread = [index for index, hand in enumerate(hands) if hand.reading is None]
        for index, reading in zip(
            unread, self._reader.read(picture.pixels, [hands[i].box for i in unread]), strict=True
        ):
            hands[index] = replace(hands[index], reading=reading)
        models = shipped_models()
        return (*others, *(scored(hand, models) for hand in hands))

    def close(self) -> None:
        """Frees the networks; they load again when used again."""
        self._finder.close()
        self._reader.network.close()

    def _find(self, pixels: np.ndarray) -> list[tuple[Box, float]]:
        boxes: list[Box] = []
        ranks: list[float] = []
        scores: list[float] = []
        height, width = pixels.shape[:2]
        least = self._finder.threshold(LEAST_SCORE)
        for view in finder_views(pixels, self._search):
            maps = self._finder.run(view.pixels[None])["maps"][0]
            for xyxy, score in zip(*decode(maps, least_score=least, most=MOST_HANDS), strict=True):
                box = _in_picture(xyxy, view).clipped(width, height)
                if min(box.width, box.height) < SMALLEST_PX:
                    continue
                boxes.append(box)
                scores.append(float(score))
                # a hand that a tile cuts off is seen whole elsewhere, and must not stand for it
                ranks.append(float(score) - is_cut_off(Box(*map(float, xyxy)), view))
        kept = distinct(boxes, ranks)[:MOST_HANDS]
        return [(boxes[i], round(scores[i], 4)) for i in kept]


def _in_picture(xyxy: np.ndarray, view: View) -> Box:
    low, high = view.to_picture(np.asarray(xyxy, np.float64).reshape(2, 2))
    return Box(*map(float, (*low, *high)))


def distinct(boxes: Sequence[Box], ranks: Sequence[float]) -> list[int]:
    """Returns the indices of boxes that stand for hands of their own, best first.

    Boxes of negative rank are pieces at a tile's edge: they stay only where nothing better covers them.
    """
    if not boxes:
        return []
    array, order = np.array([box.xyxy for box in boxes]), np.array(ranks)
    kept: list[int] = []
    for index in map(int, suppress(array, order, MOST_OVERLAP)):
        is_piece = ranks[index] < 0
        if is_piece and any(boxes[index].overlap_of_smaller(boxes[other]) > MOST_OVERLAP for other in kept):
            continue
        kept.append(index)
    return kept


def join_hands(hands: Sequence[Part], *, own: str) -> list[Part]:
    """Makes one part of our sight and another detector's sight of one hand, nearest pairs first.

    Box, score and reading are ours; keypoints, side, views and spread the other's. Hands that only one saw stay as they are.

    Args:
        hands: of all detectors.
        own: name of our detector.
    """
    ours = [hand for hand in hands if hand.detector == own]
    theirs = [hand for hand in hands if hand.detector != own]
    pairs = [(one.box.iou(other.box), i, j) for i, one in enumerate(ours) for j, other in enumerate(theirs)]
    opinion: dict[int, int] = {}
    taken: set[int] = set()
    for overlap, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        inside = ours[i].box.overlap_of_smaller(theirs[j].box) > SAME_HAND_INSIDE
        if i in opinion or j in taken or not (overlap > SAME_HAND_IOU or inside):
            continue
        opinion[i] = j
        taken.add(j)
    joined = [_joined(one, theirs[opinion[i]]) if i in opinion else one for i, one in enumerate(ours)]
    return joined + [other for j, other in enumerate(theirs) if j not in taken and other.box.area > 0]


def _joined(ours: Part, theirs: Part) -> Part:
    return replace(
        ours,
        side=theirs.side if theirs.side is not Side.UNKNOWN else ours.side,
        side_score=theirs.side_score,
        keypoints=theirs.keypoints,
        mask=ours.mask if ours.mask is not None else theirs.mask,
        views=theirs.views,
        spread=theirs.spread,
    )
