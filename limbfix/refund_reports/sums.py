"""How much money is it, by currency? Exact sums; different currencies are never added up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from limbfix.ledger.cases import Case
from limbfix.ledger.deciding import Status
from limbfix.ledger.refunds import Give


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What stands in one currency. Exact.

    Attributes:
        currency: ISO 4217.
        sold: prices of all pictures.
        recommended, confirmed: money back and credit that limbfix recommends alone, and that a person confirmed or set.
        waiting: what would be given back if people agreed.
        declined: what was recommended and a person declined.
        credit: how much of recommended and confirmed is credit.
        rerenders: new renders, recommended or confirmed.
    """

    currency: str
    sold: Decimal
    recommended: Decimal
    confirmed: Decimal
    waiting: Decimal
    declined: Decimal
    credit: Decimal
    rerenders: int

    @property
    def due(self) -> Decimal:
        """What limbfix recommends to give back now."""
        return self.recommended + self.confirmed

    @property
    def share(self) -> str:
        """Of what was sold, in percent."""
        return f"{100 * self.due / self.sold:.1f} %" if self.sold else "-"


def money_of(cases: Iterable[Case]) -> tuple[Money, ...]:
    """Sums up by currency."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(case.currency, []).append(case)
    return tuple(_money(currency, found[currency]) for currency in sorted(found))


def _money(currency: str, cases: Sequence[Case]) -> Money:
    def total(wanted: Iterable[Decimal]) -> Decimal:
        return sum(wanted, Decimal(0))

    due = [case for case in cases if case.status in (Status.RECOMMENDED, Status.CONFIRMED)]
    return Money(
        currency=currency,
        sold=total(case.price for case in cases),
        recommended=total(case.amount for case in due if case.status is Status.RECOMMENDED),
        confirmed=total(case.amount for case in due if case.status is Status.CONFIRMED),
        waiting=total(case.amount for case in cases if case.status is Status.WAITING),
        declined=total(Decimal(case.data["decision"]["amount"]) for case in cases if case.status is Status.DECLINED),
        credit=total(case.amount for case in due if case.give is Give.CREDIT),
        rerenders=sum(case.give is Give.RERENDER for case in due),
    )
