"""What does the refund policy recommend for one picture? A pure function of a record, its order and what stands already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from limbfix.findings import Severity, codes_matching
from limbfix.ledger.likeness import bits_apart
from limbfix.ledger.money import amount_text, in_units
from limbfix.ledger.orders import Order
from limbfix.ledger.refunds import PAYING, Give, RefundPolicy, Rule

if TYPE_CHECKING:
    from limbfix.ledger.shelves import Shelf


class Status(StrEnum):
    """How far a case is."""

    NONE = "none"
    RECOMMENDED = "recommended"
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    DECLINED = "declined"


ACTIVE = (Status.RECOMMENDED, Status.WAITING, Status.CONFIRMED)
"""What counts against a cap: money that may be given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An older case, as far as a new one must know it.

    Attributes:
        case_id, seq: which.
        customer, order_id, currency: whose.
        picture, likeness: hashes; empty = unknown.
        verdict: of `limbfix check`.
        is_bad: the verdict is reject or flag.
        status, give, amount: what holds now, overrides included.
        duplicate_of: it was counted with another case itself.
    """

    case_id: str
    seq: int
    customer: str
    order_id: str
    currency: str
    picture: str
    likeness: str
    is_bad: bool
    status: Status
    give: Give
    amount: Decimal
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What limbfix recommends. It never moves money.

    Attributes:
        status: `recommended`, `waiting` (a person must decide; `give` and `amount` say what would follow) or `none`.
        give, amount: what is given back; the amount is 0 where nothing is paid.
        rule: place of the rule that decided, from 1; None = none fitted.
        reasons: sentences in plain words, in order.
        duplicate_of: the case with which this one is counted.
    """

    status: Status
    give: Give
    amount: Decimal
    rule: int | None = None
    reasons: tuple[str, ...] = ()
    duplicate_of: str | None = None


@dataclass(slots=True, kw_only=True)
class _Draft:
    give: Give = Give.NONE
    amount: Decimal = Decimal(0)
    rule: int | None = None
    is_waiting: bool = False
    reasons: list[str] = field(default_factory=list)


def recommend(
    record: Mapping[str, Any],
    order: Order,
    policy: RefundPolicy,
    *,
    thresholds: Mapping[str, float] | None,
    likeness: str = "",
    older: Shelf | None = None,
) -> Recommendation:
    """Returns what the policy recommends.

    Args:
        record: of `limbfix check`.
        order: the picture's.
        policy: the seller's.
        thresholds: `flag_at` and `reject_at` under which the record was judged; None = unknown.
        likeness: the picture's perceptual hash.
        older: other cases that came before this one; None = there are none.
    """
    verdict = record["verdict"]
    draft = _Draft()
    is_bad = verdict in ("reject", "flag")
    twin = None if older is None else older.twin(record["sha256"] or "", likeness, is_bad, order)
    if verdict == "unjudged":
        _unjudged(draft, record, policy)
    elif not is_bad:
        words = {"pass": "Passed", "no_subject": "Nobody was seen in it"}[verdict]
        draft.reasons.append(f"{words}: {record['reason']}")
    elif verdict == "flag" and policy.flags == "ignore":
        draft.reasons.append("Flagged, and the refund policy lets flagged pictures go.")
    else:
        _apply_rules(draft, record, order, policy, thresholds)
    if twin is not None and draft.give is not Give.NONE:
        draft.give, draft.amount, draft.is_waiting = Give.NONE, Decimal(0), False
        draft.reasons.append(_twin_words(twin, record["sha256"] or "", likeness))
    if draft.give in PAYING:
        _cap(draft, order, policy, older)
    settled = Status.WAITING if draft.is_waiting else Status.NONE if draft.give is Give.NONE else Status.RECOMMENDED
    return Recommendation(
        status=settled,
        give=draft.give,
        amount=in_units(draft.amount, order.currency),
        rule=draft.rule,
        reasons=tuple(draft.reasons),
        duplicate_of=None if twin is None else twin.case_id,
    )


def _unjudged(draft: _Draft, record: Mapping[str, Any], policy: RefundPolicy) -> None:
    draft.reasons.append(f"It could not be judged: {record['reason']}")
    if policy.unjudged == "wait":
        draft.is_waiting = True
        draft.reasons.append("The refund policy asks a person.")


def deciding_findings(record: Mapping[str, Any], thresholds: Mapping[str, float] | None) -> list[Mapping[str, Any]]:
    """Returns the findings that led to the verdict, worst first: all that count and reach its threshold.

    Where the thresholds are unknown it is the worst one alone, because it certainly did. Where none reaches it, doubts did together
    (`limbfix.picture_scores`), and no single finding led to it.
    """
    counted = [finding for finding in record["findings"] if finding["exception"] is None]
    counted.sort(key=lambda finding: -(finding["defect_score"] or 0.0))
    if thresholds is None:
        return counted[:1]
    least = thresholds["reject_at" if record["verdict"] == "reject" else "flag_at"]
    return [finding for finding in counted if (finding["defect_score"] or 0.0) >= least]


def _apply_rules(
    draft: _Draft,
    record: Mapping[str, Any],
    order: Order,
    policy: RefundPolicy,
    thresholds: Mapping[str, float] | None,
) -> None:
    findings = deciding_findings(record, thresholds)
    for number, rule in enumerate(policy.rules, start=1):
        fits, finding = _fits(rule, record["verdict"], findings)
        if not fits:
            continue
        draft.rule, draft.give = number, rule.give
        if rule.give in PAYING:
            draft.amount = in_units(order.price * rule.share, order.currency)
        what = f"{finding['code']} (score {finding['defect_score']:.2f})" if finding else "no single finding"
        name = {"reject": "Rejected", "flag": "Flagged"}[record["verdict"]]
        draft.reasons.append(f"{name} for {what}: {record['reason']}")
        draft.reasons.append(f"Rule {number} gives {_give_words(rule, draft.amount, order)}.")
        draft.is_waiting = rule.wait or record["verdict"] == "flag"
        if draft.is_waiting and rule.give is not Give.NONE:
            why = "The picture is only flagged" if record["verdict"] == "flag" else "The rule wants a person"
            draft.reasons.append(f"{why}: a person must agree first.")
        draft.is_waiting &= rule.give is not Give.NONE
        return
    draft.reasons.append(f"{record['verdict'].capitalize()}: {record['reason']} No rule of the refund policy fits.")


def _fits(rule: Rule, verdict: str, findings: Sequence[Mapping[str, Any]]) -> tuple[bool, Mapping[str, Any] | None]:
    if verdict not in rule.verdicts:
        return False, None
    codes = {code for selector in rule.codes for code in codes_matching(selector)}
    least = Severity[rule.severity.upper()]
    for finding in findings:
        if (not codes or finding["code"] in codes) and Severity[finding["severity"].upper()] >= least:
            return True, finding
    return not rule.codes and least is Severity.INFO and not findings, None


def _give_words(rule: Rule, amount: Decimal, order: Order) -> str:
    price = f"{amount_text(order.price, order.currency)} {order.currency}"
    paid = f"{amount_text(amount, order.currency)} {order.currency}"
    percent = f"{rule.share * 100:f}"
    percent = percent.rstrip("0").rstrip(".") if "." in percent else percent
    return {
        Give.FULL: f"the full price back, {price}",
        Give.PART: f"{percent} % of {price} back, {paid}",
        Give.CREDIT: f"credit for {percent} % of {price}, {paid}",
        Give.RERENDER: "a new render",
        Give.NONE: "nothing back",
    }[rule.give]


def _twin_words(twin: Standing, picture: str, likeness: str) -> str:
    same = "the same picture as" if picture == twin.picture else "nearly the same picture as"
    bits = "" if picture == twin.picture else f" ({bits_apart(likeness, twin.likeness)} of 256 bits differ)"
    return f"It is {same} entry {twin.seq} of order {twin.order_id}{bits}, so it is counted there and not again."


def _cap(draft: _Draft, order: Order, policy: RefundPolicy, older: Shelf | None) -> None:
    nothing = Decimal(0)
    limits = (
        ("order", policy.caps.per_order, nothing if older is None else older.reserved_for_order(order)),
        ("customer", policy.caps.per_customer, nothing if older is None else older.reserved_for_customer(order)),
    )
    for name, caps, reserved in limits:
        cap = caps.get(order.currency)
        if cap is None:
            continue
        left = max(Decimal(0), cap - reserved)
        if draft.amount > left:
            before, after = (f"{amount_text(value, order.currency)} {order.currency}" for value in (draft.amount, left))
            draft.reasons.append(
                f"Cut from {before} to {after}: the cap per {name} is {amount_text(cap, order.currency)}."
            )
            draft.amount = left
    if not draft.amount:
        draft.give, draft.is_waiting = Give.NONE, False
