"""`limbfix fix`: judges pictures, repairs what can be repaired, and writes the repaired ones to another folder."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from limbfix.cli import check as checking
from limbfix.cli import flags
from limbfix.cli.progress import ProgressBar
from limbfix.cli.streams import closing_pipe, own_stderr, safe_stdout
from limbfix.printing import printable

if TYPE_CHECKING:
    from limbfix.cli.painters import PainterFlags
    from limbfix.reports.summary import RunSummary
    from limbfix.runs import Interruption
    from limbfix.settings import Settings


def fix(
    paths: flags.Paths,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where repaired pictures go; originals are only read.")],
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME_OR_DIR", help="Diffusers model that inpaints. [embedded filling: removes only]"),
    ] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Sampling steps. [the model's own]")] = None,
    strength: Annotated[
        list[float] | None,
        typer.Option(metavar="0-1", help="How far pixels may change; repeatable, each is tried. [0.75]"),
    ] = None,
    candidates: Annotated[int, typer.Option(metavar="N", help="Tries for each place and strength.")] = 4,
    prompt: Annotated[str | None, typer.Option(help="What the pictures show. [their own metadata]")] = None,
    negative_prompt: Annotated[str, typer.Option(help="What they should not show.")] = "",
    seed: Annotated[int, typer.Option(help="The same seed makes the same tries.")] = 0,
    controlnet: Annotated[
        str | None, typer.Option(metavar="NAME_OR_DIR", help="ControlNet for hints of hands.")
    ] = None,
    embedding: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Textual inversion; repeatable.")] = None,
    lora: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="LoRA of subject or style; repeatable.")
    ] = None,
    upscaler: Annotated[Path | None, typer.Option(metavar="FILE", help="Spandrel model for the focus pass.")] = None,
    focus: Annotated[str, typer.Option(metavar="AREAS", help="Also render again, finer: face, hand, foot.")] = "",
    keep_jpeg: Annotated[
        bool, typer.Option("--keep-jpeg", help="JPEG stays JPEG: smaller, but every pixel changes a little. [PNG]")
    ] = False,
    format: flags.Format = None,
    report: flags.Report = None,
    force: flags.Force = None,
    policy: flags.PolicyFile = None,
    select: flags.Select = None,
    ignore: flags.Ignore = None,
    fail_on: flags.FailOn = None,
    max_reject_rate: flags.MaxRejectRate = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, gpu, or a torch device. [auto]")] = None,
    search: flags.Search = None,
    detector: flags.Detectors = None,
    progress: flags.Progress = None,
    max_pixels: flags.MaxPixels = None,
) -> None:
    """Judges pictures and repairs what can be repaired: records on stdout, repaired pictures as new PNG files in --out.

    Without --model, what is too many (a third arm, an extra hand) is taken away and the background continues. Redrawing a
    hand takes a model, for instance --model stable-diffusion-v1-5/stable-diffusion-inpainting, downloaded once. A
    repair is kept only if the same eyes find the fault gone, nothing new, and no visible seam; else the original stays.

    Exit codes are those of `limbfix check`, for the pictures as they are afterwards: a repaired one counts as repaired.
    """
    from limbfix.cli.painters import PainterFlags
    from limbfix.settings import load_settings

    painting = PainterFlags(
        out=out,
        model=model,
        steps=steps,
        strengths=tuple(strength or (0.75,)),
        candidates=candidates,
        prompt=prompt,
        negative_prompt=negative_prompt,
        seed=seed,
        controlnet=controlnet,
        embeddings=tuple(embedding or ()),
        loras=tuple(lora or ()),
        upscaler=upscaler,
        focus=tuple(focus.replace(",", " ").split()),
        keep_jpeg=keep_jpeg,
    )
    given: dict[str, Any] = {
        "format": format,
        "report": report,
        "force": force,
        "policy": policy,
        "select": ",".join(select) if select else None,
        "ignore": ",".join(ignore) if ignore else None,
        "fail_on": fail_on,
        "max_reject_rate": max_reject_rate,
        "device": device,
        "search": search,
        "detector": tuple(detector) if detector else None,
        "progress": progress,
        "max_pixels": max_pixels,
    }
    raise typer.Exit(run_fix(paths, load_settings(given), painting))


def run_fix(paths: list[str], settings: Settings, painting: PainterFlags) -> int:
    """Judges and repairs pictures and returns the exit code.

    Raises:
        LimbfixError: the run could not begin, or an output broke.
    """
    from limbfix.reports.summary import RunTally
    from limbfix.runs import EXIT_INTERRUPTED, Interruption, verdict_line

    with own_stderr() as stderr, Interruption().installed() as interruption:
        try:
            summary, code = _fixed(paths, settings, painting, interruption, stderr)
        except KeyboardInterrupt:  # Before the first picture.
            summary, code = RunTally().summary(0.0), EXIT_INTERRUPTED
        print(verdict_line(summary, code), file=stderr)
        return code


def _fixed(
    paths: list[str], settings: Settings, painting: PainterFlags, interruption: Interruption, stderr: TextIO
) -> tuple[RunSummary, int]:
    """Opens the outputs, which may refuse, then loads the models, then judges and repairs."""
    from limbfix import runs
    from limbfix.discovery import walk_pictures
    from limbfix.fixing import check_out
    from limbfix.reports.folder import ReportFolder
    from limbfix.reports.writers import open_writer
    from limbfix.settings import resolve_policy

    began = time.perf_counter()
    policy = resolve_policy(settings)
    painting.check()
    check_out(painting.out, paths)
    plain = settings.model_copy(update={"state": None, "move_rejected": None, "copy_rejected": None})
    outputs = [folder for folder in (plain.report, painting.out) if folder]
    with ExitStack() as stack:
        pictures = walk_pictures(paths, stdin=sys.stdin, exclude=outputs)
        report = stack.enter_context(ReportFolder(plain.report, force=plain.force)) if plain.report else None
        bar = ProgressBar(stderr, is_shown=stderr.isatty() if plain.progress is None else plain.progress)
        stack.callback(bar.close)
        with interruption.allowed():
            judge = _make_judge(plain, policy, painting, interruption, bar, stderr)
        stack.callback(judge.close)
        writer = bar.beside(open_writer(plain.format, safe_stdout()), sys.stdout)
        run = runs.Run(
            plain, label="", writer=writer, report=report, state=None, warn=lambda text: _tell(text, bar, stderr)
        )
        judge.on_warning(run.complain)
        with closing_pipe(run.outcome):
            writer.begin()
            run.judge_all(judge, runs.make_tasks(pictures, None, ""), interruption, bar.advance)
            writer.end(run.outcome.summary(time.perf_counter() - began))
            sys.stdout.flush()
        summary = run.outcome.summary(time.perf_counter() - began)
        if report is not None and summary.pictures:
            provenance = checking.provenance(plain, policy, is_interrupted=run.outcome.is_interrupted)
            report.finish(summary, provenance | {"inpainter": judge.painter_name})
    return summary, runs.exit_code(summary, run.outcome, plain, require_subject=policy.require_subject)


def _make_judge(
    settings: Settings,
    policy: Any,
    painting: PainterFlags,
    interruption: Interruption,
    bar: ProgressBar,
    stderr: TextIO,
) -> Any:
    from limbfix.cli.painters import open_painter
    from limbfix.fixing import FixingJudge, FixOptions
    from limbfix.workers import JudgingOptions

    bar.say("loading models")
    painter = open_painter(painting, settings.device)
    gate = checking.gate_maker(settings, policy)()
    return FixingJudge(
        gate,  # type: ignore[arg-type]
        JudgingOptions(policy=policy.label, with_evidence=settings.report is not None, max_pixels=settings.max_pixels),
        FixOptions(
            out=painting.out,
            repair=painting.options(),
            flag_at=policy.flag_at,
            kind="jpeg" if painting.keep_jpeg else "png",
        ),
        painter=painter.inpainter,
        hints=painter.hints,
        find_areas=painter.find_areas,
        enlarge=painter.enlarge,
        say=bar.say,
        tell=lambda text: _tell(text, bar, stderr),
        hold=interruption.hold,
    )


def _tell(text: str, bar: ProgressBar, stderr: TextIO) -> None:
    for line in text.splitlines():
        bar.aside(lambda line=line: print(f"limbfix: {printable(line)}", file=stderr))
