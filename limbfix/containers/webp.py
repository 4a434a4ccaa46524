"""How is a WebP file built? A RIFF file of chunks, with its length in front.

The file is kept as it is, up to that length: libwebp composes the first frame of an animation from several chunks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from limbfix.containers.contents import MAX_CHUNKS, Container, Limits, cut
from limbfix.errors import UnreadablePicture


def read_webp(data: bytes, limits: Limits) -> Container:
    """Takes a WebP file apart; raises as `read_container` does."""
    size_wh, frames, found = None, 0, {}
    file_end = 8 + int.from_bytes(data[4:8], "little")
    for kind, start, end in webp_chunks(data):
        if kind in (b"VP8X", b"VP8 ", b"VP8L"):
            size_wh = size_wh or _canvas_size(kind, data[start : start + 10], limits)
        if kind in (b"VP8 ", b"VP8L", b"ANMF"):
            frames += 1
            limits.check_frames(frames)
        elif kind in (b"ICCP", b"EXIF"):
            found.setdefault(kind, data[start:end])
    if size_wh is None or not frames:
        raise cut("WebP", "before its pixels")
    return Container(
        format="WEBP",
        size_wh=size_wh,
        pixel_bytes=data[:file_end].ljust(file_end, b"\x00"),
        frames=frames,
        icc=found.get(b"ICCP"),
        exif=found.get(b"EXIF"),
    )


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields (type, start, end) of each chunk's body; every body lies inside data."""
    file_end = 8 + int.from_bytes(data[4:8], "little")
    if file_end > len(data) + 1:  # Some writers count, but do not write, the last padding byte.
        raise cut("WebP", f"at {len(data):,} of {file_end:,} bytes")
    start = 12
    for _ in range(MAX_CHUNKS):
        if start + 8 > file_end:
            return
        kind, length = struct.unpack_from("<4sI", data, start)
        if start + 8 + length > min(file_end, len(data)):
            raise cut("WebP", f"inside a chunk that should hold {length:,} bytes")
        yield kind, start + 8, start + 8 + length
        start += 8 + length + length % 2
    raise UnreadablePicture(f"expected at most {MAX_CHUNKS:,} chunks in a WebP, found more; save it again")


def _canvas_size(kind: bytes, head: bytes, limits: Limits) -> tuple[int, int]:
    if len(head) < 10 and not (kind == b"VP8L" and len(head) >= 5):
        raise cut("WebP", "in its header")
    if kind == b"VP8X":
        width, height = int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    elif kind == b"VP8 ":
        if head[3:6] != b"\x9d\x01\x2a":
            raise cut("WebP", "in its header")
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", head, 6))
    else:
        bits = int.from_bytes(head[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return limits.check_pixels(width, height)
