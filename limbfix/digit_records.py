"""How do the digits of one hand stand in a record? Plain JSON values, px of the upright original; masks only if asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from limbfix.digits import Digit, HandReading, Mask, Segment, why_uncounted

_KINDS = {True: "thumb", False: "finger", None: "unknown"}


def digits_record(
    reading: HandReading | None, *, is_too_small: bool, masks_wh: tuple[int, int] | None
) -> dict[str, Any]:
    """Returns `hands[].digits` of a record.

    Args:
        reading: what was read in the hand, or None where none of our networks looked.
        is_too_small: the policy does not judge hands of this size; what was counted on them is then no count.
        masks_wh: width and height of the picture in px where masks are wanted, else None.
    """
    why = why_uncounted(reading, is_too_small=is_too_small)
    if reading is None:
        return {"count": None, "visible": None, "cannot_tell": why and why.value, "items": []}
    extra = reading.extra
    return {
        "count": None if why else reading.count,
        "visible": reading.visible if reading.digits or not why else None,  # none shown is not none there
        "cannot_tell": why and why.value,
        "items": [_item(digit, digit.digit_index in extra, masks_wh) for digit in reading.digits],
    }


def mask_record(mask: Mask | None, masks_wh: tuple[int, int] | None, key: str = "mask") -> dict[str, Any]:
    """Returns `{key: COCO's uncompressed run-length code, or None}` where masks are wanted, else an empty dict."""
    if masks_wh is None:
        return {}
    return {key: None if mask is None else mask.rle(*masks_wh)}


def _item(digit: Digit, is_extra: bool, masks_wh: tuple[int, int] | None) -> dict[str, Any]:
    return {
        "digit_index": digit.digit_index,
        "kind": _KINDS[digit.is_thumb],
        "score": round(float(digit.score), 4),
        "forked": digit.forked,
        "extra": is_extra,
        "polyline": _points(digit.polyline),
        "joints": list(digit.joints),
        "segments": [_segment(segment, masks_wh) for segment in digit.segments],
        "nail": digit.nail is not None,
        **mask_record(digit.mask, masks_wh),
        **mask_record(digit.nail, masks_wh, "nail_mask"),
    }


def _segment(segment: Segment, masks_wh: tuple[int, int] | None) -> dict[str, Any]:
    return {"name": segment.name, "ends": _points(segment.ends_xy), **mask_record(segment.mask, masks_wh)}


def _points(xy: np.ndarray) -> list[list[float]]:
    return [[round(float(x), 1), round(float(y), 1)] for x, y in xy]
