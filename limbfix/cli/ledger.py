"""`limbfix ledger`: who should get what back, in a ledger that shows every change. It recommends; it never moves money."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from limbfix.cli import flags
from limbfix.printing import printable

if TYPE_CHECKING:
    from limbfix.ledger.cases import Case

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Recommended refunds in an append-only, signed ledger. limbfix recommends; it never moves money.",
)

Place = Annotated[str, typer.Option("--ledger", metavar="FILE_OR_URL", help="A file, or postgresql://... [ledger.db]")]
DEFAULT_PLACE = "ledger.db"


@app.command()
def add(
    records: Annotated[Path, typer.Argument(metavar="RECORDS", help="JSON Lines of `limbfix check --format jsonl`.")],
    orders: Annotated[
        Path, typer.Option(metavar="CSV", help="path or sha256, order_id, customer, price, currency, generated_at, ...")
    ],
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML or JSON file with the refund policy.")
    ] = None,
    check_policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The policy of `limbfix check`, if it was not the default.")
    ] = None,
    pictures: flags.Pictures = None,
    ledger: Place = DEFAULT_PLACE,
    key: flags.Key = None,
) -> None:
    """Adds judged pictures with their orders. The same input again changes nothing; a new verdict is a new entry.

    Makes the ledger and its signing key where there are none. Exit codes: 0 done, 2 wrong input or a broken ledger.
    """
    from limbfix.ledger import NOTICE
    from limbfix.ledger.adding import Adding
    from limbfix.ledger.judged import read_records
    from limbfix.ledger.orders import read_orders
    from limbfix.ledger.refunds import RefundPolicy, load_refund_policy
    from limbfix.ledger.store import open_ledger
    from limbfix.policies import load_policy

    rules = RefundPolicy() if policy is None else load_refund_policy(policy)
    judged_under = None if check_policy is None else load_policy(check_policy)
    judged, sold = read_records(records), read_orders(orders)
    with open_ledger(ledger, create=True, key=key) as book:
        done = Adding(book, rules, check_policy=judged_under, pictures=pictures).add(judged, sold)
    for name in done.records_without_order:
        _say(f"no order names {name}; it is not in the ledger")
    for place in done.orders_without_record:
        _say(
            f"order {sold[place].order_id}: no record of {sold[place].path or sold[place].sha256}; it was never judged"
        )
    for label in done.unknown_policies:
        _say(
            f"policy {label}: its thresholds are not known, so these entries hold none; name its file with --check-policy "
            "the next time that its records are added"
        )
    for case_id in done.decided_before:
        _say(f"case {case_id[:12]}: judged anew, so a person's earlier decision no longer holds; look again")
    for case_id in done.leaning:
        _say(f"case {case_id[:12]}: was counted with a case that has changed; look at it")
    _say(f"{done.added} added, {done.superseded} judged anew, {done.unchanged} unchanged. {NOTICE}")


@app.command("list")
def list_(
    ledger: Place = DEFAULT_PLACE,
    status: Annotated[
        Literal["all", "recommended", "waiting", "confirmed", "declined", "none"], typer.Option(help="Only these.")
    ] = "all",
) -> None:
    """Lists the cases as they stand, one a line: id, status, what is given, amount, order, verdict, picture."""
    from limbfix.cli.streams import safe_stdout
    from limbfix.ledger import NOTICE
    from limbfix.ledger.cases import current_cases
    from limbfix.ledger.store import open_ledger

    out = safe_stdout()
    with open_ledger(ledger) as book:
        for case in current_cases(book):
            if status in ("all", case.status):
                print(_line(case), file=out)
    _say(NOTICE)


@app.command()
def show(
    case: Annotated[str, typer.Argument(metavar="CASE", help="The id of a case, its first digits, or @ORDER.")],
    ledger: Place = DEFAULT_PLACE,
) -> None:
    """Shows one case with its whole history."""
    import json

    from limbfix.cli.streams import safe_stdout
    from limbfix.errors import UsageError
    from limbfix.ledger import NOTICE
    from limbfix.ledger.cases import find_case
    from limbfix.ledger.store import open_ledger

    out = safe_stdout()
    with open_ledger(ledger) as book, book.reading() as reader:
        found = find_case(reader, case)
        if found is None:
            raise UsageError(
                f"case {case[:64]!r}: expected the id of one case, its first digits, or @ORDER; see `limbfix ledger list`"
            )
        print(_line(found), file=out)
        for entry in reader.history(found.case_id):
            print(f"\nentry {entry.seq}, {entry.kind}, {entry.at}, {entry.hash}", file=out)
            for line in json.dumps(entry.data, indent=1, ensure_ascii=True).splitlines():
                print(f"  {line}", file=out)
    _say(NOTICE)


@app.command()
def decide(
    case: Annotated[str, typer.Argument(metavar="CASE", help="The id of a case, its first digits, or @ORDER.")],
    answer: Annotated[Literal["confirm", "decline", "set", "label", "undo"], typer.Argument(help="What you decide.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who decides.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why.")],
    give: Annotated[
        Literal["full", "part", "credit", "rerender", "none"] | None, typer.Option(help="With `set`: what is given.")
    ] = None,
    amount: Annotated[str | None, typer.Option(metavar="AMOUNT", help="With `set`: how much, such as 12.50.")] = None,
    label: Annotated[Literal["defective", "fine", "unsure"] | None, typer.Option(help="What you saw.")] = None,
    ledger: Place = DEFAULT_PLACE,
    key: flags.Key = None,
) -> None:
    """Writes a person's decision about a case: an entry of its own, with name and reason."""
    from limbfix.ledger import NOTICE
    from limbfix.ledger.overrides import Decision
    from limbfix.ledger.overrides import decide as write
    from limbfix.ledger.refunds import Give
    from limbfix.ledger.store import open_ledger

    decision = Decision(
        who=by, why=why, answer=answer, give=None if give is None else Give(give), amount=amount, label=label
    )
    with open_ledger(ledger, key=key) as book:
        entry = write(book, case, decision)
    _say(f"entry {entry.seq}: case {entry.case_id[:12]}: {answer}, written for {by}. {NOTICE}")


@app.command()
def verify(
    ledger: Place = DEFAULT_PLACE,
    public_key: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A key that may have signed (PEM); repeatable. [our own]")
    ] = None,
    head: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A head kept from before; the ledger must hold it still.")
    ] = None,
    key: flags.Key = None,
) -> None:
    """Checks every entry, every kept picture, the order, the end and the signature, and says which end is remembered.

    Exit codes: 0 whole and signed by a known key, 1 something was changed, 3 whole, but nobody here knows the key.
    """
    from limbfix.ledger.keys import default_key_path, load_key, read_public_key
    from limbfix.ledger.store import open_ledger
    from limbfix.ledger.verifying import verify as check
    from limbfix.ledger.witnesses import read_head, witness_path

    own = key or default_key_path()
    trusted = [read_public_key(path) for path in public_key or ()]
    if not trusted and own.is_file():
        trusted = [load_key(own).public_hex]
    heads = [read_head(path) for path in head or ()]
    with open_ledger(ledger) as book:
        seen = witness_path(own, book.head().ledger)
        heads += [read_head(seen)] if seen.is_file() else []
        found = check(book, trusted=trusted, known_heads=heads)
    for problem in found.problems:
        print(f"limbfix: {printable(problem)}", file=sys.stderr)
    counts = f"{found.entries} entries and {found.evidence} kept pictures"
    if found.problems:
        _say(f"BROKEN - {counts} read; something was changed after it was signed")
        raise typer.Exit(1)
    signer = found.head.key if found.head else ""
    if not found.is_trusted:
        _say(f"UNKNOWN KEY - {counts} are whole, signed by {signer}; name a key that you trust with --public-key")
        raise typer.Exit(3)
    _say(f"WHOLE - {counts}, signed by {signer[:16]}...")
    _say_what_is_remembered(max((one.count for one in heads), default=0), found.entries)


@app.command()
def export(
    ledger: Place = DEFAULT_PLACE,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="A new file. [stdout]")] = None,
) -> None:
    """Writes the signed head and every entry as JSON Lines, so that others can check the chain."""
    from limbfix.cli.streams import safe_stdout
    from limbfix.ledger.exporting import export_lines
    from limbfix.ledger.store import open_ledger
    from limbfix.reports.new_file import new_file

    with open_ledger(ledger) as book:
        if out is None:
            stream = safe_stdout()
            for line in export_lines(book):
                stream.write(line + "\n")
            return
        with new_file(out) as file:
            for line in export_lines(book):
                file.write(line.encode("ascii") + b"\n")


@app.command()
def head(ledger: Place = DEFAULT_PLACE) -> None:
    """Prints the signed head. Keep it elsewhere: with it, nobody can put an older ledger in the place of this one."""
    from limbfix.ledger.store import open_ledger
    from limbfix.ledger.witnesses import head_text

    with open_ledger(ledger) as book:
        print(head_text(book.head()), end="")


@app.command()
def key(key: flags.Key = None) -> None:
    """Prints the public key as PEM, for those who verify elsewhere. The private one is never shown."""
    from limbfix.ledger.keys import default_key_path, load_key

    print(load_key(key or default_key_path()).public_pem, end="")


def _line(case: Case) -> str:
    order = case.data["order"]
    cells = (
        case.case_id[:12], case.status, case.give, case.data["decision"]["amount"] if not case.override else str(case.amount),
        case.currency, order["order_id"], case.verdict, case.data["record"]["path"],
    )  # fmt: skip
    return "  ".join(printable(str(cell)) for cell in cells)


def _say_what_is_remembered(count: int, entries: int) -> None:
    """Says how much of a whole ledger nobody here would miss; `count` is the longest end that this machine or --head knows."""
    if count < entries:
        known = f"the longest end known here has {count} of its entries" if count else "no end of it is remembered here"
        _say(
            f"{known}: nobody would see later ones cut off, or an older copy put back; keep `limbfix ledger head` elsewhere, and "
            "give it with --head"
        )


def _say(text: str) -> None:
    print(f"limbfix: {printable(text)}", file=sys.stderr)
