"""Hands as our own networks would read them, made to order: any number of digits, with masks, segments and nails.

Pixels, x right, y down. A hand stands upright: its wrist at the bottom, its digits fanned out above, the first one to the left.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw
from synthetic import hand

from limbfix.digits import CannotTell, Digit, HandReading, Mask, Segment
from limbfix.parts import Part

JOINTS = ("mcp", "pip", "dip", "tip")
SHARES = (0.42, 0.66, 0.84, 1.0)
"""Distance of the four joints from the wrist, as shares of the digit's length from there."""

QUIET = {
    "hand.extra_digit": 0.03,
    "hand.missing_digit": 0.04,
    "hand.fused_digits": 0.05,
    "hand.malformed": 0.06,
}
"""Scores of a hand with nothing wrong."""


def mask_of(points, width: float) -> Mask:
    """The pixels of a thick line, none of them left of or above the picture."""
    xy = np.asarray(points, float)
    left, top = np.floor(xy.min(0) - width).astype(int).clip(0)
    right, bottom = np.ceil(xy.max(0) + width).astype(int) + 1
    canvas = Image.new("1", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(canvas).line([(x - left, y - top) for x, y in xy], fill=1, width=max(2, round(width)), joint="curve")
    return Mask(left=int(left), top=int(top), pixels=np.array(canvas))


def digit(
    index: int, wrist, angle_deg: float, length: float, *, thumb: bool | None = False, nail: bool = True, **options
) -> Digit:
    """One straight digit of four joints; `angle_deg` from straight up, positive to the right. `options` replace fields."""
    turn = np.radians(angle_deg)
    line = np.array(wrist, float) + np.outer(SHARES, (np.sin(turn), -np.cos(turn))) * length
    wide = 0.1 * length
    names = ("proximal", "middle", "distal")
    made = Digit(
        digit_index=index,
        is_thumb=thumb,
        polyline=line.astype(np.float32),
        joints=JOINTS,
        score=0.9,
        mask=mask_of(line, wide),
        segments=tuple(
            Segment(name=name, ends_xy=line[k : k + 2].astype(np.float32), mask=mask_of(line[k : k + 2], wide))
            for k, name in enumerate(names)
        ),
        nail=mask_of(line[2:] * 0.3 + line[3] * 0.7, wide / 2) if nail else None,
    )
    return replace(made, **options)


def reading(
    number: int = 5,
    *,
    wrist=(500.0, 500.0),
    size: float = 80.0,
    cannot_tell: CannotTell | None = None,
    scores: dict[str, float] | None = None,
    probability: float | None = 0.05,
    **options,
) -> HandReading:
    """A hand with `number` digits in view, the first one a thumb; counted unless `cannot_tell`. `options` replace fields."""
    angles = np.linspace(-50, 40, number) if number != 1 else [0.0]
    digits = tuple(
        digit(k, wrist, float(angle), size * (0.75 if k == 0 else 1.0), thumb=k == 0) for k, angle in enumerate(angles)
    )
    palm = mask_of([wrist, (wrist[0], wrist[1] - 0.4 * size)], 0.45 * size)
    made = HandReading(
        digits=digits,
        count=None if cannot_tell else number,
        cannot_tell=cannot_tell,
        probability=None if cannot_tell else probability,
        look_probability=None if cannot_tell else probability,
        scores=QUIET | (scores or {}),
        mask=palm,
    )
    return replace(made, **options)


def read_hand(x: float = 500, y: float = 500, size: float = 80, *, read: HandReading | None = None, **options) -> Part:
    """A hand at (x, y) px that was read; `options` as `reading`."""
    made = read if read is not None else reading(wrist=(x, y), size=size, **options)
    return replace(hand(x, y, size, angle_deg=-90), reading=made)


def forked(number: int = 6, **options) -> HandReading:
    """A hand whose last two digits share their inner joint; the last one is the fainter branch."""
    made = reading(number, **options)
    stem, branch = made.digits[-2:]
    line = branch.polyline.copy()
    line[0] = stem.polyline[0]
    last = replace(branch, polyline=line, forked=True, score=0.6)
    return replace(made, digits=(*made.digits[:-2], replace(stem, forked=True), last))
