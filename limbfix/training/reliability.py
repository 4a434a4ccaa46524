"""Are chances what they say? A plot of how often hands were wrong beside the chance that they were given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np


def draw_reliability(file: Path, chances: np.ndarray, truth: np.ndarray) -> None:
    """Draws how often hands were wrong that were given a chance, in ten bins, beside the diagonal."""
    from PIL import Image, ImageDraw

    side, margin = 420, 40
    picture = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(picture)
    at: Callable[[float, float], tuple[float, float]] = lambda x, y: (  # noqa: E731
        margin + x * (side - 2 * margin), side - margin - y * (side - 2 * margin)
    )  # fmt: skip
    draw.rectangle((*at(0, 1), *at(1, 0)), outline="grey")
    draw.line((*at(0, 0), *at(1, 1)), fill="lightgrey")
    for low in np.arange(0, 1, 0.1):
        inside = (chances >= low) & (chances < low + 0.1 + 1e-9 * (low > 0.85))
        if inside.sum() >= 5:
            x, y = at(float(chances[inside].mean()), float(truth[inside].mean()))
            draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill="steelblue")
            draw.text((x + 8, y - 6), str(int(inside.sum())), fill="black")
    draw.text((margin, 12), "share wrong (up) by chance given (right), made hands, with counts", fill="black")
    picture.save(file)
