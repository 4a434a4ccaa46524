"""Which photographs fit the model of lines, and on which are the bars read off? Halves by name, so that no bar is read off what was fitted."""

from __future__ import annotations

import zlib


def fits_lines(name: str) -> bool:
    """Tells whether a photograph, `folder/name`, fits the model of lines; the others tell from where on its lines flag."""
    return zlib.crc32(name.encode()) % 2 == 0
