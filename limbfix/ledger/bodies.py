"""What stands in the entry of a judged picture? Everything that somebody needs who asks why, years later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from limbfix.ledger import NOTICE
from limbfix.ledger.canonical import digest_of, exact
from limbfix.ledger.cases import Case
from limbfix.ledger.deciding import Recommendation, deciding_findings
from limbfix.ledger.evidence import Proof
from limbfix.ledger.money import amount_text
from limbfix.ledger.orders import Order
from limbfix.ledger.refunds import RefundPolicy
from limbfix.policies import Policy
from limbfix.records import Record

FORMAT = 1
_MASKS = ("mask", "nail_mask")
_MODEL = re.compile(r"(.+) \(([^()]+)\)")


def case_id_of(order: Order) -> str:
    """Returns the case of an order's picture: 64 hex digits. A picture is who the order says it is, by SHA-256, else by path."""
    return digest_of(["case", order.order_id, order.sha256 or "path", "" if order.sha256 else order.path])


def thresholds_of(check: Policy) -> dict[str, float]:
    """Returns what is kept of the policy of a check."""
    return {"flag_at": check.flag_at, "reject_at": check.reject_at}


def input_key(record: Record, order: Order, policy: RefundPolicy, *, is_policy_known: bool) -> str:
    """Returns a hash of what a recommendation rests on; the same key means that nothing is to be done.

    Args:
        record, order, policy: what is joined and decided.
        is_policy_known: the thresholds of the record's own policy are.
    """
    judged = {key: value for key, value in record.items() if key != "seconds"}
    known = record["policy"] if is_policy_known else None
    sold = order.plain() | {"attempts": order.attempts, "seeds": list(order.seeds)}
    return digest_of([FORMAT, exact(judged), sold, policy.label, known])


def case_body(
    record: Record,
    order: Order,
    policy: RefundPolicy,
    thresholds: Mapping[str, float] | None,
    decision: Recommendation,
    *,
    proof: Proof,
    key: str,
    before: Case | None,
) -> dict[str, Any]:
    """Returns the body of a `case` entry, without floats."""
    from limbfix import __version__

    seed = (record["source"] or {}).get("seed")
    return exact(
        {
            "format": FORMAT,
            "version": __version__,
            "input_key": key,
            "input_sha256": record["sha256"],
            "record": _slim(record),
            "led_to_verdict": [record["findings"].index(one) for one in _deciding(record, thresholds)],
            "thresholds": None if thresholds is None else dict(thresholds),
            "check_policy": record["policy"],
            "models": record["models"],
            "refund_policy": policy.label,
            "refund_rules": policy.dump(),
            "order": order.plain(),
            "attempts": order.attempts,
            "seeds": list(order.seeds) or ([seed] if seed else []),
            "made_with": made_with(record, order),
            "evidence": list(proof.items),
            "evidence_note": proof.note,
            "decision": _plain_decision(decision, order),
            "supersedes": None if before is None else {"seq": before.entry.seq, "hash": before.entry.hash},
            "notice": NOTICE,
        }
    )


def _deciding(record: Record, thresholds: Mapping[str, float] | None) -> list[Any]:
    return deciding_findings(record, thresholds) if record["verdict"] in ("reject", "flag") else []


def _plain_decision(decision: Recommendation, order: Order) -> dict[str, Any]:
    return {
        "status": decision.status.value,
        "give": decision.give.value,
        "amount": amount_text(decision.amount, order.currency),
        "currency": order.currency,
        "rule": decision.rule,
        "reasons": list(decision.reasons),
        "duplicate_of": decision.duplicate_of,
    }


def _slim(record: Record) -> dict[str, Any]:
    """Returns the record without masks and lines of digits: the overlay shows them, and they would be most of the ledger."""
    bare = _without_masks(record)
    for hand in bare["hands"]:
        hand["digits"].pop("items", None)
    return {key: value for key, value in bare.items() if key not in ("policy", "models")}  # they stand beside it


def _without_masks(value: Any) -> Any:
    """Returns a copy of a JSON value without the masks of `limbfix check --masks`, wherever they are."""
    if isinstance(value, dict):
        return {key: _without_masks(one) for key, one in value.items() if key not in _MASKS}
    return [_without_masks(one) for one in value] if isinstance(value, list) else value


def made_with(record: Record, order: Order) -> dict[str, str | None]:
    """Returns generator, model and prompt: as the order says, else as the file claims."""
    source = record["source"] or {}
    generator, model = source.get("generator"), None
    if generator and (match := _MODEL.fullmatch(generator)):
        generator, model = match.groups()
    return {
        "generator": order.extra("generator") or generator,
        "model": order.extra("model") or order.extra("checkpoint") or model,
        "prompt": order.extra("prompt") or source.get("prompt"),
    }
