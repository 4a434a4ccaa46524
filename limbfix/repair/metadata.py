"""What else does a picture file carry, and how does it travel into the repaired one? As PNG chunks, byte for byte where PNG can.

Pillow's own `save` drops what users care about: the prompt, the workflow, the colour profile. What cannot travel is named, never
lost in silence; a C2PA manifest above all, whose signature covers the very pixels that were changed.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace

from limbfix.containers import sniff
from limbfix.containers.jpeg import jpeg_segments
from limbfix.containers.png import png_chunks
from limbfix.containers.webp import webp_chunks
from limbfix.exif import upright_exif

_XMP_KEYWORD = b"XML:com.adobe.xmp"
_JPEG_XMP, _JPEG_LONG_XMP = b"http://ns.adobe.com/xap/1.0/\x00", b"http://ns.adobe.com/xmp/extension/\x00"
_MADE_ANEW = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"iCCP"})
_OF_OTHER_PIXELS = frozenset({b"bKGD", b"sBIT", b"hIST", b"acTL", b"fcTL", b"fdAT"})
_COLOUR = frozenset({b"gAMA", b"cHRM", b"sRGB", b"cICP"})
_KNOWN = _COLOUR | {b"tEXt", b"zTXt", b"iTXt", b"pHYs", b"tIME", b"sPLT"}
_C2PA_PNG, _C2PA_WEBP = b"caBX", b"C2PA"

Chunk = tuple[bytes, bytes]
"""Kind and body of a PNG chunk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a file carries beside its pixels.

    Attributes:
        chunks: PNG chunks to write before the pixels: texts, XMP, resolution, time, colour, and unknown ones that are safe to copy.
        exif: TIFF block with the orientation set to upright, or None.
        icc: colour profile, or None.
        xmp: XMP packet, or None; among the chunks as well.
        dpi: dots per inch along x and y, or None; among the chunks as well.
        comments: a JPEG's comments; among the chunks as well.
        has_c2pa: whether a C2PA manifest is in the file; it never travels.
        lost: what else cannot travel, in words.
    """

    chunks: tuple[Chunk, ...] = ()
    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comments: tuple[bytes, ...] = ()
    has_c2pa: bool = False
    lost: tuple[str, ...] = ()

    def without_colour(self) -> Carried:
        """Returns the same for pixels that were turned into sRGB."""
        chunks = tuple(chunk for chunk in self.chunks if chunk[0] not in _COLOUR)
        return replace(self, chunks=chunks, icc=None)


def read_carried(data: bytes, *, icc: bytes | None, exif: bytes | None) -> Carried:
    """Returns what a file carries.

    Args:
        data: bytes of a PNG, JPEG or WebP file that was read before, so whole.
        icc, exif: as its container has them.
    """
    kind = sniff(data[:64])
    found = {"PNG": _from_png, "JPEG": _from_jpeg, "WEBP": _from_webp}[kind](data)
    return replace(found, icc=icc, exif=upright_exif(exif))


def with_chunks(png: bytes, carried: Carried, own_text: str) -> bytes:
    """Returns a PNG file with everything that is carried, and limbfix's own text, between its header and its pixels.

    Args:
        png: as Pillow writes it, without metadata.
        carried: what to add.
        own_text: ASCII, under the keyword `limbfix`.
    """
    chunks = list(carried.chunks)
    if carried.icc is not None:
        chunks.insert(0, (b"iCCP", b"ICC Profile\x00\x00" + zlib.compress(carried.icc)))
    if carried.exif is not None:
        chunks.append((b"eXIf", carried.exif))
    chunks.append((b"iTXt", b"limbfix\x00\x00\x00\x00\x00" + own_text.encode("ascii")))
    header_end = 8 + 12 + 13
    return png[:header_end] + b"".join(_encoded(*chunk) for chunk in chunks) + png[header_end:]


def _encoded(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _from_png(data: bytes) -> Carried:
    chunks: list[Chunk] = []
    lost: list[str] = []
    has_c2pa, xmp, dpi = False, None, None
    for kind, start, end in png_chunks(data):
        body = data[start:end]
        if kind in _MADE_ANEW or zlib.crc32(data[start - 4 : end]) != int.from_bytes(data[end : end + 4]):
            continue
        if kind == _C2PA_PNG:
            has_c2pa = True
        elif kind in _KNOWN or (kind not in _OF_OTHER_PIXELS and kind[3] & 0x20):
            chunks.append((kind, body))
            if kind == b"iTXt" and body.startswith(_XMP_KEYWORD + b"\x00\x00"):
                xmp = body[len(_XMP_KEYWORD) + 3 :].split(b"\x00", 2)[-1]
            if kind == b"pHYs" and len(body) == 9 and body[8] == 1:
                x, y = struct.unpack_from(">II", body)
                dpi = (x * 0.0254, y * 0.0254)
        else:
            lost.append(f"PNG chunk {kind.decode('ascii', 'replace')}, which depends on the pixels")
    return Carried(chunks=tuple(chunks), xmp=xmp, dpi=dpi, has_c2pa=has_c2pa, lost=tuple(lost))


def _from_jpeg(data: bytes) -> Carried:
    chunks: list[Chunk] = []
    lost: list[str] = []
    comments: list[bytes] = []
    has_c2pa, xmp, dpi = False, None, None
    for marker, start, end in jpeg_segments(data):
        body = data[start:end]
        if marker == 0xDA:
            break
        if marker == 0xE0 and body.startswith(b"JFIF\x00") and len(body) >= 12:
            dpi = _jfif_dpi(body) or dpi
        elif marker == 0xE1 and body.startswith(_JPEG_XMP):
            xmp = body[len(_JPEG_XMP) :]
        elif marker == 0xE1 and body.startswith(_JPEG_LONG_XMP):
            lost.append("the second part of a long XMP packet")
        elif marker == 0xEB and b"jumb" in body[:32]:
            has_c2pa = True
        elif marker == 0xED:
            lost.append("Photoshop's block (IPTC)")
        elif marker == 0xFE:
            comments.append(body)
            chunks.append(
                (b"iTXt", b"Comment\x00\x00\x00\x00\x00" + body.decode("utf-8", "replace").replace("\x00", "").encode())
            )
    if xmp is not None:
        chunks.append(_xmp_chunk(xmp))
    if dpi is not None:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in dpi), 1)))
    return Carried(
        chunks=tuple(chunks),
        xmp=xmp,
        dpi=dpi,
        comments=tuple(comments),
        has_c2pa=has_c2pa,
        lost=tuple(dict.fromkeys(lost)),
    )


def _from_webp(data: bytes) -> Carried:
    xmp, has_c2pa = None, False
    for kind, start, end in webp_chunks(data):
        if kind == b"XMP " and xmp is None:
            xmp = data[start:end]
        has_c2pa |= kind == _C2PA_WEBP
    return Carried(chunks=() if xmp is None else (_xmp_chunk(xmp),), xmp=xmp, has_c2pa=has_c2pa)


def _xmp_chunk(xmp: bytes) -> Chunk:
    return b"iTXt", _XMP_KEYWORD + b"\x00\x00\x00\x00\x00" + xmp.replace(b"\x00", b"")


def _jfif_dpi(body: bytes) -> tuple[float, float] | None:
    unit, x, y = struct.unpack_from(">BHH", body, 7)
    factor = {1: 1.0, 2: 2.54}.get(unit)
    return None if factor is None or not x or not y else (x * factor, y * factor)
