"""Does a verdict hold when the same picture is saved, scaled or mirrored?"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageOps

from limbfix_bench.estimates import share
from limbfix_bench.result_rows import Measured

NEAR = 0.1
"""How far a score may move."""


def _saved(format: str, **options: int) -> Callable[[Image.Image], bytes]:
    def save(image: Image.Image) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, format=format, **options)
        return buffer.getvalue()

    return save


def _scaled(factor: float) -> Callable[[Image.Image], bytes]:
    png = _saved("PNG")
    return lambda image: png(
        image.resize([max(1, round(side * factor)) for side in image.size], Image.Resampling.LANCZOS)
    )


FORMS: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg_75": _saved("JPEG", quality=75),
    "webp": _saved("WEBP", quality=80),
    "scaled_0.75": _scaled(0.75),
    "scaled_1.5": _scaled(1.5),
    "mirrored": lambda image: _saved("PNG")(ImageOps.mirror(image)),
}


def measure(files: Sequence[Path]) -> list[Measured]:
    """Judges each picture as a PNG and in all forms; returns the shares of same verdicts and near scores by form."""
    from limbfix.gate import Gate

    same = dict.fromkeys(FORMS, 0)
    near = dict.fromkeys(FORMS, 0)
    with Gate() as gate:
        for file in files:
            with Image.open(file) as opened:
                image = ImageOps.exif_transpose(opened).convert("RGB")
            plain = gate.inspect(_saved("PNG")(image))
            for name, form in FORMS.items():
                other = gate.inspect(form(image))
                same[name] += other.verdict == plain.verdict
                near[name] += abs((other.defect_score or 0) - (plain.defect_score or 0)) <= NEAR
    rows = []
    for name in FORMS:
        source = f"steady/{name}"
        rows.append(Measured(measure="verdict_unchanged", source=source, estimate=share(same[name], len(files))))
        rows.append(Measured(measure="score_within_0.1", source=source, estimate=share(near[name], len(files))))
    total = len(files) * len(FORMS)
    rows.append(Measured(measure="verdict_unchanged", source="steady/all", estimate=share(sum(same.values()), total)))
    rows.append(Measured(measure="score_within_0.1", source="steady/all", estimate=share(sum(near.values()), total)))
    return rows
