"""Which paths does a list on stdin name? As `find -print0` or an editor writes it: parted by NULs or by line ends, in UTF-8."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from typing import TextIO

from limbfix.containers.signatures import begins_like_picture
from limbfix.errors import UsageError

_MAX_LINE_BYTES = 64 << 10  # Linux allows paths of 4,096 bytes, Windows of 32,767 characters.


def listed_paths(stdin: TextIO) -> Iterator[str]:
    """Yields the paths of a list as they arrive. The first block that holds a separator, NUL or newline, decides.

    Raises:
        UsageError: a line is longer than 64 KiB, or it is in UTF-16, or no list but a picture.
    """
    binary = getattr(stdin, "buffer", None)
    rest, separator, is_first = b"", b"", True
    while True:
        block = binary.read1(_MAX_LINE_BYTES) if binary is not None else os.fsencode(stdin.read(_MAX_LINE_BYTES))
        if is_first and begins_like_picture(block):
            raise UsageError(
                "expected a list of paths on stdin, got a picture; name the file, or send it to `limbfix serve`"
            )
        if is_first and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            # Parted at its NULs it would name `/` and `.`, and so every picture of the machine.
            raise UsageError("expected a list of paths on stdin in UTF-8, got one in UTF-16; save it as UTF-8")
        rest += block.removeprefix(codecs.BOM_UTF8) if is_first else block
        is_first = False
        if b"\x00" in rest:
            separator = b"\x00"
        elif not separator and b"\n" in rest:
            separator = b"\n"
        lines = rest.split(separator) if separator else [rest]
        rest = lines.pop() if block else b""
        for line in lines:
            line = line.removesuffix(b"\r") if separator != b"\x00" else line
            if line:
                yield os.fsdecode(line)
        if not block:
            return
        if len(rest) > _MAX_LINE_BYTES:
            raise UsageError(f"expected a list of paths on stdin, a line is longer than {_MAX_LINE_BYTES:,} bytes")
