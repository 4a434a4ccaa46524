"""How is a ledger opened, read and continued? One writer at a time; entries are added and nothing else."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from limbfix.errors import LedgerBroken, LedgerError
from limbfix.ledger import NOTICE
from limbfix.ledger.appending import Clock, Writer
from limbfix.ledger.chain import Head
from limbfix.ledger.engines import WRITE, claim_file, is_address, make_engine, take_lock
from limbfix.ledger.keys import SigningKey, default_key_path, load_key, make_key
from limbfix.ledger.migrations import migrate
from limbfix.ledger.reading import Reader
from limbfix.ledger.still_files import expect_writable, still_file
from limbfix.ledger.witnesses import note_head, read_head, witness_path
from limbfix.printing import printable

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOG = logging.getLogger("limbfix")


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """An open ledger; use it as a context manager, or call `close`. Make one with `open_ledger`."""

    def __init__(self, place: str, *, key: Path | None, clock: Clock) -> None:
        self.place = place
        self.clock = clock
        self._key_path = key or default_key_path()
        self._key: SigningKey | None = None
        self._still = None if is_address(place) else still_file(Path(place))
        self._engine = make_engine(place, still=self._still)
        self._has_warned = False  # once for each open ledger: thousands of entries have one folder

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
            LedgerError: the database failed, or a file that cannot be written here was written by somebody else.
        """
        unchanged = nullcontext() if self._still is None else self._still.unchanged()
        with unchanged, self._errors(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield Reader(connection)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Opens the ledger for entries; they and the signed head are kept together or not at all.

        Where this machine cannot remember the new end beside its key, that is a warning in the log: the entries are kept.

        Raises:
            SigningKeyError: this machine does not hold the ledger's key.
            LedgerBroken: the end of the ledger is not what its head signed, or an end that this machine remembers is no longer in it;
                nothing is added to it.
            LedgerError: the database failed, or its file or folder is read-only.
        """
        self.expect_writable()
        key = self._signing_key()
        with self._errors(), self._engine.connect() as connection:
            connection = connection.execution_options(**WRITE)
            with connection.begin():
                take_lock(connection)
                writer = Writer(connection, key, self.clock)
                self._expect_remembered(writer)
                yield writer
                head = writer.sign()
        self._remember(head)

    def _remember(self, head: Head | None) -> None:
        """Remembers an end beside the key. Its entries are kept by now, so what goes wrong here is a warning and no failure: told
        that nothing was written, the caller would write it again."""
        if head is None:
            return
        try:
            note_head(self._key_path, head)
        except LedgerError as error:
            if not self._has_warned:
                LOG.warning(
                    "ledger %s: written, but this machine cannot remember its end, so nobody here would see an older copy put back "
                    "(%s). Make the folder beside the key writable, or keep `limbfix ledger head` elsewhere",
                    printable(self._name),
                    printable(str(error)),
                )
            self._has_warned = True

    def _expect_remembered(self, writer: Writer) -> None:
        """Refuses to go on from an older copy that was put back: one more entry, and nothing would tell that others are gone."""
        path = witness_path(self._key_path, writer.ledger)
        if not path.is_file():
            return
        known = read_head(path)
        entry = writer.entry(known.count)
        if entry is None or entry.hash != known.last:
            raise LedgerBroken(
                f"ledger {self._name}: expected entry {known.count} as this machine saw it before, got "
                f"{'an older copy that ends before it' if entry is None else 'another one'}; nothing was added. Look with "
                f"`limbfix ledger verify`; to go on from here all the same, move {path} away"
            )

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
        self._remember(head)

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

    @property
    def _name(self) -> str:
        return "the database" if is_address(self.place) else self.place  # an address may hold a password

    def expect_writable(self) -> None:
        """Refuses a file that cannot be written.

        Raises:
            LedgerError: it or its folder is read-only.
        """
        if self._still is not None:
            expect_writable(self._still.path)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (
            SQLAlchemyError,
            sqlite3.Error,
        ) as error:  # the latter: what speaks to the file itself, see `claim_file`
            cause = str(getattr(error, "orig", None) or error).strip().splitlines()
            raise LedgerError(
                f"ledger {self._name}: expected to read and write it, got: {cause[0] if cause else type(error).__name__}. "
                "What was confirmed before is still there; check the disk, the server, or who else holds it"
            ) from error


def _expect_place(path: Path, *, create: bool) -> None:
    """Refuses a file that is no ledger and a place that can hold none; makes the folder of a new one."""
    try:
        if not path.is_file() and not create:
            raise LedgerError(f"ledger {path}: expected a file, got none; make one with `limbfix ledger add`")
        if path.is_file() and path.stat().st_size and path.open("rb").read(15) != b"SQLite format 3":
            raise LedgerError(f"ledger {path}: expected a limbfix ledger, got another file; it was left as it is")
        path.parent.mkdir(parents=True, exist_ok=True)
        if create:
            expect_writable(path)
    except OSError as error:
        raise LedgerError(
            f"ledger {path}: expected a place for a file, got: {error.strerror or error}. Name another one"
        ) from error


def open_ledger(
    place: str | os.PathLike[str], *, create: bool = False, key: Path | None = None, clock: Clock = _now
) -> Ledger:
    """Opens a ledger. A file that cannot be written is read as it stands, and no file is made beside it.

    Args:
        place: a file, or `postgresql://user@host/database`.
        create: make it, and its signing key, where there is none.
        key: the signing key's file; None = LIMBFIX_LEDGER_KEY or the user's configuration folder. Only writing needs it.
        clock: tells the time of new entries.

    Raises:
        LedgerError: nothing is there and `create` is False, it is something else, or it cannot be written and `create` is True.
        MissingExtra: the extra `ledger` (or `postgres`) is not installed.
        SigningKeyError: the key cannot be read or made.
    """
    place = os.fspath(place)
    if not is_address(place):
        _expect_place(Path(place), create=create)
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
