"""The last file of a report: that it is there says that all others are whole."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limbfix.reports.part_file import PartFile
from limbfix.reports.site import MANIFEST


class Manifest:
    """Collects the SHA-256 of every file on disk, not in memory: a long run has tens of thousands."""

    def __init__(self) -> None:
        # The object outlives this call and is closed by `close`; the system removes the file if that never happens.
        self._sums = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115

    def add(self, name: str, file: PartFile) -> None:
        """Notes a committed file under its name relative to the report, with forward slashes."""
        self._sums.write(f"{json.dumps(name)}: {json.dumps({'sha256': file.sha256, 'bytes': file.size})}\n")

    def write(self, folder: Path, head: Mapping[str, Any]) -> None:
        """Writes `head` and the `files` into the folder, in one step."""
        file = PartFile(folder / MANIFEST)
        try:
            file.write(json_document(head).removesuffix("\n}\n").encode("ascii") + b',\n  "files": {')
            self._sums.seek(0)
            for number, line in enumerate(self._sums):
                file.write(f"{',' if number else ''}\n    {line.rstrip()}".encode("ascii"))
            file.write(b"\n  }\n}\n")
            file.commit()
        finally:
            file.close()

    def close(self) -> None:
        """Drops what was collected."""
        self._sums.close()


def json_document(value: Mapping[str, Any]) -> str:
    """Returns a JSON file's text: ASCII, indented, keys in the order given.

    Raises:
        ValueError: NaN or an infinity.
    """
    return json.dumps(value, ensure_ascii=True, allow_nan=False, indent=2) + "\n"
