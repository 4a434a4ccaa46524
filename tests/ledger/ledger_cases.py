"""Made records, orders and ledgers for the tests of the ledger."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from limbfix.ledger.adding import Adding
from limbfix.ledger.orders import Order
from limbfix.ledger.refunds import RefundPolicy, make_refund_policy
from limbfix.ledger.store import Ledger, open_ledger
from limbfix.policies import Policy

START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


class Ticking:
    """A clock that goes on by a second with each look."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def sha_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def sha_of_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def finding(code: str = "hand.extra_digit", score: float = 0.93, **more: Any) -> dict[str, Any]:
    severity = "error" if score >= 0.8 else "warning" if score >= 0.5 else "info"
    return {
        "code": code,
        "severity": severity,
        "defect_score": score,
        "measured": 6.0,
        "expected": 5.0,
        "unit": "digits",
        "box_xyxy": [10.0, 10.0, 60.0, 60.0],
        "person_index": None,
        "hand_index": 0,
        "message": f"{code} was measured.",
        "exception": None,
    } | more


def judged(name: str, verdict: str = "reject", *findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A record as `limbfix check` writes it."""
    if not findings and verdict in ("reject", "flag"):
        findings = (finding(score=0.93 if verdict == "reject" else 0.6),)
    score = {"pass": 0.1, "no_subject": None, "unjudged": None}.get(
        verdict, max((one["defect_score"] for one in findings), default=0.6)
    )
    return {
        "schema_version": 2,
        "path": f"renders/{name}.png",
        "sha256": sha_of(name),
        "width": 64,
        "height": 64,
        "verdict": verdict,
        "defect_score": score,
        "reason": findings[0]["message"] if findings else "Nothing wrong was measured.",
        "people": [],
        "hands": [],
        "findings": list(findings),
        "source": None,
        "exceptions": [],
        "notes": [],
        "error": None,
        "policy": Policy().label,
        "models": {"net.safetensors": sha_of("net")},
        "seconds": 0.1,
    } | more


def order(name: str, *, price: str = "10.00", currency: str = "EUR", number: str | None = None, **more: Any) -> Order:
    fields: dict[str, Any] = {
        "path": "",
        "sha256": sha_of(name),
        "order_id": number or f"order-{name}",
        "customer": "customer-1",
        "price": Decimal(price),
        "currency": currency,
        "generated_at": "2026-11-01T08:00:00+00:00",
    }
    return Order(**(fields | more))


def new_ledger(folder: Path, name: str = "ledger.db", **more: Any) -> Ledger:
    return open_ledger(folder / name, create=True, key=folder / "key.pem", clock=Ticking(), **more)


def add(ledger: Ledger, pairs: list[tuple[dict[str, Any], Order]], policy: RefundPolicy | None = None, **more: Any):
    """Adds (record, order) pairs."""
    return Adding(ledger, policy or RefundPolicy(), **more).add(
        [record for record, _ in pairs], [one for _, one in pairs]
    )


def refunds(**data: Any) -> RefundPolicy:
    return make_refund_policy(data, origin="test")
