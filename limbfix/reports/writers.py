"""In which format do records leave? One writer per format, one table; records are written as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TextIO

from limbfix.errors import UsageError
from limbfix.reports.csv_rows import CsvRows
from limbfix.reports.json_lines import JsonLines
from limbfix.reports.junit_xml import JunitXml
from limbfix.reports.summary import RunSummary
from limbfix.reports.text_lines import TextLines


class RecordWriter(Protocol):
    """Writes records to the stream it was made with. Call `begin`, then `row` per record, then `end`, once each."""

    def begin(self) -> None:
        """Writes what stands before the first record."""
        ...

    def row(self, record: Mapping[str, Any]) -> None:
        """Writes one record (a dict as in the published schema) and flushes, so that a reader sees it at once."""
        ...

    def end(self, summary: RunSummary) -> None:
        """Writes what stands after the last record. The stream stays open."""
        ...


FORMATS: dict[str, Callable[[TextIO, str, bool], RecordWriter]] = {
    "text": lambda out, fail_on, require_subject: TextLines(out),
    "jsonl": lambda out, fail_on, require_subject: JsonLines(out),
    "csv": lambda out, fail_on, require_subject: CsvRows(out),
    "junit": lambda out, fail_on, require_subject: JunitXml(out, fail_on=fail_on, require_subject=require_subject),
}
"""Every format of `--format`: (stream, what fails the run) -> its writer."""


def open_writer(name: str, out: TextIO, *, fail_on: str = "reject", require_subject: bool = False) -> RecordWriter:
    """Returns the writer of a format.

    Args:
        name: one of FORMATS.
        out: text stream. Every writer but `text` and `csv` writes ASCII; those two need UTF-8, without surrogates.
        fail_on, require_subject: what fails the run; JUnit XML, which dashboards judge by, says the same.

    Raises:
        UsageError: no such format.
    """
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}; expected one of {', '.join(FORMATS)}")
    return FORMATS[name](out, fail_on, require_subject)
