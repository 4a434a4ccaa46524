"""How does a ledger grow? Its one pen, held by one transaction at a time: entries at the end, then a new signature."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from limbfix.errors import LedgerBroken, SigningKeyError
from limbfix.ledger.canonical import canonical_json
from limbfix.ledger.chain import COLUMNS, FIRST_PREV, Entry, Head, head_message, sealed
from limbfix.ledger.keys import SigningKey, is_signed
from limbfix.ledger.reading import Reader

if TYPE_CHECKING:
    from sqlalchemy import Connection

Clock = Callable[[], datetime]
_NAMES = (*COLUMNS, "hash")
_INSERT = f"INSERT INTO entries ({', '.join(_NAMES)}) VALUES ({', '.join(f':{name}' for name in _NAMES)})"


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

    @property
    def last(self) -> str:
        """Hash of the last entry, those of this transaction included."""
        return self._last

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
        values = {name: getattr(entry, name) for name in _NAMES}
        self.connection.execute(text(_INSERT), values)
        self._count, self._last, self._is_changed = entry.seq, entry.hash, True
        return entry

    def sign(self) -> Head | None:
        """Signs the new head; returns None where nothing was added."""
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
