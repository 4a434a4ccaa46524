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

from limbfix.detectors.belief_model import BeliefModel, shipped_belief
from limbfix.detectors.body_sight import BodySight
from limbfix.detectors.hand_belief import apart, is_believed, is_face, sureness, tempered, with_surety
from limbfix.detectors.hand_reader import HandReader
from limbfix.detectors.hand_surroundings import surroundings
from limbfix.detectors.hand_windows import View, finder_views, is_cut_off
from limbfix.detectors.joined_hands import join_hands, settled
from limbfix.geometry import Box
from limbfix.hand_scores import scored, shipped_models
from limbfix.nets.hand_boxes import decode, suppress
from limbfix.parts import Part, PartKind
from limbfix.runtime.sessions import Network, finder_network, load_runtime
from limbfix.shipped import DIGIT_PARSER, HAND_FINDER, shipped_file, shipped_rows

if TYPE_CHECKING:
    from limbfix.images import Picture

LEAST_SCORE = 0.15
"""Of the finder, where its file names no threshold of its own: a proposal that is looked at closely. Low on purpose, see `SURE`."""

QUICK_SCORE = 0.3
"""The same for a single search. It reads a third of the boxes, and keeps 0.83 of our hands on AI pictures and 0.92 on real ones
(2026-11-28, 392 pictures)."""

MOST_HANDS = 40
"""Of one picture, the surest ones: what a crowd costs is bounded."""

MOST_OVERLAP = 0.5
"""Intersection over union from which the weaker of two boxes is dropped."""

SMALLEST_PX = 6.0
"""Shorter side below which nothing is a hand; reading such a crop would only enlarge noise."""


class LimbfixHands:
    """Finds and reads hands.

    Args:
        search: `full` looks at more scales and reads every hand twice, once in a mirror; `single` looks and reads once.
        providers: of ONNX Runtime, best first.
        finder_file, parser_file: weights of the user's own; None for those that come with limbfix. Where it comes with no finder, others
            find the hands, and `complete` reads them.
        sight: sees the bodies around a hand, which tell it from ears and knees, and lends its weights to the look; None does without.
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
        sight: BodySight | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.notes = notes
        self._search, self._sight = search, sight
        load_runtime()  # a missing library is told at once, not picture by picture
        if finder_file is None and HAND_FINDER in shipped_rows():
            finder_file = shipped_file(HAND_FINDER)
        self._finder = None if finder_file is None else finder_network(finder_file, providers)
        mirrored = search == "full"
        parser, bodies = parser_file or shipped_file(DIGIT_PARSER), None if sight is None else sight.network.file
        self._reader = HandReader(parser, mirrored=mirrored, providers=providers, bodies=bodies)

    @property
    def counts(self) -> bool:
        """Whether the parser's counts are good enough to be told."""
        return self._reader.network.counts

    def model_hashes(self) -> dict[str, str]:
        """Returns the SHA-256 of all files of weights."""
        networks = (self._finder, self._reader.network, self._sight and self._sight.network)
        return {network.file.name: network.sha256 for network in networks if network is not None}

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns hands with box and score, surest first; `complete` reads them. See `Detector.detect`."""
        return tuple(
            Part(kind=PartKind.HAND, box=box, detection_score=score, detector=self.name)
            for box, score in self._find(picture.pixels)
        )

    def complete(self, picture: Picture, parts: tuple[Part, ...], *, given: bool = False) -> tuple[Part, ...]:
        """Returns the parts of all detectors with each hand once: joined, read and scored.

        Args:
            picture: whose parts they are.
            parts: of all detectors.
            given: whether our boxes are labels and no proposals: then none is dropped.
        """
        others = tuple(part for part in parts if part.kind is not PartKind.HAND)
        faces = [part.box for part in others if part.kind is PartKind.FACE]
        joined = join_hands([part for part in parts if part.kind is PartKind.HAND], own=self.name)
        hands = [settled(hand, picture) for hand in joined]
        unread = [index for index, hand in enumerate(hands) if hand.reading is None]

        model, sure = shipped_belief(), {}
        around = self._around(picture, [hands[index].box for index in unread], model)

        def is_hand(index: int, presence: float) -> bool:
            hand = hands[unread[index]]
            sure[index] = sureness(hand, presence, model, around[index])
            return given or is_believed(hand, own=self.name, sure=sure[index])

        found = self._reader.read(picture.pixels, [hands[index].box for index in unread], is_hand)
        for number, (index, reading) in enumerate(zip(unread, found, strict=True)):
            told = None if reading is None else with_surety(reading, sure[number])
            hands[index] = replace(hands[index], reading=told)
        if not given:
            known = [hand for hand in hands if hand.reading is not None]
            hands = apart([hand for hand in known if not is_face(hand, faces, own=self.name)], own=self.name)
        models = shipped_models()
        return (*others, *(tempered(scored(hand, models), own=self.name) for hand in hands))

    def close(self) -> None:
        """Frees the networks; they load again when used again."""
        if self._sight is not None:
            self._sight.close()
        if self._finder is not None:
            self._finder.close()
        self._reader.close()

    def _around(self, picture: Picture, boxes: Sequence[Box], model: BeliefModel | None) -> Sequence[np.ndarray | None]:
        """Returns the surroundings of each box; None where nobody sees them, or nothing weighs them."""
        if self._sight is None or model is None or not boxes:
            return [None] * len(boxes)
        seen = self._sight.look(picture)
        return [surroundings(seen.points, seen.view, box) for box in boxes]

    def _find(self, pixels: np.ndarray) -> list[tuple[Box, float]]:
        if self._finder is None:
            return []
        usual = QUICK_SCORE if self._search == "single" else LEAST_SCORE
        return proposals(self._finder, pixels, self._search, self._finder.threshold(usual))


def proposals(finder: Network, pixels: np.ndarray, search: str, least: float) -> list[tuple[Box, float]]:
    """Returns boxes in which the finder proposes hands, with its scores, best first; many show none.

    Args:
        finder: see `limbfix.runtime.sessions.finder_network`.
        pixels: the whole picture, uint8 (H, W, 3).
        search: see `limbfix.detectors.hand_windows.finder_views`.
        least: score, 0-1, below which nothing is proposed.
    """
    boxes: list[Box] = []
    ranks: list[float] = []
    scores: list[float] = []
    height, width = pixels.shape[:2]
    for view in finder_views(pixels, search):
        maps = finder.run(view.pixels[None])["maps"][0]
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
