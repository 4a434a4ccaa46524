"""How does a loss fall? A small PNG with one curve, drawn without a plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

_SIZE_WH = (720, 360)
_MARGIN = 48
_SMOOTH = 9
"""Points of which the dark line shows the median."""


def draw_curve(file: Path, points: Sequence[tuple[int, float]], title: str) -> None:
    """Writes a PNG of (step, loss) points on a logarithmic axis; nothing where there are fewer than two."""
    if len(points) < 2:
        return
    steps, losses = (np.array(column, np.float64) for column in zip(*points, strict=True))
    heights = np.log10(np.maximum(losses, 1e-9))
    low, high = float(heights.min()), float(max(heights.max(), heights.min() + 1e-3))
    width, height = _SIZE_WH
    x = _MARGIN + (width - 2 * _MARGIN) * (steps - steps[0]) / max(steps[-1] - steps[0], 1)
    y = height - _MARGIN - (height - 2 * _MARGIN) * (heights - low) / (high - low)
    picture = Image.new("RGB", _SIZE_WH, "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((_MARGIN, _MARGIN, width - _MARGIN, height - _MARGIN), outline="grey")
    draw.line(list(zip(x, y, strict=True)), fill="lightblue")
    smooth = [float(np.median(y[max(0, i - _SMOOTH) : i + 1])) for i in range(len(y))]
    draw.line(list(zip(x, smooth, strict=True)), fill="navy", width=2)
    draw.text((_MARGIN, 16), f"{title}: loss by step (log scale)", fill="black")
    draw.text((4, _MARGIN - 6), f"{10**high:.4f}", fill="black")
    draw.text((4, height - _MARGIN - 6), f"{10**low:.4f}", fill="black")
    draw.text((_MARGIN, height - _MARGIN + 6), f"{int(steps[0])}", fill="black")
    draw.text((width - _MARGIN - 30, height - _MARGIN + 6), f"{int(steps[-1])}", fill="black")
    picture.save(file)
