"""One picture in, one record out, with or without pictures for a report; whatever happens, there is a record."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from limbfix.errors import PictureError
from limbfix.records import Record, make_error_record

if TYPE_CHECKING:
    from limbfix.inspections import Inspection
    from limbfix.reports.evidence import Evidence


class GateLike(Protocol):
    """What a run needs of `limbfix.Gate`."""

    models: dict[str, str]
    notes: tuple[str, ...]

    def judge_path(self, path: str) -> Inspection:
        """Judges one file; what is wrong with the file becomes an `unjudged` record."""
        ...

    def close(self) -> None:
        """Frees the models."""
        ...


MakeGate = Callable[[], GateLike]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One picture to judge.

    Attributes:
        path: what the record calls it.
        file: where its bytes lie: `path`, unless an earlier run moved it.
        relative: its path below the folder that was given.
        known: (record, keypoints) of an earlier run on the same bytes, or None.
    """

    path: str
    file: str
    relative: str
    known: tuple[Record, list[dict[str, Any]]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of a task. Picklable.

    Attributes:
        task: what was asked.
        record: the answer.
        keypoints: for drawing.
        evidence: for a report, or None where none was asked for or the pixels are unreadable.
        trace: traceback of an internal error, or None.
    """

    task: Task
    record: Record
    keypoints: tuple[dict[str, Any], ...] = ()
    evidence: Evidence | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingOptions:
    """What judges need to know. Picklable.

    Attributes:
        policy: label for the records of pictures that no gate could judge.
        with_evidence: whether a report wants pictures.
        max_pixels: for reading a known picture again, for its evidence.
        timeout: seconds per picture in worker processes.
    """

    policy: str
    with_evidence: bool = False
    max_pixels: int = 100_000_000
    timeout: float = 120.0


def judge_task(gate: GateLike, task: Task, options: JudgingOptions) -> Judged:
    """Judges one picture. An exception that nobody foresaw becomes a record with code `internal_error` and a trace."""
    try:
        if task.known is not None:
            return judged_before(task, options)
        inspection = gate.judge_path(task.file)
    except Exception as error:
        message = f"internal error, {type(error).__name__}: {error}. Please report it with the picture."
        judged = unjudged(task, gate.models, options, code="internal_error", message=message, seconds=0.0)
        return replace(judged, trace=traceback.format_exc())
    record = inspection.record if task.file == task.path else {**inspection.record, "path": task.path}
    judged = Judged(task=task, record=record, keypoints=inspection.keypoints)
    if not options.with_evidence or inspection.picture is None:
        return judged
    from limbfix.reports.evidence import make_evidence

    try:
        return replace(judged, evidence=make_evidence(inspection.picture.pixels, record, inspection.keypoints))
    except Exception:  # a verdict is not lost because it could not be drawn
        return replace(judged, trace=traceback.format_exc())


def judged_before(task: Task, options: JudgingOptions) -> Judged:
    """Returns what an earlier run knew, under the present name; the pixels are read again only for a report."""
    if task.known is None:
        raise ValueError(f"judged_before: expected a task with a known record, got {task.path}")
    record, keypoints = task.known
    record = {**record, "path": task.path}
    evidence = None
    if options.with_evidence:
        from limbfix.images import open_picture
        from limbfix.reports.evidence import make_evidence

        with suppress(PictureError):  # The record stands as it is; only its pictures are missing from the report.
            picture = open_picture(task.file, max_pixels=options.max_pixels)
            evidence = make_evidence(picture.pixels, record, keypoints)
    return Judged(task=task, record=record, keypoints=tuple(keypoints), evidence=evidence)


def unjudged(
    task: Task, models: dict[str, str], options: JudgingOptions, *, code: str, message: str, seconds: float
) -> Judged:
    """Returns the record of a picture that no gate could judge."""
    record = make_error_record(
        task.path, None, code=code, message=message, policy=options.policy, models=models, seconds=seconds
    )
    return Judged(task=task, record=record)


class LocalJudge:
    """Judges in this process, one picture after the other, each only when it is asked for."""

    def __init__(self, make_gate: MakeGate, options: JudgingOptions) -> None:
        self._gate = make_gate()
        self._options = options
        self.models, self.notes = self._gate.models, self._gate.notes

    def judge(self, tasks: Iterable[Task | None], on_done: Callable[[Judged], None]) -> Iterator[Judged]:
        """Yields what became of the tasks, in order; `on_done` is told first. None among them is a moment without work."""
        for task in tasks:
            if task is None:
                continue
            judged = judge_task(self._gate, task, self._options)
            on_done(judged)
            yield judged

    def close(self) -> None:
        """Frees the models."""
        self._gate.close()
