"""What does a reader need to see to believe a record? A small picture, a crop per finding, and the skeletons.

Made in the worker that holds the pixels, so that only small JPEGs travel.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.drawing import DigitShape, Xyxy, box_of, digit_shapes, draw_digits

if TYPE_CHECKING:
    from PIL import Image

THUMBNAIL_SIDE = 960
"""px, longer side at most: fills a laptop's detail view."""

CROP_SIDE = 384
"""px, longer side: small hands are enlarged to it, whole people reduced."""

CROP_CONTEXT = 0.25
"""Added on each side, as a share of the box's longer side: where a hand hangs matters as much as the hand."""

MOST_CROPS = 12
"""Per picture, worst findings first; a crowd would fill the disk."""

_THUMBNAIL_QUALITY, _CROP_QUALITY = 82, 85
_SMALLEST_REGION = 4.0
"""px; a thinner region shows nothing, and is widened to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """The place of one finding. On hands whose digits were read, their lines and numbers are drawn; nothing else is.

    Attributes:
        finding_index: place in the record's findings.
        jpeg: the region, its longer side CROP_SIDE px.
        region_xyxy: px of the upright original.
    """

    finding_index: int
    jpeg: bytes
    region_xyxy: Xyxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What stands beside a record in a report folder. Picklable.

    Attributes:
        thumbnail: JPEG of the clean upright picture, longer side at most THUMBNAIL_SIDE px.
        scale: thumbnail px per original px, at most 1.
        crops: worst finding first; findings without a box have none.
        keypoints: dicts as limbfix.drawing reads them, px of the original, rounded to 0.1.
        repaired: JPEG of the repaired picture, of the thumbnail's size, or None.
    """

    thumbnail: bytes
    scale: float
    crops: tuple[Crop, ...] = ()
    keypoints: tuple[dict[str, Any], ...] = ()
    repaired: bytes | None = None


def make_evidence(
    pixels: np.ndarray,
    record: Mapping[str, Any],
    keypoints: Sequence[Mapping[str, Any]],
    *,
    repaired: np.ndarray | None = None,
) -> Evidence:
    """Returns the evidence of one picture.

    Args:
        pixels: uint8 (H, W, 3) RGB, the upright original.
        record: the picture's record; its findings and hands are read.
        keypoints: dicts as limbfix.drawing reads them, px of the original; NaN and None = absent.
        repaired: uint8 (H, W, 3), the repaired picture, of the same size, or None.

    Raises:
        ValueError: pixels of another shape or dtype.
    """
    from PIL import Image

    for some in (pixels,) if repaired is None else (pixels, repaired):
        if some.ndim != 3 or some.shape[2] != 3 or some.dtype != np.uint8 or some.shape != pixels.shape:
            raise ValueError(f"make_evidence: expected pixels uint8 (H, W, 3), got {some.dtype} {some.shape}")
    image = Image.fromarray(pixels)
    scale = min(1.0, THUMBNAIL_SIDE / max(image.size))
    size_wh = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small, after = (
        None if one is None else one.resize(size_wh, Image.Resampling.LANCZOS, reducing_gap=2.0) if scale < 1 else one
        for one in (image, None if repaired is None else Image.fromarray(repaired))
    )
    assert small is not None
    return Evidence(
        thumbnail=_jpeg(small, _THUMBNAIL_QUALITY),
        scale=scale,
        crops=tuple(_crops(image, record)),
        keypoints=tuple(_plain(points) for points in keypoints),
        repaired=None if after is None else _jpeg(after, _THUMBNAIL_QUALITY),
    )


def _crops(image: Image.Image, record: Mapping[str, Any]) -> list[Crop]:
    from PIL import Image

    findings = record.get("findings") or ()
    worst = sorted(range(len(findings)), key=lambda index: -(findings[index].get("defect_score") or 0.0))
    crops: list[Crop] = []
    for index in worst:
        region = _region(findings[index], image.size)
        if region is None or len(crops) == MOST_CROPS:
            continue
        scale = CROP_SIDE / max(region[2] - region[0], region[3] - region[1])
        size_wh = (
            max(1, round((region[2] - region[0]) * scale)),
            max(1, round((region[3] - region[1]) * scale)),
        )
        picture = image.resize(size_wh, Image.Resampling.LANCZOS, box=region, reducing_gap=2.0)
        picture = draw_digits(picture, _digits_of(record, findings[index]), region)
        crops.append(Crop(finding_index=index, jpeg=_jpeg(picture, _CROP_QUALITY), region_xyxy=region))
    return crops


def _digits_of(record: Mapping[str, Any], finding: Mapping[str, Any]) -> list[DigitShape]:
    """Returns the digits of the hand that a finding about a hand is about."""
    if not str(finding.get("code")).startswith("hand."):
        return []
    hands = [hand for hand in record.get("hands") or () if hand.get("hand_index") == finding.get("hand_index")]
    return digit_shapes({**record, "hands": hands}, ())


def _region(finding: Mapping[str, Any], frame_wh: tuple[int, int]) -> Xyxy | None:
    box = box_of(finding)
    if box is None or box[0] > frame_wh[0] or box[1] > frame_wh[1] or box[2] < 0 or box[3] < 0:
        return None
    margin = max(box[2] - box[0], box[3] - box[1], _SMALLEST_REGION) * CROP_CONTEXT
    x0, x1 = _span(box[0] - margin, box[2] + margin, frame_wh[0])
    y0, y1 = _span(box[1] - margin, box[3] + margin, frame_wh[1])
    return (x0, y0, x1, y1)


def _span(low: float, high: float, frame: int) -> tuple[float, float]:
    low, high = max(0.0, low), min(float(frame), high)
    least = min(_SMALLEST_REGION, float(frame))
    if high - low < least:
        low = min(max(0.0, (low + high - least) / 2), frame - least)
        high = low + least
    return low, high


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=False)
    return buffer.getvalue()


def _plain(points: Mapping[str, Any]) -> dict[str, Any]:
    pairs = (value if value is not None else (None, None) for value in points["xy"])
    xy = [(_number(x, 1), _number(y, 1)) for x, y in pairs]
    plain: dict[str, Any] = {
        "layout": str(points["layout"]),
        "xy": [None if x is None or y is None else [x, y] for x, y in xy],
        "score": [_number(value, 3) for value in points.get("score") or ()],
    }
    named = {"side": str(points["side"])} if points.get("side") else {}
    return plain | named | {name: int(points[name]) for name in ("hand_index", "digit_index") if name in points}


def _number(value: Any, digits: int) -> float | None:
    return round(float(value), digits) if value is not None and math.isfinite(value) else None
