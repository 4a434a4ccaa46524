"""A detector may have the last word on what all detectors saw, and a note of its own in every record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from limbfix.errors import DetectorError
from limbfix.gate import Gate, detect
from limbfix.geometry import Box
from limbfix.images import Picture
from limbfix.parts import Part, PartKind

PICTURE = Picture(pixels=np.zeros((200, 200, 3), np.uint8), sha256="0" * 64)


class Seeing:
    """Sees one hand."""

    def __init__(self, name: str, box: Box) -> None:
        self.name, self._box = name, box

    def model_hashes(self) -> dict[str, str]:
        return {}

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        return (Part(kind=PartKind.HAND, box=self._box, detection_score=0.5, detector=self.name),)

    def close(self) -> None:
        """Holds nothing."""


class Joining(Seeing):
    """Keeps its own hand only, and says how many there were."""

    notes = ("no second opinion",)

    def complete(self, picture: Picture, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        (own,) = (part for part in parts if part.detector == self.name)
        return (replace(own, views=(1, len(parts))),)


def test_the_last_word_comes_after_all_have_looked_whatever_the_order():
    first, later = Joining("own", Box(10, 10, 60, 60)), Seeing("other", Box(12, 10, 62, 60))
    for order in ((first, later), (later, first)):
        (part,) = detect(PICTURE, order)
        assert (part.detector, part.views) == ("own", (1, 2))


def test_a_note_of_a_detector_stands_in_every_record():
    with Gate(detectors=(Joining("own", Box(10, 10, 60, 60)),)) as gate:
        record = gate.inspect(PICTURE.pixels).record
    assert "no second opinion" in record["notes"]
    with Gate(detectors=(Seeing("other", Box(10, 10, 60, 60)),)) as gate:
        assert gate.inspect(PICTURE.pixels).record["notes"] == []


def test_a_last_word_that_fails_is_an_error_of_its_detector_and_no_pass():
    class Failing(Joining):
        def complete(self, picture: Picture, parts: tuple[Part, ...]) -> tuple[Part, ...]:
            raise RuntimeError("out of memory")

    with pytest.raises(DetectorError, match="detector own: expected parts, got RuntimeError: out of memory"):
        detect(PICTURE, (Failing("own", Box(10, 10, 60, 60)),))
