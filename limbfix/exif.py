"""What does an EXIF block say about the way up and about the generator?

Reads five text tags and the orientation from a TIFF structure, with every offset checked, and nothing else. It never
raises: a broken block is an empty one. Thumbnails, GPS and maker notes are not looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

_ORIENTATION, _EXIF_IFD, _USER_COMMENT = 0x0112, 0x8769, 0x9286
_TEXT_TAGS = {0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software"}
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_MAX_ENTRIES = 512  # Real blocks hold fewer than 100 tags; the format allows 65,535.
_MAX_TEXT_BYTES = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Exif:
    """The few tags limbfix reads.

    Attributes:
        orientation: 1-8 as EXIF counts them; 1 (upright) where the tag is missing or invalid.
        text: ImageDescription, Make, Model and Software, where present.
        user_comment: the UserComment, decoded, or None.
    """

    orientation: int = 1
    text: dict[str, str] = field(default_factory=dict)
    user_comment: str | None = None


def read_exif(block: bytes | None) -> Exif:
    """Returns the tags of an EXIF block, with or without its `Exif` prefix; an empty Exif where it is broken."""
    block = (block or b"").removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return Exif()
    orientation, text, comment = 1, {}, None
    for tag, kind, value in _entries(block, order, *struct.unpack_from(order + "I", block, 4)):
        if tag == _ORIENTATION and kind in (3, 4):
            number = int.from_bytes(value[: _TYPE_SIZES[kind]], "little" if order == "<" else "big")
            orientation = number if 1 <= number <= 8 else 1
        elif tag in _TEXT_TAGS:
            text[_TEXT_TAGS[tag]] = value.split(b"\x00", 1)[0].decode("utf-8", "replace")
        elif tag == _EXIF_IFD and kind == 4:
            offset = struct.unpack_from(order + "I", value)[0]
            comments = (body for inner, _, body in _entries(block, order, offset) if inner == _USER_COMMENT)
            comment = next(map(decode_user_comment, comments), None)
    return Exif(orientation=orientation, text=text, user_comment=comment)


def decode_user_comment(value: bytes) -> str:
    """Returns the text of an EXIF UserComment, whose first eight bytes name its encoding.

    `UNICODE` does not say which byte order: it is taken from a byte order mark, else from where the zero bytes of the
    Latin characters lie.
    """
    prefix, body = value[:8], value[8:]
    if prefix.startswith(b"UNICODE"):
        if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return body.decode("utf-16", "replace")
        big_endian = body[::2].count(0) >= body[1::2].count(0)
        return body.decode("utf-16-be" if big_endian else "utf-16-le", "replace")
    if prefix.startswith((b"ASCII\x00", b"\x00" * 8)):
        value = body
    return value.rstrip(b"\x00").decode("utf-8", "replace")


def _entries(block: bytes, order: str, offset: int) -> Iterator[tuple[int, int, bytes]]:
    """Yields (tag, type, value bytes) of one directory; skips entries that point outside the block."""
    if not 8 <= offset <= len(block) - 2:
        return
    (count,) = struct.unpack_from(order + "H", block, offset)
    for index in range(min(count, _MAX_ENTRIES)):
        start = offset + 2 + 12 * index
        if start + 12 > len(block):
            return
        tag, kind, number = struct.unpack_from(order + "HHI", block, start)
        size = _TYPE_SIZES.get(kind, 0) * number
        if not 0 < size <= _MAX_TEXT_BYTES:
            continue
        where = start + 8 if size <= 4 else struct.unpack_from(order + "I", block, start + 8)[0]
        if where + size <= len(block):
            yield tag, kind, block[where : where + max(size, 4)]


def upright_exif(block: bytes | None) -> bytes | None:
    """Returns an EXIF block without its `Exif` prefix, whose orientation says upright; None where there is none that can be read.

    Only the value of the one tag is changed, in place: no other byte moves.
    """
    block = (block or b"").removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return None
    (offset,) = struct.unpack_from(order + "I", block, 4)
    if not 8 <= offset <= len(block) - 2:
        return block
    changed = bytearray(block)
    (count,) = struct.unpack_from(order + "H", block, offset)
    for index in range(min(count, _MAX_ENTRIES)):
        start = offset + 2 + 12 * index
        if start + 12 > len(block):
            break
        tag, kind, _ = struct.unpack_from(order + "HHI", block, start)
        if tag == _ORIENTATION and kind in (3, 4):
            struct.pack_into(order + ("H" if kind == 3 else "I"), changed, start + 8, 1)
    return bytes(changed)
