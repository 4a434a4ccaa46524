"""One file that appears whole or not at all."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path


class PartFile:
    """A file written under a temporary name and moved to its own by `commit`.

    Attributes:
        path: the final name.
        size: bytes written so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._part = path.with_name(f".{path.name}.part")
        self._file = self._part.open("w+b")

    def write(self, block: bytes) -> None:
        """Appends bytes."""
        self._file.write(block)
        self._digest.update(block)
        self.size += len(block)

    def line_at(self, offset: int) -> bytes:
        """Returns the line that begins at an offset; writing goes on at the end."""
        self._file.seek(offset)
        line = self._file.readline()
        self._file.seek(0, os.SEEK_END)
        return line

    @property
    def sha256(self) -> str:
        """SHA-256 of what was written so far, hex."""
        return self._digest.hexdigest()

    def commit(self, *, is_durable: bool = True) -> None:
        """Gives the file its final name, in one step.

        Args:
            is_durable: wait until the disk holds it, so that a power cut cannot leave the name without the bytes.
        """
        self._file.flush()
        if is_durable:
            os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self.path)

    def close(self) -> None:
        """Closes the file; without `commit` it stays under its temporary name. Closing twice is fine."""
        self._file.close()


def sync_folder(folder: Path) -> None:
    """Waits until the disk holds the names in a folder, where the file system can do that for a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
