"""What does a ledger hold? One consistent view of it; every answer comes from the entries themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from limbfix.errors import LedgerBroken
from limbfix.ledger.chain import COLUMNS, Entry, Head
from limbfix.ledger.migrations import version_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_FIELDS = ", ".join((*COLUMNS, "hash"))


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

    def entries(self, *, after: int = 0, most: int | None = None) -> Iterator[Entry]:
        """Yields the entries after a number, in order; at most `most` of them."""
        limit, values = ("", {}) if most is None else (" LIMIT :most", {"most": most})
        query = f"SELECT {_FIELDS} FROM entries WHERE seq > :after ORDER BY seq{limit}"
        for row in self._rows(query, after=after, **values):
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


def _entry(row: Row[Any]) -> Entry:
    return Entry(**row._mapping)
