"""What was judged before? One SQLite file that survives kill -9: every record is committed before the next picture."""

from __future__ import annotations

import functools
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from limbfix.errors import OutputLocked, StateError
from limbfix.records import Record

STATE_VERSION = 1
_APPLICATION_ID = 0x4C465831  # "LFX1" in the SQLite header: tells our file from anybody else's database
_TABLES = """
CREATE TABLE IF NOT EXISTS judged (
  content TEXT NOT NULL, settings TEXT NOT NULL, record TEXT NOT NULL, keypoints TEXT NOT NULL,
  PRIMARY KEY (content, settings)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moved (
  path TEXT PRIMARY KEY, target TEXT NOT NULL, content TEXT NOT NULL
) WITHOUT ROWID;
"""


@functools.cache
def code_hash() -> str:
    """Returns the SHA-256 of limbfix's own code, which may judge differently between two releases while the version stays."""
    folder = Path(__file__).parent
    code = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        code.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes())
    return code.hexdigest()


class State:
    """The memory of interrupted runs.

    A judgement is keyed by the content's SHA-256 and the settings' label (policy, models, search, code), never by path or
    row number: a renamed picture is not judged twice, and a changed policy judges again.

    Args:
        path: the file; made if absent.

    Raises:
        StateError: the file is something else, or of another version.
        OutputLocked: another process holds it.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._lock = FileLock(f"{self._path}.lock")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0.2)
        except Timeout as error:
            raise OutputLocked(
                f"state {self._path}: expected to be its only writer, but another limbfix run holds it. "
                "Wait for that run, or give each run its own --state file."
            ) from error
        except OSError as error:
            raise StateError(f"state {self._path}: expected a writable place, got: {error}") from error
        try:
            self._database = self._open()
        except BaseException:
            self._lock.release()
            raise

    def _open(self) -> sqlite3.Connection:
        try:
            database = sqlite3.connect(self._path, isolation_level=None)
            application, version = (
                database.execute(f"PRAGMA {key}").fetchone()[0] for key in ("application_id", "user_version")
            )
            fresh = not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if not fresh and (application, version) != (_APPLICATION_ID, STATE_VERSION):
                database.close()
                raise StateError(
                    f"state {self._path}: expected a limbfix state of version {STATE_VERSION}, got another database. "
                    "Name a new file; this one was left as it is."
                )
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(
                "PRAGMA synchronous=NORMAL"
            )  # survives a killed process; only a power cut may lose the last rows
            if fresh:
                database.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                database.execute(f"PRAGMA user_version={STATE_VERSION}")
            database.executescript(_TABLES)
        except sqlite3.Error as error:
            raise StateError(
                f"state {self._path}: expected a limbfix state, got: {error}. Name a new file; this one was left as it is."
            ) from error
        return database

    def __enter__(self) -> State:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file and gives the lock back."""
        self._database.close()
        self._lock.release()

    def find(self, content: str, settings: str) -> tuple[Record, list[dict[str, Any]]] | None:
        """Returns (record, keypoints) judged before for this content under these settings, or None."""
        row = self._execute(
            "SELECT record, keypoints FROM judged WHERE content = ? AND settings = ?", (content, settings)
        ).fetchone()
        return None if row is None else (json.loads(row[0]), json.loads(row[1]))

    def add(self, record: Record, keypoints: tuple[dict[str, Any], ...], settings: str) -> None:
        """Keeps a judgement; it is on disk when this returns. Errors are not kept: the next run tries them again."""
        if record["error"] is not None or record["sha256"] is None:
            return
        row = (record["sha256"], settings, json.dumps(record, allow_nan=False), json.dumps(keypoints, allow_nan=False))
        self._execute("INSERT OR REPLACE INTO judged VALUES (?, ?, ?, ?)", row)

    def note_move(self, place: str, target: str, content: str) -> None:
        """Remembers that a rejected file is moved, so that a resumed run still lists it.

        Call it before the move: a note without a move is harmless, because a file that still lies there counts itself.

        Args:
            place: where it lay, see `limbfix.discovery.place_of`.
            target: where it lies now, absolute.
            content: its SHA-256.
        """
        row = (json.dumps(place), json.dumps(target), content)
        self._execute("INSERT OR REPLACE INTO moved VALUES (?, ?, ?)", row)

    def forget_move(self, place: str) -> None:
        """Takes a note back: the move failed."""
        self._execute("DELETE FROM moved WHERE path = ?", (json.dumps(place),))

    def moves(self) -> Iterator[tuple[str, str, str]]:
        """Yields (place, target, content) of every move."""
        for place, target, content in self._execute("SELECT path, target, content FROM moved ORDER BY path"):
            yield json.loads(place), json.loads(target), content

    def find_move(self, place: str) -> tuple[str, str] | None:
        """Returns (target, content) of the file that was moved away from a place, or None."""
        row = self._execute("SELECT target, content FROM moved WHERE path = ?", (json.dumps(place),)).fetchone()
        return None if row is None else (json.loads(row[0]), row[1])

    def _execute(self, statement: str, values: tuple[str, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise StateError(
                f"state {self._path}: expected to read and write it, got: {error}. Free space or check the disk; "
                "what was kept so far is still there."
            ) from error
