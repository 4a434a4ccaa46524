"""How are photographs and places kept in memory for a training? Small, as JPEGs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

SMALL_PX = 256
"""Longer side."""


def small_pictures(folder: Path) -> Iterator[np.ndarray]:
    """Yields the JPEGs of a folder, (h, w, 3) uint8 RGB, their longer side `SMALL_PX`; says which could not be read."""
    for file in sorted(folder.glob("*.jp*g")):
        pixels = cv2.imread(str(file))
        if pixels is None:
            print(f"{file}: expected a picture, left out", flush=True)
            continue
        scale = SMALL_PX / max(pixels.shape[:2])
        yield cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[..., ::-1]


def small_jpegs(folder: Path) -> list[bytes]:
    """Returns the pictures of a folder as JPEGs."""
    return [jpeg_of(small) for small in small_pictures(folder)]


def jpeg_of(pixels: np.ndarray) -> bytes:
    """Returns (h, w, 3) uint8 RGB as JPEG."""
    return cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
