"""Which found hand is which labelled hand? One to one, best overlap first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limbfix.geometry import Box
from limbfix_bench.data_folders import HandLabel

MATCH_IOU = 0.25
"""Labelled boxes were drawn by eye and hold part of the wrist; a stricter overlap measures the drawing."""

JUDGEABLE_PX = 32
"""Labels of smaller hands are guesses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledHand:
    """A labelled hand and what became of it.

    Attributes:
        path: of the picture.
        label: what people say.
        found: the matched hand of the record, or None.
    """

    path: str
    label: HandLabel
    found: dict[str, Any] | None


def match(labels: Sequence[HandLabel], record: Mapping[str, Any]) -> list[dict[str, Any] | None]:
    """Returns for each label the hand of the record that it matches, or None; no hand serves two labels."""
    found = record["hands"]
    matched: list[dict[str, Any] | None] = [None] * len(labels)
    if not found or record["width"] is None:
        return matched
    boxes = [Box(*hand["box_xyxy"]) for hand in found]
    wanted = [_box(label, record["width"], record["height"]) for label in labels]
    overlaps = [(box.iou(other), row, column) for row, box in enumerate(wanted) for column, other in enumerate(boxes)]
    taken: set[int] = set()
    for overlap, row, column in sorted(overlaps, key=lambda item: (-item[0], item[1], item[2])):
        if overlap < MATCH_IOU:
            break
        if matched[row] is None and column not in taken:
            matched[row] = found[column]
            taken.add(column)
    return matched


def labelled_hands(
    labels: Mapping[str, Sequence[HandLabel]], records: Mapping[str, Mapping[str, Any]]
) -> Iterator[LabelledHand]:
    """Yields every labelled hand of the judged pictures."""
    for path, hands in labels.items():
        if path in records:
            for label, found in zip(hands, match(hands, records[path]), strict=True):
                yield LabelledHand(path=path, label=label, found=found)


def _box(label: HandLabel, width: int, height: int) -> Box:
    x_min, y_min, x_max, y_max = label.box_fractions
    return Box(x_min * width, y_min * height, x_max * width, y_max * height)
