"""What does a ledger hold about each picture, as far as a review must know? A few hundred bytes a case, kept up to date.

The ledger only grows, so the index reads what is new and never reads anything twice.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

from limbfix.ledger.chain import Entry
from limbfix.ledger.deciding import Status
from limbfix.ledger.store import Ledger

_BATCH = 500
"""Entries in memory at once."""

_MIDDLE = 0.65
"""Between limbfix's own thresholds, where a ledger does not know those of the check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one person said about one picture.

    Attributes:
        kind: `confirm`, `decline`, `set` or `label`.
        label: `defective`, `fine`, `unsure` or None.
        who, at: name, and when, UTC.
        seq: of the entry.
    """

    kind: str
    label: str | None
    who: str
    at: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case.

    Attributes:
        case_id, seq: which; number of its newest `case` entry.
        picture: SHA-256 of the file; empty where it could not be read.
        verdict: of `limbfix check`.
        score: defect score, 0-1, or None.
        middle: half-way between the thresholds to flag and to reject.
        waits: the refund policy wants a person; an answer decides about money.
        latest: hash of the newest entry about it.
        place: see `place_of`.
        answers: those that hold, oldest first.
    """

    case_id: str
    seq: int
    picture: str
    verdict: str
    score: float | None
    middle: float
    waits: bool
    latest: str
    place: float
    answers: tuple[Answer, ...] = ()

    @property
    def label(self) -> str | None:
        """What the last person who said so saw."""
        return next((answer.label for answer in reversed(self.answers) if answer.label), None)

    @property
    def is_done(self) -> bool:
        """Whether nobody needs to look any more."""
        return bool(self.answers) if self.waits else self.label is not None

    @property
    def uncertainty(self) -> float:
        """0-1: 1 half-way between the thresholds or without a score, 0 at the far end."""
        if self.score is None:
            return 1.0
        return 1.0 - abs(self.score - self.middle) / max(self.middle, 1.0 - self.middle)


def place_of(picture: str) -> float:
    """Returns where a file, by its SHA-256, falls between 0 and 1: the same everywhere and always; see `auditing`."""
    digest = hashlib.sha256(b"limbfix audit 1\n" + picture.encode("ascii")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


class Index:
    """All cases of a ledger. Safe to use from several threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rows: dict[str, Row] = {}
        self._last = 0
        self._lock = threading.Lock()

    def refresh(self) -> tuple[int, list[Row]]:
        """Reads what is new; returns how many entries were read in all, and the cases in order of first appearance.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        with self._lock:
            for entry in self._new_entries():
                self._take(entry)
                self._last = entry.seq
            return self._last, list(self._rows.values())

    def row(self, case_id: str) -> Row | None:
        """Returns a case as of the last `refresh`."""
        return self._rows.get(case_id)

    def _new_entries(self) -> Iterator[Entry]:
        with self._ledger.reading() as reader:
            last = self._last
            while batch := list(reader.entries(after=last, most=_BATCH)):
                yield from batch
                last = batch[-1].seq

    def _take(self, entry: Entry) -> None:
        if entry.kind == "case":
            self._rows[entry.case_id] = _row(entry)
        elif entry.kind == "override" and (row := self._rows.get(entry.case_id)):
            body = entry.data
            if body["answer"] == "undo":
                answers = row.answers[:-1]
            else:
                at = body["decided_at"] or entry.at
                answer = Answer(kind=body["answer"], label=body["label"], who=body["who"], at=at, seq=entry.seq)
                answers = (*row.answers, answer)
            self._rows[entry.case_id] = replace(row, answers=answers, latest=entry.hash)


def _row(entry: Entry) -> Row:
    body = entry.data
    record, thresholds = body["record"], body["thresholds"]
    score = record["defect_score"]
    middle = (float(thresholds["flag_at"]) + float(thresholds["reject_at"])) / 2 if thresholds else _MIDDLE
    return Row(
        case_id=entry.case_id,
        seq=entry.seq,
        picture=entry.picture,
        verdict=record["verdict"],
        score=None if score is None else float(score),
        middle=middle,
        waits=body["decision"]["status"] == Status.WAITING,
        latest=entry.hash,
        place=place_of(entry.picture),
    )
