"""How do maps lie in files? Instances as 16-bit grey PNG, parts and surfaces as 8-bit palette PNG, regions as 1-bit PNG.

All of them are lossless: what is read back is what was written, pixel by pixel. The palettes are for the eye only; the
values are the indices.
"""

from __future__ import annotations

import colorsys
import io
from functools import cache

import numpy as np
from PIL import Image

from limbfix.errors import SynthesisError
from limbfix.synthesis.samples import PARTS, SURFACES

_PICTURE_LEVEL, _MAP_LEVEL = 1, 6
"""zlib levels. Level 1 takes 9 ms instead of 13 for a picture of 256 px and adds a tenth to its bytes; maps take 1 ms anyway."""

_LEAST_COLOURS = 17
"""Pillow packs values of a smaller palette into fewer than 8 bits."""

_GOLDEN = 0.618034
"""Steps of the golden ratio around the circle of hues keep neighbours in a palette far apart."""


def encode_pixels(pixels: np.ndarray, form: str) -> bytes:
    """Encodes a picture.

    Args:
        pixels: (h, w, 3) uint8 sRGB.
        form: `png`, lossless, or `jpg`, quality 95 without colour subsampling: a third of the bytes.
    """
    image = Image.fromarray(pixels)
    if form == "png":
        return _encoded(image, _PICTURE_LEVEL)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def encode_instances(instances: np.ndarray) -> bytes:
    """Encodes (h, w) uint16 ids as a 16-bit grey PNG."""
    return _encoded(Image.fromarray(instances))


def encode_parts(parts: np.ndarray) -> bytes:
    """Encodes (h, w) uint8 values of `PARTS` as an 8-bit palette PNG."""
    return _encode_palette(parts, len(PARTS))


def encode_surfaces(surfaces: np.ndarray) -> bytes:
    """Encodes (h, w) uint8 values of `SURFACES` as an 8-bit palette PNG."""
    return _encode_palette(surfaces, len(SURFACES))


def encode_region(region: np.ndarray) -> bytes:
    """Encodes an (h, w) bool mask as a 1-bit PNG."""
    return _encoded(Image.fromarray(region))


def decode_pixels(data: bytes) -> np.ndarray:
    """Returns (h, w, 3) uint8 sRGB.

    Raises:
        SynthesisError: the bytes are no RGB picture; so for the other decoders and their kinds.
    """
    return _decoded(data, ("PNG", "JPEG"), ("RGB",)).astype(np.uint8, copy=False)


def decode_instances(data: bytes) -> np.ndarray:
    """Returns (h, w) uint16 ids."""
    return _decoded(data, ("PNG",), ("I;16", "I")).astype(np.uint16)


def decode_palette(data: bytes) -> np.ndarray:
    """Returns the (h, w) uint8 values of a part or surface map."""
    return _decoded(data, ("PNG",), ("P",)).astype(np.uint8, copy=False)


def decode_region(data: bytes) -> np.ndarray:
    """Returns an (h, w) bool mask."""
    return _decoded(data, ("PNG",), ("1",)).astype(bool)


@cache
def palette(n: int) -> np.ndarray:
    """Returns (n, 3) uint8 colours that the eye can tell apart; the first is black, for the background."""
    rows = [colorsys.hsv_to_rgb(i * _GOLDEN % 1, (0.55, 0.9)[i % 2], (0.95, 0.7)[i // 2 % 2]) for i in range(n)]
    colours = np.round(np.array(rows) * 255).astype(np.uint8)
    colours[0] = 0
    colours.flags.writeable = False
    return colours


def _encode_palette(values: np.ndarray, n: int) -> bytes:
    image = Image.fromarray(values)  # mode L; putpalette makes it P with the same values
    image.putpalette(palette(max(n, _LEAST_COLOURS)).tobytes())
    return _encoded(image)


def _encoded(image: Image.Image, level: int = _MAP_LEVEL) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def _decoded(data: bytes, formats: tuple[str, ...], modes: tuple[str, ...]) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            if image.mode not in modes:
                raise SynthesisError(f"expected a picture of mode {' or '.join(modes)}, got {image.mode}")
            return np.array(image)
    except (OSError, SyntaxError) as error:
        raise SynthesisError(f"expected a whole {' or '.join(formats)} file, got {len(data)} bytes: {error}") from error
