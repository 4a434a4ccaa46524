"""How is a report folder reviewed, which has no orders? As a ledger beside it, in which every picture was sold for nothing.

So the answers of people are kept, compared and signed as everywhere else.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from limbfix.errors import UsageError
from limbfix.ledger.adding import Adding
from limbfix.ledger.judged import read_records
from limbfix.ledger.orders import Order
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
) -> int:
    """Adds the pictures of a report that the ledger does not know yet; returns how many. Unreadable ones are left out.

    Raises:
        UsageError: the folder holds no finished report.
    """
    if holding_of(report)[0] is not Holding.FINISHED:
        raise UsageError(f"{report}: expected a finished report of `limbfix check --report`, got something else")
    file = report / "records.jsonl"
    records = {record["sha256"]: record for record in read_records(file) if record["sha256"]}
    at = datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds")
    sold = Order(path="", sha256="", order_id=ORDER, customer="", price=Decimal(0), currency="EUR", generated_at=at)
    orders = [replace(sold, sha256=str(sha256)) for sha256 in records]
    policy = RefundPolicy(duplicates="off")
    return (
        Adding(ledger, policy, check_policy=check_policy, pictures=pictures).add(list(records.values()), orders).added
    )
