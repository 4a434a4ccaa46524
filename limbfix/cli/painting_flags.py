"""Flags of `limbfix fix` about painting; `limbfix.cli.painters` says what they do together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option(metavar="DIR", help="Where repaired pictures go; originals are only read.")]
Model = Annotated[
    str | None,
    typer.Option(metavar="NAME_OR_DIR", help="Diffusers model that inpaints. [embedded filling: removes only]"),
]
Steps = Annotated[int | None, typer.Option(metavar="N", help="Sampling steps. [the model's own]")]
Strengths = Annotated[
    list[float] | None,
    typer.Option(metavar="0-1", help="How far pixels may change; repeatable, each is tried. [0.75]"),
]
Candidates = Annotated[int, typer.Option(metavar="N", help="Tries for each place and strength.")]
Prompt = Annotated[str | None, typer.Option(help="What the pictures show. [their own metadata]")]
NegativePrompt = Annotated[str, typer.Option(help="What they should not show.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same tries.")]
Controlnet = Annotated[str | None, typer.Option(metavar="NAME_OR_DIR", help="ControlNet for hints of hands.")]
Embeddings = Annotated[list[str] | None, typer.Option(metavar="FILE", help="Textual inversion; repeatable.")]
Loras = Annotated[list[str] | None, typer.Option(metavar="FILE", help="LoRA of subject or style; repeatable.")]
Upscaler = Annotated[Path | None, typer.Option(metavar="FILE", help="Spandrel model for the focus pass.")]
Focus = Annotated[str, typer.Option(metavar="AREAS", help="Also render again, finer: face, hand, foot.")]
KeepJpeg = Annotated[
    bool, typer.Option("--keep-jpeg", help="JPEG stays JPEG: smaller, but every pixel changes a little. [PNG]")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, gpu, mps, cuda or cuda:N. [auto]")]
