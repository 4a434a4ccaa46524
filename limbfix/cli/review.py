"""`limbfix review`: a page of this machine on which people decide what the gate only flagged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbfix.cli import flags

if TYPE_CHECKING:
    from limbfix.review.reviews import Review


def review(
    report: Annotated[
        Path | None,
        typer.Argument(metavar="[REPORT]", help="A report folder, instead of a ledger.", show_default=False),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            metavar="FILE_OR_URL", help="A file, or postgresql://... [ledger.db; of a report: REPORT.review.db]"
        ),
    ] = None,
    pictures: flags.Pictures = None,
    check_policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The policy under which the report was made, if it was not the default."),
    ] = None,
    audit_passed: Annotated[float, typer.Option(metavar="SHARE", help="Of passed pictures, mixed in.")] = 0.05,
    audit_rejected: Annotated[float, typer.Option(metavar="SHARE", help="Of rejected pictures, mixed in.")] = 0.1,
    by: Annotated[str, typer.Option(metavar="NAME", help="Name that the page proposes.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of 127.0.0.1; 0 = a free one.")] = 0,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    key: flags.Key = None,
) -> None:
    """Shows what waits for a person, the most uncertain first, with an audit sample mixed in. Ctrl+C ends it.

    Answers go to the ledger with name and time. Only this machine can reach the page, and only with the address that is
    printed. Exit codes: 0 ended, 2 usage or internal error.
    """
    from limbfix.errors import UsageError
    from limbfix.ledger.keys import default_key_path
    from limbfix.ledger.store import open_ledger
    from limbfix.policies import load_policy
    from limbfix.review.auditing import Rates
    from limbfix.review.folder import add_report, ledger_path
    from limbfix.review.pictures import Pictures
    from limbfix.review.reviews import Review
    from limbfix.review.serving import check_key, new_token, serve

    rates = Rates(passed=audit_passed, rejected=audit_rejected)
    if check_policy is not None and report is None:
        raise UsageError("--check-policy: expected with a REPORT; a ledger learns its policies by `limbfix ledger add`")
    judged_under = None if check_policy is None else load_policy(check_policy)
    place = ledger or (str(ledger_path(report)) if report else "ledger.db")
    with open_ledger(place, create=report is not None, key=key) as book:
        if report is not None:
            added = add_report(book, report, pictures=pictures, check_policy=judged_under)
            for label in added.unknown_policies:
                _say(
                    f"policy {label}: its thresholds are not known, so those of the default say what is most uncertain; name its "
                    "file with --check-policy"
                )
        check_key(book, key or default_key_path())
        shown = Pictures(book, folder=pictures, report=report)
        desk = Review(ledger=book, pictures=shown, rates=rates, token=new_token(), by=by)
        serve(desk, port=port, ready=lambda address: _announce(address, place, desk, open_page=open_page))


def _announce(address: str, place: str, desk: Review, *, open_page: bool) -> None:
    """Says where the page is and what waits there."""
    from limbfix.ledger import NOTICE
    from limbfix.printing import printable

    _say(f"the review is at {address} (this machine only; Ctrl+C ends it). {NOTICE}")
    _say(f"{printable(place)}: {len(desk.state().queue)} pictures to look at")
    if open_page:
        import webbrowser

        webbrowser.open(address)


def _say(words: str) -> None:
    print(f"limbfix: {words}", file=sys.stderr, flush=True)
