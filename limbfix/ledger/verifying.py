"""Is a ledger whole? Every entry, every kept picture, the order, the end and the signature, in one pass."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from limbfix.errors import LedgerBroken
from limbfix.ledger.chain import COLUMNS, FIRST_PREV, Head, entry_hash, head_message
from limbfix.ledger.keys import is_signed
from limbfix.ledger.migrations import STEPS
from limbfix.ledger.reading import Reader
from limbfix.ledger.store import Ledger

MOST_PROBLEMS = 20
_BATCH = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What verifying found.

    Attributes:
        entries, evidence: how many were read.
        problems: what is wrong, in words, at most MOST_PROBLEMS; empty = whole.
        head: the signed head, or None where there is none.
        is_trusted: the head was signed by a key that the caller named.
    """

    entries: int
    evidence: int
    problems: tuple[str, ...]
    head: Head | None
    is_trusted: bool


def verify(ledger: Ledger, *, trusted: Iterable[str] = (), known_heads: Iterable[Head] = ()) -> Verification:
    """Reads a whole ledger and checks it.

    Args:
        ledger: what to check.
        trusted: public keys, hex, that may have signed; none = any, and `is_trusted` says False.
        known_heads: heads seen before: the ledger must still hold them.

    Raises:
        LedgerError: the database cannot be read at all, which is as good as broken.
    """
    trusted = set(trusted)
    with ledger.reading() as reader:
        check = _Check(reader, known_heads)
        problems: list[str] = []
        for problem in check.problems(trusted):
            problems.append(problem)
            if len(problems) == MOST_PROBLEMS:
                break
        is_trusted = check.head is not None and check.head.key in trusted
        return Verification(
            entries=check.entries,
            evidence=check.evidence,
            problems=tuple(problems),
            head=check.head,
            is_trusted=is_trusted and not problems,
        )


class _Check:
    def __init__(self, reader: Reader, known: Iterable[Head]) -> None:
        self._reader = reader
        # by count: two of one count may say different things, of two histories
        self._known: dict[int, list[Head]] = defaultdict(list)
        for head in known:
            self._known[head.count].append(head)
        self.entries = self.evidence = 0
        self.head: Head | None = None
        self._wanted: set[str] = set()
        self._last = FIRST_PREV

    def problems(self, trusted: set[str]) -> Iterator[str]:
        try:
            self.head = self._reader.head()
        except LedgerBroken as error:
            yield str(error)
        yield from self._chain()
        yield from self._end(trusted)
        yield from self._pictures()
        yield from self._tables()

    def _rows(self, statement: str, batch: int) -> Any:
        from sqlalchemy import text

        return self._reader.connection.execute(text(statement), execution_options={"yield_per": batch})

    def _chain(self) -> Iterator[str]:
        for row in self._rows(f"SELECT {', '.join(COLUMNS)}, hash FROM entries ORDER BY seq", _BATCH):
            *fields, stored = row
            seq, evidence, prev = fields[0], fields[8], fields[9]
            self.entries += 1
            if seq != self.entries:
                yield f"entry {self.entries}: expected here, got entry {seq}: something was deleted or moved"
                self.entries = seq if isinstance(seq, int) else self.entries
            if prev != self._last:
                yield f"entry {seq}: expected to follow {self._last[:16]}..., got {str(prev)[:16]}..."
            if entry_hash(fields) != stored:
                yield f"entry {seq}: its content is not what its hash says"
            if any("\n" in value for value in fields[1:] if isinstance(value, str)):
                yield f"entry {seq}: a field holds a line break"
            self._last = str(stored)
            for last in sorted({known.last for known in self._known.get(seq, ())} - {stored}):
                yield f"entry {seq}: expected {last[:16]}..., which was seen before, got {self._last[:16]}..."
            if evidence:
                self._wanted.update(str(evidence).split(" "))

    def _end(self, trusted: set[str]) -> Iterator[str]:
        for count in self._known:
            if count > self.entries:
                yield f"expected at least {count} entries, which were seen before, got {self.entries}: the end was cut off"
        if self.head is None:
            return
        if self.head.count != self.entries:
            yield f"expected {self.head.count} entries, as the head says, got {self.entries}"
        if self.head.last != self._last:
            yield f"expected the last entry {self.head.last[:16]}..., as the head says, got {self._last[:16]}..."
        if self._beginning() != (self.head.ledger, self.head.key):
            yield "entry 1: expected the beginning of this very ledger with the head's key, got something else"
        if not is_signed(head_message(self.head), self.head.signature, self.head.key):
            yield "head: its signature is not that of its key over its content"
        if trusted and self.head.key not in trusted:
            yield f"head: expected a signature of a trusted key, got one of {self.head.key[:16]}..."
        for other in sorted({known.ledger for heads in self._known.values() for known in heads} - {self.head.ledger}):
            yield f"expected ledger {other}, which was seen before, got {self.head.ledger}"

    def _beginning(self) -> tuple[object, object] | None:
        first = self._reader.entry(1)
        try:
            return (first.data["ledger"], first.data["key"]) if first and first.kind == "genesis" else None
        except (ValueError, KeyError, TypeError):
            return None

    def _tables(self) -> Iterator[str]:
        """Indexes hold no truth of their own, but who looks up a case trusts them; PostgreSQL has its own checksums."""
        if self._reader.version() != len(STEPS):
            yield f"tables: expected version {len(STEPS)}, got {self._reader.version()}"
        if self._reader.connection.dialect.name == "sqlite":
            found = self._reader.connection.exec_driver_sql("PRAGMA integrity_check(5)").scalars().all()
            yield from (f"tables: {line}" for line in found if line != "ok")

    def _pictures(self) -> Iterator[str]:
        for sha256, media, data in self._rows("SELECT sha256, media, data FROM evidence", 64):
            self.evidence += 1
            if sha256 not in self._wanted:
                yield f"evidence {str(sha256)[:16]}...: no entry names it"
            self._wanted.discard(sha256)
            is_bytes = isinstance(data, bytes | memoryview)
            if not is_bytes or media != "image/jpeg" or hashlib.sha256(data).hexdigest() != sha256:
                yield f"evidence {str(sha256)[:16]}...: its bytes are not what its name says"
        yield from (f"evidence {sha256[:16]}...: an entry names it, and it is gone" for sha256 in sorted(self._wanted))
