"""How do records and orders become entries? Joined, decided, written once; the same input again changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from limbfix.errors import UsageError
from limbfix.ledger.appending import Writer
from limbfix.ledger.bodies import case_body, case_id_of, input_key, thresholds_of
from limbfix.ledger.cases import Case, find_case, group_cases
from limbfix.ledger.chain import Entry
from limbfix.ledger.deciding import recommend
from limbfix.ledger.evidence import Proof, make_proof
from limbfix.ledger.orders import Order, OrderBook
from limbfix.ledger.refunds import RefundPolicy
from limbfix.ledger.shelves import Shelf
from limbfix.ledger.store import Ledger
from limbfix.policies import Policy
from limbfix.printing import printable
from limbfix.records import Record

_BATCH = 64
"""Cases per transaction: their evidence is in memory, and other writers wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What adding did.

    Attributes:
        added, superseded, unchanged: cases that are new, judged anew, and as they were.
        records_without_order: pictures that nobody ordered; they are not in the ledger.
        orders_without_record: places in the orders of those that were never judged.
        decided_before: ids of cases that are judged anew although a person had decided: the decision no longer holds.
        leaning: ids of cases that are counted with one that has changed.
    """

    added: int = 0
    superseded: int = 0
    unchanged: int = 0
    records_without_order: tuple[str, ...] = ()
    orders_without_record: tuple[int, ...] = ()
    decided_before: tuple[str, ...] = ()
    leaning: tuple[str, ...] = ()
    unknown_policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """`keys`: what is written, then whatever else means that nothing is to be done."""

    case_id: str
    keys: tuple[str, ...]
    record: Record
    order: Order


class Adding:
    """Adds records and orders to a ledger.

    Args:
        ledger: where.
        policy: the refund policy.
        check_policy: the policy under which `limbfix check` judged; its thresholds are kept, and the ledger knows them from
            then on. One with another label than the records' is no use and is left out.
        pictures: folder in which relative paths of records begin; None = the working folder.
    """

    def __init__(
        self, ledger: Ledger, policy: RefundPolicy, *, check_policy: Policy | None = None, pictures: Path | None = None
    ) -> None:
        self._ledger, self._policy, self._pictures = ledger, policy, pictures
        named = (Policy(), check_policy)
        self._checks = {one.label: thresholds_of(one) for one in named if one is not None}
        self._named = frozenset(self._checks)
        self._begin()

    def _begin(self) -> None:
        self._counts = {"added": 0, "superseded": 0, "unchanged": 0}
        self._decided: list[str] = []
        self._changed: set[str] = set()

    def add(self, records: Sequence[Record], orders: Sequence[Order]) -> Added:
        """Joins and adds.

        Raises:
            UsageError: two pictures claim one order, or a picture stands in one order twice.
            LedgerError: see `Ledger.writing`.
        """
        self._begin()
        with self._ledger.reading() as reader:
            known = {case.case_id: case for case in group_cases(reader.standing())}
        self._learn(known.values())
        jobs, alone, idle = self._join(records, orders)
        fresh = [job for job in jobs if not _is_known(known.get(job.case_id), job)]
        self._counts["unchanged"] = len(jobs) - len(fresh)
        desk = _Desk(self._policy)
        for batch in _batches(fresh):
            proofs = [make_proof(job.record, self._pictures) for job in batch]
            with self._ledger.writing() as writer:
                desk.turn_to(writer)
                self._write(writer, desk, batch, proofs)
        return Added(
            **self._counts,
            records_without_order=tuple(alone),
            orders_without_record=tuple(idle),
            decided_before=tuple(self._decided),
            unknown_policies=tuple(sorted({job.record["policy"] for job in fresh} - set(self._checks))),
            leaning=tuple(case.case_id for case in known.values() if case.duplicate_of in self._changed),
        )

    def _learn(self, cases: Iterable[Case]) -> None:
        """Takes thresholds from the ledger for policies that nobody named this time: equal labels judge alike."""
        for case in cases:
            if case.data["thresholds"] is not None:
                thresholds = {name: float(text) for name, text in case.data["thresholds"].items()}
                self._checks.setdefault(case.data["check_policy"], thresholds)

    def _join(self, records: Sequence[Record], orders: Sequence[Order]) -> tuple[list[_Job], list[str], list[int]]:
        book = OrderBook(orders)
        takers: dict[int, Record] = {}
        alone: list[str] = []
        for record in records:
            places = book.matching(record["path"], record["sha256"])
            if not places:
                alone.append(record["path"])
            for place in places:
                taker = takers.get(place)
                if taker is not None and taker["path"] != record["path"] and taker["sha256"] != record["sha256"]:
                    raise UsageError(
                        f"order {printable(orders[place].order_id)}: expected one picture, got {printable(taker['path'])} "
                        f"and {printable(record['path'])}; give the whole path or the sha256 in the orders"
                    )
                takers[place] = record  # a later line of the same picture is the newer verdict
        jobs: dict[str, _Job] = {}
        for place in sorted(takers):
            record, order = takers[place], orders[place]
            case_id = case_id_of(order)
            if case_id in jobs:
                raise UsageError(
                    f"order {printable(order.order_id)}: expected each picture once, got "
                    f"{printable(order.path or order.sha256)} twice"
                )
            jobs[case_id] = _Job(case_id=case_id, keys=self._keys(record, order), record=record, order=order)
        return list(jobs.values()), alone, [place for place in range(len(orders)) if place not in takers]

    def _keys(self, record: Record, order: Order) -> tuple[str, ...]:
        """Thresholds that the ledger knew by itself are for new entries: those without them were decided, and stay."""
        label = record["policy"]
        known = (True,) if label in self._named else (True, False) if label in self._checks else (False,)
        return tuple(input_key(record, order, self._policy, is_policy_known=one) for one in known)

    def _write(self, writer: Writer, desk: _Desk, batch: Sequence[_Job], proofs: Sequence[Proof]) -> None:
        for job, proof in zip(batch, proofs, strict=True):
            before = find_case(writer, job.case_id)
            if _is_known(before, job):
                self._counts["unchanged"] += 1  # another writer was faster
                continue
            thresholds = self._checks.get(job.record["policy"])
            older = desk.older(job)
            decision = recommend(
                job.record, job.order, self._policy, thresholds=thresholds, likeness=proof.likeness, older=older
            )
            body = case_body(
                job.record, job.order, self._policy, thresholds, decision, proof=proof, key=job.keys[0], before=before
            )
            entry = writer.append(
                kind="case",
                case_id=job.case_id,
                body=body,
                evidence=proof.pictures,
                customer=job.order.customer,
                order_id=job.order.order_id,
                picture=job.record["sha256"] or "",
                likeness=proof.likeness,
            )
            desk.put(entry, is_new=before is None)
            self._counts["added" if before is None else "superseded"] += 1
            if before is not None:
                self._changed.add(job.case_id)
                if before.overrides:
                    self._decided.append(job.case_id)


class _Desk:
    """The cases that a new one must know: read once per customer, and again only where another writer came in between."""

    def __init__(self, policy: RefundPolicy) -> None:
        self._policy = policy
        self._shelves: dict[str, Shelf] = {}
        self._end: str | None = None

    def turn_to(self, writer: Writer) -> None:
        """Begins a batch of whoever holds the pen now."""
        if writer.last != self._end:
            self._shelves.clear()
        self._writer, self._end = writer, writer.last

    def older(self, job: _Job) -> Shelf:
        """Returns all other cases. The job's own one is off the shelf until `put` brings it back."""
        name = self._name(job.order.customer)
        if name not in self._shelves:
            whose = None if self._policy.duplicates == "ledger" else name
            found = group_cases(self._writer.standing(customer=whose))
            self._shelves[name] = Shelf(self._policy, (case.standing for case in found))
        self._shelves[name].take(job.case_id)
        return self._shelves[name]

    def put(self, entry: Entry, *, is_new: bool) -> None:
        """Puts a case where it would be read now: last, and on no shelf as it was before, an old customer's included."""
        case = Case(entry=entry, overrides=(), latest_hash=entry.hash)
        past = [] if is_new else self._writer.history(entry.case_id)
        for name in {self._name(one.customer) for one in (*past, entry)}:
            if name in self._shelves:
                self._shelves[name].put(case.standing)
        self._end = entry.hash

    def _name(self, customer: str) -> str:
        return "" if self._policy.duplicates == "ledger" else customer


def _is_known(case: Case | None, job: _Job) -> bool:
    return case is not None and case.data["input_key"] in job.keys


def _batches(jobs: Sequence[_Job]) -> Iterator[Sequence[_Job]]:
    for start in range(0, len(jobs), _BATCH):
        yield jobs[start : start + _BATCH]
