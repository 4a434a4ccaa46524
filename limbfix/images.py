"""The only door for pixels: a file, bytes, a Pillow image or an array in; one upright sRGB picture out.

Frame of every number downstream: pixels of the upright picture, x right, y down, the origin in the top-left corner.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from limbfix.containers import HEAD_BYTES, Limits, read_container, sniff
from limbfix.crops import Crop, crop_pixels, resized
from limbfix.decoding import PILLOW_ERRORS, decode, decoding_error, load, to_srgb, upright
from limbfix.errors import PictureError, PictureTooLarge, UnreadablePicture, UnsupportedFormat
from limbfix.exif import read_exif
from limbfix.printing import printable
from limbfix.sources import GenerationSource, read_source

__all__ = [
    "MAX_FRAMES",
    "MAX_PIXELS",
    "Crop",
    "Picture",
    "PictureSource",
    "crop_pixels",
    "open_picture",
    "resized",
    "with_pixels",
]

MEMORY_PATH = "<memory>"
MAX_PIXELS = 100_000_000  # 10,000 x 10,000; decoding needs about 7 bytes of memory for each.
MAX_FRAMES = 256
_MAX_FILE_BYTES = 512 << 20
_REGULAR = "expected a regular file"

PictureSource = str | os.PathLike[str] | bytes | Image.Image | np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """One picture as every detector and check sees it.

    Attributes:
        pixels: uint8 (H, W, 3), RGB, sRGB, upright, read-only; transparency is flattened on white.
        path: as given, or "<memory>".
        sha256: hex digest of the file's bytes; for Pillow images and arrays, of mode, size and upright pixels.
        source: what the metadata says about the generator, or None.
        notes: what a reader of the verdict should know, such as "animated: first of 12 frames judged".
        turned: whether it is looked at in a mirror, or None to let its pixels decide; see `limbfix.mirroring`.
    """

    pixels: np.ndarray
    path: str = MEMORY_PATH
    sha256: str
    source: GenerationSource | None = None
    notes: tuple[str, ...] = ()
    turned: bool | None = None

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise ValueError(f"Picture.pixels: expected uint8 (H, W, 3), got {dtype} {shape}; use open_picture")
        if self.pixels.flags.writeable:
            object.__setattr__(self, "pixels", self.pixels.copy())
            self.pixels.flags.writeable = False

    @property
    def width(self) -> int:
        """Width in px."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Height in px."""
        return self.pixels.shape[0]


def open_picture(
    source: PictureSource, *, max_pixels: int = MAX_PIXELS, max_frames: int = MAX_FRAMES, name: str | None = None
) -> Picture:
    """Reads one picture.

    Args:
        source: path of a PNG, JPEG or WebP file; the bytes of one; a Pillow image (left as it is; its EXIF orientation
            and colour profile are applied); or a uint8 array (H, W), (H, W, 3) RGB or (H, W, 4) RGBA. Float arrays are
            refused, because 0-1, 0-255 and -1-1 are all in use.
        max_pixels: largest width x height a header may promise; checked before anything is decoded.
        max_frames: most frames of an animation; only the first is judged.
        name: what `Picture.path` says instead of the path, or of "<memory>".

    Raises:
        UnsupportedFormat: other formats, modes and array shapes.
        PictureTooLarge: more pixels, frames or bytes than allowed.
        UnreadablePicture: missing, no regular file, truncated or damaged.
        TypeError: the source is none of these kinds, or an array is not uint8.
    """
    limits = Limits(max_pixels=max_pixels, max_frames=max_frames)
    path = name if name is not None else MEMORY_PATH
    try:
        if isinstance(source, bytes):
            return _from_bytes(source, path, limits)
        if isinstance(source, np.ndarray):
            return _from_array(source, path, limits)
        if isinstance(source, Image.Image):
            return _from_image(source, path, limits)
        if isinstance(source, str | os.PathLike):
            path = name if name is not None else os.fsdecode(source)
            return _from_bytes(_read_file(source), path, limits)
    except PictureError as error:
        error.add_note(f"picture: {printable(path)}")
        raise
    except MemoryError as error:
        raise PictureTooLarge("expected a picture that fits into memory; scale it down or lower max_pixels") from error
    raise TypeError(
        f"open_picture: expected a path, bytes, a PIL image or a uint8 array, got {type(source).__name__}; "
        "tensors: pass tensor.cpu().numpy() as uint8 (H, W, 3)"
    )


def _read_file(path: str | os.PathLike[str]) -> bytes:
    """Returns the bytes of a regular file of an allowed format; never waits for a pipe or a device."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode):  # Opening a device can already have effects.
            kind = "folder" if stat.S_ISDIR(mode) else "pipe, socket or device"
            raise UnreadablePicture(f"{_REGULAR}, this is a {kind}; give a PNG, JPEG or WebP file")
        with io.FileIO(os.open(path, flags), "r") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadablePicture(f"{_REGULAR}, it was replaced while it was opened; try again")
            sniff(file.read(HEAD_BYTES))
            if status.st_size > _MAX_FILE_BYTES:
                raise PictureTooLarge(
                    f"expected at most {_MAX_FILE_BYTES >> 20} MiB, the file has {status.st_size >> 20}; "
                    "save it as a smaller PNG, JPEG or WebP"
                )
            file.seek(0)
            return file.readall()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnreadablePicture(f"{_REGULAR} that can be read: {reason}; check the path and its permissions") from error
    except ValueError as error:  # A NUL in the path.
        raise UnreadablePicture(f"expected a path, got one that no file can have ({error})") from error


def _from_bytes(data: bytes, path: str, limits: Limits) -> Picture:
    container = read_container(data, limits)
    exif = read_exif(container.exif)
    image, notes = to_srgb(decode(container), container.icc)
    if container.frames > 1:
        notes = (f"animated: first of {container.frames} frames judged", *notes)
    return Picture(
        pixels=np.asarray(upright(image, exif.orientation)),
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        source=read_source(container.text | exif.text, exif.user_comment),
        notes=notes,
    )


def _from_image(image: Image.Image, path: str, limits: Limits) -> Picture:
    limits.check_pixels(*image.size)
    # Formats that Pillow has not decoded yet would be decoded here, some of them by starting other programs.
    if getattr(image, "tile", None) and image.format not in ("PNG", "JPEG", "MPO", "WEBP"):
        raise UnsupportedFormat(
            f"expected PNG, JPEG or WebP, got a {image.format} image not yet loaded; call its load()"
        )
    try:
        load(image)
        info, frames, frame = dict(image.info), int(getattr(image, "n_frames", 1)), image.tell() + 1
    except PILLOW_ERRORS as error:
        raise decoding_error(error, image.format or "Pillow") from error
    exif = read_exif(_bytes_of(info, "exif"))
    converted, notes = to_srgb(image, _bytes_of(info, "icc_profile"))
    if frames > 1:
        notes = (f"animated: {'first' if frame == 1 else f'frame {frame}'} of {frames} frames judged", *notes)
    source = read_source(exif.text | info, exif.user_comment)
    return _from_memory(np.asarray(upright(converted, exif.orientation)), path, source, notes)


def _bytes_of(info: dict, key: str) -> bytes | None:
    value = info.get(key)
    return value if isinstance(value, bytes) else None


def _from_array(array: np.ndarray, path: str, limits: Limits) -> Picture:
    if array.dtype != np.uint8:
        raise TypeError(f"open_picture: expected a uint8 array, got {array.dtype}; scale it to 0-255 and round")
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise UnsupportedFormat(f"expected an array (H, W), (H, W, 3) or (H, W, 4), got {array.shape}")
    limits.check_pixels(array.shape[1], array.shape[0])
    if channels == 4:
        image, notes = to_srgb(Image.fromarray(array), None)
        return _from_memory(np.asarray(image), path, None, notes)
    pixels = array if channels == 3 else np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    return _from_memory(np.ascontiguousarray(pixels), path, None, ())


def with_pixels(picture: Picture, pixels: np.ndarray) -> Picture:
    """Returns the same picture with other pixels, uint8 (H, W, 3): its prompt and notes stay, its SHA-256 is that of the pixels."""
    return _from_memory(pixels, picture.path, picture.source, picture.notes)


def _from_memory(pixels: np.ndarray, path: str, source: GenerationSource | None, notes: tuple[str, ...]) -> Picture:
    digest = hashlib.sha256(f"RGB {pixels.shape[1]}x{pixels.shape[0]}\n".encode())
    digest.update(pixels.data)
    return Picture(pixels=pixels, path=path, sha256=digest.hexdigest(), source=source, notes=notes)
