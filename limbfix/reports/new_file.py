"""One new file that appears whole or not at all, and never in the place of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from limbfix.errors import OutputError, ReportExists
from limbfix.reports.part_file import PartFile

_PRECIOUS = (b"SQLite format 3", b"-----BEGIN ")
"""How ledgers and signing keys begin: nobody means to replace one by a report of it."""


@contextmanager
def new_file(path: Path, *, force: bool = False) -> Iterator[PartFile]:
    """Opens a file for bytes; it gets its name when the block ends well.

    Args:
        path: the new file.
        force: replace a regular file that lies there, if it is no database and no key.

    Raises:
        ReportExists: something lies there, and `force` is False or may not replace it.
        OutputError: it cannot be written.
    """
    if path.exists() and not (force and path.is_file()):
        raise ReportExists(
            f"output {path}: expected no file there, got one; it was left as it is. Name another, or --force"
        )
    try:
        if path.is_file() and _begins(path).startswith(_PRECIOUS):
            raise ReportExists(
                f"output {path}: expected a file to replace, got a database or a key; it was left as it is. Name another"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        file = PartFile(path)
    except OSError as error:
        raise OutputError(f"output {path}: expected a writable place, got: {error}") from error
    try:
        yield file
        file.commit()
    except OSError as error:
        raise OutputError(f"output {path}: expected to write it, got: {error}") from error
    finally:
        file.close()
        path.with_name(f".{path.name}.part").unlink(missing_ok=True)


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(max(map(len, _PRECIOUS)))
