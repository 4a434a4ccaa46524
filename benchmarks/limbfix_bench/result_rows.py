"""How are results kept? As CSV rows that say what was measured, on what, with which code, where and when."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from limbfix_bench.estimates import Estimate

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One result as it stands in the CSV; absent numbers are empty.

    Attributes:
        measure: what, e.g. `auroc_any`.
        source: the folder, or `folder/part`.
        n: pictures, hands or boxes the value rests on; `detail` says which.
        value, low, high: the value and its 95 % interval.
        commit: of the code; `+changes` where limbfix/ differed from it.
        data: how many of the folder's pictures, and a digest of their names and contents.
        machine, date, search: where, when (UTC), and the setting `search`.
        detail: counts that the value alone does not show.
    """

    measure: str
    source: str
    n: int
    value: str
    low: str
    high: str
    commit: str
    data: str
    machine: str
    date: str
    search: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A result before it is known which run it belongs to."""

    measure: str
    source: str
    estimate: Estimate
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Which code, machine and day a run belongs to."""

    commit: str
    machine: str
    date: str
    search: str

    @classmethod
    def of_now(cls, search: str) -> Provenance:
        """Returns that of this moment."""
        return cls(commit=_commit(), machine=_machine(), date=datetime.now(UTC).strftime("%Y-%m-%d"), search=search)


def make_row(measured: Measured, origin: Provenance, data: str) -> Row:
    """Joins a result with its origin."""
    estimate = measured.estimate
    numbers = {name: _text(getattr(estimate, name)) for name in ("value", "low", "high")}
    return Row(
        measure=measured.measure,
        source=measured.source,
        n=estimate.n,
        data=data,
        detail=measured.detail,
        **numbers,
        **asdict(origin),
    )


def read_rows(path: Path) -> list[Row]:
    """Returns the rows of a results file; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if set(reader.fieldnames or ()) != {field.name for field in fields(Row)}:
            return []  # a table of its own: the log of trainings, the comparison of runtimes
        return [Row(**{**row, "n": int(row["n"])}) for row in reader]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Writes a results file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    draft.replace(path)


def replace_rows(path: Path, rows: list[Row], folders: Iterable[str]) -> None:
    """Puts rows in the place of older ones of the same search and the same folders; others stay as they are."""
    folders = tuple(folders)
    searches = {row.search for row in rows}

    def is_renewed(row: Row) -> bool:
        return row.search in searches and any(f"{row.source}/".startswith(f"{folder}/") for folder in folders)

    write_rows(path, [*(row for row in read_rows(path) if not is_renewed(row)), *rows])


def print_rows(rows: Iterable[Row]) -> None:
    """Prints rows for a reader."""
    for row in rows:
        interval = f"[{row.low}, {row.high}]" if row.low else ""
        print(f"{row.measure:<34} {row.source:<30} n={row.n:<6} {row.value or '-':<8} {interval:<18} {row.detail}")


def _text(number: float | None) -> str:
    return "" if number is None else f"{number:.4f}"


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None  # a source archive has no history
    return done.stdout.strip()


def _commit() -> str:
    head = _git("rev-parse", "--short=12", "HEAD")
    if head is None:
        return "unknown"
    return f"{head}+changes" if _git("status", "--porcelain", "--", "limbfix") else head


def _machine() -> str:
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {platform.system()}"
