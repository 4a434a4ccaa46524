"""Which pictures do these paths name?

A file that is named on purpose is always handed on, whatever its suffix, so that it gets a record. Folders are walked
in natural order (`img2` before `img10`), one folder's names in memory at a time, and only suffixes of PNG, JPEG and
WebP count there; hidden files and folders are passed over. Names of other pictures (`OTHER_SUFFIXES`) are counted for
whoever asks: nobody shall believe that an AVIF was judged.

Links. A link to a file counts as that file, wherever it lies. A link to a folder is followed where it is named on
purpose; inside a walk it is not: the pictures of a folder under the same root are found under their own names, and a
folder elsewhere was not asked for, and is counted for whoever asks. So every walk ends. A picture that several paths lead to is handed on once, under
the first; hard links are two pictures.

A report of limbfix (a folder with its marker) is passed over: its thumbnails are no pictures to judge.

A folder that cannot be listed, a broken link or a pipe with the name of a picture are handed on like pictures: opening
them fails with the reason, and they become records instead of vanishing.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from limbfix.errors import UsageError
from limbfix.path_lists import listed_paths
from limbfix.printing import printable

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
OTHER_SUFFIXES = frozenset(
    (".apng", ".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jxl", ".tga", ".tif", ".tiff")
)
"""Suffixes of pictures that a folder's walk passes over: generators and cameras write them, limbfix does not read most."""

REPORT_MARKER = ".limbfix-report"
"""The file that limbfix.reports.site writes into every report first; a test keeps the two names equal."""

LINKED_FOLDER = "linked folder"
"""The kind under which folders elsewhere are counted that links in a walk lead to."""

_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPicture:
    """One picture that a path names.

    Attributes:
        path: as given, or joined to the folder as given; bytes that are no UTF-8 stand as surrogates.
        relative: its path below the folder that was given; the bare name of a file that was given itself.
        is_named: this very file was given, no folder above it.
        is_folder: no picture, but a folder that cannot be listed.
    """

    path: str
    relative: str
    is_named: bool = False
    is_folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passed:
    """What a walk leaves out, what it still lists although it lies there no longer (names by real folder), and where it counts what it
    does not read."""

    folders: frozenset[str] = frozenset()
    gone: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unread: Counter[str] = field(default_factory=Counter)
    told: set[bytes] = field(default_factory=set)  # digests of the real paths that were counted
    roots: frozenset[str] = frozenset()  # real paths of what was given


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
            or (while iterating) the list holds a line longer than 64 KiB, is in UTF-16, or is no list but a picture.
    """
    return (found.path for found in walk_pictures(paths, stdin=stdin))


def walk_pictures(
    paths: Sequence[str | os.PathLike[str]],
    *,
    stdin: TextIO | None = None,
    exclude: Iterable[str | os.PathLike[str]] = (),
    gone: Iterable[str] = (),
    unread: Counter[str] | None = None,
) -> Iterator[FoundPicture]:
    """Finds as `find_pictures` does, and says where below the given folder each picture lies.

    Args:
        paths, stdin: as in `find_pictures`.
        exclude: folders that are not walked into, such as those that this run writes.
        gone: places (see `place_of`) of pictures that lay there once and are to be listed where they would stand.
        unread: counts, while iterating, the files in folders that are named like pictures of other kinds, by suffix, and the folders
            elsewhere that links lead to, as `LINKED_FOLDER`.

    Raises:
        UsageError: as `find_pictures`.
    """
    by_folder: dict[str, set[str]] = {}
    for place in gone:
        by_folder.setdefault(os.path.dirname(place), set()).add(os.path.basename(place))  # noqa: PTH119, PTH120
    passed = _Passed(
        folders=frozenset(os.path.realpath(folder) for folder in exclude),
        gone={folder: frozenset(names) for folder, names in by_folder.items()},
        unread=Counter() if unread is None else unread,
    )
    names = [os.fsdecode(path) for path in paths]
    passed = replace(passed, roots=frozenset(os.path.realpath(name) for name in names if _is_folder(name)))
    for name in names:
        if name == "-" and stdin is None:
            raise UsageError("expected a list of paths on stdin for '-', there is no stdin; give files or folders")
        if name != "-" and not _exists(name) and not _is_gone(name, passed):
            raise UsageError(f"expected a file or folder, '{printable(name)}' does not exist; check the path")
    return _unique(names, stdin, passed)


def told_unread(unread: Mapping[str, int]) -> str:
    """Returns a line for each way in which `walk_pictures` counted something as unread; empty where that is nothing."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(unread.items()) if count and kind != LINKED_FOLDER)
    told = []
    if kinds:
        told.append(
            f"not judged: {kinds} (in folders only .png, .jpg, .jpeg and .webp are read; convert them, or name them one by one)"
        )
    if linked := unread.get(LINKED_FOLDER):
        noun = LINKED_FOLDER if linked == 1 else f"{LINKED_FOLDER}s"
        told.append(f"not judged: what lies in {linked:,} {noun} (links in a folder are not followed; name them too)")
    return "\n".join(told)


def place_of(path: str) -> str:
    """Returns where a name stands: its folder's real path and the name itself, whether or not a file lies there."""
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118


def _is_gone(path: str, passed: _Passed) -> bool:
    folder, name = os.path.split(place_of(path))
    return name in passed.gone.get(folder, ())


def _exists(path: str) -> bool:
    """Says whether something lies at a path; a broken link is something."""
    try:
        return os.path.lexists(path)
    except ValueError:  # A NUL in the path.
        return False


def _unique(names: list[str], stdin: TextIO | None, passed: _Passed) -> Iterator[FoundPicture]:
    seen: set[bytes] = set()
    for name in names:
        for given in listed_paths(stdin) if name == "-" and stdin is not None else (name,):
            for path, real, is_folder in _expanded(given, passed):
                if (digest := _digest(real)) not in seen:
                    seen.add(digest)
                    _tell_read(real, digest, passed)
                    is_named = path == given and not is_folder
                    yield FoundPicture(
                        path=path, relative=_relative(path, given), is_named=is_named, is_folder=is_folder
                    )


def _digest(real: str) -> bytes:
    return hashlib.blake2b(os.fsencode(real), digest_size=16).digest()


def _relative(path: str, given: str) -> str:
    if path == given:
        return os.path.basename(path.rstrip("/" + os.sep)) or path  # noqa: PTH119
    return path[len(given) :].lstrip("/" + os.sep)


def _expanded(given: str, passed: _Passed) -> Iterator[tuple[str, str, bool]]:
    """Yields (path, real path, is a folder that cannot be listed) of a file, or of each picture below a folder."""
    try:
        real = os.path.realpath(given)
    except (OSError, ValueError):
        real = given
    if _is_folder(given):
        yield from _walked(given, real, passed)
    else:
        yield given, real, False


def _walked(folder: str, real_folder: str, passed: _Passed) -> Iterator[tuple[str, str, bool]]:
    """Yields as `_expanded` the pictures below a folder; an explicit stack, because trees can be deep."""
    stack = [(folder, _entries(folder, real_folder, passed))]
    while stack:
        here, entries = stack[-1]
        found = next(entries, None)
        if found is None:
            stack.pop()
            continue
        path, real, is_folder = found
        if is_folder:
            stack.append((path, _entries(path, real, passed)))
        else:
            yield path, real, path == here


def _entries(folder: str, real_folder: str, passed: _Passed) -> Iterator[tuple[str, str, bool]]:
    """Yields (path, real path, is a folder) of what counts in a folder; the folder itself if it cannot be listed."""
    if real_folder in passed.folders or _is_report(folder):
        return
    names: list[tuple[str, bool, bool]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                is_folder, is_link = entry.is_dir(follow_symlinks=False), entry.is_symlink()
                if is_link and _is_folder(entry.path):
                    _tell_linked(entry.path, passed)
                    continue
                if is_folder or entry.name.lower().endswith(SUFFIXES):
                    names.append((entry.name, is_folder, is_link))
                else:
                    _tell_unread(os.path.join(real_folder, entry.name), passed)  # noqa: PTH118
    except OSError:
        yield folder, real_folder, False
        return
    if gone := passed.gone.get(real_folder):
        names += [(name, False, False) for name in gone.difference(name for name, _, _ in names)]
    names.sort(key=lambda named: _natural(named[0]))
    for name, is_folder, is_link in names:
        path, real = os.path.join(folder, name), os.path.join(real_folder, name)  # noqa: PTH118 Path would drop "./".
        yield path, os.path.realpath(path) if is_link else real, is_folder


def _tell_unread(real: str, passed: _Passed) -> None:
    """Counts a file that is named like a picture of another kind, once however many paths lead to it."""
    if (suffix := _suffix(real)) in OTHER_SUFFIXES and (digest := _digest(real)) not in passed.told:
        passed.told.add(digest)
        passed.unread[suffix] += 1


def _tell_linked(path: str, passed: _Passed) -> None:
    """Counts a folder that a link leads to, once, unless it is read under its own name or is written by this run."""
    real = os.path.realpath(path)
    above = {real, *map(str, Path(real).parents)}
    is_known = above & passed.roots or above & passed.folders
    if not is_known and (digest := _digest(real)) not in passed.told:
        passed.told.add(digest)
        passed.unread[LINKED_FOLDER] += 1


def _tell_read(real: str, digest: bytes, passed: _Passed) -> None:
    """Takes a file out of that count, for somebody named it: it is read, whatever its name."""
    if (suffix := _suffix(real)) in OTHER_SUFFIXES:
        passed.unread[suffix] -= digest in passed.told
        passed.told.add(digest)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()  # noqa: PTH122 this runs for every name of a folder


def _is_report(folder: str) -> bool:
    """Says whether limbfix wrote this folder: its thumbnails are no pictures to judge."""
    return _exists(os.path.join(folder, REPORT_MARKER))  # noqa: PTH118


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):  # A name too long, a NUL: nothing lies there, and opening it will say why.
        return False


def _natural(name: str) -> tuple[list[str | int], str]:
    """Returns a sort key that counts digits as numbers; text and numbers alternate, so like meets like."""
    parts = _DIGITS.split(name)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name
