"""Which pictures are looked at although nobody asked? A sample that the content alone decides, so nobody can choose it.

A picture is in the sample if `SHA-256("limbfix audit 1" LF sha256 of the file)`, read as a number from 0 to 1, is below
the rate of its verdict. The same picture is in it or out of it on every machine, in every ledger, before and after others
come in; and because the number has nothing to do with the score, the part of the sample that is looked at first is a
fair sample too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from limbfix.errors import UsageError
from limbfix.review.index import Row

STRATA = ("pass", "flag", "reject")
"""Verdicts of pictures that were judged. `no_subject` and `unjudged` are left out: the gate claims nothing about them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Shares, 0-1, of passed and of rejected pictures that are mixed in. Flagged ones are all looked at."""

    passed: float = 0.05
    rejected: float = 0.1

    def __post_init__(self) -> None:
        for name in ("passed", "rejected"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"audit of {name} pictures: expected a share from 0 to 1, got {getattr(self, name)}")

    def of(self, verdict: str) -> float:
        """Returns the rate of a verdict. Flagged pictures have one too: while not all are done, that part speaks for them."""
        return {"pass": self.passed, "reject": self.rejected, "flag": max(self.passed, self.rejected)}.get(verdict, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Pictures of one verdict, each file counted once.

    Attributes:
        verdict: which.
        size: how many there are.
        wanted: how many the audit, or for flagged ones the whole review, asks for.
        seen: how many of those that count were answered; all of them, or those of the sample alone.
        defective: how many of `seen` are wrong.
        is_whole: every picture was answered, so nothing is estimated.
    """

    verdict: str
    size: int
    wanted: int
    seen: int
    defective: int
    is_whole: bool


def is_audited(row: Row, rates: Rates) -> bool:
    """Says whether the sample holds this picture."""
    return bool(row.picture) and row.place < rates.of(row.verdict)


def one_per_picture(rows: Iterable[Row]) -> dict[str, Row]:
    """Returns one case for each file: the one that was answered last, else the first."""
    chosen: dict[str, Row] = {}
    for row in rows:
        if row.picture and (row.picture not in chosen or _answered(row) > _answered(chosen[row.picture])):
            chosen[row.picture] = row
    return chosen


def make_strata(rows: Iterable[Row], rates: Rates) -> dict[str, Stratum]:
    """Returns what is known of each verdict. `unsure` is no answer."""
    shelves: dict[str, list[Row]] = {verdict: [] for verdict in STRATA}
    for row in one_per_picture(rows).values():
        if row.verdict in shelves:
            shelves[row.verdict].append(row)
    return {verdict: _stratum(verdict, shelf, rates) for verdict, shelf in shelves.items()}


def weights(rows: Iterable[Row], rates: Rates) -> Mapping[str, float]:
    """Returns how many pictures of its verdict each answered picture stands for, by SHA-256; those that count only."""
    found: dict[str, float] = {}
    chosen = one_per_picture(rows).values()
    for verdict, stratum in make_strata(chosen, rates).items():
        members = [row for row in chosen if row.verdict == verdict and _is_clear(row)]
        counted = members if stratum.is_whole else [row for row in members if is_audited(row, rates)]
        found |= {row.picture: stratum.size / len(counted) for row in counted}
    return found


def _stratum(verdict: str, shelf: list[Row], rates: Rates) -> Stratum:
    sample = [row for row in shelf if is_audited(row, rates)]
    is_whole = bool(shelf) and all(map(_is_clear, shelf))
    counted = [row for row in (shelf if is_whole else sample) if _is_clear(row)]
    return Stratum(
        verdict=verdict,
        size=len(shelf),
        wanted=len(shelf) if verdict == "flag" else len(sample),
        seen=len(counted),
        defective=sum(row.label == "defective" for row in counted),
        is_whole=is_whole,
    )


def _is_clear(row: Row) -> bool:
    return row.label in ("defective", "fine")


def _answered(row: Row) -> int:
    return max((answer.seq for answer in row.answers if answer.label), default=0)
