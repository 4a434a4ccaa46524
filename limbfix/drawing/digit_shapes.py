"""Which lines, numbers and words show the digits of a picture's hands?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from limbfix.drawing.shapes import Mark, inside, outline_key, point, sides_of_hands

Record = Mapping[str, Any]
Xy = tuple[float, float]

DIGIT_COLORS = 5
"""Colours of digits, `digit_1` to `digit_5`; the sixth digit begins again with the first colour."""

TIP_OF_HAND = 0.07
"""Largest radius of a digit's number, as a share of its hand: the numbers of a small hand must not hide it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitShape:
    """One digit, px.

    Attributes:
        color: a key of COLORS; `error` for one that is too many.
        line: from the palm to the tip; a single point for a tip alone.
        number: of the digit on its hand, from 1, as it stands at the tip.
        is_extra: one too many.
        hand_size: longer side of the hand's box, px: what is written at the tip must not be larger than the hand.
        outlines: closed outlines of the digit's mask, for filling by the even-odd rule.
    """

    color: str
    line: tuple[Xy, ...]
    number: str
    is_extra: bool
    hand_size: float
    outlines: tuple[tuple[Xy, ...], ...]


def digit_shapes(record: Record, keypoints: Iterable[Record]) -> list[DigitShape]:
    """Returns every digit of every hand; those that are too many come last, to be drawn on top."""
    outlines: dict[tuple[int, int], list[tuple[Xy, ...]]] = {}
    for points in keypoints:
        if (key := outline_key(points)) is not None:
            outlines.setdefault(key, []).append(tuple(xy for value in points["xy"] if (xy := point(value))))
    shapes = []
    for hand in record.get("hands") or ():
        box = inside(record, hand)
        for item in (hand.get("digits") or {}).get("items") or ():
            line = tuple(xy for value in item["polyline"] if (xy := point(value)))
            if not line or box is None:
                continue
            index = int(item["digit_index"])
            shape = DigitShape(
                color="error" if item.get("extra") else f"digit_{index % DIGIT_COLORS + 1}",
                line=line,
                number=str(index + 1),
                is_extra=bool(item.get("extra")),
                hand_size=max(box[2] - box[0], box[3] - box[1]),
                outlines=tuple(outlines.get((hand.get("hand_index", -1), index), ())),
            )
            shapes.append(shape)
    return sorted(shapes, key=lambda shape: shape.is_extra)


def hand_captions(record: Record) -> list[Mark]:
    """Returns what is known of each hand's digits, at its box: `5 digits`, or `cannot tell: occluded`.

    Hands that no network has read have none: a word on each of them would say nothing about any.
    """
    marks = []
    for hand, side in zip(record.get("hands") or (), sides_of_hands(record), strict=True):
        digits, box = hand.get("digits") or {}, inside(record, hand)
        if box is None or digits.get("cannot_tell", "no_model") == "no_model":
            continue
        marks.append(Mark(color=side, box_xyxy=box, label=_caption(digits)))
    return marks


def tip_label_place(shape: DigitShape, beyond: float) -> Xy:
    """Returns the place `beyond` px past a digit's tip, in the direction of its last bone; above a tip that stands alone."""
    tip = shape.line[-1]
    before = next((xy for xy in reversed(shape.line[:-1]) if xy != tip), (tip[0], tip[1] + 1.0))
    length = math.dist(before, tip)
    return (tip[0] + (tip[0] - before[0]) / length * beyond, tip[1] + (tip[1] - before[1]) / length * beyond)


def _caption(digits: Record) -> str:
    count = digits.get("count")
    if count is None:
        return f"cannot tell: {str(digits.get('cannot_tell') or 'uncertain').replace('_', ' ')}"
    extra = [str(item["digit_index"] + 1) for item in digits.get("items") or () if item.get("extra")]
    return f"{count} {'digit' if count == 1 else 'digits'}" + (f", {' and '.join(extra)} too many" if extra else "")
