"""What lies in the folder of a run, so that one that was ended at any moment goes on where it was?

`options.json` (first: what is made), `shards/*.tar` (each moved into place whole), `shards.jsonl` (a line for each finished
shard), `errors.jsonl` (groups that could not be made) and `manifest.json` (last: totals). A shard counts as finished when its
line is there, its file has the size in the line, and none of its groups failed; all others are made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from limbfix.errors import OutputError, OutputLocked, ReportExists, UsageError
from limbfix.synthesis.shard_making import ShardJob, ShardTally

OPTIONS, JOURNAL, ERRORS, MANIFEST, SHARDS = "options.json", "shards.jsonl", "errors.jsonl", "manifest.json", "shards"

_SCRATCH = ".scratch"
_LOCK = ".lock"
_COUNTS = ("roles", "operators", "codes", "visible_codes")

Row = dict[str, Any]
"""A line of the journal: `shard`, `first`, `last` (groups), `file` and the fields of `ShardTally`."""


class ProductionFolder:
    """The folder of one run.

    Args:
        path: it is made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scratch = path / _SCRATCH

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Holds the folder's lock and a scratch folder in it.

        Raises:
            ReportExists: it holds other things than a run; nothing was touched.
            OutputLocked: another process writes there.
            OutputError: it cannot be written; so for everything in the block.
        """
        try:
            if self.path.exists() and not self.path.is_dir():
                raise ReportExists(f"{self.path}: expected a folder for the pictures, found a file")
            strangers = [one.name for one in self.path.iterdir() if one.name != _LOCK] if self.path.exists() else []
            if strangers and OPTIONS not in strangers:
                found = f"found {sorted(strangers)[0]}"
                raise ReportExists(
                    f"{self.path}: expected an empty folder or one of an earlier run, {found}; name another"
                )
            self.path.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path / _LOCK, timeout=0):
                shutil.rmtree(self.scratch, ignore_errors=True)
                self.scratch.mkdir()
                try:
                    yield
                finally:
                    shutil.rmtree(self.scratch, ignore_errors=True)
        except Timeout as error:
            raise OutputLocked(
                f"{self.path}: another process is making pictures there; wait, or name another"
            ) from error
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error}; free space or name another folder") from error

    def options(self) -> dict[str, Any] | None:
        """Returns what an earlier run noted, or None."""
        path = self.path / OPTIONS
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def note_options(self, options: Mapping[str, Any]) -> None:
        """Notes what is made here, or checks that it is what was made before.

        Raises:
            UsageError: other pictures were made here; nothing is overwritten.
        """
        before = self.options()
        if before is not None:
            other = [name for name in {**before, **options} if name in options and before.get(name) != options[name]]
            if other:
                pairs = ", ".join(f"{name} {before.get(name)!r} (now {options[name]!r})" for name in sorted(other))
                raise UsageError(f"{self.path} holds pictures made with {pairs}; name another folder with --out")
            return
        (self.path / SHARDS).mkdir(exist_ok=True)
        self._write(OPTIONS, options)

    def begin(self) -> None:
        """Takes away what only a finished run has, and the failures of the last one, which are tried again."""
        (self.path / SHARDS).mkdir(exist_ok=True)
        for name in (MANIFEST, ERRORS):
            (self.path / name).unlink(missing_ok=True)

    def finished(self) -> dict[int, Row]:
        """Returns the finished shards by number."""
        path = self.path / JOURNAL
        rows: dict[int, Row] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                row = json.loads(line)
            except ValueError:  # the last line of a run that was ended while it wrote it
                continue
            file = self.path / SHARDS / row["file"]
            if not row["failed"] and file.is_file() and file.stat().st_size == row["bytes"]:
                rows[row["shard"]] = row
            else:
                rows.pop(row["shard"], None)
        return rows

    def place(self, job: ShardJob, tally: ShardTally) -> Row:
        """Moves a finished shard into place, then writes its line; failures are written too."""
        row = {"shard": job.number, "first": job.first, "last": job.last, "file": job.path.name, **asdict(tally)}
        job.path.replace(self.path / SHARDS / job.path.name)
        self._append(JOURNAL, [row])
        self._append(
            ERRORS, [{"group": group, "shard": job.number, "error": why} for group, why in tally.failed.items()]
        )
        return row

    def write_manifest(self, options: Mapping[str, Any], versions: Mapping[str, str], rows: Iterable[Row]) -> Row:
        """Writes the totals; the same pictures make the same bytes."""
        ordered = sorted(rows, key=lambda row: row["shard"])
        totals: dict[str, Counter[str]] = {name: Counter() for name in _COUNTS}
        for row in ordered:
            for name in _COUNTS:
                totals[name].update(row[name])
        manifest = {
            "schema_version": 1,
            "options": dict(options),
            "versions": dict(versions),
            "pictures": sum(row["pictures"] for row in ordered),
            "groups": sum(row["last"] - row["first"] - len(row["failed"]) for row in ordered),
            "failed_groups": sum(len(row["failed"]) for row in ordered),
            **{name: dict(sorted(counts.items())) for name, counts in totals.items()},
            "shards": [
                {name: row[name] for name in ("file", "first", "last", "pictures", "bytes", "sha256")}
                for row in ordered
            ],
        }
        self._write(MANIFEST, manifest)
        return manifest

    def _write(self, name: str, value: Mapping[str, Any]) -> None:
        partial = self.scratch / name
        partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        partial.replace(self.path / name)

    def _append(self, name: str, rows: Iterable[Row]) -> None:
        lines = [json.dumps(row) + "\n" for row in rows]
        if lines:
            path = self.path / name
            torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
            with path.open("a", encoding="utf-8") as file:
                file.write("\n" * torn + "".join(lines))
                file.flush()
                os.fsync(file.fileno())


def fingerprint(folder: Path | None) -> str | None:
    """Returns 16 hex digits that change when a folder's files do (names and sizes; contents are not read).

    Raises:
        UsageError: there is no such folder.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise UsageError(f"expected a folder of pictures at {folder}, found none")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder).as_posix()} {path.stat().st_size}" for path in files]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:16]
