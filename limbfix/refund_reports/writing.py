"""How does a report leave? Read in one view of the ledger, written whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Literal, get_args

from limbfix.errors import UsageError
from limbfix.ledger.cases import Case, group_cases
from limbfix.ledger.store import Ledger
from limbfix.refund_reports import tables
from limbfix.refund_reports.facts import Facts, GroupBy, make_facts
from limbfix.refund_reports.page import make_page
from limbfix.refund_reports.pdf import make_pdf
from limbfix.reports.new_file import new_file

Format = Literal["html", "pdf", "csv", "json", "parquet"]
MOST_CASES = 200


def write_report(
    ledger: Ledger,
    out: Path,
    *,
    format: Format | None = None,
    since: str | None = None,
    until: str | None = None,
    group_by: GroupBy | None = None,
    title: str = "Refund report",
    most_cases: int = MOST_CASES,
    force: bool = False,
) -> Facts:
    """Writes a report.

    Args:
        ledger: what to report on.
        out: a new file.
        format: of the file; None = as its ending says, else HTML.
        since, until: first and last moment of rendering, `2026-11-01` (the whole day) or with a time; None = no bound.
        group_by: what pictures are grouped by; None = by generator, and tables list cases instead of groups.
        title: heading.
        most_cases: cases with a page of their own.
        force: replace a file that lies there.

    Returns:
        What the report says.

    Raises:
        UsageError: a time cannot be read.
        ReportExists, OutputError: see `new_file`.
        MissingExtra: the format needs a package that is not installed.
    """
    format = format or _format_of(out)
    first, last = _moment(since, "since", is_end=False), _moment(until, "until", is_end=True)
    with ledger.reading() as reader:
        head = reader.head()
        cases = [case for case in group_cases(reader.standing()) if _is_within(case, first, last)]
        facts = make_facts(cases, group_by=group_by or "generator")
        span = f"{since or 'the beginning'} to {until or 'today'}" if since or until else None
        heading = f"{title}, {span}" if span else title
        if format in ("html", "pdf"):
            page = make_page(
                facts, head, reader.evidence, title=heading, most_cases=most_cases, is_for_print=format == "pdf"
            )
            data = make_pdf(page) if format == "pdf" else page.encode("utf-8")
        elif format == "json":
            data = tables.to_json(facts, head)
        else:
            rows = tables.case_rows(facts.cases) if group_by is None else tables.group_rows(facts.groups)
            columns = tables.CASE_COLUMNS if group_by is None else tables.GROUP_COLUMNS
            data = (tables.to_csv if format == "csv" else tables.to_parquet)(rows, columns)
    with new_file(out, force=force) as file:
        file.write(data)
    return facts


def _format_of(out: Path) -> Format:
    ending = out.suffix.lower().removeprefix(".")
    return next((one for one in get_args(Format) if one == ending), "html")


def _is_within(case: Case, first: datetime | None, last: datetime | None) -> bool:
    moment = datetime.fromisoformat(case.data["order"]["generated_at"])
    return (first is None or moment >= first) and (last is None or moment <= last)


def _moment(text: str | None, name: str, *, is_end: bool) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{name}: expected a day or time such as 2026-11-28, got {text[:40]!r}") from error
    if is_end and len(text) <= len("2026-11-28"):
        moment = datetime.combine(moment, time.max)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
