"""Where are the hands, and what is in them? limbfix's own two networks: a finder for the picture, a parser for each hand.

MediaPipe, where it is there, gives a second opinion: `complete` joins its hands to ours, so that one hand is one part, and reads the
hands that only it found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from limbfix import digit_beliefs, hand_scores
from limbfix.detectors import belief_model
from limbfix.detectors.belief_model import Around, BeliefModel, shipped_belief
from limbfix.detectors.body_sight import BodySight
from limbfix.detectors.hand_belief import apart, is_believed, is_face, is_paw, sureness, tempered, with_surety
from limbfix.detectors.hand_context import around_of
from limbfix.detectors.hand_places import SCORE, hand_places
from limbfix.detectors.hand_proposals import proposals
from limbfix.detectors.hand_reader import Belief, HandReader
from limbfix.detectors.joined_hands import join_hands, settled
from limbfix.digits import HandReading
from limbfix.geometry import Box
from limbfix.hand_scores import scored, shipped_models
from limbfix.parts import Part, PartKind
from limbfix.runtime.sessions import CPU_ONLY, Providers, finder_network, load_runtime
from limbfix.shipped import DIGIT_PARSER, HAND_FINDER, shipped_file, shipped_hashes, shipped_rows

if TYPE_CHECKING:
    from limbfix.images import Picture

LEAST_SCORE = 0.15
"""Of the finder, where its file names no threshold of its own: a proposal that is looked at closely. Low on purpose, see `SURE`."""

QUICK_SCORE = 0.3
"""The same for a single search. It reads a third of the boxes, and keeps 0.83 of our hands on AI pictures and 0.92 on real ones
(2026-11-28, 392 pictures)."""


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
        providers: Providers = CPU_ONLY,
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
        """Returns the SHA-256 of all files of weights, and of the small models that make beliefs, lines and scores of what the networks say."""
        networks = (self._finder, self._reader.network, self._sight and self._sight.network)
        weights = {network.file.name: network.sha256 for network in networks if network is not None}
        return weights | shipped_hashes(belief_model.FILE, digit_beliefs.FILE, hand_scores.FILE)

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns hands with box and score, surest first; `complete` reads them. See `Detector.detect`."""
        return tuple(
            Part(kind=PartKind.HAND, box=box, detection_score=score, detector=self.name)
            for box, score in self._find(picture)
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

        model, boxes = shipped_belief(), [hands[index].box for index in unread]
        around = self._around(picture, boxes, model)
        belief = _Belief(
            [hands[index] for index in unread], model, around, own=self.name, given=given, beside=bool(others)
        )
        found = self._reader.read(picture.pixels, boxes, belief)
        for number, (index, reading) in enumerate(zip(unread, found, strict=True)):
            hands[index] = replace(hands[index], reading=None if reading is None else belief.told(number, reading))
        if not given:
            known = [hand for hand in hands if hand.reading is not None]
            doubted = (lambda hand: is_face(hand, faces, own=self.name)) if others else is_paw
            hands = apart([hand for hand in known if not doubted(hand)], own=self.name)
        models = shipped_models()
        return (*others, *(tempered(scored(hand, models), own=self.name, beside=bool(others)) for hand in hands))

    def close(self) -> None:
        """Frees the networks; they load again when used again."""
        if self._sight is not None:
            self._sight.close()
        if self._finder is not None:
            self._finder.close()
        self._reader.close()

    def _around(self, picture: Picture, boxes: Sequence[Box], model: BeliefModel | None) -> Sequence[Around | None]:
        """Returns what lies around each box; None where nobody sees it, or nothing weighs it."""
        if self._sight is None or model is None or not self._reader.looks or not boxes:
            return [None] * len(boxes)
        seen = self._sight.look(picture)
        return [around_of(seen.points, seen.stages, seen.view, box) for box in boxes]

    def _find(self, picture: Picture) -> list[tuple[Box, float]]:
        """Returns the finder's proposals, and the places that the body parser takes for hands besides."""
        if self._finder is None:
            return []
        usual = QUICK_SCORE if self._search == "single" else LEAST_SCORE
        found = proposals(self._finder, picture.pixels, self._search, self._finder.threshold(usual))
        if self._sight is None:
            return found
        seen, size_wh = self._sight.look(picture), (picture.width, picture.height)
        return found + [
            (box, SCORE) for box in hand_places(seen.maps.parts, seen.view, size_wh, [box for box, _ in found])
        ]


class _Belief(Belief):
    """Weighs what is known of each box; remembers how sure it was."""

    def __init__(
        self,
        hands: Sequence[Part],
        model: BeliefModel | None,
        around: Sequence[Around | None],
        *,
        own: str,
        given: bool,
        beside: bool,
    ) -> None:
        self._sure = [-math.inf] * len(hands)
        self._hands, self._model, self._around = hands, model, around
        self._own, self._given, self._beside = own, given, beside

    def may_be(self, index: int, presence: float) -> bool:
        """Tells whether any look could make a hand of a box."""
        return self.is_hand(index, presence, None)

    def is_hand(self, index: int, presence: float, close: np.ndarray | None) -> bool:
        """Tells whether a box is believed; see `limbfix.detectors.hand_belief`."""
        hand = self._hands[index]
        self._sure[index] = sureness(hand, presence, self._model, self._around[index], close)
        return self._given or is_believed(
            hand,
            own=self._own,
            sure=self._sure[index],
            weighed=self._around[index] is not None,
            alone=sureness(hand, presence),
            beside=self._beside,
        )

    def told(self, index: int, reading: HandReading) -> HandReading:
        """Returns the reading of a box with how sure it was of it."""
        return with_surety(reading, self._sure[index], weighed=self._around[index] is not None)
