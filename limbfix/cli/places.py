"""Where may a run write? Not where it reads, not two verdicts into one folder, and nothing of its users into a report, which is replaced as a whole."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path

from limbfix.errors import UsageError
from limbfix.printing import printable


def refuse_in_report(report: Path | None, outputs: Mapping[str, Path | None]) -> None:
    """Refuses outputs that are the report folder or lie in it: they would go with the report, and originals among them.

    Args:
        report: its folder, there or not; None = there is none.
        outputs: places by flag; None = not asked for.

    Raises:
        UsageError: names the first flag that is wrong.
    """
    for flag, place in outputs.items():
        if report is not None and place is not None and _lies_in(place, report):
            raise UsageError(
                f"{flag}: expected a place outside the report folder {printable(str(report))}, got {printable(str(place))}; "
                "a report is replaced as a whole, and what lies in it would be deleted: choose a place beside it"
            )


def refuse_read_folders(outputs: Mapping[str, Path | None], paths: Iterable[str]) -> None:
    """Refuses output folders that are themselves read: a run passes over what it writes, so nothing would be judged.

    Args:
        outputs: folders by flag; None = not asked for.
        paths: what is read; `-` is left alone.

    Raises:
        UsageError: an output is a file, or one of the folders that are read.
    """
    paths = [path for path in paths if path != "-" and os.path.isdir(path)]  # noqa: PTH112 a name may be too long
    for flag, folder in outputs.items():
        if folder is None:
            continue
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{flag}: expected a folder, {printable(str(folder))} is a file; choose another name")
        for path in paths:
            if _is_same(_real(folder), _real(path)):
                raise UsageError(
                    f"{flag}: expected another folder than those that are read, got {printable(path)}, which is; "
                    "name a new one, or leave it out of the paths"
                )


def refuse_shared(outputs: Mapping[str, Path | None]) -> None:
    """Refuses folders of which one is another or lies in it: nobody could tell which files are of which verdict.

    Args:
        outputs: folders by flag, each for another verdict; None = not asked for.

    Raises:
        UsageError: names the first two flags that are wrong.
    """
    folders = [(flag, folder) for flag, folder in outputs.items() if folder is not None]
    for one, other in combinations(folders, 2):
        for (flag, inner), (around, outer) in ((other, one), (one, other)):
            if _lies_in(inner, outer):
                raise UsageError(
                    f"{flag}: expected a place apart from {around} {printable(str(outer))}, got {printable(str(inner))}; "
                    "files of two verdicts would lie together: choose a place beside it"
                )


def _lies_in(place: Path, folder: Path) -> bool:
    """Says whether a place is a folder or lies in it, whatever links lead there."""
    inner, outer = _real(place), _real(folder)
    return any(_is_same(one, outer) for one in (inner, *inner.parents))


def _is_same(a: Path, b: Path) -> bool:
    """Says whether two real paths name one place, of which some may not be there yet.

    Names that are not there and differ in case alone count as one: on some disks they will be.
    """
    are_there = os.path.exists(a), os.path.exists(b)  # noqa: PTH110 Path.exists may raise
    if all(are_there):
        return a.samefile(b)
    if any(are_there) or a == a.parent or b == b.parent:
        return False
    return _folded(a.name) == _folded(b.name) and _is_same(a.parent, b.parent)


def _real(path: str | Path) -> Path:
    return Path(os.path.realpath(path))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
