"""How do repaired sRGB pixels get into a file's own kind of pixels? Only where they changed; all others stay to the bit.

The judge sees upright 8-bit sRGB on white. The file may hold grey, transparency or a wide colour profile: its own pixels are the
base, and the repaired ones are turned into its space.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from limbfix.containers import Container
from limbfix.decoding import PILLOW_ERRORS, decode, upright
from limbfix.exif import read_exif


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Native:
    """The pixels of a file.

    Attributes:
        image: upright, mode L, LA, RGB or RGBA.
        keeps_colour: whether its colour profile still applies.
        notes: what could not be kept.
    """

    image: Image.Image
    keeps_colour: bool = True
    notes: tuple[str, ...] = ()


def native_image(container: Container, srgb: np.ndarray) -> Native:
    """Returns a file's own upright pixels; `srgb`, uint8 (h, w, 3), stands in where PNG has no such kind (CMYK)."""
    notes = ("16 bits per channel became 8",) if container.bit_depth == 16 else ()
    return native_of(decode(container), srgb, orientation=read_exif(container.exif).orientation, notes=notes)


def native_of(image: Image.Image, srgb: np.ndarray, *, orientation: int, notes: tuple[str, ...] = ()) -> Native:
    """The same of a loaded image of any mode; `orientation` is its EXIF one, 1-8, and `notes` what is known to be lost already."""
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        if image.mode != "CMYK":
            grey = image.mode.startswith("I;16")
            return Native(
                image=Image.fromarray(srgb).convert("L") if grey else Image.fromarray(srgb),
                keeps_colour=False,
                notes=notes,
            )
        return Native(
            image=Image.fromarray(srgb), keeps_colour=False, notes=(*notes, "CMYK became sRGB, as it was judged")
        )
    if image.mode == "P":
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode in ("L", "1", "RGB") and image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode in ("1", "PA"):
        image = image.convert({"1": "L", "PA": "RGBA"}[image.mode])
    return Native(image=upright(image, orientation), notes=notes)


def pasted(native: Native, repaired: np.ndarray, changed: np.ndarray, icc: bytes | None) -> Image.Image:
    """Returns the file's pixels with the repaired ones where `changed` is True.

    Args:
        native: of the original file.
        repaired: uint8 (h, w, 3) sRGB, the whole picture; transparency on white.
        changed: bool (h, w).
        icc: the file's profile, or None for sRGB.
    """
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    window = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    mode = native.image.mode
    colour = "L" if mode in ("L", "LA") else "RGB"
    painted = np.asarray(_from_srgb(Image.fromarray(np.ascontiguousarray(repaired[window])), colour, icc))
    pixels = np.array(native.image)
    own = pixels[window]
    where = changed[window]
    if mode in ("LA", "RGBA"):
        opaque = own[..., -1:].astype(np.float32) / 255
        values = painted.reshape(*painted.shape[:2], -1).astype(np.float32)
        bare = np.clip((values - 255 * (1 - opaque)) / np.maximum(opaque, 1 / 255), 0, 255)
        where = where & (own[..., -1] > 0)
        own[..., :-1] = np.where(where[..., None], np.rint(bare).astype(np.uint8), own[..., :-1])
    else:
        painted = painted.reshape(own.shape)
        pixels[window] = np.where(where.reshape(*where.shape, *(1,) * (own.ndim - 2)), painted, own)
    return Image.fromarray(pixels)


def _from_srgb(image: Image.Image, mode: str, icc: bytes | None) -> Image.Image:
    """Returns sRGB pixels in a profile's space and mode; where the judge ignored the profile, so is it here."""
    if icc and icc[16:20] in (b"RGB ", b"GRAY"):
        from PIL import ImageCms

        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            description = ImageCms.getProfileDescription(profile)
            target = "L" if icc[16:20] == b"GRAY" else "RGB"
            if target == mode and not ("sRGB" in description and "inear" not in description):
                source = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
                intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
                transform = ImageCms.buildTransform(source, profile, "RGB", mode, renderingIntent=intent)
                converted = transform.apply(image)
                if converted is not None:
                    return converted
        except (*PILLOW_ERRORS, ImageCms.PyCMSError):
            pass  # a profile that cannot be used was not used for judging either
    return image if image.mode == mode else image.convert(mode)
