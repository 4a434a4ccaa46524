"""Flags that several commands have, with one help text each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

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
Device = Annotated[str | None, typer.Option(help="auto, cpu, gpu, or a torch device for YOLO. [auto]")]
Search = Annotated[Literal["full", "single"] | None, typer.Option(help="Tiles and close windows, or one pass. [full]")]
Detectors = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="limbfix, mediapipe, yolo:PATH; repeatable. [limbfix]")
]
Progress = Annotated[bool | None, typer.Option("--progress/--no-progress", help="A bar on stderr.")]
MaxPixels = Annotated[int | None, typer.Option(metavar="N", help="Refuse larger pictures unread. [100000000]")]
