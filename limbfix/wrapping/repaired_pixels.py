"""How does a repair get into what the generator handed over? Where nothing was repaired, colour, transparency and shape stay to the bit.

The judge sees sRGB on white and repairs that; `limbfix.repair.native` turns what it repaired into the picture's own kind of pixels.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from limbfix.containers import Limits, read_container
from limbfix.decoding import to_srgb
from limbfix.exif import read_exif

if TYPE_CHECKING:
    from PIL import Image

    from limbfix.repair.native import Native

_UNSEEN = 2
"""Levels of 255 by which rounding may move a repaired pixel on its way through transparency or a colour profile."""
_LIMITS = Limits(max_pixels=1 << 31, max_frames=1 << 16)
"""The bytes were read under the gate's limits before."""


def repaired_image(image: Image.Image, judged: np.ndarray, pixels: np.ndarray, notes: list[str]) -> Image.Image:
    """Returns a PIL image with repaired pixels: upright, so EXIF goes; texts, colour profile, transparency and mode stay.

    Args:
        image: as it came; left as it is, and returned itself where nothing was repaired.
        judged: uint8 (h, w, 3), as the gate saw it: upright sRGB on white.
        pixels: the same, repaired.
        notes: told where another mode must hold the repair, or where transparency or grey cannot hold all of it.
    """
    from limbfix.repair.native import native_of

    changed = (judged != pixels).any(axis=2)
    if not changed.any():
        return image
    exif, profile = image.info.get("exif"), image.info.get("icc_profile")
    native = native_of(image, judged, orientation=read_exif(exif if isinstance(exif, bytes) else None).orientation)
    icc = profile if isinstance(profile, bytes) and native.keeps_colour else None
    repaired = _pasted(native, changed, pixels, icc, notes)
    if repaired.mode != image.mode:
        notes.append(
            f"The picture came in Pillow's mode {image.mode} and is {repaired.mode} now: its own mode cannot hold the repair."
        )
    dropped = ("exif", "transparency")
    if not native.keeps_colour:
        dropped += ("icc_profile", "gamma", "srgb", "chromaticity")
    repaired.info = {key: value for key, value in image.info.items() if key not in dropped}
    return repaired


def repaired_array(array: np.ndarray, judged: np.ndarray, pixels: np.ndarray, notes: list[str]) -> np.ndarray:
    """The same for a uint8 array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), which keeps its shape."""
    from PIL import Image

    if array.ndim == 3 and array.shape[2] == 3:
        return pixels
    image = Image.fromarray(array if array.ndim == 2 or array.shape[2] == 4 else array[..., 0])
    return np.array(repaired_image(image, judged, pixels, notes)).reshape(array.shape)


def repaired_png(data: bytes, judged: np.ndarray, pixels: np.ndarray, notes: list[str]) -> bytes:
    """The same for the bytes of a file: a PNG with its colour profile and nothing else of its metadata."""
    from limbfix.repair.native import native_image

    container = read_container(data, _LIMITS)
    native = native_image(container, judged)
    icc = container.icc if native.keeps_colour else None
    changed = (judged != pixels).any(axis=2)
    image = _pasted(native, changed, pixels, icc, notes) if changed.any() else native.image
    notes += native.notes
    image.info.clear()
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", icc_profile=icc)
    return buffer.getvalue()


def _pasted(
    native: Native, changed: np.ndarray, pixels: np.ndarray, icc: bytes | None, notes: list[str]
) -> Image.Image:
    from limbfix.repair.native import pasted

    repaired = pasted(native, pixels, changed, icc)
    seen = np.asarray(to_srgb(repaired, icc)[0])[changed].astype(int)
    if (off := int(np.abs(seen - pixels[changed]).max())) > _UNSEEN:
        kept = (
            "transparent" if "A" in repaired.getbands() else "grey" if repaired.mode == "L" else "in its colour space"
        )
        notes.append(
            f"The picture stays {kept}, which cannot hold all of the repair: up to {off} of 255 levels differ from what was judged."
        )
    return repaired
