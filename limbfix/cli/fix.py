"""`limbfix fix`: judges pictures, repairs what can be repaired, and writes the repaired ones to another folder."""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TextIO

import typer

from limbfix.cli import check as checking
from limbfix.cli import flags, painting_flags
from limbfix.cli.progress import ProgressBar
from limbfix.cli.streams import closing_pipe, own_stderr

if TYPE_CHECKING:
    from limbfix.cli.painters import PainterFlags
    from limbfix.interruption import Interruption
    from limbfix.reports.summary import RunSummary
    from limbfix.settings import Settings


def fix(
    paths: flags.Paths,
    out: painting_flags.Out,
    model: painting_flags.Model = None,
    steps: painting_flags.Steps = None,
    strength: painting_flags.Strengths = None,
    candidates: painting_flags.Candidates = 4,
    prompt: painting_flags.Prompt = None,
    negative_prompt: painting_flags.NegativePrompt = "",
    seed: painting_flags.Seed = 0,
    controlnet: painting_flags.Controlnet = None,
    embedding: painting_flags.Embeddings = None,
    lora: painting_flags.Loras = None,
    upscaler: painting_flags.Upscaler = None,
    focus: painting_flags.Focus = "",
    keep_jpeg: painting_flags.KeepJpeg = False,
    format: flags.Format = None,
    report: flags.Report = None,
    force: flags.Force = None,
    policy: flags.PolicyFile = None,
    select: flags.Select = None,
    ignore: flags.Ignore = None,
    fail_on: flags.FailOn = None,
    max_reject_rate: flags.MaxRejectRate = None,
    device: painting_flags.Device = None,
    search: flags.Search = None,
    detector: flags.Detectors = None,
    require_models: flags.RequireModels = None,
    progress: flags.Progress = None,
    max_pixels: flags.MaxPixels = None,
) -> None:
    """Judges pictures and repairs what can be repaired: records on stdout, repaired pictures as new PNG files in --out.

    Without --model, what is too many (a third arm, an extra hand) is taken away and the background continues. Redrawing a
    hand takes a model, for instance --model stable-diffusion-v1-5/stable-diffusion-inpainting, downloaded once. A
    repair is kept only if the same eyes find the fault gone, nothing new, and no visible seam; else the original stays.

    Exit codes are those of `limbfix check`, for the pictures as they are afterwards: a repaired one counts as repaired.
    """
    given = locals()
    from limbfix.cli.painters import PainterFlags

    raise typer.Exit(run_fix(paths, flags.settings_of(given), PainterFlags.of(given)))


def run_fix(paths: list[str], settings: Settings, painting: PainterFlags) -> int:
    """Judges and repairs pictures and returns the exit code.

    Raises:
        LimbfixError: the run could not begin, or an output broke.
    """
    from limbfix.interruption import Interruption
    from limbfix.reports.summary import RunTally
    from limbfix.runs import EXIT_INTERRUPTED, verdict_line

    with own_stderr() as stderr, Interruption().installed() as interruption:
        try:
            summary, code = _fixed(paths, settings, painting, interruption, stderr)
        except KeyboardInterrupt:  # Before the first picture.
            summary, code = RunTally().summary(0.0), EXIT_INTERRUPTED
        print(verdict_line(summary, code, paths), file=stderr)
        return code


def _fixed(
    paths: list[str], settings: Settings, painting: PainterFlags, interruption: Interruption, stderr: TextIO
) -> tuple[RunSummary, int]:
    """Opens the outputs, which may refuse, then loads the models, then judges and repairs."""
    from limbfix import runs
    from limbfix.cli.places import refuse_in_report, refuse_read_folders
    from limbfix.discovery import told_unread, walk_pictures
    from limbfix.settings import COPY_KEYS, resolve_policy

    began = time.perf_counter()
    refuse_in_report(settings.report, {"--out": painting.out})
    policy = resolve_policy(settings)
    painting.check()
    refuse_read_folders({"--out": painting.out}, paths)
    plain = settings.model_copy(update=dict.fromkeys(["state", "move_rejected", *COPY_KEYS.values()]))
    outputs = [folder for folder in (plain.report, painting.out) if folder]
    with ExitStack() as stack:
        unread: Counter[str] = Counter()
        pictures = walk_pictures(paths, stdin=sys.stdin, exclude=outputs, unread=unread)
        bar = ProgressBar(stderr, is_shown=stderr.isatty() if plain.progress is None else plain.progress)
        stack.callback(bar.close)
        report = checking.open_report(plain, stack, bar, stderr)
        with interruption.allowed():
            judge = _make_judge(plain, policy, painting, interruption, bar, stderr)
        stack.callback(judge.close)
        checking.warn("\n".join(judge.notes), bar, stderr)
        writer = checking.rows_beside(bar, plain, policy)
        run = runs.Run(
            plain,
            label="",
            writer=writer,
            report=report,
            state=None,
            warn=lambda text: checking.warn(text, bar, stderr),
        )
        judge.on_warning(run.complain)
        with closing_pipe(run.outcome):
            writer.begin()
            run.judge_all(judge, runs.make_tasks(pictures, None, ""), interruption, bar.advance)
            writer.end(run.outcome.summary(time.perf_counter() - began))
            sys.stdout.flush()
        checking.warn(told_unread(unread), bar, stderr)
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
        tell=lambda text: checking.warn(text, bar, stderr),
        hold=interruption.hold,
    )
