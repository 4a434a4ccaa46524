"""How do records and orders become entries? Joined, decided, written once; the same input again changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from limbfix.errors import UsageError
from limbfix.ledger.appending import Writer
from limbfix.ledger.bodies import case_body, case_id_of, input_key
from limbfix.ledger.cases import Case, group_cases
from limbfix.ledger.chain import Entry
from limbfix.ledger.deciding import Standing, recommend
from limbfix.ledger.evidence import Proof, make_proof
from limbfix.ledger.orders import Order, OrderBook
from limbfix.ledger.refunds import RefundPolicy
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
    case_id: str
    key: str
    record: Record
    order: Order


class Adding:
    """Adds records and orders to a ledger.

    Args:
        ledger: where.
        policy: the refund policy.
        check_policy: the policy under which `limbfix check` judged; its thresholds are kept. One with another label than
            the records' is no use and is left out.
        pictures: folder in which relative paths of records begin; None = the working folder.
    """

    def __init__(
        self, ledger: Ledger, policy: RefundPolicy, *, check_policy: Policy | None = None, pictures: Path | None = None
    ) -> None:
        self._ledger, self._policy, self._pictures = ledger, policy, pictures
        self._checks = {one.label: one for one in (Policy(), check_policy) if one is not None}
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
        jobs, alone, idle = self._join(records, orders)
        with self._ledger.reading() as reader:
            known = {case.case_id: case for case in group_cases(reader.standing())}
        fresh = [job for job in jobs if not _is_known(known.get(job.case_id), job)]
        self._counts["unchanged"] = len(jobs) - len(fresh)
        for batch in _batches(fresh):
            proofs = [make_proof(job.record, self._pictures) for job in batch]
            with self._ledger.writing() as writer:
                self._write(writer, batch, proofs)
        return Added(
            **self._counts,
            records_without_order=tuple(alone),
            orders_without_record=tuple(idle),
            decided_before=tuple(self._decided),
            unknown_policies=tuple(sorted({job.record["policy"] for job in fresh} - set(self._checks))),
            leaning=tuple(case.case_id for case in known.values() if case.duplicate_of in self._changed),
        )

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
            check = self._checks.get(record["policy"])
            key = input_key(record, order, self._policy, check)
            jobs[case_id] = _Job(case_id=case_id, key=key, record=record, order=order)
        return list(jobs.values()), alone, [place for place in range(len(orders)) if place not in takers]

    def _write(self, writer: Writer, batch: Sequence[_Job], proofs: Sequence[Proof]) -> None:
        desk = _Desk(writer, scope_all=self._policy.duplicates == "ledger")
        for job, proof in zip(batch, proofs, strict=True):
            before = desk.case(job)
            if _is_known(before, job):
                self._counts["unchanged"] += 1  # another writer was faster
                continue
            check = self._checks.get(job.record["policy"])
            thresholds = None if check is None else {"flag_at": check.flag_at, "reject_at": check.reject_at}
            older = desk.older(job)
            decision = recommend(
                job.record, job.order, self._policy, thresholds=thresholds, likeness=proof.likeness, older=older
            )
            body = case_body(
                job.record, job.order, self._policy, check, decision, proof=proof, key=job.key, before=before
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
            desk.put(entry)
            self._counts["added" if before is None else "superseded"] += 1
            if before is not None:
                self._changed.add(job.case_id)
                if before.overrides:
                    self._decided.append(job.case_id)


class _Desk:
    """The cases that a batch must know, read once per customer while the batch holds the pen."""

    def __init__(self, writer: Writer, *, scope_all: bool) -> None:
        self._writer, self._scope_all = writer, scope_all
        self._cases: dict[str, dict[str, Case]] = {}

    def _shelf(self, customer: str) -> dict[str, Case]:
        name = "" if self._scope_all else customer
        if name not in self._cases:
            found = group_cases(self._writer.standing(customer=None if self._scope_all else customer))
            self._cases[name] = {case.case_id: case for case in found}
        return self._cases[name]

    def case(self, job: _Job) -> Case | None:
        shelf = self._shelf(job.order.customer)
        if job.case_id not in shelf and (history := self._writer.history(job.case_id)):  # another customer until now
            newest = max(entry.seq for entry in history if entry.kind == "case")
            return group_cases(entry for entry in history if entry.seq >= newest)[0]
        return shelf.get(job.case_id)

    def older(self, job: _Job) -> list[Standing]:
        """Returns all other cases, oldest first."""
        return [case.standing for key, case in self._shelf(job.order.customer).items() if key != job.case_id]

    def put(self, entry: Entry) -> None:
        """Puts a new case where it would be read now: last, and on no shelf as it was before, the old customer's included."""
        case = Case(entry=entry, overrides=(), latest_hash=entry.hash)
        own = self._shelf(entry.customer)
        for shelf in self._cases.values():
            if shelf.pop(case.case_id, None) is not None or shelf is own:
                shelf[case.case_id] = case


def _is_known(case: Case | None, job: _Job) -> bool:
    return case is not None and case.data["input_key"] == job.key


def _batches(jobs: Sequence[_Job]) -> Iterator[Sequence[_Job]]:
    for start in range(0, len(jobs), _BATCH):
        yield jobs[start : start + _BATCH]
