"""How is a ledger opened, read and continued? One writer at a time; entries are added and nothing else."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from limbfix.errors import LedgerBroken, LedgerError, SigningKeyError
from limbfix.ledger import NOTICE
from limbfix.ledger.canonical import canonical_json
from limbfix.ledger.chain import COLUMNS, FIRST_PREV, Entry, Head, head_message, sealed
from limbfix.ledger.engines import WRITE, claim_file, is_address, make_engine, take_lock
from limbfix.ledger.keys import SigningKey, default_key_path, is_signed, load_key, make_key
from limbfix.ledger.migrations import migrate, version_of
from limbfix.ledger.witnesses import note_head

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_FIELDS = ", ".join((*COLUMNS, "hash"))
_INSERT = f"INSERT INTO entries ({_FIELDS}) VALUES ({', '.join(f':{name}' for name in (*COLUMNS, 'hash'))})"
Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """An open ledger; use it as a context manager, or call `close`. Make one with `open_ledger`."""

    def __init__(self, place: str, *, key: Path | None, clock: Clock) -> None:
        self.place = place
        self.clock = clock
        self._key_path = key or default_key_path()
        self._key: SigningKey | None = None
        self._engine = make_engine(place)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives all connections back."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Opens one consistent view of the ledger.

        Raises:
            LedgerError: the database failed.
        """
        with self._errors(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield Reader(connection)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Opens the ledger for entries; they and the signed head are kept together or not at all.

        Raises:
            SigningKeyError: this machine does not hold the ledger's key.
            LedgerBroken: the end of the ledger is not what its head signed; nothing is added to it.
            LedgerError: the database failed.
        """
        key = self._signing_key()
        with self._errors(), self._engine.connect() as connection:
            connection = connection.execution_options(**WRITE)
            with connection.begin():
                take_lock(connection)
                writer = Writer(connection, key, self.clock)
                yield writer
                head = writer.sign()
        if head is not None:
            note_head(self._key_path, head)

    def head(self) -> Head:
        """Returns the signed head."""
        with self.reading() as reader:
            return reader.head()

    def create(self) -> None:
        """Makes tables, key and first entry where there are none, and brings older tables up to date."""
        with self._errors():
            if not is_address(self.place):
                claim_file(self._engine, Path(self.place))
            with self._engine.connect() as connection:
                connection = connection.execution_options(**WRITE)
                with connection.begin():
                    take_lock(connection)
                    migrate(connection)
                    is_fresh = connection.exec_driver_sql("SELECT count(*) FROM head").scalar_one() == 0
                    head = self._begin(connection) if is_fresh else None
        if head is not None:
            note_head(self._key_path, head)

    def _begin(self, connection: Connection) -> Head | None:
        if not self._key_path.exists():
            make_key(self._key_path)
        key = self._key = load_key(self._key_path)
        writer = Writer(connection, key, self.clock, ledger=secrets.token_hex(16))
        body = {"format": 1, "key": key.public_hex, "ledger": writer.ledger, "notice": NOTICE}
        writer.append(kind="genesis", case_id="", body=body)
        return writer.sign()

    def _signing_key(self) -> SigningKey:
        if self._key is None:
            self._key = load_key(self._key_path)
        return self._key

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).strip().splitlines()
            place = "the database" if is_address(self.place) else self.place
            raise LedgerError(
                f"ledger {place}: expected to read and write it, got: {cause[0] if cause else type(error).__name__}. "
                "What was confirmed before is still there; check the disk, the server, or who else holds it"
            ) from error


class Reader:
    """One consistent view of a ledger."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def head(self) -> Head:
        """Returns the signed head.

        Raises:
            LedgerBroken: there is none.
        """
        row = self._rows("SELECT ledger, count, last, at, key, signature FROM head").one_or_none()
        if row is None:
            raise LedgerBroken("ledger: expected a signed head, got none")
        return Head(**row._mapping)

    def entries(self, *, after: int = 0) -> Iterator[Entry]:
        """Yields the entries after a number, in order."""
        for row in self._rows(f"SELECT {_FIELDS} FROM entries WHERE seq > :after ORDER BY seq", after=after):
            yield _entry(row)

    def entry(self, seq: int) -> Entry | None:
        """Returns one entry."""
        row = self._rows(f"SELECT {_FIELDS} FROM entries WHERE seq = :seq", seq=seq).one_or_none()
        return None if row is None else _entry(row)

    def history(self, case_id: str) -> list[Entry]:
        """Returns all entries of a case, oldest first."""
        rows = self._rows(f"SELECT {_FIELDS} FROM entries WHERE case_id = :case ORDER BY seq", case=case_id)
        return [_entry(row) for row in rows]

    def standing(self, *, customer: str | None = None) -> list[Entry]:
        """Returns each case's newest entry and the overrides of it, in order of writing.

        Args:
            customer: only of this customer.
        """
        whose = "" if customer is None else " AND customer = :customer"
        newest = f"SELECT case_id, max(seq) AS seq FROM entries WHERE kind = 'case'{whose} GROUP BY case_id"
        rows = self._rows(
            f"SELECT {', '.join('e.' + name for name in (*COLUMNS, 'hash'))} FROM entries e "
            f"JOIN ({newest}) n ON e.case_id = n.case_id AND e.seq >= n.seq ORDER BY e.seq",
            **({} if customer is None else {"customer": customer}),
        )
        return [_entry(row) for row in rows]

    def evidence(self, sha256: str) -> bytes | None:
        """Returns a kept picture, or None."""
        data = self._rows("SELECT data FROM evidence WHERE sha256 = :sha", sha=sha256).scalar_one_or_none()
        return None if data is None else bytes(data)

    def version(self) -> int:
        """Returns the version of the tables."""
        return version_of(self.connection)

    def _rows(self, statement: str, **values: Any) -> Any:
        from sqlalchemy import text

        return self.connection.execute(text(statement), values)


class Writer(Reader):
    """A view that may add. Its transaction holds the ledger's only pen."""

    def __init__(self, connection: Connection, key: SigningKey, clock: Clock, *, ledger: str | None = None) -> None:
        super().__init__(connection)
        self._key, self._clock, self._is_changed = key, clock, False
        if ledger is not None:
            self.ledger, self._count, self._last = ledger, 0, FIRST_PREV
            return
        head = self.head()
        if head.key != key.public_hex:
            raise SigningKeyError(
                f"key {key.path}: expected the key that began this ledger ({head.key[:16]}...), got {key.public_hex[:16]}...; "
                "name the right file with --key"
            )
        last = self.entry(head.count)
        is_whole = is_signed(head_message(head), head.signature, head.key)
        if last is None or last.hash != head.last or self.entry(head.count + 1) is not None or not is_whole:
            raise LedgerBroken(
                "ledger: expected its end to be what its head signed, got something else; nothing was added. "
                "Run `limbfix ledger verify`"
            )
        self.ledger, self._count, self._last = head.ledger, head.count, head.last

    def append(
        self, *, kind: str, case_id: str, body: dict[str, Any], evidence: dict[str, bytes] | None = None, **columns: str
    ) -> Entry:
        """Adds an entry.

        Args:
            kind, case_id: see `Entry`.
            body: JSON without floats.
            evidence: JPEGs to keep, by SHA-256.
            columns: `customer`, `order_id`, `picture`, `likeness`.
        """
        from sqlalchemy import text

        entry = sealed(
            seq=self._count + 1,
            kind=kind,
            case_id=case_id,
            at=self._clock().astimezone(UTC).isoformat(timespec="seconds"),
            evidence=" ".join(evidence or ()),
            prev=self._last,
            body=canonical_json(body),
            **columns,
        )
        for sha256, data in (evidence or {}).items():
            if hashlib.sha256(data).hexdigest() != sha256:
                raise ValueError(f"append: expected evidence named by its SHA-256, got {sha256}")
            values = {"sha": sha256, "media": "image/jpeg", "data": data}
            self.connection.execute(
                text("INSERT INTO evidence VALUES (:sha, :media, :data) ON CONFLICT (sha256) DO NOTHING"), values
            )
        values = {name: getattr(entry, name) for name in (*COLUMNS, "hash")}
        self.connection.execute(text(_INSERT), values)
        self._count, self._last, self._is_changed = entry.seq, entry.hash, True
        return entry

    def sign(self) -> Head | None:
        """Signs the new head; returns None where nothing was added."""
        from dataclasses import asdict, replace

        from sqlalchemy import text

        if not self._is_changed:
            return None
        at = self._clock().astimezone(UTC).isoformat(timespec="seconds")
        head = Head(ledger=self.ledger, count=self._count, last=self._last, at=at, key=self._key.public_hex)
        head = replace(head, signature=self._key.sign(head_message(head)))
        self.connection.execute(text("DELETE FROM head"))
        self.connection.execute(
            text("INSERT INTO head VALUES (1, :ledger, :count, :last, :at, :key, :signature)"), asdict(head)
        )
        return head


def open_ledger(
    place: str | os.PathLike[str], *, create: bool = False, key: Path | None = None, clock: Clock = _now
) -> Ledger:
    """Opens a ledger.

    Args:
        place: a file, or `postgresql://user@host/database`.
        create: make it, and its signing key, where there is none.
        key: the signing key's file; None = LIMBFIX_LEDGER_KEY or the user's configuration folder. Only writing needs it.
        clock: tells the time of new entries.

    Raises:
        LedgerError: nothing is there and `create` is False, or it is something else.
        MissingExtra: the extra `ledger` (or `postgres`) is not installed.
        SigningKeyError: the key cannot be read or made.
    """
    place = os.fspath(place)
    if not is_address(place):
        path = Path(place)
        if not path.is_file() and not create:
            raise LedgerError(f"ledger {path}: expected a file, got none; make one with `limbfix ledger add`")
        if path.is_file() and path.stat().st_size and path.open("rb").read(15) != b"SQLite format 3":
            raise LedgerError(f"ledger {path}: expected a limbfix ledger, got another file; it was left as it is")
        path.parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(place, key=key, clock=clock)
    try:
        if create:
            ledger.create()
        with ledger.reading() as reader:
            if not reader.version():
                raise LedgerError(
                    f"ledger {place if not is_address(place) else 'at this address'}: expected a limbfix ledger, got none; "
                    "make one with `limbfix ledger add`"
                )
    except BaseException:
        ledger.close()
        raise
    return ledger


def _entry(row: Row[Any]) -> Entry:
    return Entry(**row._mapping)
