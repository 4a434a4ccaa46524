"""Which lines and boxes show what was seen, and in which colours? Skeletons, hands and findings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbfix.layouts import BLAZEPOSE33, COCO17, HAND21, Layout

Record = Mapping[str, Any]
Xyxy = tuple[float, float, float, float]

COLORS: dict[str, str] = {
    "left": "#56b4e9",
    "right": "#f0e442",
    "middle": "#ffffff",
    "unknown": "#cc79a7",
    "digit_1": "#56b4e9",
    "digit_2": "#e69f00",
    "digit_3": "#009e73",
    "digit_4": "#f0e442",
    "digit_5": "#cc79a7",
    "error": "#d55e00",
    "warning": "#e69f00",
    "info": "#009e73",
    "reject": "#d55e00",
    "flag": "#e69f00",
    "pass": "#009e73",
    "no_subject": "#999999",
    "unjudged": "#cc79a7",
    "halo": "#101418",
}
"""Okabe and Ito's palette, which colour-blind readers tell apart. Text on any of them is `halo`: contrast >= 4.5."""

SURE_SCORE = 0.5
"""Landmarks below are a detector's guess behind an occluder or the frame; their bones are drawn faintly."""

SEVERITIES = ("info", "warning", "error")
"""Band of a finding's defect score, mildest first."""

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (HAND21, BLAZEPOSE33, COCO17)}
OUTLINE = "digit_outline"
"""Layout of the entries among the keypoints that are outlines of digits, no skeletons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bone:
    """One line of a skeleton, px.

    Attributes:
        side: left, right, middle or unknown; the subject's own side.
        is_hand: a bone of a hand, drawn thinner than one of a body.
        is_sure: both ends were seen, not guessed.
    """

    side: str
    start: tuple[float, float]
    end: tuple[float, float]
    is_hand: bool
    is_sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One box with its label, px.

    Attributes:
        color: a key of COLORS: the side of a hand, the severity of a finding.
        label: a finding's code, a hand's caption, or None.
        finding_index: place in the record's findings; None for a hand.
    """

    color: str
    box_xyxy: Xyxy
    label: str | None = None
    finding_index: int | None = None


def bones(record: Record, keypoints: Iterable[Record]) -> list[Bone]:
    """Returns the lines of all skeletons; a bone with an absent end is left out, and so is a hand whose digits, and a body whose limbs were read.

    A 21-joint hand names five digits whatever it sees, a body of a pose model two arms; beside what is there they would only confuse.

    Raises:
        ValueError: unknown layout.
    """
    lines: list[Bone] = []
    for points in keypoints:
        if points["layout"] == OUTLINE:
            continue
        layout = LAYOUTS.get(points["layout"])
        if layout is None:
            raise ValueError(f"keypoints: expected a layout of {', '.join(LAYOUTS)}, got {points['layout']!r}")
        is_hand = layout is HAND21
        xy = [point(value) for value in points["xy"]]
        hand = _hand_around(record, [place for place in xy if place]) if is_hand else None
        if hand is not None and (hand.get("digits") or {}).get("items"):
            continue
        if not is_hand and _is_read(record, [place for place in xy if place]):
            continue
        hand_side = points.get("side") or _side(hand) if is_hand else ""
        for a, b in layout.bones:
            start, end = xy[a], xy[b]
            if start and end:
                side = hand_side or _side_of_bone(layout.landmarks[a], layout.landmarks[b])
                is_sure = min(score_at(points, a), score_at(points, b)) >= SURE_SCORE
                lines.append(Bone(side=side, start=start, end=end, is_hand=is_hand, is_sure=is_hand or is_sure))
    return lines


def hand_marks(record: Record) -> list[Mark]:
    """Returns the boxes of the record's hands inside the picture, coloured by side."""
    hands = zip(record.get("hands") or (), sides_of_hands(record), strict=True)
    return [Mark(color=side, box_xyxy=box) for hand, side in hands if (box := inside(record, hand))]


def sides_of_hands(record: Record) -> list[str]:
    """Returns `left`, `right` or `unknown` of each of the record's hands."""
    return [_side(hand) for hand in record.get("hands") or ()]


def finding_marks(record: Record) -> list[Mark]:
    """Returns the boxes of the record's findings inside the picture, the mildest first: the worst is drawn on top."""
    findings = list(enumerate(record.get("findings") or ()))[::-1]  # of equals the record's first is the worst
    mildest_first = sorted(findings, key=lambda item: item[1].get("defect_score") or 0.0)
    marks = [
        Mark(color=finding["severity"], box_xyxy=box, label=finding["code"], finding_index=index)
        for index, finding in mildest_first
        if (box := inside(record, finding)) and finding["severity"] in SEVERITIES
    ]
    return sorted(marks, key=lambda mark: SEVERITIES.index(mark.color))


def box_of(owner: Record) -> Xyxy | None:
    """Returns `box_xyxy` of a hand, person or finding with its corners in order; None where there is no usable box."""
    values = owner.get("box_xyxy")
    if not values or len(values) != 4 or not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
        return None
    x0, y0, x1, y1 = map(float, values)
    return (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def inside(record: Record, owner: Record) -> Xyxy | None:
    """Returns the part of a hand's or finding's box that the picture shows, so that no edge is drawn outside; or None."""
    box = box_of(owner)
    width, height = record.get("width") or math.inf, record.get("height") or math.inf
    if box is None or box[0] >= width or box[1] >= height or box[2] <= 0 or box[3] <= 0:
        return None
    return (max(0.0, box[0]), max(0.0, box[1]), min(width, box[2]), min(height, box[3]))


def point(value: Sequence[float | None] | None) -> tuple[float, float] | None:
    """Returns (x, y) px, or None where the point is absent or not finite."""
    if value is None or value[0] is None or value[1] is None:
        return None
    x, y = float(value[0]), float(value[1])
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def score_at(points: Record, index: int) -> float:
    """Returns how surely a landmark was seen, 0-1; 1 where that is not said."""
    scores = points.get("score") or ()
    value = scores[index] if index < len(scores) else None
    return 1.0 if value is None else float(value)


def _side_of_bone(a: str, b: str) -> str:
    sides = {name.split("_")[0] for name in (a, b)}
    return sides.pop() if sides in ({"left"}, {"right"}) else "middle"


def outline_key(points: Record) -> tuple[int, int] | None:
    """Returns (hand_index, digit_index) of an outline among the keypoints; None for a skeleton."""
    return (int(points["hand_index"]), int(points["digit_index"])) if points["layout"] == OUTLINE else None


def _side(hand: Record | None) -> str:
    side = hand.get("side") if hand is not None else None
    return side if side in ("left", "right") else "unknown"


def _hand_around(record: Record, points: Sequence[tuple[float, float]]) -> Record | None:
    """Returns the smallest of the record's hands whose box holds the middle of the points, or None."""
    if not points:
        return None
    x, y = np.mean(points, axis=0)
    around = [
        ((box[2] - box[0]) * (box[3] - box[1]), index)
        for index, hand in enumerate(record.get("hands") or ())
        if (box := box_of(hand)) and box[0] <= x <= box[2] and box[1] <= y <= box[3]
    ]
    return record["hands"][min(around)[1]] if around else None


def _is_read(record: Record, points: Sequence[tuple[float, float]]) -> bool:
    """Whether the middle of a body's points lies in the box of a person whose limbs our network read, and in nobody else's."""
    if not points:
        return False
    x, y = np.mean(points, axis=0)
    around = [
        person
        for person in record.get("people") or ()
        if (box := box_of(person)) and box[0] <= x <= box[2] and box[1] <= y <= box[3]
    ]
    return bool(around) and all(person.get("limbs", {}).get("items") for person in around)
