"""How is a report folder reviewed, which has no orders? As a ledger beside it, in which every picture was sold for nothing.

So the answers of people are kept, compared and signed as everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from limbfix.errors import UsageError
from limbfix.ledger.adding import Added, Adding
from limbfix.ledger.bodies import case_id_of
from limbfix.ledger.cases import current_cases
from limbfix.ledger.chain import Entry
from limbfix.ledger.judged import read_records
from limbfix.ledger.orders import Order
from limbfix.ledger.overrides import Decision, decide_all
from limbfix.ledger.refunds import RefundPolicy
from limbfix.ledger.store import Ledger
from limbfix.policies import Policy
from limbfix.reports.site import Holding, holding_of

ORDER = "report"


def ledger_path(report: Path) -> Path:
    """Returns where the answers about a report lie: beside it, since the folder itself is limbfix's to replace."""
    return report.with_name(f"{report.name}.review.db")


def add_report(
    ledger: Ledger, report: Path, *, pictures: Path | None = None, check_policy: Policy | None = None
) -> Added:
    """Adds the pictures of a report that the ledger does not know yet; returns what that did. Unreadable ones are left out.

    One that was judged anew is known by its new record, and what people saw in it is said of that too.

    Args:
        ledger: where.
        report: the folder.
        pictures: where relative paths of its records begin; None = the working folder.
        check_policy: under which they were judged, if not the default: half-way between its thresholds people are most needed.

    Raises:
        UsageError: the folder holds no finished report.
    """
    if holding_of(report)[0] is not Holding.FINISHED:
        raise UsageError(f"{report}: expected a finished report of `limbfix check --report`, got something else")
    file = report / "records.jsonl"
    records = {record["sha256"]: record for record in read_records(file) if record["sha256"]}
    at = datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds")
    sold = Order(path="", sha256="", order_id=ORDER, customer="", price=Decimal(0), currency="EUR", generated_at=at)
    known = {case.case_id: case.data["order"]["generated_at"] for case in current_cases(ledger)}
    orders = []
    for sha256 in records:
        order = replace(sold, sha256=str(sha256))
        # a copied folder has younger files and is no other report
        orders.append(replace(order, generated_at=known.get(case_id_of(order), at)))
    policy = RefundPolicy(duplicates="off")
    adding = Adding(ledger, policy, check_policy=check_policy, pictures=pictures)
    added = adding.add(list(records.values()), orders)
    _keep_answers(ledger, {case_id_of(order) for order in orders})
    return added


def _keep_answers(ledger: Ledger, case_ids: set[str]) -> None:
    """Says again of cases that were judged anew what people saw in them: nobody paid, so an answer is about the pixels alone.

    Read from the entries and not remembered, so that nothing is lost where the last review ended in between.
    """
    anew = [case for case in current_cases(ledger) if case.data["supersedes"] and case.latest_hash == case.entry.hash]
    kept: list[tuple[str, Decision, str | None]] = []
    with ledger.reading() as reader:
        for case in anew:
            if case.case_id in case_ids:
                answers = _last_answers(reader.history(case.case_id))
                kept += [(case.case_id, _as_label(entry), None) for entry in answers if entry.data["label"]]
    decide_all(ledger, kept)


def _last_answers(history: Iterable[Entry]) -> list[Entry]:
    """Returns the answers that held when somebody last said something, oldest first."""
    answers: list[Entry] = []
    is_older = False
    for entry in history:
        if entry.kind == "case":
            is_older = True
            continue
        answers, is_older = [] if is_older else answers, False
        if entry.data["answer"] == "undo":
            answers = answers[:-1]
        else:
            answers.append(entry)
    return answers


def _as_label(entry: Entry) -> Decision:
    said = entry.data
    return Decision(
        who=said["who"],
        why=said["why"],
        answer="label",
        label=said["label"],
        codes=tuple(said["codes"]),
        at=datetime.fromisoformat(said["decided_at"] or entry.at),
    )
