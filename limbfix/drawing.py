"""What did limbfix see? Skeletons, hand boxes and findings over a picture, and the colours that every view shares.

Keypoints arrive as plain dicts, `{"layout": "hand21", "xy": [[x, y] | None, ...], "score": [s | None, ...]}`, px of the
upright original; a hand may bring its `"side"`, else it takes the side of the recorded hand around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.layouts import BLAZEPOSE33, COCO17, HAND21, Layout

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

Record = Mapping[str, Any]
Xyxy = tuple[float, float, float, float]

COLORS: dict[str, str] = {
    "left": "#56b4e9",
    "right": "#f0e442",
    "middle": "#ffffff",
    "unknown": "#cc79a7",
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

_LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (HAND21, BLAZEPOSE33, COCO17)}
_MIN_SIDE = 320
"""px; a smaller picture is enlarged by a whole number, or no label would be readable."""
_SMOOTH_SIDE = 2048
"""px; up to here lines are smoothed by drawing at twice the size; larger pictures look smooth as they are."""


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
        label: a finding's code; None for a hand.
        finding_index: place in the record's findings; None for a hand.
    """

    color: str
    box_xyxy: Xyxy
    label: str | None = None
    finding_index: int | None = None


def bones(record: Record, keypoints: Iterable[Record]) -> list[Bone]:
    """Returns the lines of all skeletons; a bone with an absent end is left out.

    Raises:
        ValueError: unknown layout.
    """
    lines: list[Bone] = []
    for points in keypoints:
        layout = _LAYOUTS.get(points["layout"])
        if layout is None:
            raise ValueError(f"keypoints: expected a layout of {', '.join(_LAYOUTS)}, got {points['layout']!r}")
        is_hand = layout is HAND21
        xy = [_point(value) for value in points["xy"]]
        hand_side = points.get("side") or _side_of_hand(record, [point for point in xy if point]) if is_hand else ""
        for a, b in layout.bones:
            start, end = xy[a], xy[b]
            if start and end:
                side = hand_side or _side_of_bone(layout.landmarks[a], layout.landmarks[b])
                is_sure = min(_score(points, a), _score(points, b)) >= SURE_SCORE
                lines.append(Bone(side=side, start=start, end=end, is_hand=is_hand, is_sure=is_hand or is_sure))
    return lines


def hand_marks(record: Record) -> list[Mark]:
    """Returns the boxes of the record's hands inside the picture, coloured by side."""
    hands = [(hand.get("side"), _inside(record, box_of(hand))) for hand in record.get("hands") or ()]
    return [Mark(color=side if side in ("left", "right") else "unknown", box_xyxy=box) for side, box in hands if box]


def finding_marks(record: Record) -> list[Mark]:
    """Returns the boxes of the record's findings inside the picture, the mildest first: the worst is drawn on top."""
    marks = [
        Mark(color=finding["severity"], box_xyxy=box, label=finding["code"], finding_index=index)
        for index, finding in enumerate(record.get("findings") or ())
        if (box := _inside(record, box_of(finding))) and finding["severity"] in SEVERITIES
    ]
    return sorted(marks, key=lambda mark: SEVERITIES.index(mark.color))


def box_of(owner: Record) -> Xyxy | None:
    """Returns `box_xyxy` of a hand, person or finding with its corners in order; None where there is no usable box."""
    values = owner.get("box_xyxy")
    if not values or len(values) != 4 or not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
        return None
    x0, y0, x1, y1 = map(float, values)
    return (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def _inside(record: Record, box: Xyxy | None) -> Xyxy | None:
    """Returns the part of a box that the picture shows, so that no edge is drawn outside; None where it shows none."""
    width, height = record.get("width") or math.inf, record.get("height") or math.inf
    if box is None or box[0] >= width or box[1] >= height or box[2] <= 0 or box[3] <= 0:
        return None
    return (max(0.0, box[0]), max(0.0, box[1]), min(width, box[2]), min(height, box[3]))


def label_corners(
    boxes: Sequence[Xyxy], sizes_wh: Sequence[tuple[float, float]], frame_wh: tuple[float, float]
) -> list[tuple[float, float]]:
    """Returns the top-left corner of each label: stacked above its box, or below where there is no room above."""
    placed: list[Xyxy] = []
    for (x0, y0, _, y1), (width, height) in zip(boxes, sizes_wh, strict=True):
        x = max(0.0, min(x0, frame_wh[0] - width))
        near = [other for other in placed if x < other[2] and other[0] < x + width]
        y = y0 - height
        while hit := next((other for other in near if y < other[3] and other[1] < y + height), None):
            y = hit[1] - height
        if y < 0:
            y = max(0.0, min(y1, frame_wh[1] - height)) if y0 >= height else 0.0
            while hit := next((other for other in near if y < other[3] and other[1] < y + height), None):
                y = hit[3]
        placed.append((x, y, x + width, y + height))
    return [(x, y) for x, y, _, _ in placed]


def draw_overlay(pixels: np.ndarray, record: Record, keypoints: Sequence[Record]) -> Image.Image:
    """Draws what was seen over a picture, for notebooks.

    Args:
        pixels: uint8 (H, W, 3) RGB, the upright original; not changed.
        record: the picture's record.
        keypoints: skeletons, px of the original.

    Returns:
        A new RGB image of the same size. A picture whose longer side is below 320 px comes enlarged by a whole number,
        so that its labels can be read.

    Raises:
        ValueError: pixels of another shape or dtype, or an unknown layout.
    """
    from PIL import Image, ImageDraw

    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"draw_overlay: expected uint8 (H, W, 3), got {pixels.dtype} {pixels.shape}")
    height, width = pixels.shape[:2]
    zoom = math.ceil(_MIN_SIDE / max(width, height))
    image = Image.fromarray(pixels)
    if zoom > 1:
        image = image.resize((width * zoom, height * zoom), Image.Resampling.LANCZOS)
    if max(image.size) > _SMOOTH_SIDE:
        _Brush(ImageDraw.Draw(image, "RGBA"), image.size, zoom, 1).draw(record, keypoints)
        return image
    layer = Image.new("RGBA", (image.width * 2, image.height * 2))
    _Brush(ImageDraw.Draw(layer), layer.size, zoom * 2, 2).draw(record, keypoints)
    layer = layer.convert("RGBa").resize(image.size, Image.Resampling.BOX).convert("RGBA")
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


class _Brush:
    """Draws on a canvas of size_wh px, `zoom` canvas px per original px and `smoothing` per px of the result."""

    def __init__(self, canvas: ImageDraw.ImageDraw, size_wh: tuple[int, int], zoom: int, smoothing: int) -> None:
        from PIL import ImageFont

        self._canvas, self._size_wh, self._zoom = canvas, size_wh, zoom
        self._unit = max(max(size_wh) / 512, 0.9 * smoothing)
        self._font = ImageFont.load_default(13 * self._unit)

    def draw(self, record: Record, keypoints: Sequence[Record]) -> None:
        """Draws skeletons, then hand boxes, then findings with their labels."""
        lines = bones(record, keypoints)
        for is_halo in (True, False):
            for bone in lines:
                self._bone(bone, is_halo)
        findings = finding_marks(record)
        for mark in hand_marks(record) + findings:
            self._box(mark)
        self._labels(findings[::-1])

    def _bone(self, bone: Bone, is_halo: bool) -> None:
        length = math.dist(bone.start, bone.end) * self._zoom
        width = min((1.2 if bone.is_hand else 2.0) * self._unit, max(1.0, length * 0.2))
        color = _rgba("halo" if is_halo else bone.side, (0.45 if is_halo else 1.0) * (1.0 if bone.is_sure else 0.4))
        ends = [(x * self._zoom, y * self._zoom) for x, y in (bone.start, bone.end)]
        self._canvas.line(ends, fill=color, width=max(1, round(width * (2 if is_halo else 1))))
        if not is_halo and bone.is_sure:
            for end in ends:
                self._canvas.circle(end, width * 1.1, fill=color)

    def _box(self, mark: Mark) -> None:
        corners = self._zoomed(mark.box_xyxy)
        width = max(1, round((1.0 if mark.label is None else 2.2) * self._unit))
        self._canvas.rectangle(corners, outline=_rgba("halo", 0.45), width=width * 2)
        self._canvas.rectangle(corners, outline=_rgba(mark.color), width=width)

    def _labels(self, marks: Sequence[Mark]) -> None:
        pad, height = 3 * self._unit, 18 * self._unit
        texts = [self._fitted(mark.label or "", self._size_wh[0] - 2 * pad) for mark in marks]
        sizes_wh = [(self._font.getlength(text) + 2 * pad, height) for text in texts]
        corners = label_corners([self._zoomed(mark.box_xyxy) for mark in marks], sizes_wh, self._size_wh)
        for mark, text, (width, _), (x, y) in zip(marks, texts, sizes_wh, corners, strict=True):
            self._canvas.rectangle((x, y, x + width, y + height), fill=_rgba(mark.color))
            self._canvas.text((x + pad, y + height / 2), text, fill=_rgba("halo"), font=self._font, anchor="lm")

    def _zoomed(self, box: Xyxy) -> Xyxy:
        x0, y0, x1, y1 = box
        return (x0 * self._zoom, y0 * self._zoom, x1 * self._zoom, y1 * self._zoom)

    def _fitted(self, text: str, width: float) -> str:
        while len(text) > 1 and self._font.getlength(text) > width:
            text = text[:-2] + "…"
        return text


def _rgba(color: str, alpha: float = 1.0) -> tuple[int, int, int, int]:
    red, green, blue = bytes.fromhex(COLORS[color][1:])
    return (red, green, blue, round(alpha * 255))


def _point(value: Sequence[float | None] | None) -> tuple[float, float] | None:
    if value is None or value[0] is None or value[1] is None:
        return None
    x, y = float(value[0]), float(value[1])
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def _score(points: Record, index: int) -> float:
    scores = points.get("score") or ()
    value = scores[index] if index < len(scores) else None
    return 1.0 if value is None else float(value)


def _side_of_bone(a: str, b: str) -> str:
    sides = {name.split("_")[0] for name in (a, b)}
    return sides.pop() if sides in ({"left"}, {"right"}) else "middle"


def _side_of_hand(record: Record, points: Sequence[tuple[float, float]]) -> str:
    if not points:
        return "unknown"
    x, y = np.mean(points, axis=0)
    around = [
        ((box[2] - box[0]) * (box[3] - box[1]), hand.get("side"))
        for hand in record.get("hands") or ()
        if (box := box_of(hand)) and box[0] <= x <= box[2] and box[1] <= y <= box[3]
    ]
    side = min(around, key=lambda item: item[0])[1] if around else None
    return side if side in ("left", "right") else "unknown"
