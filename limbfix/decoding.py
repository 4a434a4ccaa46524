"""How do bytes become upright 8-bit sRGB pixels? The only file that lets a decoder loose.

Pillow's three plug-ins are used directly, not through `Image.open`: nothing else can claim the bytes, and Pillow's
process-wide limits, which belong to the embedding program, are neither obeyed nor changed.
"""

from __future__ import annotations

import io
import re
import struct
import types
import zlib
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from limbfix.containers import Container
from limbfix.containers.png import expect_all_rows
from limbfix.errors import PictureError, PictureTooLarge, UnreadablePicture, UnsupportedFormat

BACKGROUND_RGB = (255, 255, 255)  # What transparent pixels become: white, as in most viewers and on paper.

# Everything that Pillow's plug-ins were seen to raise, or by their code can raise, on hostile bytes.
PILLOW_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_DAMAGE, _PADDED = "Corrupt JPEG data", re.compile(r": (\d+) extraneous bytes before marker 0xd9")
"""How libjpeg begins its warnings of damage, and the one that some cameras earn with a little padding before the end. Of 7,245 JPEGs of real and generated pictures none
has any (2026-11-30)."""
_MOST_PADDING = 16  # bytes; after damage thousands may be left over

_MAX_PROFILE_BYTES = 4 << 20  # Press profiles with large tables take 0.5-3 MB.
_PLUGINS = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(container: Container) -> Image.Image:
    """Returns the first frame as Pillow decodes it: any mode, not yet upright.

    Raises:
        UnreadablePicture: the pixels are damaged or incomplete.
        PictureTooLarge: there is not enough memory.
    """
    try:
        image = _PLUGINS[container.format](io.BytesIO(container.pixel_bytes))
        if image.size == container.size_wh:
            load(image)
    except PILLOW_ERRORS as error:
        raise decoding_error(error, container.format) from error
    if image.size != container.size_wh:
        raise UnreadablePicture(
            f"expected {container.size_wh[0]} x {container.size_wh[1]} pixels, as the header says, got "
            f"{image.width} x {image.height}; render, download or copy it again"
        )
    if container.format == "JPEG":
        _expect_whole_jpeg(container.pixel_bytes)
    if container.format == "PNG" and _may_lack_rows(image):
        expect_all_rows(container.pixel_bytes)
    key = image.info.get("transparency")
    if image.mode == "L" and container.bit_depth in (2, 4) and isinstance(key, int):
        # Pillow spreads the grey levels over 0-255, but not the level that stands for transparent.
        image.info["transparency"] = key * 255 // (2**container.bit_depth - 1)
    return image


def _may_lack_rows(image: Image.Image) -> bool:
    """Says whether the rows that a PNG holds last (of an interlaced one the last odd row) are as Pillow leaves what was not there: zeros, and no word of it."""
    width, height = image.size
    rows = (image.crop((0, top, width, top + 1)) for top in range(max(0, height - 2), height))
    return any(not row.tobytes().strip(b"\x00") for row in rows)


def _expect_whole_jpeg(data: bytes) -> None:
    """Refuses a JPEG whose pixels are damaged. It has no checksums; its decoder notices most damage, fills the rest with grey, and Pillow tells nobody.

    Raises:
        UnreadablePicture: libjpeg warns of damage.
    """
    import simplejpeg

    try:  # an eighth of the size: all of the file is read, and little is computed
        simplejpeg.decode_jpeg(data, colorspace="GRAY", min_height=1, min_width=1, strict=True)
    except ValueError as error:
        padded = _PADDED.search(str(error))
        if str(error).startswith(_DAMAGE) and not (padded and int(padded[1]) <= _MOST_PADDING):
            raise UnreadablePicture(
                f"expected whole JPEG pixels, libjpeg says: {error}; render, download or copy it again"
            ) from error


def decoding_error(error: BaseException, kind: str) -> PictureError:
    """Returns the PictureError for an exception that Pillow raised."""
    if isinstance(error, MemoryError | Image.DecompressionBombError):
        return PictureTooLarge(f"expected a picture that fits into memory, Pillow says: {error}; scale it down")
    return UnreadablePicture(
        f"expected whole {kind} pixels, Pillow says: {error or type(error).__name__}; render, download or copy it again"
    )


def load(image: Image.Image) -> None:
    """Decodes a lazily opened image; a truncated one is an error even where the program asked Pillow to be lenient."""
    can_be_lenient = isinstance(image, PngImagePlugin.PngImageFile | JpegImagePlugin.JpegImageFile)
    if can_be_lenient and ImageFile.LOAD_TRUNCATED_IMAGES:
        _strict_load()(image)
    else:
        image.load()


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Returns the image turned as its EXIF orientation, 1-8, asks."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, tuple[str, ...]]:
    """Returns a loaded image as 8-bit sRGB, mode RGB, and notes on what was done to it.

    16-bit channels keep their high byte, transparent pixels become BACKGROUND_RGB, a colour profile is applied
    (relative to white) where it can be read and fits the mode.

    Raises:
        UnsupportedFormat: a mode whose range is unknown (32-bit integers, floats) or that Pillow cannot convert.
    """
    if image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.mode in ("I", "F"):
        raise UnsupportedFormat(
            f"expected 8 or 16 bits per channel, got Pillow mode {image.mode}, whose range is unknown; "
            "scale it to 0-255 and convert it to L or RGB"
        )
    notes: tuple[str, ...] = ()
    try:
        if image.has_transparency_data:
            image, notes = _flattened(image)
        if icc:
            image, note = _from_profile(image, icc)
            notes += note
        return image if image.mode == "RGB" else image.convert("RGB"), notes
    except (ValueError, KeyError, OSError) as error:
        raise UnsupportedFormat(f"expected a mode that Pillow converts to RGB, got {image.mode} ({error})") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Returns mode L, or LA where a level stands for transparent, from a 16-bit grey image."""
    levels = np.asarray(image)
    grey = Image.fromarray((levels >> 8).astype(np.uint8))
    key = image.info.get("transparency")
    if isinstance(key, int):
        grey.putalpha(Image.fromarray(np.where(levels == key, 0, 255).astype(np.uint8)))
    return grey


def _flattened(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Returns mode RGB (L where the image is grey) on BACKGROUND_RGB, and a note where anything shone through."""
    if image.mode not in ("LA", "RGBA"):
        image = image.convert("RGBA")
    alpha, opaque = image.getchannel("A"), image.convert(image.mode[:-1])
    opaque.info.pop("transparency", None)
    if alpha.getextrema() == (255, 255):
        return opaque, ()
    background = Image.new("RGB", image.size, BACKGROUND_RGB).convert(opaque.mode)
    background.paste(opaque, mask=alpha)
    return background, ("transparent: judged on a white background",)


def _from_profile(image: Image.Image, icc: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    """Returns the image in sRGB, mode RGB; or as it was, with a note, where the profile cannot be used."""
    space = icc[16:20]  # A field of the fixed ICC header.
    mode = {b"GRAY": "L", b"CMYK": "CMYK"}.get(space, "RGB")
    # Grey pixels often carry the RGB profile of the program that saved them, and it applies.
    if image.mode != mode and mode == "RGB" and image.mode != "CMYK":
        image = image.convert("RGB")
    try:
        if image.mode != mode or len(icc) > _MAX_PROFILE_BYTES:
            raise ValueError(f"it holds {len(icc):,} bytes for {space!r}, the pixels are {image.mode}")
        transform = _profile_transform(icc, mode)
        return (image if transform is None else transform(image)), ()
    except PILLOW_ERRORS as error:
        return image, (f"colour profile ignored: {error}"[:200],)


@lru_cache(maxsize=4)
def _profile_transform(icc: bytes, mode: str) -> Callable[[Image.Image], Image.Image] | None:
    """Returns what turns an image of this mode into sRGB, None where it is sRGB; OSError for a broken profile."""
    from PIL import ImageCms  # Imported late: most generated pictures carry no profile.

    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        description = ImageCms.getProfileDescription(profile)
        if mode == "RGB" and "sRGB" in description and "inear" not in description:
            return None
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        return ImageCms.buildTransform(profile, target, mode, "RGB", renderingIntent=intent).apply
    except ImageCms.PyCMSError as error:
        raise OSError(str(error)) from error


@lru_cache(maxsize=1)
def _strict_load() -> Callable[[ImageFile.ImageFile], object]:
    """Returns Pillow's own `ImageFile.load`, in which LOAD_TRUNCATED_IMAGES reads as False.

    The flag is a global of Pillow's module. Setting it back for a moment would change what other threads of the
    embedding program decode, so the function gets a copy of that module's globals instead.
    """
    function = ImageFile.ImageFile.load
    strict_globals = vars(ImageFile) | {"LOAD_TRUNCATED_IMAGES": False}
    return types.FunctionType(
        function.__code__, strict_globals, function.__name__, function.__defaults__, function.__closure__
    )
