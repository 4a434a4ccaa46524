"""Which tables does a ledger have, and how does an older one get them? Numbered steps, each applied once.

A step is never changed once it was released; a new one is added at the end. They are plain SQL that SQLite and
PostgreSQL both read, with the few words that differ filled in, and touch tables and indexes, never an entry: the chain
says what an entry is, whatever the tables' version.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from limbfix.errors import LedgerError

if TYPE_CHECKING:
    from sqlalchemy import Connection

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE entries (
          seq {bigint} PRIMARY KEY, kind TEXT NOT NULL, case_id TEXT NOT NULL, at TEXT NOT NULL,
          customer TEXT NOT NULL, order_id TEXT NOT NULL, picture TEXT NOT NULL, likeness TEXT NOT NULL,
          evidence TEXT NOT NULL, prev TEXT NOT NULL UNIQUE, body TEXT NOT NULL, hash TEXT NOT NULL UNIQUE)""",
        "CREATE INDEX entries_case ON entries (case_id, kind, seq)",
        "CREATE INDEX entries_customer ON entries (customer, kind)",
        "CREATE TABLE evidence (sha256 TEXT PRIMARY KEY, media TEXT NOT NULL, data {bytes} NOT NULL)",
        """CREATE TABLE head (
          id INTEGER PRIMARY KEY CHECK (id = 1), ledger TEXT NOT NULL, count {bigint} NOT NULL, last TEXT NOT NULL,
          at TEXT NOT NULL, key TEXT NOT NULL, signature TEXT NOT NULL)""",
    ),
    # Refunds count duplicates and caps over a whole ledger too, and reports ask for a span of time.
    ("CREATE INDEX entries_kind ON entries (kind, seq)", "CREATE INDEX entries_picture ON entries (picture)"),
)
"""Version n is what stands after the first n steps."""

_VERSIONS = "CREATE TABLE IF NOT EXISTS ledger_versions (version INTEGER PRIMARY KEY, at TEXT NOT NULL)"
_WORDS = {
    "sqlite": {"bigint": "INTEGER", "bytes": "BLOB"},
    "postgresql": {"bigint": "BIGINT", "bytes": "BYTEA"},
}


def version_of(connection: Connection) -> int:
    """Returns how many steps a database has had; 0 for one without a ledger."""
    from sqlalchemy import inspect, text

    if "ledger_versions" not in inspect(connection).get_table_names():
        return 0
    return int(connection.execute(text("SELECT coalesce(max(version), 0) FROM ledger_versions")).scalar_one())


def migrate(connection: Connection, *, steps: tuple[tuple[str, ...], ...] = STEPS) -> int:
    """Applies the steps that are missing, within the caller's transaction; returns the version.

    Raises:
        LedgerError: the ledger was written by a newer limbfix.
    """
    from sqlalchemy import text

    words = _WORDS[connection.dialect.name]
    connection.execute(text(_VERSIONS))
    version = version_of(connection)
    if version > len(steps):
        raise LedgerError(
            f"ledger: expected tables of version {len(steps)} or older, got {version}; a newer limbfix wrote it. "
            "Install that one; nothing was changed"
        )
    for number in range(version, len(steps)):
        for statement in steps[number]:
            connection.execute(text(statement.format(**words)))
        connection.execute(
            text("INSERT INTO ledger_versions (version, at) VALUES (:version, :at)"),
            {"version": number + 1, "at": datetime.now(UTC).isoformat(timespec="seconds")},
        )
    return len(steps)
