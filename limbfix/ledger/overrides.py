"""What did a person decide, and why? An entry of its own: the recommendation beside it stays as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from limbfix.errors import CaseChanged, UsageError
from limbfix.ledger import NOTICE
from limbfix.ledger.appending import Writer
from limbfix.ledger.cases import Case, find_case
from limbfix.ledger.chain import Entry
from limbfix.ledger.money import amount_text, parse_amount
from limbfix.ledger.refunds import PAYING, Give
from limbfix.ledger.store import Ledger

Answer = Literal["confirm", "decline", "set", "label", "undo"]
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MOST_WORDS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decided about a case.

    Attributes:
        who, why: name and reason, in words; neither may be empty.
        answer: `confirm` the recommendation, `decline` it (nothing is given back), `set` another one, `label` the picture and leave the recommendation as it stands, or `undo` the last
            decision.
        give, amount: for `set`; the amount as text, such as "12.50", for what pays.
        label: what the person saw in the picture, for calibration: `defective`, `fine`, `unsure` or None.
        codes: reason codes, free words or codes of limbfix.
        at: when the person decided, if that was not now.
    """

    who: str
    why: str
    answer: Answer
    give: Give | str | None = None
    amount: str | None = None
    label: Literal["defective", "fine", "unsure"] | None = None
    codes: tuple[str, ...] = ()
    at: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("who", "why"):
            text = getattr(self, name)
            if not text.strip() or len(text) > _MOST_WORDS or _CONTROL.search(text):
                raise UsageError(f"decision: {name}: expected 1 to {_MOST_WORDS} characters of text, got {text[:40]!r}")
        if self.answer not in get_args(Answer):
            raise UsageError(f"decision: answer: expected one of {', '.join(get_args(Answer))}, got {self.answer!r}")
        if self.answer == "label" and self.label is None:
            raise UsageError("decision: label: expected one with the answer `label`: defective, fine or unsure")
        if self.give is not None and self.give not in list(Give):
            raise UsageError(f"decision: give: expected one of {', '.join(Give)}, got {self.give!r}")
        if (self.answer == "set") != (self.give is not None):
            raise UsageError("decision: give: expected with the answer `set` and only there")
        if (self.give in PAYING) != (self.amount is not None):
            raise UsageError(f"decision: amount: expected with {', '.join(PAYING)} and only there")


def decide(ledger: Ledger, case_id: str, decision: Decision, *, saw: str | None = None) -> Entry:
    """Writes a decision into the ledger.

    Args:
        ledger: where.
        case_id: which case; its first digits, or `@` and the order.
        decision: what was decided.
        saw: `latest_hash` of the case that the person looked at; None = whatever stands now.

    Raises:
        CaseChanged: the case was decided or judged anew since; nothing was written.
        UsageError: there is no such case, nothing to undo, or an impossible amount.
    """
    return decide_all(ledger, [(case_id, decision, saw)])[0]


def decide_all(ledger: Ledger, decisions: Sequence[tuple[str, Decision, str | None]]) -> list[Entry]:
    """Writes several decisions, all or none; see `decide`."""
    with ledger.writing() as writer:
        return [_write(writer, case_id, decision, saw) for case_id, decision, saw in decisions]


def _write(writer: Writer, case_id: str, decision: Decision, saw: str | None) -> Entry:
    case = find_case(writer, case_id)
    if case is None:
        raise UsageError(
            f"case {case_id[:64]!r}: expected the id of one case, its first digits, or @ORDER; see `limbfix ledger list`"
        )
    if saw is not None and saw != case.latest_hash:
        raise CaseChanged(
            f"case {case.case_id[:12]}: expected it as it was when you looked ({saw[:12]}...), but it was decided or judged "
            "anew since. Look again, then decide"
        )
    if decision.answer == "undo" and not case.overrides:
        raise UsageError(f"case {case.case_id[:12]}: expected a decision to undo, got none")
    give, amount = _result(case, decision)
    body: dict[str, Any] = {
        "target": case.entry.hash,
        "target_seq": case.entry.seq,
        "saw": case.latest_hash,
        "who": decision.who.strip(),
        "why": decision.why.strip(),
        "answer": decision.answer,
        "give": give.value,
        "amount": amount,
        "currency": case.currency,
        "label": decision.label,
        "codes": list(decision.codes),
        "decided_at": None if decision.at is None else decision.at.astimezone(UTC).isoformat(timespec="seconds"),
        "notice": NOTICE,
    }
    return writer.append(
        kind="override",
        case_id=case.case_id,
        body=body,
        customer=case.entry.customer,
        order_id=case.entry.order_id,
        picture=case.entry.picture,
        likeness=case.entry.likeness,
    )


def _result(case: Case, decision: Decision) -> tuple[Give, str]:
    recommended = case.data["decision"]
    if decision.answer == "confirm":
        return Give(recommended["give"]), str(recommended["amount"])
    if decision.answer == "label":
        return case.give, amount_text(case.amount, case.currency)
    nothing = amount_text(case.price * 0, case.currency)
    if decision.answer == "set" and decision.give is not None:
        if decision.amount is None:
            return Give(decision.give), nothing
        amount = parse_amount(decision.amount, case.currency, origin="decision: amount")
        if amount > case.price:
            raise UsageError(
                f"decision: amount: expected at most the price, {case.price} {case.currency}, got {amount}"
            )
        return Give(decision.give), amount_text(amount, case.currency)
    if decision.answer == "undo":
        before = case.overrides[-2].data if len(case.overrides) > 1 else recommended
        return Give(before["give"]), str(before["amount"])
    return Give.NONE, nothing
