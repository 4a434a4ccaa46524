"""`limbfix report`: what a ledger says, for people and for spreadsheets."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from limbfix.cli import flags


def report(
    out: flags.NewFile,
    ledger: flags.Ledger = "ledger.db",
    format: Annotated[
        Literal["html", "pdf", "csv", "json", "parquet"] | None, typer.Option(help="[the ending of FILE, else html]")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="Pictures rendered from then on.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="Pictures rendered until then, the day included.")
    ] = None,
    group_by: Annotated[
        Literal["generator", "model", "prompt", "code"] | None,
        typer.Option(help="Group by this [generator]; csv and parquet then list groups instead of cases."),
    ] = None,
    title: Annotated[str, typer.Option(metavar="TEXT", help="Heading.")] = "Refund report",
    cases: Annotated[int, typer.Option(metavar="N", min=0, help="Most cases with a page of their own.")] = 200,
    force: flags.Replace = False,
) -> None:
    """Reports what a ledger recommends: totals, rates, trends, faults, prompts, retries, and a page per case.

    limbfix recommends; it never moves money. Exit codes: 0 written, 2 usage or internal error.
    """
    from limbfix.ledger import NOTICE
    from limbfix.ledger.store import open_ledger
    from limbfix.printing import printable
    from limbfix.refund_reports.page import summary_sentence
    from limbfix.refund_reports.writing import write_report

    with open_ledger(ledger) as book:
        facts = write_report(
            book,
            out,
            format=format,
            since=since,
            until=until,
            group_by=group_by,
            title=title,
            most_cases=cases,
            force=force,
        )
    print(f"limbfix: {printable(summary_sentence(facts))}", file=sys.stderr)
    print(f"limbfix: wrote {printable(str(out))}. {NOTICE}", file=sys.stderr)
