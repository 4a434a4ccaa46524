"""`limbfix replay`: makes the attempts of a wrapped call again and says whether the pixels are equal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np

    from limbfix.wrapping.replaying import Replayed


def replay(
    records: Annotated[
        Path, typer.Argument(metavar="RECORDS", help="JSON lines that limbfix.wrap(records=...) wrote.")
    ],
    id: Annotated[str, typer.Option("--id", metavar="ID", help="The record's id, or its beginning.")],
    pipeline: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of the diffusers pipeline. [the record's own]")
    ] = None,
    function: Annotated[
        str | None, typer.Option(metavar="MODULE:NAME", help="The function that was wrapped; its module is imported.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ... [the record's own]")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the pictures there, as new files.")] = None,
) -> None:
    """Makes the attempts of one record again: one line for each on stdout, the verdict as last line on stderr.

    Exit codes: 0 every attempt that could be made again has the same pixels, 1 one differs, 2 usage or internal error,
    3 nothing could be made again, 130 interrupted. Nothing is downloaded, and a record alone runs no code: a function
    must be named here.
    """
    from limbfix.wrapping.replaying import find_record
    from limbfix.wrapping.replaying import replay as replayed

    record = find_record(records, id)
    generator = _generator(record, pipeline, function, device)
    rows = []
    try:
        for row in replayed(record, generator):
            rows.append(row)
            print(_line(row), flush=True)
            if out is not None and row.pixels is not None:
                _save(row.pixels, out / f"{record['id']}-{row.attempt}.png")
    except KeyboardInterrupt:
        print(f"limbfix: INTERRUPTED - {len(rows)} attempts", file=sys.stderr)
        raise typer.Exit(130) from None
    made = [row for row in rows if row.actual is not None]
    equal = sum(row.is_equal for row in made)
    word, code = ("NOTHING", 3) if not made else ("EQUAL", 0) if equal == len(made) else ("DIFFERENT", 1)
    print(
        f"limbfix: {word} - {equal} of {len(made)} attempts have the same pixels{_versions(record, code)}",
        file=sys.stderr,
    )
    raise typer.Exit(code)


def _generator(record: dict[str, Any], pipeline: str | None, function: str | None, device: str | None) -> Any:
    from limbfix.errors import UsageError
    from limbfix.wrapping.replaying import load_pipeline

    if record["generator"]["kind"] == "diffusers":
        if function is not None:
            raise UsageError("replay: expected --pipeline for a record of a diffusers pipeline, got --function")
        return load_pipeline(record, pipeline, device)
    if function is None:
        raise UsageError(
            f"replay: expected --function MODULE:NAME for a record of the function {record['generator']['name']}, got none"
        )
    return _imported(function)


def _imported(name: str) -> Any:
    """Returns the function that the user names; its module may lie in the working folder."""
    from importlib import import_module

    from limbfix.errors import UsageError

    module, _, path = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        value: Any = import_module(module)
        for part in path.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"replay: --function: expected MODULE:NAME of a function, got {name!r}: {error}") from error
    from limbfix.wrapping.sessions import GateSession

    session = getattr(value, "limbfix", None)
    return session.generator if isinstance(session, GateSession) else value


def _line(row: Replayed) -> str:
    from limbfix.printing import printable

    state = (
        printable(row.note) if row.note else "equal" if row.is_equal else f"different: {row.actual}, was {row.expected}"
    )
    return f"attempt {row.attempt}  seed {row.seed}  {state}"


def _save(pixels: np.ndarray, target: Path) -> None:
    from PIL import Image

    from limbfix.errors import OutputError

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            Image.fromarray(pixels).save(file, format="PNG")
    except OSError as error:
        raise OutputError(
            f"{target}: expected to write a new file, got: {error.strerror or error}; name another folder"
        ) from error


def _versions(record: dict[str, Any], code: int) -> str:
    """Returns what may explain a difference: other versions than when the record was made."""
    if code != 1 or record["generator"]["kind"] != "diffusers":
        return ""
    import diffusers
    import torch

    from limbfix.printing import printable

    now = {"diffusers": diffusers.__version__, "torch": torch.__version__}
    then = record["generator"].get("versions", {})
    changed = [
        f"{name} {then.get(name)} then, {version} now" for name, version in now.items() if then.get(name) != version
    ]
    return printable(f"; {', '.join(changed)}") if changed else "; versions are the same"
