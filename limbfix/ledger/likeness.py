"""Are two files the same picture? PDQ, a perceptual hash of 256 bits: a new size or compression changes a few of them."""

from __future__ import annotations

import numpy as np

from limbfix.errors import MissingExtra

BITS = 256
"""Of a hash."""

LEAST_QUALITY = 50
"""Of 100. PDQ's own advice: below it a picture is too plain (a wall, a sky) for its hash to tell anything."""


def likeness_of(pixels: np.ndarray) -> str:
    """Returns the perceptual hash of uint8 (H, W, 3) RGB pixels, 64 hex digits; empty for a picture too plain to have one.

    Raises:
        MissingExtra: pdqhash is not installed.
    """
    try:
        import pdqhash
    except ImportError as error:
        raise MissingExtra(
            f"pdqhash: expected to import, got {error}. Install it with: pip install 'limbfix[ledger]'"
        ) from error
    bits, quality = pdqhash.compute(np.ascontiguousarray(pixels))
    return np.packbits(np.asarray(bits, np.uint8)).tobytes().hex() if quality >= LEAST_QUALITY else ""


def bits_apart(one: str, other: str) -> int:
    """Returns in how many of 256 bits two hashes differ; 256 where one is unknown."""
    if not one or not other:
        return BITS
    return (int(one, 16) ^ int(other, 16)).bit_count()
