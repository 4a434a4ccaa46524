"""How is a JPEG file built? Marker segments, then entropy-coded scans, then an end-of-image marker.

What follows that marker (the second picture of a phone's MPO file, a hidden archive) is left out. JPEG has no
checksum: bytes changed inside a scan are not noticed, here or by any decoder.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from limbfix.containers.contents import MAX_CHUNKS, Container, Limits, cut
from limbfix.errors import PictureTooLarge, UnsupportedFormat

_MAX_JUNK_BYTES = 64 << 10  # Between segments, where some cameras leave a few bytes.
# mozjpeg writes up to 12 scans. Each costs a pass over all pixels, however few bytes it has: 30 passes over the largest
# picture allowed take some 4 s.
_MAX_SCANS = 64
_MAX_PASSES = 30
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_jpeg(data: bytes, limits: Limits) -> Container:
    """Takes a JPEG file apart; raises as `read_container` does."""
    kept, exif, profile, size_wh, scan = [b"\xff\xd8"], None, {}, None, 0
    for marker, start, end in jpeg_segments(data):
        body = data[start:end]
        if marker in _FRAME_HEADERS:
            size_wh = _frame_size(body, limits)
        elif marker == 0xDA:
            scan = start - 4
            break
        elif marker == 0xE1 and body.startswith(b"Exif\x00\x00"):
            exif = exif or body
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\x00") and len(body) >= 14:
            profile[body[12]] = body[13], body[14:]
        is_metadata = marker == 0xFE or 0xE0 <= marker <= 0xEF
        if not is_metadata or body.startswith((b"JFIF\x00", b"Adobe")):
            kept.append(data[start - 4 : end])
    if size_wh is None:
        raise cut("JPEG", "before its frame header")
    allowed = min(_MAX_SCANS, _MAX_PASSES * limits.max_pixels // (size_wh[0] * size_wh[1]))
    kept.append(data[scan : _picture_end(data, scan, allowed)])
    complete = profile and sorted(profile) == list(range(1, len(profile) + 1)) and profile[1][0] == len(profile)
    icc = b"".join(profile[number][1] for number in sorted(profile)) if complete else None
    return Container(format="JPEG", size_wh=size_wh, pixel_bytes=b"".join(kept), icc=icc, exif=exif)


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields (marker, start, end) of each segment's body up to the first scan; every body lies inside data."""
    position = 2
    for _ in range(MAX_CHUNKS):
        match = _MARKER.search(data, position, position + _MAX_JUNK_BYTES)
        if match is None:
            break
        marker, start = data[match.end() - 1], match.end() + 2
        if marker in (0x01, *range(0xD0, 0xD8)):  # These stand alone.
            position = match.end()
            continue
        if marker in (0xD8, 0xD9) or start > len(data):
            break
        end = start - 2 + int.from_bytes(data[start - 2 : start])
        if end < start or end > len(data):
            break
        yield marker, start, end
        position = end
    raise cut("JPEG", "before its pixels")


def _frame_size(body: bytes, limits: Limits) -> tuple[int, int]:
    if len(body) < 6:
        raise cut("JPEG", "in its frame header")
    precision, height, width, components = struct.unpack_from(">BHHB", body)
    if precision != 8 or components not in (1, 3, 4):
        raise UnsupportedFormat(
            f"expected a JPEG of 8 bits in 1, 3 or 4 channels, this has {precision} bits in {components}; "
            "convert it to PNG"
        )
    return limits.check_pixels(width, height)


def _picture_end(data: bytes, scan: int, max_scans: int) -> int:
    """Returns the offset behind the end-of-image marker; without one the file counts as cut, decodable or not."""
    position, scans = scan, 0
    for _ in range(MAX_CHUNKS):
        match = _SCAN_END.search(data, position)
        if match is None:
            break
        marker = data[match.end() - 1]
        if marker == 0xD9:
            return match.end()
        scans += marker == 0xDA
        if scans > max_scans:
            raise PictureTooLarge(f"expected at most {max_scans} scans in a JPEG this large, found more; save it again")
        length = int.from_bytes(data[match.end() : match.end() + 2])
        if marker == 0xD8 or length < 2:
            break
        position = match.end() + length
    raise cut("JPEG", "before its end-of-image marker")
