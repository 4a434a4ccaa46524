"""Builds picture files for tests: valid ones in every mode, and hostile ones, all in memory."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

FORMATS = ("PNG", "JPEG", "WEBP")
EXIF_ORIENTATION = 0x0112
# Of these, Pillow's transpose turns an upright picture into the stored one of each EXIF orientation.
STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def scene(width: int = 64, height: int = 48, seed: int = 7) -> Image.Image:
    """A smooth RGB picture that is unlike itself under every flip and turn."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def noise(width: int = 64, height: int = 48, seed: int = 7) -> Image.Image:
    """RGB noise: files of it are large, and no byte of them is idle."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    """The file bytes of a picture; WebP lossless and JPEG at quality 95 unless told otherwise."""
    defaults = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(kind, {})
    buffer = io.BytesIO()
    image.save(buffer, kind, **(defaults | options))
    return buffer.getvalue()


def oriented(upright: Image.Image, orientation: int, kind: str, **options) -> bytes:
    """A file that stores a picture as a camera held in that orientation does."""
    stored = upright if STORED_AS[orientation] is None else upright.transpose(STORED_AS[orientation])
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    return encoded(stored, kind, exif=exif, **options)


def animated(frames: int, kind: str = "PNG", size_wh: tuple[int, int] = (16, 12)) -> bytes:
    """An APNG or animated WebP of differing frames."""
    pictures = [scene(*size_wh, seed=index) for index in range(frames)]
    return encoded(pictures[0], kind, save_all=True, append_images=pictures[1:], duration=20)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk with length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_file(width: int, height: int, depth: int, color: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG of raw rows (each with its filter byte); `extra` chunks stand before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def png_bomb(width: int, height: int) -> bytes:
    """A tiny PNG whose header promises width x height pixels."""
    return png_file(width, height, 8, 2, b"\x00" * 1000)


def with_png_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """The PNG with one chunk more, right after its header."""
    return data[:33] + png_chunk(kind, body) + data[33:]


def text_bomb(size: int = 80_000_000) -> bytes:
    """A PNG with a zTXt chunk of about 80 KB that inflates to `size` bytes."""
    return with_png_chunk(encoded(scene()), b"zTXt", b"parameters\x00\x00" + zlib.compress(b"a" * size, 9))


def with_text(image: Image.Image, **texts: str) -> bytes:
    """A PNG with text chunks."""
    info = PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    return encoded(image, "PNG", pnginfo=info)


def grey_ramp_16bit(width: int = 1024, height: int = 8) -> bytes:
    """A 16-bit grey PNG from black to white."""
    row = np.linspace(0, 65535, width).round().astype(">u2").tobytes()
    return png_file(width, height, 16, 0, (b"\x00" + row) * height)


def rgb_16bit(image: Image.Image) -> bytes:
    """A 16-bit RGB PNG of an 8-bit picture."""
    values = (np.asarray(image).astype(np.uint16) * 257).astype(">u2")
    rows = b"".join(b"\x00" + row.tobytes() for row in values)
    return png_file(image.width, image.height, 16, 2, rows)


def srgb_profile() -> bytes:
    """Pillow's built-in sRGB profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def p3_profile() -> bytes:
    """A Display-P3 profile: the primaries of DCI-P3 at D65 with the curve of sRGB, adapted to D50."""
    curve = b"para" + b"\x00" * 4 + b"\x00\x03\x00\x00" + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    primaries = {
        b"rXYZ": _xyz(0.51512, 0.24120, -0.00105),
        b"gXYZ": _xyz(0.29198, 0.69225, 0.04189),
        b"bXYZ": _xyz(0.15710, 0.06657, 0.78407),
    }
    return _profile(b"RGB ", b"Display P3", primaries | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def linear_grey_profile() -> bytes:
    """A grey profile whose levels are proportional to light."""
    return _profile(b"GRAY", b"linear grey", {b"kTRC": b"para" + b"\x00" * 8 + _fixed(1.0)})


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(*values: float) -> bytes:
    return b"XYZ " + b"\x00" * 4 + _fixed(*values)


def _profile(space: bytes, name: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC 2.4 display profile."""
    tags = {
        b"desc": b"desc" + b"\x00" * 4 + struct.pack(">I", len(name) + 1) + name + b"\x00" * 79,
        b"cprt": b"text" + b"\x00" * 4 + b"none\x00",
        b"wtpt": _xyz(0.96420, 1.0, 0.82491),
    } | tags
    offset, table, body = 132 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", offset + len(body), len(data))
        body += data + b"\x00" * (-len(data) % 4)
    size = 132 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"mntr", space, b"XYZ ") + b"\x00" * 12 + b"acsp"
    header = header.ljust(68, b"\x00") + _fixed(0.96420, 1.0, 0.82491)
    return header.ljust(128, b"\x00") + struct.pack(">I", len(tags)) + table + body


def in_display_p3(image: Image.Image) -> bytes:
    """A PNG that shows the same colours as an sRGB picture, stored in Display-P3."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(p3_profile()))
    stored = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), profile, outputMode="RGB")
    return encoded(stored, icc_profile=p3_profile())


FOREIGN = {
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(/tmp/never) (w) file\n",
    "PDF": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "PSD": b"8BPS\x00\x01" + b"\x00" * 40,
    "FITS": b"SIMPLE  =                    T" + b" " * 2850,
    "TIFF": b"II*\x00\x08\x00\x00\x00" + b"\x00" * 40,
    "SVG": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    "GIF": encoded(scene().convert("P"), "GIF"),
    "BMP": encoded(scene(), "BMP"),
    "HTML": b"<!DOCTYPE html><html><title>404</title></html>",
    "HEIC": b"\x00\x00\x00\x18ftypheic" + b"\x00" * 40,
    "JPEG 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\x00" * 40,
    "JPEG XL": b"\x00\x00\x00\x0cJXL \r\n\x87\n" + b"\x00" * 40,
}
