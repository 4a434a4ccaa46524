"""One JSON object per picture and line: the exact record, in ASCII."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TextIO

from limbfix.reports.summary import RunSummary


def json_line(record: Mapping[str, Any]) -> str:
    """Returns the record as one line without its line break.

    Pure ASCII, so lone surrogates of odd file names survive, and no escape sequence reaches a terminal.

    Raises:
        ValueError: the record holds NaN or an infinity, which JSON has no word for.
    """
    return json.dumps(record, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


class JsonLines:
    """Writes `json_line` of every record."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self) -> None:
        """Writes nothing: every line stands for itself."""

    def row(self, record: Mapping[str, Any]) -> None:
        """Writes one line and flushes."""
        self._out.write(json_line(record) + "\n")
        self._out.flush()

    def end(self, summary: RunSummary) -> None:
        """Writes nothing: the summary goes to stderr and to summary.json, never among the records."""
