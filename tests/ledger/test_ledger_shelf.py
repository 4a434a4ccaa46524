"""A shelf finds what looking at every older case would find, and a desk keeps it while nobody else writes."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from ledger_cases import add, judged, new_ledger, order, refunds, sha_of

from limbfix.ledger.cases import current_cases
from limbfix.ledger.deciding import ACTIVE, Standing, Status
from limbfix.ledger.evidence import Proof
from limbfix.ledger.likeness import bits_apart
from limbfix.ledger.overrides import Decision, decide
from limbfix.ledger.reading import Reader
from limbfix.ledger.refunds import PAYING, Give
from limbfix.ledger.shelves import Shelf


def twin_by_looking_at_all(picture, likeness, is_bad, one, policy, older):
    for other in older:
        is_near = (bool(picture) and other.picture == picture) or bits_apart(likeness, other.likeness) <= policy.near
        in_scope = {
            "order": other.order_id == one.order_id,
            "customer": other.customer == one.customer,
            "ledger": True,
            "off": False,
        }[policy.duplicates]
        gives = other.give is not Give.NONE or other.status is Status.DECLINED
        if in_scope and is_near and other.duplicate_of is None and other.is_bad == is_bad and (gives or not is_bad):
            return other
    return None


def made_standing(chance: random.Random, looks: list[int], index: int) -> Standing:
    look = chance.choice(looks)
    for bit in chance.sample(range(256), chance.choice([0, 0, 3, 30, 31, 32, 33, 64, 65, 255, 256])):
        look ^= 1 << bit
    return Standing(
        case_id=str(index),
        seq=index,
        customer=chance.choice("AB"),
        order_id=chance.choice("123"),
        currency=chance.choice(["EUR", "JPY"]),
        picture=chance.choice(["", sha_of(str(chance.randrange(40)))]),
        likeness=chance.choice(["", f"{look:064x}", f"{look:064x}"]),
        is_bad=chance.random() < 0.6,
        status=chance.choice(list(Status)),
        give=chance.choice(list(Give)),
        amount=Decimal(chance.randrange(2000)) / 100,
        duplicate_of=chance.choice([None, None, None, "x"]),
    )


@pytest.mark.parametrize("duplicates", ["order", "customer", "ledger", "off"])
@pytest.mark.parametrize("near", [0, 31, 64])
def test_a_shelf_answers_as_looking_at_every_case_does(duplicates, near):
    chance = random.Random(f"{duplicates} {near}")
    looks = [0, (1 << 256) - 1, *(chance.getrandbits(256) for _ in range(6))]
    policy = refunds(duplicates=duplicates, near=near)
    shelf, cases, found = Shelf(policy), {}, 0
    for index in range(600):
        one = made_standing(chance, looks, index)
        asked = order("x", number=one.order_id, customer=one.customer, currency=one.currency)
        expected = twin_by_looking_at_all(one.picture, one.likeness, one.is_bad, asked, policy, cases.values())
        assert shelf.twin(one.picture, one.likeness, one.is_bad, asked) == expected
        found += expected is not None
        paying = [c for c in cases.values() if c.status in ACTIVE and c.give in PAYING and c.currency == one.currency]
        assert shelf.reserved_for_order(asked) == sum(c.amount for c in paying if c.order_id == one.order_id)
        assert shelf.reserved_for_customer(asked) == sum(c.amount for c in paying if c.customer == one.customer)
        if cases and chance.random() < 0.3:  # an older case is judged anew, or leaves
            old = cases.pop(chance.choice(list(cases)))
            shelf.take(old.case_id)
            one = replace(one, case_id=old.case_id) if chance.random() < 0.5 else one
        cases[one.case_id] = one
        shelf.put(one)
    assert (found > 50) == (duplicates != "off")


def test_the_cases_that_stand_are_read_once_and_not_for_each_transaction(tmp_path, monkeypatch):
    reads = []
    read = Reader.standing
    monkeypatch.setattr(Reader, "standing", lambda self, **whose: reads.append(whose) or read(self, **whose))
    with new_ledger(tmp_path) as ledger:
        add(ledger, [(judged(str(i)), order(str(i))) for i in range(200)], refunds(duplicates="ledger"))
    assert len(reads) == 2  # which are known, and what a new one must know of them


def test_what_another_writer_adds_in_between_counts(tmp_path, monkeypatch):
    """Somebody declines the first case between two transactions, so the cap has room again."""
    monkeypatch.setattr("limbfix.ledger.adding._BATCH", 1)
    policy = refunds(caps={"per_customer": {"EUR": "15.00"}}, duplicates="ledger")
    with new_ledger(tmp_path) as ledger, new_ledger(tmp_path) as other:

        def proof(record, folder):
            if record["path"].endswith("c.png"):
                decide(other, "@order-a", Decision(who="Ada", why="fine", answer="decline"))
            return Proof()

        monkeypatch.setattr("limbfix.ledger.adding.make_proof", proof)
        add(ledger, [(judged(name), order(name)) for name in "abcd"], policy)
        assert [str(case.amount) for case in current_cases(ledger)] == ["0.00", "5.00", "10.00", "0.00"]
