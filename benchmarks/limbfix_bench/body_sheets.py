"""How does a reading of bodies look over its picture? Small overlays for a person's eyes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from limbfix.bodies import Absence, BodyReading, LimbEnd, LimbLine, PersonGraph

SIDE = 480
"""px, longer side of an overlay."""

PEOPLE = ("#4cc9f0", "#f9c74f", "#90be6d", "#f72585", "#b388eb", "#f8961e")
LOOSE, EXTRA, ABSENT = "#ffffff", "#ff0000", "#ff00ff"
ENDS = {LimbEnd.SEEN: "o", LimbEnd.BEHIND: "b", LimbEnd.OUTSIDE: "f", LimbEnd.STUMP: "S", LimbEnd.CANNOT_TELL: "?"}
"""How a limb ends, at its last joint: seen, behind something, beyond the frame, stump, unknown."""


def overlay(pixels: np.ndarray, reading: BodyReading, caption: str = "") -> Image.Image:
    """Draws people in colours, arms thick and legs thin, limbs too many red, loose ones white, missing ones magenta and dotted."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    image = Image.fromarray(pixels).resize((max(1, round(width * scale)), max(1, round(height * scale))))
    draw = ImageDraw.Draw(image)
    for index, graph in enumerate(reading.people):
        _person(draw, graph, scale, PEOPLE[index % len(PEOPLE)])
    for limb in reading.loose:
        _limb(draw, limb, scale, LOOSE)
    if caption:
        draw.rectangle((0, 0, 7 * len(caption), 13), fill="black")
        draw.text((2, 1), caption, fill="white")
    return image


def sheet(images: Sequence[Image.Image], columns: int = 4) -> Image.Image:
    """Puts overlays side by side."""
    rows = -(-len(images) // columns)
    whole = Image.new("RGB", (columns * SIDE, rows * SIDE), "#303030")
    for index, image in enumerate(images):
        whole.paste(image, (index % columns * SIDE, index // columns * SIDE))
    return whole


def _person(draw: ImageDraw.ImageDraw, graph: PersonGraph, scale: float, color: str) -> None:
    extra = {limb.limb_index for kind in {limb.kind for limb in graph.limbs} for limb in graph.extra(kind)}
    if graph.neck is not None:
        starts = [*graph.shoulders, *graph.hips, *([] if graph.head is None else [graph.head])]
        for start in starts:
            draw.line([*_points(np.stack([graph.neck, start]), scale)], fill=color, width=1)
        x, y = graph.neck * scale
        draw.text((x + 3, y), f"{graph.score:.2f}", fill=color)
    for limb in graph.limbs:
        _limb(draw, limb, scale, EXTRA if limb.limb_index in extra else color)
    for one in graph.absent:
        if one.place is not None and one.state is Absence.MISSING:
            for point in np.concatenate([np.linspace(a, b, 6) for a, b in zip(one.place, one.place[1:], strict=False)]):
                x, y = point * scale
                draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=ABSENT)


def _limb(draw: ImageDraw.ImageDraw, limb: LimbLine, scale: float, color: str) -> None:
    points = _points(limb.polyline, scale)
    if len(points) > 1:
        draw.line(points, fill=color, width=4 if limb.kind == "arm" else 2)
    for x, y in points:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline="black", fill=color)
    x, y = points[-1]
    draw.text((x + 4, y - 5), ENDS[limb.end], fill=color)


def _points(xy: np.ndarray, scale: float) -> list[tuple[float, float]]:
    return [(float(x) * scale, float(y) * scale) for x, y in xy]
