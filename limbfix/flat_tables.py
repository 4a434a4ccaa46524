"""How is a FlatBuffers file given a new root without rewriting the rest of it?

A FlatBuffers reference is an unsigned distance forward, so a new root laid *before* an old file may point into it,
and every reference inside the old file stays true when the file moves as a whole. That is all this module does:
it writes new tables front to back, then appends the old bytes untouched. The result depends on no schema compiler
and on no version of the `flatbuffers` package, so its SHA-256 can be pinned.

It does not check a file against a schema, and it reads no more of the old file than its root table.
Format: https://flatbuffers.dev/internals
"""

import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

OLD_FILE_ALIGNMENT = 64
"""Bytes. The old file starts at a multiple of this, so the 16-byte alignment of its weights survives the move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A number stored inside its table.

    Attributes:
        code: `struct` code without byte order, such as `B` or `I`; at most 4 bytes wide.
        value: the number.
    """

    code: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A vector of scalars, or a string.

    Attributes:
        data: the bytes of the elements, little-endian.
        count: how many elements they are.
        alignment: bytes; the elements start at a multiple of it.
        terminated: whether a zero byte follows, as after a string.
    """

    data: bytes
    count: int
    alignment: int = 4
    terminated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """A table or vector that stays in the old file.

    Attributes:
        position: bytes from the start of the old file.
    """

    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A vector of references."""

    items: Sequence["Node"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        fields: slot number in the schema -> content; slots left out take the schema's default.
    """

    fields: Mapping[int, "Scalar | Node"] = field(default_factory=dict)


Node = Table | Vector | Packed | Old


def text(value: str) -> Packed:
    """Packs a string."""
    data = value.encode()
    return Packed(data=data, count=len(data), terminated=True)


def floats(*values: float) -> Packed:
    """Packs a vector of 32-bit floats."""
    return Packed(data=struct.pack(f"<{len(values)}f", *values), count=len(values))


def root_fields(data: bytes) -> dict[int, int]:
    """Reads where the fields of a file's root table lie.

    Args:
        data: a FlatBuffers file.

    Returns:
        slot number -> position of the field in bytes from the start of the file; absent slots are left out.

    Raises:
        ValueError: the bytes are no FlatBuffers file.
    """
    try:
        (table,) = struct.unpack_from("<I", data)
        vtable = table - struct.unpack_from("<i", data, table)[0]
        (size,) = struct.unpack_from("<H", data, vtable)
        places = struct.unpack_from(f"<{size // 2 - 2}H", data, vtable + 4)
    except struct.error as error:
        raise ValueError(f"expected a FlatBuffers file, got {len(data)} bytes that are none") from error
    return {slot: table + place for slot, place in enumerate(places) if place}


def follow(data: bytes, position: int) -> Old:
    """Resolves the reference stored at `position` (bytes from the start of the file)."""
    return Old(position=position + struct.unpack_from("<I", data, position)[0])


def vector_items(data: bytes, position: int) -> list[Node]:
    """Lists the tables of the vector of references that the field at `position` refers to."""
    start = follow(data, position).position
    (count,) = struct.unpack_from("<I", data, start)
    return [follow(data, start + 4 + 4 * index) for index in range(count)]


def lay_out(root: Table, *, identifier: bytes, old: bytes = b"") -> bytes:
    """Writes a FlatBuffers file: a new root and what hangs on it, then the old file as it is.

    Args:
        root: the root table; `Old` nodes in it refer to `old`.
        identifier: the four bytes that name the file's schema.
        old: the file to keep; empty when nothing is kept.

    Returns:
        the file; the same bytes for the same arguments, always.
    """
    out = bytearray(4) + identifier
    references: list[tuple[int, Old]] = []
    waiting: deque[tuple[int, Node]] = deque([(0, root)])
    while waiting:
        place, node = waiting.popleft()
        if isinstance(node, Old):
            references.append((place, node))
            continue
        struct.pack_into("<I", out, place, _append(out, node, waiting) - place)
    if old:
        _pad(out, OLD_FILE_ALIGNMENT)
        for place, node in references:
            struct.pack_into("<I", out, place, len(out) + node.position - place)
    return bytes(out) + old


def _append(out: bytearray, node: Table | Vector | Packed, waiting: deque[tuple[int, Node]]) -> int:
    """Appends one node, queues what it refers to, and returns where it lies."""
    if isinstance(node, Table):
        return _append_table(out, node, waiting)
    if isinstance(node, Vector):
        _pad(out, 4)
        start = len(out)
        out += struct.pack("<I", len(node.items)) + bytes(4 * len(node.items))
        waiting.extend((start + 4 + 4 * index, item) for index, item in enumerate(node.items))
        return start
    _pad(out, max(4, node.alignment), before=4)
    start = len(out)
    out += struct.pack("<I", node.count) + node.data + b"\0" * node.terminated
    return start


def _append_table(out: bytearray, table: Table, waiting: deque[tuple[int, Node]]) -> int:
    """Appends the table's vtable and the table, widest fields first so that no gap is needed between them."""
    widths = {slot: struct.calcsize(f"<{f.code}") if isinstance(f, Scalar) else 4 for slot, f in table.fields.items()}
    places: dict[int, int] = {}
    size = 4
    for slot in sorted(widths, key=lambda slot: (-widths[slot], slot)):
        places[slot] = size
        size += widths[slot]
    _pad(out, 2)
    vtable = len(out)
    slots = [places.get(slot, 0) for slot in range(max(places, default=-1) + 1)]
    out += struct.pack(f"<{2 + len(slots)}H", 4 + 2 * len(slots), size, *slots)
    _pad(out, 4)
    start = len(out)
    out += struct.pack("<i", start - vtable) + bytes(size - 4)
    for slot, content in table.fields.items():
        if isinstance(content, Scalar):
            struct.pack_into(f"<{content.code}", out, start + places[slot], content.value)
        else:
            waiting.append((start + places[slot], content))
    return start


def _pad(out: bytearray, alignment: int, *, before: int = 0) -> None:
    """Appends zeros until what comes `before` bytes later is aligned."""
    out += bytes(-(len(out) + before) % alignment)
