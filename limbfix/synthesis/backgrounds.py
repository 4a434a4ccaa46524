"""What stands behind a rendered person? A crop of a picture from a folder without people, or a scene painted by rule."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from limbfix.errors import AssetMissing, PictureError
from limbfix.synthesis.procedural_backgrounds import paint_background

_KEPT_PX = 640
"""Longest side of a picture in the cache: enough for a 512 px crop, 1.2 MB."""

_CACHED = 48
"""Pictures kept decoded: at most 60 MB for a process."""

_SMALLEST_CROP = 0.45
"""Share of the shorter side that a crop shows at least: closer looks are all blur."""


class Backgrounds:
    """Draws backgrounds from a folder (searched below too), or procedural ones where there is none.

    Args:
        folder: pictures without people; None for procedural backgrounds.

    Raises:
        AssetMissing: the folder is not there, or holds no picture.
    """

    def __init__(self, folder: Path | None) -> None:
        self._paths: tuple[Path, ...] = () if folder is None else _paths_in(folder)
        self._open = lru_cache(maxsize=_CACHED)(_open_small)

    def sample(self, size_px: int, rng: np.random.Generator) -> np.ndarray:
        """Returns a background, (size, size, 3) uint8 sRGB; depends on nothing but the folder's pictures and `rng`."""
        picture = self._cropped(size_px, rng) if self._paths else paint_background(size_px, rng)
        return _varied(picture, rng)

    def _cropped(self, size_px: int, rng: np.random.Generator) -> np.ndarray:
        """Returns a random, perhaps mirrored crop; passes over files that cannot be read."""
        first, share, across, down, flip = (
            int(rng.integers(len(self._paths))),
            rng.uniform(_SMALLEST_CROP, 1),
            *rng.random(3),
        )
        for step in range(len(self._paths)):
            try:
                picture = self._open(self._paths[(first + step) % len(self._paths)])
                break
            except PictureError:
                continue
        else:
            raise AssetMissing(
                f"expected pictures that can be read in {self._paths[0].parent}, got none; check --backgrounds"
            )
        side = max(8, round(min(picture.shape[:2]) * share))
        top, left = (
            round(place * (length - side)) for place, length in zip((down, across), picture.shape, strict=False)
        )
        crop = picture[top : top + side, left : left + side][:, :: -1 if flip < 0.5 else 1]
        kernel = cv2.INTER_AREA if side > size_px else cv2.INTER_CUBIC
        return cv2.resize(np.ascontiguousarray(crop), (size_px, size_px), interpolation=kernel)


def _paths_in(folder: Path) -> tuple[Path, ...]:
    from limbfix.discovery import SUFFIXES

    if not folder.is_dir():
        raise AssetMissing(f"expected a folder of pictures without people, got {folder}; check --backgrounds")
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    paths = tuple(sorted(found, key=lambda path: path.relative_to(folder).as_posix()))
    if not paths:
        raise AssetMissing(
            f"expected PNG, JPEG or WebP pictures in {folder}, got none; leave --backgrounds out for painted ones"
        )
    return paths


def _open_small(path: Path) -> np.ndarray:
    from limbfix.images import open_picture

    pixels = open_picture(path).pixels
    share = min(1.0, _KEPT_PX / max(pixels.shape[:2]))
    size = (max(8, round(pixels.shape[1] * share)), max(8, round(pixels.shape[0] * share)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _varied(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the picture with another brightness and, every second time, out of focus: people are what a camera looks at."""
    gain, blurred, sigma = np.exp(rng.normal(0, 0.2)), rng.random() < 0.5, rng.uniform(0.002, 0.016)
    varied = np.clip(picture.astype(np.float32) * gain, 0, 255)
    if blurred:
        varied = cv2.GaussianBlur(varied, (0, 0), sigma * len(picture))
    return np.rint(varied).astype(np.uint8)
