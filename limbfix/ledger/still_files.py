"""How is a ledger read where nothing can be written: a read-only file, folder or medium? As the file stands, with nothing beside it.

SQLite's WAL wants two more files beside a ledger, even of those who only read. Who may write the folder alone would leave them
there for good, and who may not write it would be refused. A file that has no WAL with entries in it is whole by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from limbfix.errors import LedgerError

_AFTER = ("-wal", "-journal")
"""What another program left unfinished stands in these, beside the file; without content nothing is unfinished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillFile:
    """A ledger that is read as its file stands.

    Attributes:
        path: the file itself, where links have led to it.
        size, changed: bytes and nanoseconds, when it was opened.
        is_whole: nothing unfinished lies beside it; else SQLite must look there too, and keeps order among those who write.
    """

    path: Path
    size: int
    changed: int
    is_whole: bool

    @property
    def options(self) -> dict[str, str]:
        """Of SQLite's address of the file."""
        return {"uri": "true", "mode": "ro"} | ({"immutable": "1"} if self.is_whole else {})

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Refuses what was read while somebody else wrote, of which parts may be older than others.

        Raises:
            LedgerError: the file is not as it was when it was opened.
        """
        try:
            yield
        except LedgerError:
            self._expect_unchanged()  # says the cause of what would look like a broken file
            raise
        self._expect_unchanged()

    def _expect_unchanged(self) -> None:
        if self.is_whole and (self.size, self.changed) != _stamp(self.path):
            raise LedgerError(
                f"ledger {self.path}: expected it unchanged while it is read without a place to write, got a newer one; "
                "open it again"
            )


def still_file(path: Path) -> StillFile | None:
    """Returns what to read of a ledger that cannot be written; None where it can be written, or no file is there.

    Raises:
        LedgerError: another program left entries beside the file, and they cannot be read without writing.
    """
    path = Path(os.path.realpath(path))
    if not path.is_file() or is_writable(path):
        return None
    size, changed = _stamp(path)  # before looking beside it: whatever comes later is a change
    unfinished = [beside for ending in _AFTER if _has_content(beside := path.with_name(path.name + ending))]
    if not unfinished or path.with_name(path.name + "-shm").is_file():  # SQLite needs no more than these to read them
        return StillFile(path=path, size=size, changed=changed, is_whole=not unfinished)
    raise LedgerError(
        f"ledger {path}: expected no unfinished entries beside a ledger that cannot be written here, got {unfinished[0].name}; "
        f"copy {path.name} and {unfinished[0].name} to a folder where you may write, and read it there"
    )


def expect_writable(path: Path) -> None:
    """Refuses to write to a ledger before SQLite makes files beside it.

    Raises:
        LedgerError: its file or folder cannot be written.
    """
    path = Path(os.path.realpath(path))
    if not is_writable(path):
        which = "folder" if _may_write(path) or not path.exists() else "file"
        raise LedgerError(
            f"ledger {path}: expected to write it, got a {which} that is read-only for you; nothing was written. Allow "
            f"writing there, or copy the ledger to a folder where you may write"
        )


def is_writable(path: Path) -> bool:
    """Says whether a ledger's file, where there is one, and its folder can be written."""
    return _may_write(path.parent) and (not path.exists() or _may_write(path))


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:  # it has gone meanwhile
        return 0, 0
    return found.st_size, found.st_mtime_ns
