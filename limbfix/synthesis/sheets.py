"""What do the pictures look like? Contact sheets: one for each operator, a defect with its clean twin beside it.

A sheet shows groups, each in its order (a twin before its defect, a series from the least damaged on), with a mark for the role of
each picture. Labels can be drawn over them: instances tinted, joints as dots, digit counts. The labels drawn are those that are
written, so a sheet is also how one looks for labels that are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limbfix.errors import OutputError
from limbfix.synthesis.maps import palette
from limbfix.synthesis.samples import Sample
from limbfix.synthesis.streams import Stream

MOST_GROUPS = 400
"""A stream is asked for so many groups at most; an operator that has not come by then is rare, or broken."""

_QUALITY = 82
_STRIPE_PX = 14
_GAP_PX = 6
_TINT = 0.45
_BORDER = {"defect": (200, 40, 40), "twin": (40, 140, 70), "plain": (110, 110, 110)}
_PAPER = (245, 245, 245)


def write_sheets(
    stream: Stream,
    out: Path,
    *,
    groups: int = 8,
    most_groups: int = MOST_GROUPS,
    cell_px: int = 160,
    labels: bool = False,
    on_group: Callable[[int], None] = lambda index: None,
) -> list[Path]:
    """Writes one JPEG for each operator, and `plain.jpg` for groups without one.

    Args:
        stream: makes the pictures.
        out: the folder; sheets of the same name are replaced.
        groups: groups on a sheet.
        most_groups: groups that are made at most.
        cell_px: side of a picture on the sheet.
        labels: whether to draw the labels over the pictures.
        on_group: told the index of each group before it is made.

    Returns:
        the files, by name.

    Raises:
        OutputError: a file cannot be written.
    """
    shown: dict[str, list[Image.Image]] = {}
    codes: dict[str, set[str]] = {}
    for index in range(most_groups):
        on_group(index)
        samples = sorted(stream.group(index), key=lambda sample: sample.order)
        name = next((sample.operator for sample in samples if sample.operator), "plain")
        rows = shown.setdefault(name, [])
        codes.setdefault(name, set()).update(str(defect.code) for one in samples for defect in one.defects)
        if len(rows) < groups:
            rows.append(group_strip(samples, cell_px, labels=labels))
    files = [out / f"{name.replace('.', '-')}.jpg" for name in sorted(shown)]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, file in zip(sorted(shown), files, strict=True):
            title = "  ".join((name, *sorted(codes[name])))
            _page(shown[name], title).save(file, "JPEG", quality=_QUALITY)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error}; name another folder") from error
    return files


def group_strip(samples: Sequence[Sample], cell_px: int, *, labels: bool = False) -> Image.Image:
    """Draws a group, its pictures side by side, each framed in the colour of its role and captioned."""
    width, height = len(samples) * (cell_px + 4), cell_px + 4 + _STRIPE_PX
    strip = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(strip)
    for i, sample in enumerate(samples):
        left = i * (cell_px + 4)
        draw.rectangle((left, 0, left + cell_px + 3, cell_px + 3), fill=_BORDER[sample.role])
        strip.paste(picture_of(sample, cell_px, labels=labels), (left + 2, 2))
        draw.text((left + 2, cell_px + 4), _caption(sample), fill=(30, 30, 30), font=_font())
    return strip


def picture_of(sample: Sample, cell_px: int, *, labels: bool = False) -> Image.Image:
    """Returns a sample's pixels at a size; with labels: instances tinted, joints dotted (hollow = hidden), the defect outlined."""
    pixels = sample.pixels
    if labels:
        colours = palette(int(sample.instance_map.max()) + 1)[sample.instance_map]
        tinted = (pixels * (1 - _TINT) + colours * _TINT).astype(np.uint8)
        pixels = np.where((sample.instance_map > 0)[..., None], tinted, pixels)
        for defect in sample.defects:
            if defect.region is not None:
                pixels = np.where(_outline(defect.region)[..., None], np.array([255, 0, 0], np.uint8), pixels)
    image = Image.fromarray(pixels)
    scale = cell_px / max(image.size)
    image = image.resize(
        (cell_px, cell_px) if image.width == image.height else _fitted(image, scale), Image.Resampling.LANCZOS
    )
    if labels:
        _draw_joints(ImageDraw.Draw(image), sample, scale)
    return image


def _fitted(image: Image.Image, scale: float) -> tuple[int, int]:
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))


def _draw_joints(draw: ImageDraw.ImageDraw, sample: Sample, scale: float) -> None:
    for item in sample.instances:
        for joint in item.joints:
            if np.isfinite(joint.xy).all():
                x, y = (value * scale for value in joint.xy)
                fill = (255, 255, 0) if joint.visible else None
                draw.ellipse(
                    (x - 2, y - 2, x + 2, y + 2), fill=fill, outline=(0, 0, 0) if joint.visible else (0, 200, 255)
                )


def _outline(region: np.ndarray) -> np.ndarray:
    """Returns the pixels of a mask that have a neighbour outside it."""
    padded = np.pad(region, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return region & ~inner


def _caption(sample: Sample) -> str:
    """Returns the role, the order in a longer series, and the digits visible/present of each hand."""
    hands = [item.id for item in sample.instances if item.kind == "hand" and item.present]
    counts = " ".join(f"{sample.digits_visible(one)}/{sample.digits_present(one)}" for one in hands[:4])
    hidden = " unseen" if sample.defects and not any(defect.visible for defect in sample.defects) else ""
    order = f" {sample.order}" if sample.order > 1 else ""
    return f"{sample.role}{order}{hidden} {counts}"


def _page(strips: Sequence[Image.Image], title: str) -> Image.Image:
    """Sets strips in columns, so that the page is about as wide as high, under a title."""
    width, height = max(strip.width for strip in strips), max(strip.height for strip in strips)
    columns = max(1, min(len(strips), round((len(strips) * height / width) ** 0.5)))
    rows = -(-len(strips) // columns)
    size = (columns * (width + _GAP_PX) + _GAP_PX, rows * (height + _GAP_PX) + _GAP_PX + 20)
    page = Image.new("RGB", size, _PAPER)
    ImageDraw.Draw(page).text((_GAP_PX, 4), title, fill=(0, 0, 0), font=_font())
    for i, strip in enumerate(strips):
        page.paste(strip, (_GAP_PX + i % columns * (width + _GAP_PX), 20 + _GAP_PX + i // columns * (height + _GAP_PX)))
    return page


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(11)
