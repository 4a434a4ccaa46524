"""One row per picture for spreadsheets, safe to open there."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from limbfix.reports.code_lists import code_lists
from limbfix.reports.escaping import csv_cell
from limbfix.reports.summary import RunSummary

COLUMNS: tuple[str, ...] = (
    "path", "verdict", "defect_score", "reason", "codes", "findings", "people", "hands", "width", "height", "sha256",
    "generator", "prompt", "seed", "policy", "exceptions", "notes", "error_code", "error_message", "seconds",
    "repair_verdict", "repair_score", "repair_output", "hints",
)  # fmt: skip
"""The columns, fixed; new ones are only ever added at the end."""


def csv_cells(record: Mapping[str, Any]) -> list[str | int | float]:
    """Returns the cells of one record in the order of COLUMNS; several values of one cell are joined by `; `."""
    findings = record.get("findings") or []
    source, error = record.get("source") or {}, record.get("error") or {}
    repair = record.get("repair") or {}
    codes, hints = code_lists(record)
    values = {name: record.get(name) for name in COLUMNS} | {
        "codes": "; ".join(codes),
        "findings": len(findings),
        "people": len(record.get("people") or []),
        "hands": len(record.get("hands") or []),
        "generator": source.get("generator"),
        "prompt": source.get("prompt"),
        "seed": source.get("seed"),
        "exceptions": "; ".join(record.get("exceptions") or []),
        "notes": "; ".join(record.get("notes") or []),
        "error_code": error.get("code"),
        "error_message": error.get("message"),
        "repair_verdict": repair["after"]["verdict"] if repair.get("output") else None,
        "repair_score": repair["after"]["defect_score"] if repair.get("output") else None,
        "repair_output": repair.get("output"),
        "hints": "; ".join(hints),
    }
    return [csv_cell(values[name]) for name in COLUMNS]


def csv_line(cells: Sequence[str | int | float]) -> str:
    """Returns the cells as one line with its line break, quoted where needed."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


class CsvRows:
    """Writes a header and one row per record, UTF-8, one line each: line breaks inside a cell are shown as `\\n`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self) -> None:
        """Writes the header."""
        self._out.write(csv_line(COLUMNS))

    def row(self, record: Mapping[str, Any]) -> None:
        """Writes one row and flushes."""
        self._out.write(csv_line(csv_cells(record)))
        self._out.flush()

    def end(self, summary: RunSummary) -> None:
        """Writes nothing: a table ends with its last row."""
