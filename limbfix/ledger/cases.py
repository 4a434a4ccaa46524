"""What holds now? The newest entry of each case, together with what people decided about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from limbfix.ledger.chain import Entry
from limbfix.ledger.deciding import Standing, Status
from limbfix.ledger.reading import Reader
from limbfix.ledger.refunds import Give
from limbfix.ledger.store import Ledger

_WHOLE_ID = 64
"""Digits of a case's id."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One picture of one order, as it stands.

    Attributes:
        entry: the newest `case` entry.
        overrides: decisions that hold, oldest first; those taken back are left out.
        latest_hash: hash of the newest entry of all about this case; what `saw` of `decide` wants.
    """

    entry: Entry
    overrides: tuple[Entry, ...]
    latest_hash: str

    @property
    def case_id(self) -> str:
        """The case."""
        return self.entry.case_id

    @property
    def data(self) -> dict[str, Any]:
        """The newest entry's body."""
        return self.entry.data

    @property
    def decided(self) -> Entry | None:
        """The decision that holds, or None; one that only labels the picture decides nothing."""
        return next((entry for entry in reversed(self.overrides) if entry.data["answer"] != "label"), None)

    @property
    def override(self) -> dict[str, Any] | None:
        """Body of the decision that holds, or None."""
        return None if self.decided is None else self.decided.data

    @property
    def label(self) -> str | None:
        """What the last person who said so saw: `defective`, `fine` or `unsure`."""
        return next((entry.data["label"] for entry in reversed(self.overrides) if entry.data["label"]), None)

    @cached_property
    def verdict(self) -> str:
        """Of `limbfix check`."""
        return str(self.data["record"]["verdict"])

    @property
    def is_bad(self) -> bool:
        """Whether the verdict is reject or flag."""
        return self.verdict in ("reject", "flag")

    @property
    def currency(self) -> str:
        """ISO 4217."""
        return str(self.data["order"]["currency"])

    @property
    def price(self) -> Decimal:
        """What was paid."""
        return Decimal(self.data["order"]["price"])

    @property
    def status(self) -> Status:
        """How far it is, a person's decision included."""
        if self.override is None:
            return Status(self.data["decision"]["status"])
        return Status.DECLINED if self.override["give"] == Give.NONE else Status.CONFIRMED

    @property
    def give(self) -> Give:
        """What is given back; of a waiting case, what would be."""
        return Give((self.override or self.data["decision"])["give"])

    @property
    def amount(self) -> Decimal:
        """How much; of a waiting case, how much it would be."""
        return Decimal((self.override or self.data["decision"])["amount"])

    @property
    def duplicate_of(self) -> str | None:
        """The case with which it is counted, or None."""
        return self.data["decision"]["duplicate_of"]

    @cached_property
    def standing(self) -> Standing:
        """What newer cases must know of it; made once, for each of a batch asks all older ones."""
        return Standing(
            case_id=self.case_id,
            seq=self.entry.seq,
            customer=self.entry.customer,
            order_id=self.entry.order_id,
            currency=self.currency,
            picture=self.entry.picture,
            likeness=self.entry.likeness,
            is_bad=self.is_bad,
            status=self.status,
            give=self.give,
            amount=self.amount,
            duplicate_of=self.duplicate_of,
        )


def current_cases(ledger: Ledger) -> list[Case]:
    """Returns all cases as they stand, in the order of their newest entries."""
    with ledger.reading() as reader:
        return group_cases(reader.standing())


def find_case(reader: Reader, name: str) -> Case | None:
    """Returns one case as it stands, or None where a name fits none or several.

    Args:
        reader: of the ledger.
        name: a case's id, the first digits of it, or `@` and the order, where that has one picture.
    """
    if len(name) == _WHOLE_ID:  # one look into an index, however large the ledger
        return _as_it_stands(reader.history(name))
    from sqlalchemy import text

    where = "order_id = :name" if name.startswith("@") else "case_id >= :name AND case_id <= :high"
    values = {"name": name.removeprefix("@")} | (
        {} if name.startswith("@") else {"high": name + "g"}
    )  # beyond every digit
    query = text(f"SELECT DISTINCT case_id FROM entries WHERE kind = 'case' AND {where} LIMIT 2")
    found = reader.connection.execute(query, values).scalars().all()
    if len(found) != 1:
        return None
    return _as_it_stands(reader.history(found[0]))


def _as_it_stands(history: Sequence[Entry]) -> Case | None:
    newest = max((entry.seq for entry in history if entry.kind == "case"), default=0)
    return group_cases(entry for entry in history if entry.seq >= newest)[0] if newest else None


def group_cases(entries: Iterable[Entry]) -> list[Case]:
    """Returns the cases of entries as `Reader.standing` gives them."""
    bases: dict[str, Entry] = {}
    decided: dict[str, list[Entry]] = {}
    latest: dict[str, str] = {}
    for entry in entries:
        latest[entry.case_id] = entry.hash
        if entry.kind == "case":
            bases.pop(entry.case_id, None)  # the order is that of the newest ones
            bases[entry.case_id], decided[entry.case_id] = entry, []
        elif entry.data["answer"] == "undo":
            decided[entry.case_id] = decided[entry.case_id][:-1]
        else:
            decided[entry.case_id].append(entry)
    return [
        Case(entry=base, overrides=tuple(decided[case_id]), latest_hash=latest[case_id])
        for case_id, base in bases.items()
    ]
