"""What is reviewed? A ledger, its pictures and how much is audited, and how far the people are."""

from __future__ import annotations

from dataclasses import dataclass, field

from limbfix.ledger.store import Ledger
from limbfix.review.auditing import Rates, make_strata
from limbfix.review.desks import Room
from limbfix.review.estimates import estimate
from limbfix.review.index import Index
from limbfix.review.pages import State
from limbfix.review.pictures import Pictures
from limbfix.review.queueing import make_queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a server serves. Safe to use from several threads.

    Attributes:
        ledger, pictures: whose cases, and their pixels.
        rates: how much is audited.
        token: in the address.
        by: name that the first page proposes.
    """

    ledger: Ledger
    pictures: Pictures
    rates: Rates
    token: str
    by: str = ""
    index: Index = field(init=False)
    room: Room = field(default_factory=Room)
    _known: dict[int, State] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", Index(self.ledger))

    def state(self) -> State:
        """Returns the queue and the numbers as they stand now."""
        last, rows = self.index.refresh()
        state = self._known.get(last)
        if state is None:
            strata = make_strata(rows, self.rates)
            queue = make_queue(rows, self.rates)
            state = State(queue=queue, strata=strata, estimates=estimate(strata), rates=self.rates)
            self._known.clear()
            self._known[last] = state  # until the next entry
        return state
