"""What does the caller learn about one image? The verdict on what was kept, every attempt with its seed, and a plain record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from limbfix.errors import AnatomyRejected, OutputError
from limbfix.inspections import Inspection
from limbfix.records import shown_score
from limbfix.wrapping.attempts import SKIPPED_NSFW, Attempt, Ledger
from limbfix.wrapping.plain import made_plain

REPORT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GateReport:
    """What happened to one image of a call.

    Attributes:
        image_index: its place in what the call returned.
        attempts: everything that was tried, in order.
        kept: index in `attempts` of the one that the caller got.
        inspection: the judgement of what was kept; None where nobody judged it (`skipped_nsfw`).
        has_failed: whether what was kept is still no success.
        is_reproducible: whether `limbfix replay` can make the same attempts again.
        not_reproducible_because: one sentence, empty where it is.
        notes: what else the caller should know.
        generator, call: what made it and how it was called, as plain JSON values.
        id: short name of this report, from its own content.
    """

    image_index: int
    attempts: tuple[Attempt, ...]
    kept: int
    inspection: Inspection | None
    has_failed: bool
    is_reproducible: bool
    not_reproducible_because: str
    notes: tuple[str, ...]
    generator: dict[str, Any]
    call: dict[str, Any]
    id: str = ""

    @property
    def verdict(self) -> str:
        """Of the kept attempt: `pass`, `flag`, `reject`, `no_subject`, `unjudged` or `skipped_nsfw`."""
        return self.attempts[self.kept].verdict or "unjudged"

    @property
    def defect_score(self) -> float | None:
        """Of the kept attempt: 0-1, higher = more surely wrong; None where nothing was judged."""
        return self.attempts[self.kept].defect_score

    @property
    def reason(self) -> str:
        """One sentence about the kept attempt."""
        return self.attempts[self.kept].reason

    @property
    def findings(self) -> list[dict[str, Any]]:
        """The findings of the kept attempt, as in its record."""
        return [] if self.inspection is None else self.inspection.record["findings"]

    @property
    def is_repaired(self) -> bool:
        """Whether the kept picture was repaired."""
        return self.attempts[self.kept].kind == "repair"

    @property
    def record(self) -> dict[str, Any]:
        """Plain JSON values: one line of the file that `limbfix replay` reads."""
        told = {
            "wrap_version": REPORT_VERSION,
            "id": self.id,
            "image_index": self.image_index,
            "verdict": self.verdict,
            "defect_score": self.defect_score,
            "reason": self.reason,
            "has_failed": self.has_failed,
            "kept": self.kept,
            "attempts": [asdict(attempt) | {"batch": list(attempt.batch)} for attempt in self.attempts],
            "reproducible": self.is_reproducible,
            "not_reproducible_because": self.not_reproducible_because or None,
            "notes": list(self.notes),
            "generator": self.generator,
            "call": self.call,
            "inspection": None if self.inspection is None else self.inspection.record,
        }
        return made_plain(told)  # a repairer's or a gate's own may hold anything

    def without_pixels(self) -> GateReport:
        """Returns the report with the bare record of its judgement: a few KB, where pixels, masks and scene are many MB."""
        bare = None if self.inspection is None else Inspection(record=self.inspection.record)
        return replace(self, inspection=bare)

    def __repr__(self) -> str:
        score = "no score" if self.defect_score is None else shown_score(self.defect_score)
        renders = sum(attempt.kind == "render" for attempt in self.attempts)
        return f"<GateReport image {self.image_index}: {self.verdict} ({score}), {renders} renders: {self.reason}>"


class GatedList(list):
    """The pictures of one call; `reports` holds one report for each."""

    reports: tuple[GateReport, ...] = ()


class GatedTuple(tuple):
    """The same, or what a pipeline returns for `return_dict=False`."""

    reports: tuple[GateReport, ...] = ()


def make_report(
    ledger: Ledger,
    *,
    not_reproducible_because: str,
    notes: Sequence[str],
    generator: Mapping[str, Any],
    call: Mapping[str, Any],
) -> GateReport:
    """Returns the report of one image."""
    import hashlib

    assert ledger.best is not None
    fields: dict[str, Any] = {
        "image_index": ledger.image_index,
        "attempts": tuple(ledger.attempts),
        "kept": ledger.best,
        "inspection": ledger.inspection,
        "has_failed": ledger.kept.verdict != SKIPPED_NSFW and ledger.has_failed,
        "is_reproducible": not not_reproducible_because,
        "not_reproducible_because": not_reproducible_because,
        "notes": (*notes, *ledger.notes),
        "generator": dict(generator),
        "call": dict(call),
    }
    content = [ledger.image_index, [(one.seed, one.pixels_sha256) for one in ledger.attempts], fields["call"]]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return GateReport(**fields, id=digest)


def add_reports(kept: list[GateReport], new: Sequence[GateReport]) -> None:
    """Adds the reports of a stream's next picture to those before, of which only the records stay."""
    if kept:
        kept[-1] = kept[-1].without_pixels()
    kept += new


def raise_if_asked(on_fail: str, reports: Sequence[GateReport], output: Any) -> None:
    """Raises AnatomyRejected where an image failed and the caller wants an error."""
    failed = [report for report in reports if report.has_failed]
    if on_fail == "raise" and failed:
        worst = max(failed, key=lambda report: report.defect_score or 0)
        raise AnatomyRejected(
            f"expected pictures without anatomical defects, got {len(failed)} of {len(reports)} that fail; image "
            f"{worst.image_index}: {worst.reason} The pictures are in this error's `output`, the reports in `reports`.",
            tuple(reports),
            output,
        )


def expect_records(path: Path) -> None:
    """Makes sure that records can be added to a file, before anything is rendered for them.

    Raises:
        OutputError: they cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
    except OSError as error:
        raise OutputError(
            f"records {path}: expected a file to add lines to, got: {error.strerror or error}; name another"
        ) from error


def add_records(path: Path, reports: Sequence[GateReport]) -> None:
    """Adds one JSON line for each report.

    Raises:
        OutputError: the file cannot be written.
    """
    lines = "".join(json.dumps(report.record, allow_nan=False) + "\n" for report in reports)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(lines)
    except OSError as error:
        raise OutputError(
            f"records {path}: expected to add {len(reports)} lines, got: {error.strerror or error}; free space or name another file"
        ) from error
