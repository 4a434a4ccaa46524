"""Flags that several commands have, with one help text each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from limbfix.settings import Settings

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, or - for a list on stdin.")]
Format = Annotated[Literal["text", "jsonl", "csv", "junit"] | None, typer.Option(help="Format of stdout. [text]")]
Report = Annotated[Path | None, typer.Option(metavar="DIR", help="Write an HTML report there.")]
Force = Annotated[bool | None, typer.Option("--force", help="Replace an older report.")]
PolicyFile = Annotated[Path | None, typer.Option(metavar="FILE", help="TOML or JSON file with the policy.")]
Select = Annotated[list[str] | None, typer.Option(metavar="CODES", help="Only these codes or families.")]
Ignore = Annotated[list[str] | None, typer.Option(metavar="CODES", help="Not these codes or families.")]
FailOn = Annotated[Literal["reject", "flag", "never"] | None, typer.Option(help="What makes the exit code 1. [reject]")]
MaxRejectRate = Annotated[
    float | None, typer.Option(metavar="SHARE", help="Share 0-1 of judged pictures that may be rejected. [0]")
]
Jobs = Annotated[int | None, typer.Option(metavar="N", help="Worker processes; 0 = one per core. [1]")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, gpu, mps, cuda or cuda:N. [auto]")]
Search = Annotated[Literal["full", "single"] | None, typer.Option(help="Tiles and close windows, or one pass. [full]")]
Detectors = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="limbfix, mediapipe, yolo:PATH; repeatable. [limbfix]")
]
RequireModels = Annotated[
    bool | None, typer.Option("--require-models/--no-require-models", help="Exit 2 where model files are missing. [no]")
]
Progress = Annotated[bool | None, typer.Option("--progress/--no-progress", help="A bar on stderr.")]
MaxPixels = Annotated[int | None, typer.Option(metavar="N", help="Refuse larger pictures unread. [100000000]")]

Ledger = Annotated[str, typer.Option(metavar="FILE_OR_URL", help="A file, or postgresql://...")]
Key = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The signing key. [LIMBFIX_LEDGER_KEY, ~/.config/limbfix]")
]
Pictures = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Where relative paths of the records begin, or where the pictures lie now. [here]"
    ),
]
NewFile = Annotated[Path, typer.Option(metavar="FILE", help="The new file.")]
Replace = Annotated[bool, typer.Option("--force", help="Replace an older file.")]


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Returns the settings of a run, in which flags come before variables and files.

    Args:
        given: what a command was called with, by name (its `locals()`); names that no setting has are left alone, None = not given.

    Raises:
        UsageError: see `limbfix.settings.load_settings`.
    """
    from limbfix.settings import Settings, load_settings

    found = {name: value for name, value in given.items() if name in Settings.model_fields}
    for name in ("select", "ignore"):
        found[name] = ",".join(found[name]) if found[name] else None
    found["detector"] = tuple(found["detector"]) if found["detector"] else None
    return load_settings(found)
