"""How are codes of the ledger said to people?"""

from __future__ import annotations

from typing import Any

from limbfix.explanations import explanations_of
from limbfix.ledger.cases import Case
from limbfix.ledger.deciding import Status
from limbfix.ledger.money import amount_text
from limbfix.ledger.refunds import PAYING, Give

STATUS_NAMES = {
    Status.NONE: "Nothing to give back",
    Status.RECOMMENDED: "Recommended",
    Status.WAITING: "Waits for a person",
    Status.CONFIRMED: "Decided by a person",
    Status.DECLINED: "Declined by a person",
}
GIVE_NAMES = {
    Give.FULL: "full price back",
    Give.PART: "part of the price back",
    Give.CREDIT: "credit",
    Give.RERENDER: "a new render",
    Give.NONE: "nothing",
}
VERDICT_NAMES = {
    "reject": "Rejected",
    "flag": "Flagged",
    "pass": "Passed",
    "no_subject": "Nobody in it",
    "unjudged": "Not judged",
}


def outcome_words(case: Case) -> str:
    """Returns what is given back, and on whose word: `12.00 EUR, the full price back`."""
    sum_of_money = f"{amount_text(case.amount, case.currency)} {case.currency}, " if case.give in PAYING else ""
    words = sum_of_money + GIVE_NAMES[case.give]
    return f"{words}, if a person agrees" if case.status is Status.WAITING else words


def decision_words(data: dict[str, Any], at: str) -> str:
    """Returns one sentence about an override."""
    answer = {
        "confirm": "confirmed the recommendation",
        "decline": "declined it",
        "set": "decided otherwise",
        "label": "looked at it",
    }
    label = f" The picture is {data['label']}." if data["label"] else ""
    stop = "" if data["why"].rstrip().endswith((".", "!", "?", "…")) else "."
    return f"{data['who']} {answer[data['answer']]} on {at[:10]}: {data['why'].rstrip()}{stop}{label}"


def meaning_of(code: str) -> str:
    """Returns what a code means: `a hand shows more than five digits.`"""
    return explanations_of(code)[0].meaning
