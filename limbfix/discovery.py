"""Which pictures do these paths name?

A file that is named on purpose is always handed on, whatever its suffix, so that it gets a record. Folders are walked
in natural order (`img2` before `img10`), one folder's names in memory at a time, and only suffixes of PNG, JPEG and
WebP count there; hidden files and folders are passed over.

Links. A link to a file counts as that file, wherever it lies. A link to a folder is followed where it is named on
purpose; inside a walk it is not: the pictures of a folder under the same root are found under their own names, and a
folder elsewhere was not asked for. So every walk ends. A picture that several paths lead to is handed on once, under
the first; hard links are two pictures.

A folder that cannot be listed, a broken link or a pipe with the name of a picture are handed on like pictures: opening
them fails with the reason, and they become records instead of vanishing.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from limbfix.errors import UsageError
from limbfix.printing import printable

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_MAX_LINE_BYTES = 64 << 10  # Linux allows paths of 4,096 bytes, Windows of 32,767 characters.
_DIGITS = re.compile(r"([0-9]+)")


def find_pictures(paths: Sequence[str | os.PathLike[str]], *, stdin: TextIO | None = None) -> Iterator[str]:
    """Returns an iterator over the pictures that files, folders and lists name, in the order given.

    Args:
        paths: files, folders, or "-" for a list of them on stdin: one a line, or NUL-separated if it holds a NUL.
        stdin: where "-" reads from; bytes that are no UTF-8 are kept.

    Returns:
        Paths as given, or joined to the folder as given; bytes of names that are no UTF-8 stand as surrogates. Lines
        of the list that name nothing are handed on too. Memory grows by about 100 bytes per picture.

    Raises:
        UsageError: a path in `paths` does not exist (at once, before anything is yielded), "-" is given without stdin,
            or (while iterating) the list holds a line longer than 64 KiB.
    """
    names = [os.fsdecode(path) for path in paths]
    for name in names:
        if name == "-" and stdin is None:
            raise UsageError("expected a list of paths on stdin for '-', there is no stdin; give files or folders")
        if name != "-" and not _exists(name):
            raise UsageError(f"expected a file or folder, '{printable(name)}' does not exist; check the path")
    return _unique(names, stdin)


def _exists(path: str) -> bool:
    """Says whether something lies at a path; a broken link is something."""
    try:
        return os.path.lexists(path)
    except ValueError:  # A NUL in the path.
        return False


def _unique(names: list[str], stdin: TextIO | None) -> Iterator[str]:
    seen: set[bytes] = set()
    for name in names:
        for given in _listed(stdin) if name == "-" and stdin is not None else (name,):
            for path, real in _expanded(given):
                digest = hashlib.blake2b(os.fsencode(real), digest_size=16).digest()
                if digest not in seen:
                    seen.add(digest)
                    yield path


def _expanded(given: str) -> Iterator[tuple[str, str]]:
    """Yields (path, real path) of a file, or of each picture below a folder."""
    try:
        real = os.path.realpath(given)
    except (OSError, ValueError):
        real = given
    if _is_folder(given):
        yield from _walked(given, real)
    else:
        yield given, real


def _walked(folder: str, real_folder: str) -> Iterator[tuple[str, str]]:
    """Yields (path, real path) of the pictures below a folder; an explicit stack, because trees can be deep."""
    stack = [_entries(folder, real_folder)]
    while stack:
        found = next(stack[-1], None)
        if found is None:
            stack.pop()
            continue
        path, real, is_folder = found
        if is_folder:
            stack.append(_entries(path, real))
        else:
            yield path, real


def _entries(folder: str, real_folder: str) -> Iterator[tuple[str, str, bool]]:
    """Yields (path, real path, is a folder) of what counts in a folder; the folder itself if it cannot be listed."""
    names: list[tuple[str, bool, bool]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_folder, is_link = entry.is_dir(follow_symlinks=False), entry.is_symlink()
                is_picture = entry.name.lower().endswith(SUFFIXES) and not (is_link and _is_folder(entry.path))
                if (is_folder or is_picture) and not entry.name.startswith("."):
                    names.append((entry.name, is_folder, is_link))
    except OSError:
        yield folder, real_folder, False
        return
    names.sort(key=lambda named: _natural(named[0]))
    for name, is_folder, is_link in names:
        path, real = os.path.join(folder, name), os.path.join(real_folder, name)  # noqa: PTH118 Path would drop "./".
        yield path, os.path.realpath(path) if is_link else real, is_folder


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):  # A name too long, a NUL: nothing lies there, and opening it will say why.
        return False


def _natural(name: str) -> tuple[list[str | int], str]:
    """Returns a sort key that counts digits as numbers; text and numbers alternate, so like meets like."""
    parts = _DIGITS.split(name)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


def _listed(stdin: TextIO) -> Iterator[str]:
    """Yields the paths of a list as they arrive. The first block that holds a separator, NUL or newline, decides."""
    binary = getattr(stdin, "buffer", None)
    rest, separator = b"", b""
    while True:
        block = binary.read1(_MAX_LINE_BYTES) if binary is not None else os.fsencode(stdin.read(_MAX_LINE_BYTES))
        rest += block
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
