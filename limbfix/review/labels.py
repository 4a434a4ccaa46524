"""What did people see? One label a picture, with what it stands for, so that scores can be read anew from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limbfix.ledger.cases import Case, find_case
from limbfix.ledger.store import Ledger
from limbfix.review.auditing import Rates, is_audited, one_per_picture, weights
from limbfix.review.index import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One picture that somebody looked at.

    Attributes:
        case_id, sha256, path, width, height: which; px of the upright original, None where unknown.
        verdict, score: of `limbfix check`; the score is None where nothing was judged.
        policy: `name@hash` under which it was judged.
        label: `defective`, `fine` or `unsure`.
        codes: reason codes that the person gave.
        who, at, why: name, time (UTC) and words.
        audited: the sample holds the picture.
        weight: how many pictures of its verdict it stands for; None = none (it was neither of the sample nor are all of
            its verdict done), so no estimate may use it.
        regions: (code, x_min, y_min, x_max, y_max) of what limbfix found, px.
    """

    case_id: str
    sha256: str
    path: str
    width: int | None
    height: int | None
    verdict: str
    score: float | None
    policy: str
    label: str
    codes: tuple[str, ...]
    who: str
    at: str
    why: str
    audited: bool
    weight: float | None
    regions: tuple[tuple[str, float, float, float, float], ...] = ()


def make_labels(ledger: Ledger, rates: Rates) -> list[Label]:
    """Returns the labels of a ledger, each picture once, in order of its cases. Empty where nobody has looked.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    _, rows = Index(ledger).refresh()
    weight_of = weights(rows, rates)
    labels: list[Label] = []
    with ledger.reading() as reader:
        for row in one_per_picture(rows).values():
            if row.label and (case := find_case(reader, row.case_id)):
                labels.append(_label(case, is_audited(row, rates), weight_of.get(row.picture)))
    return labels


def _label(case: Case, audited: bool, weight: float | None) -> Label:
    record = case.data["record"]
    entry = next(entry for entry in reversed(case.overrides) if entry.data["label"])
    said = entry.data
    score = record["defect_score"]
    return Label(
        case_id=case.case_id,
        sha256=case.entry.picture,
        path=record["path"],
        width=record["width"],
        height=record["height"],
        verdict=record["verdict"],
        score=None if score is None else float(score),
        policy=case.data["check_policy"],
        label=said["label"],
        codes=tuple(said["codes"]),
        who=said["who"],
        at=said["decided_at"] or entry.at,
        why=said["why"],
        audited=audited,
        weight=weight,
        regions=tuple(_regions(record["findings"])),
    )


def _regions(findings: Sequence[dict]) -> list[tuple[str, float, float, float, float]]:
    boxes = [
        (finding["code"], [float(value) for value in finding["box_xyxy"]])
        for finding in findings
        if finding["box_xyxy"]
    ]
    return [(code, x0, y0, x1, y1) for code, (x0, y0, x1, y1) in boxes]
