"""What do our eyes say of hands about which the truth is known? Rows of features for fitting the hand scores.

Made hands come with their truth; hands of real people have normal anatomy. Both pass the same code as a user's picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from limbfix.errors import PictureError
from limbfix.geometry import Box
from limbfix.hand_scores import opinion_features
from limbfix.images import Picture, open_picture
from limbfix.nets.digit_parser import JUDGEMENTS
from limbfix.parts import Part, PartKind
from limbfix.synthesis.samples import Instance, Sample
from limbfix.synthesis.seeds import rng_for
from limbfix.training.parser_targets import CODE_JUDGEMENTS, hand_pixels, judgements_of, main_hand

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

LEAST_PX = 32
"""Longer side of a hand; smaller ones are not judged."""

_LEAST_DIGITS = 2

_JITTER = 0.06
"""Standard deviation of a box's sides in hand sizes: how far the finder's boxes lie from the labels."""


class Eyes(Protocol):
    """What looks at hands: at boxes that are given, or at a whole picture."""

    def read(self, picture: Picture, boxes: Sequence[Box]) -> list[Part]:
        """Returns a hand with its reading, and the second opinion if there is one, for each box."""
        ...

    def find(self, picture: Picture) -> list[Part]:
        """Returns all hands of a picture, likewise."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HandRow:
    """One hand.

    Attributes:
        features: of the reading, and of the second opinion if there is one.
        faults: codes that are true of it and can be seen.
        group: of hands that are alike: of a made pair, or of one photograph in all of its sizes.
        order: of a made hand; a higher one of a group is worse.
        source: stream, or folder of photographs.
    """

    features: dict[str, float]
    faults: frozenset[str]
    group: str
    order: int
    source: str


def made_parts(
    samples: Iterable[Sample], eyes: Eyes, seed: int
) -> Iterator[tuple[Sample, Instance, Part, frozenset[str]]]:
    """Yields each made picture with the hand that it is about, what the eyes say of it, and the codes that are true of it and seen.

    Left out are hands that show fewer than two digits, small ones, and defects that nobody can see.
    """
    for sample in samples:
        hand = main_hand(sample)
        if hand is None or sample.digits_visible(hand.id) < _LEAST_DIGITS:
            continue
        box = _box(sample, hand, rng_for(seed, "box", sample.group))
        judged = judgements_of(sample, hand)
        faults = frozenset(code.value for code, name in CODE_JUDGEMENTS.items() if judged[JUDGEMENTS.index(name)])
        if box.size < LEAST_PX or (sample.role == "defect" and not faults):
            continue
        (part,) = eyes.read(open_picture(sample.pixels, name=sample.key), [box])
        yield sample, hand, part, faults


def made_rows(samples: Iterable[Sample], eyes: Eyes, seed: int) -> Iterator[HandRow]:
    """Yields a row for the hand that each made picture is about; see `made_parts`."""
    for sample, _, part, faults in made_parts(samples, eyes, seed):
        yield HandRow(
            features=_features(part), faults=faults, group=sample.group, order=sample.order, source=sample.stream
        )


def real_rows(folder: Path, eyes: Eyes, most: int, scales: Sequence[float] = (1.0,)) -> Iterator[HandRow]:
    """Yields a row for each hand found in at most so many photographs, spread evenly over the sorted names.

    Args:
        folder: of photographs of people with normal anatomy.
        eyes: what looks.
        most: photographs.
        scales: each photograph is looked at in these sizes: hands of photographs are large, those of generated pictures often are not.
    """
    for name, sizes in photographs(folder, scales, most=most):
        for part in (part for picture in sizes for part in hands_in(picture, eyes)):
            yield HandRow(features=_features(part), faults=frozenset(), group=name, order=0, source=folder.name)


def hands_in(picture: Picture, eyes: Eyes) -> list[Part]:
    """Returns the hands of a picture that are large enough to be judged, and were read."""
    return [part for part in eyes.find(picture) if part.box.size >= LEAST_PX and part.reading is not None]


def photographs(
    folder: Path, scales: Sequence[float], chosen: Callable[[str], bool] = lambda name: True, most: int | None = None
) -> Iterator[tuple[str, list[Picture]]]:
    """Yields `folder/name` of each photograph that can be read, and the photograph in these sizes.

    Args:
        folder: searched below too.
        scales: of its width and height.
        chosen: which names are wanted.
        most: photographs, spread evenly over the sorted names; None for all.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    named = [(f"{folder.name}/{path.relative_to(folder).as_posix()}", path) for path in found]
    named = [(name, path) for name, path in named if chosen(name)]
    if most is not None and len(named) > most:
        named = [named[int((index + 0.5) * len(named) / most)] for index in range(most)]
    for name, path in named:
        try:
            whole = open_picture(str(path))
        except PictureError:
            continue
        yield name, [_scaled(whole, scale) for scale in scales]


def _scaled(picture: Picture, scale: float) -> Picture:
    if scale == 1:
        return picture
    size_wh = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return open_picture(cv2.resize(picture.pixels, size_wh, interpolation=cv2.INTER_AREA), name=picture.path)


def _features(part: Part) -> dict[str, float]:
    assert part.kind is PartKind.HAND and part.reading is not None
    return {**part.reading.features, **opinion_features(part)}


def _box(sample: Sample, hand: Instance, rng: np.random.Generator) -> Box:
    rows, columns = np.nonzero(hand_pixels(sample, hand))
    box = Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    x0, y0, x1, y1 = np.array(box.xyxy) + rng.normal(0, _JITTER, 4) * box.size
    height, width = sample.pixels.shape[:2]
    return Box(x0, y0, max(x1, x0 + 8), max(y1, y0 + 8)).clipped(width, height)
