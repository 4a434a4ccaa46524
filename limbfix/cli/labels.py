"""`limbfix labels` and `limbfix calibrate`: what people saw, as a file, and what scores mean after it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from limbfix.cli import flags

if TYPE_CHECKING:
    from limbfix.review.recalibration import Calibration


def labels(
    out: flags.NewFile,
    ledger: flags.Ledger = "ledger.db",
    format: Annotated[Literal["csv", "coco", "label-studio"], typer.Option(help="Of the file.")] = "csv",
    audit_passed: Annotated[float, typer.Option(metavar="SHARE", help="As the review was given.")] = 0.05,
    audit_rejected: Annotated[float, typer.Option(metavar="SHARE", help="As the review was given.")] = 0.1,
    force: flags.Replace = False,
) -> None:
    """Writes what people saw in the pictures of a ledger: one label a picture. Exit codes: 0 written, 2 wrong input."""
    from limbfix.ledger.store import open_ledger
    from limbfix.reports.new_file import new_file
    from limbfix.review.auditing import Rates
    from limbfix.review.label_files import label_file
    from limbfix.review.labels import make_labels

    with open_ledger(ledger) as book:
        found = make_labels(book, Rates(passed=audit_passed, rejected=audit_rejected))
    with new_file(out, force=force) as file:
        file.write(label_file(found, format))
    weighed = sum(label.weight is not None for label in found)
    print(f"limbfix: {len(found)} labels, {weighed} of them stand for others too", file=sys.stderr)


def calibrate(
    labels: Annotated[Path, typer.Option(metavar="FILE", help="Of `limbfix labels`: CSV, COCO or Label Studio.")],
    out: flags.NewFile = Path("calibration.json"),
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Whose thresholds are set anew. [default policy]")
    ] = None,
    flag_chance: Annotated[float, typer.Option(metavar="SHARE", help="Flag from this chance of a defect.")] = 0.5,
    reject_chance: Annotated[float, typer.Option(metavar="SHARE", help="Reject from this chance.")] = 0.9,
    force: flags.Replace = False,
) -> None:
    """Reads scores anew from what people saw: the chance of a defect, a table of how reliable it is, and thresholds.

    The file is a policy too: `limbfix check --policy calibration.json`. Exit codes: 0 written, 2 too few labels or wrong
    input.
    """
    from limbfix.errors import UsageError
    from limbfix.policies import Policy, load_policy
    from limbfix.printing import printable
    from limbfix.reports.new_file import new_file
    from limbfix.review.label_files import read_labels
    from limbfix.review.recalibration import as_file
    from limbfix.review.recalibration import calibrate as fit

    if out.suffix.lower() != ".json":
        raise UsageError(
            f"--out {printable(str(out))}: expected a name that ends in .json, because `limbfix check --policy` reads others as TOML"
        )
    base = Policy() if policy is None else load_policy(policy)
    found = fit(read_labels(labels), flag_chance=flag_chance, reject_chance=reject_chance, base=base)
    with new_file(out, force=force) as file:
        file.write((json.dumps(as_file(found, base), indent=1) + "\n").encode("ascii"))
    for line in _lines(found):
        print(f"limbfix: {line}", file=sys.stderr)
    print(f"limbfix: wrote {printable(str(out))}; use it with: limbfix check --policy FILE", file=sys.stderr)


def _lines(found: Calibration) -> list[str]:
    lines = [
        f"{found.labels} labels, {found.defective} of them defective; they say as much as {found.effective:.0f} equal ones",
        "predicted chance   labels  predicted  observed (95 %)",
    ]
    for one in found.reliability:
        numbers = "       -         -" if one.predicted is None else (
            f"{one.predicted:9.2f}  {one.observed:8.2f} ({one.observed_low:.2f} to {one.observed_high:.2f})"
        )  # fmt: skip
        lines.append(f"{one.low:.2f} to {one.high:.2f}       {one.labels:6d}  {numbers}")
    lines.append(f"squared error: {found.brier_before} with the score as it is, {found.brier_after} with the curve")
    lines.append(
        f"flag_at {found.flag_at} ({found.flag_chance:.0%}), reject_at {found.reject_at} ({found.reject_chance:.0%})"
    )
    return lines + list(found.notes)
