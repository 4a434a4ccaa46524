"""`limbfix check`: judges pictures, writes records to stdout and the verdict to stderr."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from limbfix.cli import flags
from limbfix.cli.progress import ProgressBar
from limbfix.cli.streams import closing_pipe, own_stderr, safe_stdout
from limbfix.printing import printable

if TYPE_CHECKING:
    from limbfix.interruption import Interruption
    from limbfix.policies import Policy
    from limbfix.reports.folder import ReportFolder
    from limbfix.reports.summary import RunSummary
    from limbfix.reports.writers import RecordWriter
    from limbfix.settings import Settings
    from limbfix.workers import GateLike, LocalJudge, MakeGate, WorkerPool


@dataclass(frozen=True, slots=True, kw_only=True)
class GateMaker:
    """Makes the gate of a run, here or in a worker process. Picklable."""

    policy: Policy
    search: str
    device: str
    detectors: tuple[str, ...]
    max_pixels: int
    masks: bool = False
    require_models: bool = False

    def __call__(self) -> GateLike:
        """Loads the models. What a gate lacks is told by the run, once for all its processes."""
        from limbfix.gate import LOG, Gate

        LOG.addHandler(logging.NullHandler())  # else Python itself writes to stderr what nobody handles
        return Gate(
            self.policy,
            search=self.search,
            device=self.device,
            detectors=self.detectors,
            max_pixels=self.max_pixels,
            masks=self.masks,
            require_models=self.require_models,
        )


def gate_maker(settings: Settings, policy: Policy) -> MakeGate:
    """Returns what makes the gate of a run; tests put another function in its place."""
    return GateMaker(
        policy=policy,
        search=settings.search,
        device=settings.device,
        detectors=settings.detector,
        max_pixels=settings.max_pixels,
        masks=settings.masks,
        require_models=settings.require_models,
    )


def check(
    paths: flags.Paths,
    format: flags.Format = None,
    masks: Annotated[
        bool | None, typer.Option("--masks/--no-masks", help="Masks of hands and digits; jsonl only. [no]")
    ] = None,
    report: flags.Report = None,
    force: flags.Force = None,
    policy: flags.PolicyFile = None,
    select: flags.Select = None,
    ignore: flags.Ignore = None,
    fail_on: flags.FailOn = None,
    max_reject_rate: flags.MaxRejectRate = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="N/COUNT",
            help="Only one share of the pictures, such as 3/16: so machines divide a folder.",
        ),
    ] = None,
    watch: Annotated[
        bool | None,
        typer.Option("--watch/--no-watch", help="Go on with what comes into the folders, until Ctrl-C. [no]"),
    ] = None,
    state: Annotated[Path | None, typer.Option(metavar="FILE", help="Remember judgements there, to resume.")] = None,
    move_rejected: Annotated[Path | None, typer.Option(metavar="DIR", help="Move rejected files there.")] = None,
    copy_rejected: Annotated[Path | None, typer.Option(metavar="DIR", help="Copy rejected files there.")] = None,
    copy_flagged: Annotated[Path | None, typer.Option(metavar="DIR", help="Copy flagged files there.")] = None,
    copy_passed: Annotated[Path | None, typer.Option(metavar="DIR", help="Copy passed files there.")] = None,
    copy_unjudged: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Copy files there that could not be judged.")
    ] = None,
    jobs: flags.Jobs = None,
    device: flags.Device = None,
    search: flags.Search = None,
    detector: flags.Detectors = None,
    require_models: flags.RequireModels = None,
    progress: flags.Progress = None,
    max_pixels: flags.MaxPixels = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Per picture, in a worker process. [120]")
    ] = None,
) -> None:
    """Judges pictures: records on stdout, the verdict as last line on stderr.

    Exit codes: 0 nothing rejected, 1 something rejected, 2 usage or internal error, 3 nothing rejected but something
    not judged, 5 no pictures found, 130 interrupted. Ctrl-C is the normal end of --watch: it exits with one of the others,
    with 3 where pictures that were seen are left; a second Ctrl-C interrupts. Settings: flags, then LIMBFIX_* variables, then limbfix.toml,
    then [tool.limbfix] in pyproject.toml.
    """
    raise typer.Exit(run_check(paths, flags.settings_of(locals())))


def run_check(paths: list[str], settings: Settings) -> int:
    """Judges pictures and returns the exit code.

    Raises:
        LimbfixError: the run could not begin, or an output broke.
    """
    from limbfix.interruption import Interruption
    from limbfix.reports.summary import RunTally
    from limbfix.runs import EXIT_INTERRUPTED, verdict_line

    with own_stderr() as stderr, Interruption().installed() as interruption:
        try:
            summary, code = _checked(paths, settings, interruption, stderr)
        except KeyboardInterrupt:  # Before the first picture.
            summary, code = RunTally().summary(0.0), EXIT_INTERRUPTED
        print(verdict_line(summary, code, paths), file=stderr)
        return code


def _checked(
    paths: list[str], settings: Settings, interruption: Interruption, stderr: TextIO
) -> tuple[RunSummary, int]:
    """Opens the outputs, which may refuse, then loads the models, then judges."""
    from limbfix import runs
    from limbfix.cli.intake import Intake
    from limbfix.settings import resolve_policy
    from limbfix.states import State

    began = time.perf_counter()
    folders = _routes(settings, paths)
    policy = resolve_policy(settings)
    outputs = [folder for folder in (settings.report, *folders) if folder]
    with ExitStack() as stack:
        state = stack.enter_context(State(settings.state)) if settings.state else None
        gone = [place for place, _, _ in state.moves()] if state else []
        bar = ProgressBar(stderr, is_shown=stderr.isatty() if settings.progress is None else settings.progress)
        stack.callback(bar.close)

        def tell(text: str) -> None:
            warn(text, bar, stderr)

        intake = Intake(
            paths, settings, outputs=outputs, gone=gone, is_over=lambda: interruption.is_requested, tell=tell
        )
        report = open_report(settings, stack, bar, stderr)
        with interruption.allowed():
            judge = _make_judge(settings, policy)
        stack.callback(judge.close)
        tell("\n".join(judge.notes))
        if intake.watch is not None:
            tell(f"watching {', '.join(map(printable, paths))} until Ctrl-C")
        label = runs.settings_label(policy.label, judge.models, settings)
        writer = rows_beside(bar, settings, policy)
        run = runs.Run(settings, label=label, writer=writer, report=report, state=state, warn=tell)
        with closing_pipe(run.outcome):
            writer.begin()
            tasks = runs.make_tasks(intake.pictures, state, label)
            run.judge_all(judge, tasks, interruption, bar.advance, intake.watch)
            writer.end(run.outcome.summary(time.perf_counter() - began))
            sys.stdout.flush()
        tell(intake.close(run.outcome))
        summary = run.outcome.summary(time.perf_counter() - began)
        if report is not None and summary.pictures:
            report.finish(summary, provenance(settings, policy, is_interrupted=run.outcome.is_interrupted))
    return summary, runs.exit_code(summary, run.outcome, settings, require_subject=policy.require_subject)


def _routes(settings: Settings, paths: list[str]) -> list[Path | None]:
    """Returns the folders into which files are copied and moved; None = not asked for.

    Raises:
        UsageError: see `limbfix.cli.places`.
    """
    from limbfix.cli.places import refuse_in_report, refuse_read_folders, refuse_shared
    from limbfix.settings import COPY_KEYS

    copies = {f"--{key.replace('_', '-')}": getattr(settings, key) for key in COPY_KEYS.values()}
    moves = {"--move-rejected": settings.move_rejected}
    refuse_in_report(settings.report, {**moves, **copies, "--state": settings.state})
    refuse_read_folders({**moves, **copies}, paths)
    refuse_shared(copies)
    refuse_shared({**copies, "--copy-rejected": None, **moves})  # Rejected files may be moved to where they are copied.
    return [*moves.values(), *copies.values()]


def open_report(settings: Settings, stack: ExitStack, bar: ProgressBar, stderr: TextIO) -> ReportFolder | None:
    """Begins the report that the settings ask for; the stack ends it.

    Raises:
        OutputError: see `ReportFolder`.
    """
    from limbfix.reports.folder import ReportFolder

    if settings.report is None:
        return None
    folder = ReportFolder(settings.report, force=settings.force, warn=lambda text: warn(text, bar, stderr))
    return stack.enter_context(folder)


def rows_beside(bar: ProgressBar, settings: Settings, policy: Policy) -> RecordWriter:
    """Returns the writer of the records to stdout, beside a bar."""
    from limbfix.reports.writers import open_writer

    fails = {"fail_on": settings.fail_on, "require_subject": policy.require_subject}
    return bar.beside(open_writer(settings.format, safe_stdout(), **fails), sys.stdout)


def count_jobs(settings: Settings) -> int:
    """Returns how many worker processes are asked for; 0 in the settings means one per core."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return settings.jobs or len(cores)


def _make_judge(settings: Settings, policy: Policy) -> LocalJudge | WorkerPool:
    """Returns who judges: this process, unless several were asked for or one that can be killed after a time."""
    from limbfix.workers import JudgingOptions, LocalJudge, WorkerPool

    options = JudgingOptions(
        policy=policy.label,
        with_evidence=settings.report is not None,
        max_pixels=settings.max_pixels,
        timeout=settings.timeout,
    )
    make_gate = gate_maker(settings, policy)
    jobs = count_jobs(settings)
    if jobs == 1 and "timeout" not in settings.model_fields_set:
        return LocalJudge(make_gate, options)
    return WorkerPool(make_gate, options, jobs=jobs)


def provenance(settings: Settings, policy: Policy, *, is_interrupted: bool) -> dict[str, Any]:
    """Returns what a reader of the report needs to judge or repeat the run."""
    import shlex

    command = " ".join(shlex.quote(printable(word)) for word in ["limbfix", *sys.argv[1:]])
    facts: dict[str, Any] = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "device": settings.device,
        "search": settings.search,
        "policy": policy.model_dump(mode="json"),
    }
    return facts | ({"interrupted": True} if is_interrupted else {})


def warn(text: str, bar: ProgressBar, stderr: TextIO) -> None:
    """Prints the lines of a text on stderr, beside the progress bar; empty text is none."""
    for line in text.splitlines():
        bar.aside(lambda line=line: print(f"limbfix: {printable(line)}", file=stderr))
