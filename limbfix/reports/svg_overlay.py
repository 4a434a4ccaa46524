"""The drawing of limbfix.drawing as shapes for the page: same colours, same order, sharp at every size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limbfix.drawing import (
    TIP_OF_HAND,
    Bone,
    DigitShape,
    Mark,
    Xyxy,
    all_bones,
    digit_shapes,
    finding_marks,
    hand_captions,
    hand_marks,
    label_corners,
    tip_label_place,
)
from limbfix.printing import printable

TAG_HEIGHT = 17
"""Screen px of a label; the page's script keeps labels at this size whatever the picture's."""

_TAG_PADDING, _TAG_CHARACTER = 5, 6.7
_TILE = 320
"""Screen px of a picture in the gallery, for the first layout of the labels."""

_MOST_MARKS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """All bones of one look as one SVG path.

    Attributes:
        css: classes: `left body sure`.
        lines, dots: path data, px of the original; dots are lines of no length with round ends.
    """

    css: str
    lines: str
    dots: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One box with its label.

    Attributes:
        css: severity of a finding, or side of a hand.
        x, y, width, height: the box, px of the original.
        label, label_width: text and its width in screen px; of a hand, what is known of its digits, or empty.
        transform: first place and size of the label.
        finding_index: place in the record's findings; None for a hand.
        is_first: one of the three worst, which the gallery labels.
    """

    css: str
    x: float
    y: float
    width: float
    height: float
    label: str
    label_width: float
    transform: str
    finding_index: int | None
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitPath:
    """One digit.

    Attributes:
        css: its colour, `d1` to `d5`, or `extra`.
        fill, line: path data, px of the original; the fill is empty where there is no mask.
        number: at its tip.
        place: tip x and y, and a step of length 1 outwards from it, px of the original: the number stands beyond the tip.
        radius: largest of the number, px of the original.
    """

    css: str
    fill: str
    line: str
    number: str
    place: str
    radius: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What lies over one picture of width x height px."""

    width: int
    height: int
    strokes: tuple[Stroke, ...]
    digits: tuple[DigitPath, ...]
    captions: tuple[Tag, ...]
    hands: tuple[Tag, ...]
    findings: tuple[Tag, ...]


def make_overlay(
    record: Mapping[str, Any], keypoints: Sequence[Mapping[str, Any]], size_wh: tuple[int, int]
) -> Overlay:
    """Returns the shapes over a picture of size_wh px."""
    findings = finding_marks(record)[-_MOST_MARKS:]
    captions = hand_captions(record)[:_MOST_MARKS]
    labelled = _labelled([*captions[::-1], *findings], size_wh)
    return Overlay(
        width=size_wh[0],
        height=size_wh[1],
        strokes=tuple(_strokes(all_bones(record, keypoints))),
        hands=tuple(_tag(mark, "", False) for mark in hand_marks(record)[:_MOST_MARKS]),
        findings=tuple(labelled[len(captions) :]),
        digits=tuple(_digit(shape) for shape in digit_shapes(record, keypoints)),
        captions=tuple(labelled[: len(captions)]),
    )


def _strokes(lines: Sequence[Bone]) -> list[Stroke]:
    looks: dict[str, list[Bone]] = {}
    for bone in lines:
        css = f"{bone.side} {'hand' if bone.is_hand else 'body'} {'sure' if bone.is_sure else 'guess'}"
        looks.setdefault(css, []).append(bone)
    return [
        Stroke(
            css=css,
            lines="".join(f"M{_xy(bone.start)}L{_xy(bone.end)}" for bone in group),
            dots="".join(f"M{point}h0" for point in dict.fromkeys(_xy(e) for b in group for e in (b.start, b.end))),
        )
        for css, group in looks.items()
    ]


def _digit(shape: DigitShape) -> DigitPath:
    tip, beyond = shape.line[-1], tip_label_place(shape, 1.0)
    points = [_xy(point) for point in shape.line]
    return DigitPath(
        css="extra" if shape.is_extra else shape.color.replace("digit_", "d"),
        fill="".join(f"M{'L'.join(_xy(point) for point in outline)}Z" for outline in shape.outlines),
        line=f"M{'L'.join(points)}" if len(points) > 1 else f"M{points[0]}h0",
        number=shape.number,
        place=f"{_xy(tip)} {beyond[0] - tip[0]:.3f} {beyond[1] - tip[1]:.3f}",
        radius=round(TIP_OF_HAND * shape.hand_size, 1),
    )


def _labelled(marks: Sequence[Mark], size_wh: tuple[int, int]) -> list[Tag]:
    per_screen_px = max(size_wh) / _TILE
    worst_first = marks[::-1]
    labels = [printable(mark.label or "") for mark in worst_first]
    widths = [_label_width(text) for text in labels]
    scales = [min(per_screen_px, size_wh[0] / width) for width in widths]  # smaller where the picture is narrower
    sizes = [(width * scale, TAG_HEIGHT * scale) for width, scale in zip(widths, scales, strict=True)]
    boxes: list[Xyxy] = [mark.box_xyxy for mark in worst_first]
    corners = label_corners(boxes, sizes, size_wh)
    tags = [
        _tag(mark, text, rank < 3, f"translate({_xy(corner)}) scale({scale:.4g})")
        for rank, (mark, text, corner, scale) in enumerate(zip(worst_first, labels, corners, scales, strict=True))
    ]
    return tags[::-1]


def _tag(mark: Mark, label: str, is_first: bool, transform: str = "") -> Tag:
    x0, y0, x1, y1 = mark.box_xyxy
    return Tag(
        css=mark.color,
        x=round(x0, 1),
        y=round(y0, 1),
        width=round(x1 - x0, 1),
        height=round(y1 - y0, 1),
        label=label,
        label_width=round(_label_width(label), 1),
        transform=transform,
        finding_index=mark.finding_index,
        is_first=is_first,
    )


def _label_width(label: str) -> float:
    return 2 * _TAG_PADDING + _TAG_CHARACTER * len(label)


def _xy(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"
