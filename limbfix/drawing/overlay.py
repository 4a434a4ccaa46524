"""How are skeletons, digits and findings drawn into the pixels of a picture?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.drawing.digit_shapes import TIP_OF_HAND, DigitShape, Xy, digit_shapes, hand_captions, tip_label_place
from limbfix.drawing.label_places import clear_corners, heads
from limbfix.drawing.limb_shapes import all_bones, limb_fills
from limbfix.drawing.shapes import COLORS, Bone, Mark, Xyxy, finding_marks, hand_marks

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

Record = Mapping[str, Any]

_MIN_SIDE = 320
"""px; a smaller picture is enlarged by a whole number, or no label would be readable."""
_SMOOTH_SIDE = 2048
"""px; up to here lines are smoothed by drawing at twice the size; larger pictures look smooth as they are."""
_READABLE = 4.5
"""px; radius of the smallest disc whose number can be read; below it stands a dot."""
_FILL = 0.3
"""Opacity of a digit's mask: enough to see its edge, little enough to see the skin."""


def draw_overlay(pixels: np.ndarray, record: Record, keypoints: Sequence[Record]) -> Image.Image:
    """Draws what was seen over a picture, for notebooks.

    Args:
        pixels: uint8 (H, W, 3) RGB, the upright original; not changed.
        record: the picture's record.
        keypoints: skeletons and outlines of digits, px of the original; see `limbfix.drawing`.

    Returns:
        A new RGB image of the same size. A picture whose longer side is below 320 px comes enlarged by a whole number,
        so that its labels can be read.

    Raises:
        ValueError: pixels of another shape or dtype, or an unknown layout.
    """
    from PIL import Image

    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"draw_overlay: expected uint8 (H, W, 3), got {pixels.dtype} {pixels.shape}")
    height, width = pixels.shape[:2]
    zoom = math.ceil(_MIN_SIDE / max(width, height))
    image = Image.fromarray(pixels)
    if zoom > 1:
        image = image.resize((width * zoom, height * zoom), Image.Resampling.LANCZOS)
    return _drawn(image, zoom, (0.0, 0.0), lambda brush: brush.draw_all(record, keypoints))


def draw_digits(image: Image.Image, shapes: Sequence[DigitShape], region_xyxy: Xyxy) -> Image.Image:
    """Draws digits, as lines with their numbers, over a piece of a picture; the skin between the lines stays as it is.

    Args:
        image: RGB, what the region shows at any size; not changed.
        shapes: px of the original.
        region_xyxy: px of the original.
    """
    if not shapes:
        return image
    zoom = image.width / (region_xyxy[2] - region_xyxy[0])
    return _drawn(image, zoom, region_xyxy[:2], lambda brush: brush.digits(shapes))


def _drawn(image: Image.Image, zoom: float, origin: Xy, draw: Callable[[_Brush], None]) -> Image.Image:
    from PIL import Image, ImageDraw

    if max(image.size) > _SMOOTH_SIDE:
        image = image.copy()
        draw(_Brush(ImageDraw.Draw(image, "RGBA"), image.size, zoom, 1, origin))
        return image
    layer = Image.new("RGBA", (image.width * 2, image.height * 2))
    draw(_Brush(ImageDraw.Draw(layer), layer.size, zoom * 2, 2, origin))
    layer = layer.convert("RGBa").resize(image.size, Image.Resampling.BOX).convert("RGBA")
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


class _Brush:
    """Draws on a canvas of size_wh px, `zoom` canvas px per original px and `smoothing` per px of the result.

    `origin` is the original's place, px, at the canvas's top-left corner.
    """

    def __init__(
        self, canvas: ImageDraw.ImageDraw, size_wh: tuple[int, int], zoom: float, smoothing: int, origin: Xy
    ) -> None:
        from PIL import ImageFont

        self._canvas, self._size_wh, self._zoom, self._origin = canvas, size_wh, zoom, origin
        self._smoothing = smoothing
        self._unit = max(max(size_wh) / 512, 0.9 * smoothing)
        self._font_at = ImageFont.load_default
        self._font = ImageFont.load_default(13 * self._unit)

    def draw_all(self, record: Record, keypoints: Sequence[Record]) -> None:
        """Draws the masks of limbs and digits, skeletons, hand boxes, findings, the digits, and the labels."""
        for color, outlines in limb_fills(record, keypoints):
            self._mask(outlines, _rgba(color, _FILL))
        shapes = digit_shapes(record, keypoints)
        for shape in shapes:
            self._mask(shape.outlines, _rgba(shape.color, _FILL))
        lines = all_bones(record, keypoints)
        for is_halo in (True, False):
            for bone in lines:
                self._bone(bone, is_halo)
        findings = finding_marks(record)
        boxed = hand_marks(record) + findings
        for mark in boxed:
            self._box(mark)
        self.digits(shapes)
        taken = [(x - r, y - r, x + r, y + r) for x, y, r in map(self._tip_disc, shapes)]
        # a hand and its finding are one place
        shown = dict.fromkeys([*(mark.box_xyxy for mark in boxed), *heads(keypoints)])
        self._labels(findings[::-1] + hand_captions(record), taken, [self._placed_box(box) for box in shown])

    def _mask(self, outlines: Sequence[Sequence[Xy]], color: tuple[int, int, int, int]) -> None:
        """Fills a mask by its outlines. What lies in an even number of them is a hole: nobody's, so it stays bare."""
        from PIL import Image, ImageChops, ImageDraw

        placed = [[self._placed(xy) for xy in outline] for outline in outlines]
        if len(placed) < 2:
            for outline in placed:
                self._canvas.polygon(outline, fill=color)
            return
        corners = np.concatenate([np.asarray(outline) for outline in placed])
        left, top = (math.floor(side) for side in corners.min(axis=0))
        right, bottom = (math.ceil(side) + 1 for side in corners.max(axis=0))
        mask = Image.new("1", (right - left, bottom - top))
        for outline in placed:
            piece = Image.new("1", mask.size)
            ImageDraw.Draw(piece).polygon([(x - left, y - top) for x, y in outline], fill=1)
            mask = ImageChops.logical_xor(mask, piece)
        if self._smoothing > 1:  # a layer of its own, which takes colour and opacity as they are
            self._canvas.bitmap((left, top), mask, fill=color)
        else:  # the picture itself: a bitmap's ink is not blended by its own opacity, but by that of the bitmap
            self._canvas.bitmap((left, top), mask.convert("L").point(lambda value: value and color[3]), fill=color[:3])

    def digits(self, shapes: Sequence[DigitShape]) -> None:
        """Draws the lines of digits, then the numbers at their tips."""
        for is_halo in (True, False):
            for shape in shapes:
                self._digit_line(shape, is_halo)
        for shape in shapes:
            self._tip(shape)

    def _digit_line(self, shape: DigitShape, is_halo: bool) -> None:
        width = max(1.0, min(1.7 * self._unit, 0.022 * shape.hand_size * self._zoom))
        color = _rgba("halo", 0.55) if is_halo else _rgba(shape.color)
        points = [self._placed(xy) for xy in shape.line]
        if len(points) > 1:
            self._canvas.line(points, fill=color, width=max(1, round(width * (2.2 if is_halo else 1))), joint="curve")
        if not is_halo:
            for at in points:
                self._canvas.circle(at, width * 1.3, fill=color)

    def _tip_disc(self, shape: DigitShape) -> tuple[float, float, float]:
        """Returns the place and radius of a number, canvas px: beyond the tip, so that the fingertip itself can be seen."""
        radius = min(7.5 * self._unit, TIP_OF_HAND * shape.hand_size * self._zoom)
        is_readable = radius >= _READABLE * self._smoothing
        x, y = self._placed(tip_label_place(shape, 1.4 * radius / self._zoom if is_readable else 0.0))
        x, y = (min(max(v, radius), side - radius) for v, side in zip((x, y), self._size_wh, strict=True))
        return x, y, radius

    def _tip(self, shape: DigitShape) -> None:
        tip = self._placed(shape.line[-1])
        if not all(0 <= v <= side for v, side in zip(tip, self._size_wh, strict=True)):
            return  # a number at the edge would point at nothing
        x, y, radius = self._tip_disc(shape)
        if shape.is_extra:
            self._canvas.circle((x, y), radius * 1.45, outline=_rgba("error"), width=max(1, round(radius * 0.22)))
        self._canvas.circle((x, y), radius * 1.12, fill=_rgba("halo", 0.8))
        self._canvas.circle((x, y), radius, fill=_rgba(shape.color))
        if radius >= _READABLE * self._smoothing:
            font = self._font_at(1.5 * radius)
            self._canvas.text((x, y), shape.number, fill=_rgba("halo"), font=font, anchor="mm")

    def _bone(self, bone: Bone, is_halo: bool) -> None:
        length = math.dist(bone.start, bone.end) * self._zoom
        width = min((1.2 if bone.is_hand else 2.0) * self._unit, max(1.0, length * 0.2))
        color = _rgba("halo" if is_halo else bone.side, (0.45 if is_halo else 1.0) * (1.0 if bone.is_sure else 0.4))
        ends = [self._placed(xy) for xy in (bone.start, bone.end)]
        self._canvas.line(ends, fill=color, width=max(1, round(width * (2 if is_halo else 1))))
        if not is_halo and bone.is_sure:
            for end in ends:
                self._canvas.circle(end, width * 1.1, fill=color)

    def _box(self, mark: Mark) -> None:
        corners = self._placed_box(mark.box_xyxy)
        width = max(1, round((1.0 if mark.label is None else 2.2) * self._unit))
        self._canvas.rectangle(corners, outline=_rgba("halo", 0.45), width=width * 2)
        self._canvas.rectangle(corners, outline=_rgba(mark.color), width=width)

    def _labels(self, marks: Sequence[Mark], taken: Sequence[Xyxy], shown: Sequence[Xyxy]) -> None:
        """Writes the labels; what is known of a hand's digits only where it hides no hand, head or finding: the record says it too."""
        pad, height = 3 * self._unit, 18 * self._unit
        texts = [self._fitted(mark.label or "", self._size_wh[0] - 2 * pad) for mark in marks]
        sizes_wh = [(self._font.getlength(text) + 2 * pad, height) for text in texts]
        boxes = [self._placed_box(mark.box_xyxy) for mark in marks]
        needed = [mark.finding_index is not None for mark in marks]
        corners = clear_corners(boxes, sizes_wh, self._size_wh, taken=taken, shown=shown, needed=needed)
        for mark, text, (width, _), corner in zip(marks, texts, sizes_wh, corners, strict=True):
            if corner is None:
                continue
            x, y = corner
            self._canvas.rectangle((x, y, x + width, y + height), fill=_rgba(mark.color))
            self._canvas.text((x + pad, y + height / 2), text, fill=_rgba("halo"), font=self._font, anchor="lm")

    def _placed(self, xy: Xy) -> Xy:
        return ((xy[0] - self._origin[0]) * self._zoom, (xy[1] - self._origin[1]) * self._zoom)

    def _placed_box(self, box: Xyxy) -> Xyxy:
        return (*self._placed(box[:2]), *self._placed(box[2:]))

    def _fitted(self, text: str, width: float) -> str:
        while len(text) > 1 and self._font.getlength(text) > width:
            text = text[:-2] + "…"
        return text


def _rgba(color: str, alpha: float = 1.0) -> tuple[int, int, int, int]:
    red, green, blue = bytes.fromhex(COLORS[color][1:])
    return (red, green, blue, round(alpha * 255))
