"""How is a PNG file built? Chunks with checksums; animated ones (APNG) carry their further frames in extra chunks.

The pixels of the still picture (IDAT) are kept and every other frame is left out. Where no frame begins before them, viewers show the
animation and never that picture: such a file is refused. A wrong checksum of a chunk that
makes pixels is an error; a damaged text, EXIF or profile chunk is left out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from limbfix.containers.contents import MAX_CHUNKS, Container, Limits, cut
from limbfix.errors import UnreadablePicture, UnsupportedFormat

# Bytes of compressed text and colour profile after inflating, per file. ComfyUI workflows stay below 2 MB.
_MAX_INFLATED = 16 << 20
_MAX_TEXT_BYTES = 4 << 20
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: first column, first row, and the steps to the next ones, of each pass."""
_PIECE = 16 << 10  # bytes, which inflate to 16 MiB at most


def read_png(data: bytes, limits: Limits) -> Container:
    """Takes a PNG file apart; raises as `read_container` does."""
    size_wh, depth, color = _header(data, limits)
    view, metadata = memoryview(data), _Metadata()
    kept, seen, frames = [view[:8]], set[bytes](), 0
    for kind, start, end in png_chunks(data):
        intact = zlib.crc32(view[start - 4 : end]) == int.from_bytes(view[end : end + 4])
        if kind in _PIXEL_CHUNKS:
            if not intact:
                raise cut("PNG", f"in a {kind.decode()} chunk (wrong checksum)")
            seen.add(kind)
            # The key colour of 16-bit RGB has no counterpart among the 8-bit pixels that are judged.
            if not (kind == b"tRNS" and depth == 16 and color == 2):
                kept.append(view[start - 8 : end + 4])
        elif kind == b"fcTL":
            frames += 1
            limits.check_frames(frames)
            if b"IDAT" in seen and frames == 1:
                raise UnsupportedFormat(
                    "expected an animation that shows the picture that is judged, this one leaves it out; "
                    "save the frames you want judged as single pictures"
                )
        elif not kind[0] & 0x20:
            raise UnreadablePicture(f"expected the critical chunks of PNG, found an unknown {kind!r}; save it again")
        elif intact:
            metadata.add(kind, data[start:end])
    if b"IDAT" not in seen or (color == 3 and b"PLTE" not in seen):
        raise cut("PNG", "before its pixels or its palette")
    return Container(
        format="PNG",
        size_wh=size_wh,
        pixel_bytes=b"".join(kept),
        bit_depth=depth,
        frames=max(frames, 1),
        icc=metadata.icc,
        exif=metadata.exif,
        text=metadata.text,
    )


def _header(data: bytes, limits: Limits) -> tuple[tuple[int, int], int, int]:
    """Returns (size_wh, bit depth, colour type)."""
    if len(data) < 33 or data[8:16] != b"\x00\x00\x00\rIHDR":
        raise cut("PNG", "in its header")
    width, height, depth, color = struct.unpack_from(">IIBB", data, 16)
    if depth not in _DEPTHS.get(color, ()):
        raise cut("PNG", f"in its header (bit depth {depth} with colour type {color})")
    return limits.check_pixels(width, height), depth, color


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields (type, start, end) of each chunk's body up to and with IEND; every body and checksum lies inside data."""
    start = 8
    for _ in range(MAX_CHUNKS):
        if start + 12 > len(data):
            raise cut("PNG", "before its IEND chunk")
        length, kind = struct.unpack_from(">I4s", data, start)
        if start + 12 + length > len(data):
            raise cut("PNG", f"inside a chunk that should hold {length:,} bytes")
        yield kind, start + 8, start + 8 + length
        if kind == b"IEND":
            return
        start += 12 + length
    raise UnreadablePicture(f"expected at most {MAX_CHUNKS:,} chunks in a PNG, found more; save it again")


def expect_all_rows(data: bytes) -> None:
    """Refuses a PNG whose pixels end early although nothing of the file is missing: its writer gave up and closed it. It is inflated once more.

    Raises:
        UnreadablePicture: fewer bytes inflate than the header promises.
    """
    width, height, depth, color, _, _, is_interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    passes = _PASSES if is_interlaced else ((0, 0, 1, 1),)
    promised = 0
    for left, top, right, down in passes:
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            promised += rows * (1 + -(-columns * depth * _CHANNELS[color] // 8))
    stream, found = zlib.decompressobj(), 0
    for kind, start, end in png_chunks(data):
        for piece in range(start, end if kind == b"IDAT" and found < promised else start, _PIECE):
            found += len(stream.decompress(data[piece : min(piece + _PIECE, end)]))
    if found < promised:
        raise cut("PNG", f"in its pixels ({found:,} of {promised:,} bytes)")


class _Metadata:
    """Collects text, EXIF and colour profile of one file; counts what inflates, and stops a bomb."""

    def __init__(self) -> None:
        self.icc: bytes | None = None
        self.exif: bytes | None = None
        self.text: dict[str, str] = {}
        self._left = _MAX_INFLATED

    def add(self, kind: bytes, body: bytes) -> None:
        """Takes one chunk; the first of its kind, or of its keyword, wins."""
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            key, value = self._text(kind, body)
            self.text.setdefault(key, value)
        elif kind == b"eXIf":
            self.exif = self.exif or body
        elif kind == b"iCCP":
            _, _, profile = body.partition(b"\x00")
            self.icc = self.icc or self._inflated(profile[1:])

    def _text(self, kind: bytes, body: bytes) -> tuple[str, str]:
        """Returns (keyword, text); the text is empty where it is damaged or longer than is read."""
        key, _, value = body.partition(b"\x00")
        packed = kind == b"zTXt"
        if packed:
            value = value[1:]
        elif kind == b"iTXt":
            packed = value[:1] == b"\x01"
            value = b"".join(value[2:].split(b"\x00", 2)[2:])
        plain = self._inflated(value) if packed else value
        if len(plain) > _MAX_TEXT_BYTES:
            plain = b""
        try:
            text = plain.decode("utf-8")  # tEXt should be Latin-1, yet many generators write UTF-8.
        except UnicodeDecodeError:
            text = plain.decode("latin-1")
        return key[:79].decode("latin-1"), text

    def _inflated(self, packed: bytes) -> bytes:
        """Returns the inflated bytes, none where they are damaged; raises UnreadablePicture for a bomb."""
        try:
            plain = zlib.decompressobj().decompress(packed, self._left + 1)
        except zlib.error:
            return b""
        self._left -= len(plain)
        if self._left < 0:
            raise UnreadablePicture(
                f"expected at most {_MAX_INFLATED >> 20} MiB of metadata, {len(packed):,} bytes of it inflate to more; "
                "save the picture without its text chunks"
            )
        return plain
