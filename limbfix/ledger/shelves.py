"""Which older case shows the same picture, and what is reserved already? Asked of thousands of cases for each new one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

import numpy as np

from limbfix.ledger.deciding import ACTIVE, Standing, Status
from limbfix.ledger.likeness import BITS
from limbfix.ledger.orders import Order
from limbfix.ledger.refunds import PAYING, Give, RefundPolicy

_WORD = 64
_WORDS = BITS // _WORD


class Shelf:
    """Cases that came before, oldest first.

    Args:
        policy: says among whose pictures a duplicate is looked for, and how near is near.
        cases: in the order of their newest entries.
    """

    def __init__(self, policy: RefundPolicy, cases: Iterable[Standing] = ()) -> None:
        self._policy = policy
        self._cases: dict[str, Standing] = {}
        self._pictures: dict[tuple[str, bool], _Pictures] = defaultdict(_Pictures)
        self._reserved: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for case in cases:
            self.put(case)

    def put(self, case: Standing) -> None:
        """Puts a case last; what stood here of it before goes."""
        self.take(case.case_id)
        self._cases[case.case_id] = case
        self._reserve(case, case.amount)
        if self._may_have_twins(case):
            self._pictures[self._scope(case), case.is_bad].put(case)

    def take(self, case_id: str) -> None:
        """Takes a case off, where it is here at all."""
        case = self._cases.pop(case_id, None)
        if case is None:
            return
        self._reserve(case, -case.amount)
        if self._may_have_twins(case):
            self._pictures[self._scope(case), case.is_bad].take(case)

    def twin(self, picture: str, likeness: str, is_bad: bool, order: Order) -> Standing | None:
        """Returns the oldest case that shows the same picture with the same outcome and is no duplicate itself.

        Args:
            picture, likeness: hashes of the picture; empty = unknown.
            is_bad: its verdict is reject or flag.
            order: the picture's.
        """
        pictures = self._pictures.get((self._scope(order), is_bad))
        return None if pictures is None else pictures.first(picture, likeness, self._policy.near)

    def reserved_for_order(self, order: Order) -> Decimal:
        """Returns what may be given back for the order already, in its currency."""
        return self._reserved.get(("order", order.order_id, order.currency), Decimal(0))

    def reserved_for_customer(self, order: Order) -> Decimal:
        """Returns what may be given back to the order's customer already, in its currency."""
        return self._reserved.get(("customer", order.customer, order.currency), Decimal(0))

    def _reserve(self, case: Standing, amount: Decimal) -> None:
        if case.status in ACTIVE and case.give in PAYING:
            self._reserved["order", case.order_id, case.currency] += amount
            self._reserved["customer", case.customer, case.currency] += amount

    def _may_have_twins(self, case: Standing) -> bool:
        gives = case.give is not Give.NONE or case.status is Status.DECLINED
        return self._policy.duplicates != "off" and case.duplicate_of is None and (gives or not case.is_bad)

    def _scope(self, one: Standing | Order) -> str:
        if self._policy.duplicates == "order":
            return one.order_id
        return one.customer if self._policy.duplicates == "customer" else ""


class _Pictures:
    """Pictures of which one may be looked for, in the order in which they came. A place that was left stays empty."""

    def __init__(self) -> None:
        self._cases: list[Standing | None] = []
        self._places: dict[str, int] = {}
        self._by_hash: dict[str, list[int]] = defaultdict(list)
        # words of the perceptual hashes, (_WORDS, room) so that each step of a comparison reads memory in one go
        self._words = np.zeros((_WORDS, 8), np.uint64)
        self._is_known = np.zeros(8, np.bool_)

    def put(self, case: Standing) -> None:
        place = len(self._cases)
        if place == len(self._is_known):
            self._words = np.concatenate([self._words, np.zeros_like(self._words)], axis=1)
            self._is_known = np.concatenate([self._is_known, np.zeros_like(self._is_known)])
        self._cases.append(case)
        self._places[case.case_id] = place
        if case.picture:
            self._by_hash[case.picture].append(place)
        if case.likeness:
            self._words[:, place] = _words_of(case.likeness)
            self._is_known[place] = True

    def take(self, case: Standing) -> None:
        place = self._places.pop(case.case_id)
        self._cases[place], self._is_known[place] = None, False
        if case.picture:
            self._by_hash[case.picture].remove(place)

    def first(self, picture: str, likeness: str, near: int) -> Standing | None:
        """Returns the oldest one that is the same file or differs in at most `near` bits."""
        places = self._by_hash.get(picture, [])[:1]
        if likeness and self._cases:
            is_near = self._is_near(likeness, near)
            place = int(is_near.argmax())
            places += [place] if is_near[place] else []
        return self._cases[min(places)] if places else None

    def _is_near(self, likeness: str, near: int) -> np.ndarray:
        count = len(self._cases)
        apart = np.zeros(count, np.uint16)  # 256 bits are one more than a uint8 can count
        for words, word in zip(self._words, _words_of(likeness), strict=True):
            apart += np.bitwise_count(words[:count] ^ word)
        return self._is_known[:count] & (apart <= near)


def _words_of(likeness: str) -> np.ndarray:
    return np.frombuffer(int(likeness, 16).to_bytes(BITS // 8, "big"), np.uint64)
