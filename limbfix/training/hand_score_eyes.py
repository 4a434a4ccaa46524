"""Who looks at hands for the hand scores? The gate's own detectors, at boxes that are known or at a whole picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from limbfix.detectors.body_sight import BodySight
from limbfix.detectors.limbfix_hands import LimbfixHands
from limbfix.detectors.mediapipe_hands import MediaPipeHands
from limbfix.geometry import Box
from limbfix.images import Picture
from limbfix.parts import Part, PartKind
from limbfix.shipped import sees_bodies

_GIVEN_SCORE = 0.9
"""Stands for the finder's score where the box was given; no model looks at it."""


class GateEyes:
    """The detectors of the default search.

    Args:
        parser, finder, bodies: weights; None for the shipped ones. Where no body parser is shipped, bodies are not looked at.
        opinion: whether MediaPipe gives its second opinion.
    """

    def __init__(
        self,
        *,
        parser: Path | None = None,
        finder: Path | None = None,
        bodies: Path | None = None,
        opinion: bool = True,
    ) -> None:
        sight = BodySight(search="full", file=bodies) if bodies is not None or sees_bodies() else None
        self._own = LimbfixHands(search="full", parser_file=parser, finder_file=finder, sight=sight)
        self._second = MediaPipeHands(second=True) if opinion else None

    @property
    def counts(self) -> bool:
        """Whether the parser's counts may be told."""
        return self._own.counts

    def read(self, picture: Picture, boxes: Sequence[Box]) -> list[Part]:
        """Returns a hand with reading and opinion for each box."""
        parts = tuple(
            Part(kind=PartKind.HAND, box=box, detection_score=_GIVEN_SCORE, detector=LimbfixHands.name) for box in boxes
        )
        opinions = self._second.detect(picture, parts) if self._second is not None else ()
        hands = [
            hand
            for hand in self._finished(picture, (*parts, *opinions), given=True)
            if hand.detector == LimbfixHands.name
        ]
        # hands that only MediaPipe saw are of no interest here; its joints may have moved the box of one that was given
        return [max(hands, key=lambda hand, box=box: hand.box.iou(box)) for box in boxes]

    def find(self, picture: Picture) -> list[Part]:
        """Returns all hands of a picture, as the gate finds them."""
        parts = self._own.detect(picture, ())
        seen = self._second.detect(picture, ()) if self._second is not None else ()
        return self._finished(picture, (*parts, *seen))

    def close(self) -> None:
        """Frees the models."""
        for detector in (self._own, self._second):
            if detector is not None:
                detector.close()

    def _finished(self, picture: Picture, parts: tuple[Part, ...], *, given: bool = False) -> list[Part]:
        done = self._own.complete(picture, parts, given=given)
        return [part for part in done if part.kind is PartKind.HAND]
