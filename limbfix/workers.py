"""Who judges? This process, or several others that may crash or hang without taking the run with them.

Workers are started afresh (spawn), each with its own gate. They get one picture at a time; what they have in hand and
what waits to be printed is bounded, so memory does not grow with the number of pictures. One that dies costs its
picture (`crashed`), one that takes too long is killed (`timeout`), and both are replaced.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Protocol

from limbfix.errors import LimbfixError, PictureError
from limbfix.records import Record, make_error_record

if TYPE_CHECKING:
    from limbfix.inspections import Inspection
    from limbfix.reports.evidence import Evidence

AHEAD_PER_WORKER = 4
"""Pictures begun per worker beyond the one that must be printed next; one slow picture may hold up that many."""

START_SECONDS = 300.0
"""A worker that has not loaded its models by then never will."""

_MOST_FAILED_STARTS = 3


class GateLike(Protocol):
    """What a run needs of `limbfix.Gate`."""

    models: dict[str, str]

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
            return _judged_before(task, options)
        inspection = gate.judge_path(task.file)
        record = inspection.record if task.file == task.path else {**inspection.record, "path": task.path}
        evidence = None
        if options.with_evidence and inspection.picture is not None:
            from limbfix.reports.evidence import make_evidence

            evidence = make_evidence(inspection.picture.pixels, record, inspection.keypoints)
    except Exception as error:
        message = f"internal error, {type(error).__name__}: {error}. Please report it with the picture."
        judged = _unjudged(task, gate.models, options, code="internal_error", message=message, seconds=0.0)
        return replace(judged, trace=traceback.format_exc())
    return Judged(task=task, record=record, keypoints=inspection.keypoints, evidence=evidence)


def _judged_before(task: Task, options: JudgingOptions) -> Judged:
    assert task.known is not None
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


def _unjudged(
    task: Task, models: dict[str, str], options: JudgingOptions, *, code: str, message: str, seconds: float
) -> Judged:
    record = make_error_record(
        task.path, None, code=code, message=message, policy=options.policy, models=models, seconds=seconds
    )
    return Judged(task=task, record=record)


class LocalJudge:
    """Judges in this process, one picture after the other, each only when it is asked for."""

    def __init__(self, make_gate: MakeGate, options: JudgingOptions) -> None:
        self._gate = make_gate()
        self._options = options
        self.models = self._gate.models

    def judge(self, tasks: Iterable[Task], on_done: Callable[[Judged], None]) -> Iterator[Judged]:
        """Yields what became of the tasks, in order; `on_done` is told first."""
        for task in tasks:
            judged = judge_task(self._gate, task, self._options)
            on_done(judged)
            yield judged

    def close(self) -> None:
        """Frees the models."""
        self._gate.close()


class _Worker:
    """One process and the end of its pipe."""

    def __init__(self, make_gate: MakeGate, options: JudgingOptions) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, make_gate, options), daemon=True)
        self.process.start()
        theirs.close()  # So that a worker's death is the end of the pipe.
        self.is_ready = False
        self.number: int | None = None
        self.task: Task | None = None
        self.began = time.monotonic()

    @property
    def is_idle(self) -> bool:
        return self.is_ready and self.task is None

    def deadline(self, options: JudgingOptions) -> float:
        return self.began + (options.timeout if self.is_ready else START_SECONDS)

    def give(self, number: int, task: Task) -> None:
        self.number, self.task, self.began = number, task, time.monotonic()
        with suppress(OSError):  # It died while idle; `wait` sees the end of its pipe and the picture is `crashed`.
            self.connection.send(task)

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class WorkerPool:
    """Judges in several processes.

    Raises:
        LimbfixError: a gate could not be made; the worker's own error, such as ModelMissing.
    """

    def __init__(self, make_gate: MakeGate, options: JudgingOptions, *, jobs: int) -> None:
        self._make_gate, self._options = make_gate, options
        self._failed_starts = 0
        self.models: dict[str, str] = {}
        self._workers: list[_Worker] = []
        try:
            self._workers += [_Worker(make_gate, options) for _ in range(jobs)]
            while not any(worker.is_ready for worker in self._workers):
                self._receive()
        except BaseException:
            self.close()
            raise

    def judge(self, tasks: Iterable[Task], on_done: Callable[[Judged], None]) -> Iterator[Judged]:
        """Yields what became of the tasks, in order; `on_done` is told at once, in the order in which they finish."""
        source = enumerate(tasks)
        finished: dict[int, Judged] = {}
        upcoming, begun, is_exhausted = 0, 0, False
        while True:
            idle = next((worker for worker in self._workers if worker.is_idle), None)
            has_room = begun - upcoming < AHEAD_PER_WORKER * len(self._workers)
            if idle is not None and has_room and not is_exhausted:
                number, task = next(source, (begun, None))
                if task is None:
                    is_exhausted = True
                elif task.known is not None and not self._options.with_evidence:
                    finished[number], begun = _judged_before(task, self._options), number + 1
                else:
                    idle.give(number, task)
                    begun = number + 1
            elif upcoming < begun or not is_exhausted:  # Not exhausted: every worker is still starting.
                for number, judged in self._receive():
                    on_done(judged)
                    finished[number] = judged
            else:
                return
            while upcoming in finished:
                yield finished.pop(upcoming)
                upcoming += 1

    def close(self) -> None:
        """Ends the workers, whatever they are doing."""
        for worker in self._workers:
            worker.stop()
        self._workers = []

    def _receive(self) -> list[tuple[int, Judged]]:
        """Waits until a worker says something, dies or takes too long; returns the finished tasks with their numbers."""
        waiting = {worker.connection: worker for worker in self._workers if not worker.is_idle}
        earliest = min(worker.deadline(self._options) for worker in waiting.values())
        speaking = wait(list(waiting), timeout=max(0.0, earliest - time.monotonic()))
        finished = []
        for connection in speaking:
            worker = waiting[connection]  # type: ignore[index]
            try:
                kind, content = worker.connection.recv()
            except (EOFError, OSError):
                finished += self._lost(worker)
                continue
            if kind == "failed":
                raise content
            if kind == "ready":
                worker.is_ready, self.models, self._failed_starts = True, content, 0
            elif worker.number is not None:
                finished.append((worker.number, content))
                worker.number = worker.task = None
        now = time.monotonic()
        for worker in waiting.values():
            if worker.connection not in speaking and worker.deadline(self._options) <= now:
                finished += self._lost(worker, is_late=True)
        return finished

    def _lost(self, worker: _Worker, *, is_late: bool = False) -> list[tuple[int, Judged]]:
        """Replaces a worker that died or hangs; returns its picture as one that could not be judged."""
        if not is_late:
            worker.process.join(timeout=5)
        ending = _ending(worker.process.exitcode)
        seconds = time.monotonic() - worker.began
        worker.stop()
        self._workers.remove(worker)
        if not worker.is_ready:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_FAILED_STARTS:
                what = f"took more than {START_SECONDS:.0f} s" if is_late else ending
                raise LimbfixError(f"worker process: expected to start, it {what}; try --jobs 1, or `limbfix doctor`")
        self._workers.append(_Worker(self._make_gate, self._options))
        if worker.task is None or worker.number is None:
            return []
        if is_late:
            code, message = "timeout", f"not judged within {self._options.timeout:g} s; raise --timeout to try longer"
        else:
            code, message = "crashed", f"the worker process that judged it {ending}; try it alone with --jobs 1"
        judged = _unjudged(worker.task, self.models, self._options, code=code, message=message, seconds=seconds)
        return [(worker.number, judged)]


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"


def quiet_descriptor() -> None:
    """Keeps Python's stderr and sends what C++ libraries write to file descriptor 2 to nowhere."""
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _work(connection: Connection, make_gate: MakeGate, options: JudgingOptions) -> None:
    """Is a worker: says `ready` or `failed`, then answers tasks until the pipe ends, as it does when the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides.
    if not os.environ.get("LIMBFIX_DEBUG"):
        quiet_descriptor()
    try:
        gate = make_gate()
    except LimbfixError as error:
        connection.send(("failed", error))
        return
    except Exception as error:
        trace = traceback.format_exc() if os.environ.get("LIMBFIX_DEBUG") else "set LIMBFIX_DEBUG=1 for the traceback"
        connection.send(("failed", LimbfixError(f"internal error, {type(error).__name__}: {error}; {trace}")))
        return
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        connection.send(("ready", gate.models))
        while True:
            connection.send(("done", judge_task(gate, connection.recv(), options)))
