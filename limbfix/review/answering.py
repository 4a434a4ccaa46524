"""How does a key press become an entry? Compared with what the person saw, and then written, never over somebody else's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from limbfix.errors import CaseChanged, UsageError
from limbfix.ledger.cases import Case, find_case
from limbfix.ledger.deciding import Status
from limbfix.ledger.overrides import Decision, decide
from limbfix.ledger.refunds import Give
from limbfix.ledger.store import Ledger

Choice = Literal["accept", "reject"]
Label = Literal["fine", "defective"]
LABELS: dict[Choice, Label] = {"accept": "fine", "reject": "defective"}
_MOST_CODES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person said on the page.

    Attributes:
        who: name.
        choice: `accept` (nothing wrong is seen) or `reject`.
        saw: hash of the newest entry that the page showed.
        codes: reason codes.
        note: in the person's words; may be empty.
    """

    who: str
    choice: Choice
    saw: str
    codes: tuple[str, ...] = ()
    note: str = ""


def write_answer(ledger: Ledger, case: Case, said: Said) -> str:
    """Writes an answer; returns the hash of its entry.

    A case that waits is decided: accepting the picture declines what was recommended, rejecting it confirms it. Any other
    case is labelled, and what was recommended stays as it was; so is one that waits without a recommendation, when it is rejected: of a picture
    that could not be judged nobody has said yet what a defect is worth, and a confirmed nothing would be a refusal.

    Raises:
        CaseChanged: somebody else decided since the person looked; nothing was written.
        UsageError: no name, or an impossible reason.
    """
    recommended = case.data["decision"]
    is_confirmed, waits = said.choice == "reject", recommended["status"] == Status.WAITING
    is_known = not is_confirmed or recommended["give"] != Give.NONE
    answer = "label" if not waits or not is_known else "confirm" if is_confirmed else "decline"
    if len(said.codes) > _MOST_CODES or any(len(code) > 64 for code in said.codes):
        raise UsageError(f"reasons: expected at most {_MOST_CODES} short ones, got {len(said.codes)}")
    label = LABELS[said.choice]
    why = said.note.strip() or f"Looked at in the review: {label}{', ' + ', '.join(said.codes) if said.codes else ''}"
    decision = Decision(who=said.who, why=why, answer=answer, label=label, codes=said.codes)
    try:
        return decide(ledger, case.case_id, decision, saw=said.saw).hash
    except CaseChanged:
        if own := _same_answer(ledger, case.case_id, said, why):
            return own  # sent twice: a double press, or a page sent again
        raise


def take_back(ledger: Ledger, case_id: str, *, who: str, answer: str) -> str:
    """Takes an answer back where it is the one that holds; returns the hash of the entry that says so.

    Args:
        ledger: where.
        case_id: whole id of the case.
        who: name.
        answer: hash of the answer's entry. Newer ones that were taken back themselves do not stand in its way.

    Raises:
        CaseChanged: somebody decided since, or the picture was judged anew; nothing was written.
    """
    with ledger.reading() as reader:
        case = find_case(reader, case_id)
    if case is None or not case.overrides or case.overrides[-1].hash != answer:
        raise CaseChanged(
            f"case {case_id[:12]}: expected that the answer {answer[:12]}... still holds, but it was decided or judged anew since. "
            "Look again, then decide"
        )
    undo = Decision(who=who, why="Taken back in the review", answer="undo")
    return decide(ledger, case_id, undo, saw=case.latest_hash).hash


def _same_answer(ledger: Ledger, case_id: str, said: Said, why: str) -> str | None:
    with ledger.reading() as reader:
        case = find_case(reader, case_id)
    if case is None or not case.overrides or case.overrides[-1].hash != case.latest_hash:
        return None
    body = case.overrides[-1].data
    written = [body[name] for name in ("saw", "who", "label", "codes", "why")]
    is_same = written == [said.saw, said.who.strip(), LABELS[said.choice], list(said.codes), why]
    return case.latest_hash if is_same else None
