"""Where does a ledger lie? One SQLite file, or a PostgreSQL database by its address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbfix.errors import LedgerError, MissingExtra
from limbfix.ledger.still_files import StillFile

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

APPLICATION_ID = 0x4C464C31
"""`LFL1` in the SQLite header: tells a ledger from anybody else's database."""

WRITE = {"limbfix_write": True}
"""Execution options of a connection whose transaction will write."""

_WAIT_S = 30.0
"""A writer waits so long for another one; each holds the ledger for well under a second."""

_LOCK = 0x4C464C31
"""Key of PostgreSQL's advisory lock; one writer at a time, as in SQLite."""


def is_address(place: str) -> bool:
    """Says whether a place is a database's address rather than a file."""
    return "://" in place


def make_engine(place: str, *, still: StillFile | None = None) -> Engine:
    """Returns the engine of a ledger; nothing is opened yet.

    Args:
        place: a file or an address.
        still: what to read of a file that cannot be written.

    Raises:
        MissingExtra: SQLAlchemy or the driver is not installed.
        LedgerError: the address is of another kind of database.
    """
    try:
        import sqlalchemy
    except ImportError as error:
        raise MissingExtra(
            f"SQLAlchemy: expected to import, got {error}. Install it with: pip install 'limbfix[ledger]'"
        ) from error
    if not is_address(place):
        url = sqlalchemy.URL.create("sqlite", database=str(Path(place).absolute()))
        if still is not None:
            url = sqlalchemy.URL.create("sqlite", database=still.path.as_uri(), query=still.options)
        return _sqlite(sqlalchemy.create_engine(url, connect_args={"timeout": _WAIT_S, "check_same_thread": False}))
    scheme, _, rest = place.partition("://")
    if scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise LedgerError(f"ledger: expected a file or an address postgresql://..., got one of {scheme}")
    try:
        return sqlalchemy.create_engine(f"postgresql+psycopg://{rest}", pool_pre_ping=True)
    except ImportError as error:
        raise MissingExtra(
            f"psycopg: expected to import, got {error}. Install it with: pip install 'limbfix[postgres]'"
        ) from error


def _sqlite(engine: Engine) -> Engine:
    """Takes transactions into our own hands: a writer must own the file before it reads the head it will continue."""
    from sqlalchemy import event

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous=FULL")  # an entry that was confirmed survives a power cut

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_writing = connection.get_execution_options().get("limbfix_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def take_lock(connection: Connection) -> None:
    """Waits until no other writer is at work; held until the transaction ends. SQLite has taken it with BEGIN IMMEDIATE."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def claim_file(engine: Engine, path: Path) -> None:
    """Marks a fresh SQLite file as a ledger and switches it to WAL.

    Raises:
        LedgerError: the file is somebody else's database; it was left as it is.
    """
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        (application,) = cursor.execute("PRAGMA application_id").fetchone()
        (tables,) = cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != APPLICATION_ID:
            raise LedgerError(
                f"ledger {path}: expected a limbfix ledger, got another database. Name a new file; this one was left as it is"
            )
        cursor.execute("PRAGMA journal_mode=WAL")
        if application != APPLICATION_ID:
            cursor.execute(f"PRAGMA application_id={APPLICATION_ID}")
    finally:
        raw.close()
