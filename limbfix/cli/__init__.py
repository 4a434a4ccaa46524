"""The command line. Each command is one file; what is heavy is imported inside the command that needs it."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from limbfix.cli import check, doctor, explain, fix, labels, ledger, models, replay, report, review, serve

app = typer.Typer(
    name="limbfix",
    help="The anatomy gate after the render: finds wrong hands and limbs in generated pictures, and says why.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("check")(check.check)
app.command("fix")(fix.fix)
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)
app.command("explain")(explain.explain)
app.command("replay")(replay.replay)
app.add_typer(ledger.app, name="ledger")
app.command("report")(report.report)
app.command("serve")(serve.serve)
app.command("review")(review.review)
app.command("labels")(labels.labels)
app.command("calibrate")(labels.calibrate)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from limbfix import __version__

        typer.echo(f"limbfix {__version__}")
        raise typer.Exit


@app.callback()
def _limbfix(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The anatomy gate after the render: finds wrong hands and limbs in generated pictures, and says why."""


def main() -> None:
    """Runs the command line. Expected errors are one line and exit code 2; so are others, with a hint for the trace."""
    from limbfix.cli.streams import open_closed_streams
    from limbfix.errors import LimbfixError, NoPicturesFound
    from limbfix.printing import printable

    open_closed_streams()
    try:
        app()
    except NoPicturesFound as error:
        print(f"limbfix: NO PICTURES - {printable(str(error))}", file=sys.stderr)
        sys.exit(5)
    except LimbfixError as error:
        if os.environ.get("LIMBFIX_DEBUG"):
            traceback.print_exc()
        print(f"limbfix: ERROR - {printable(str(error))}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:  # The last boundary: nothing is hidden, only the trace waits until it is asked for.
        if os.environ.get("LIMBFIX_DEBUG"):
            traceback.print_exc()
        else:
            print("limbfix: set LIMBFIX_DEBUG=1 for the traceback, and please report it", file=sys.stderr)
        print(f"limbfix: ERROR - internal error, {type(error).__name__}: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)
