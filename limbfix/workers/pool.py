"""Several processes judge, and may crash or hang without taking the run with them.

Workers are started afresh (spawn), each with its own gate. They get one picture at a time; what they have in hand and
what waits to be printed is bounded, so memory does not grow with the number of pictures. One that dies costs its
picture (`crashed`), one that takes too long is killed (`timeout`), and both are replaced.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait

from limbfix.errors import LimbfixError
from limbfix.workers.judging import Judged, JudgingOptions, MakeGate, Task, judge_task, judged_before, unjudged

AHEAD_PER_WORKER = 4
"""Pictures begun per worker beyond the one that must be printed next; one slow picture may hold up that many."""

START_SECONDS = 300.0
"""A worker that has not loaded its models by then never will."""

_MOST_FAILED_STARTS = 3

_END = Task(path="", file="", relative="")
"""Stands behind the last task."""


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

    def give(self, number: int, task: Task) -> bool:
        """Hands a task over; False if the worker died while it was idle, and never had it."""
        try:
            self.connection.send(task)
        except OSError:
            return False
        self.number, self.task, self.began = number, task, time.monotonic()
        return True

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
        self.notes: tuple[str, ...] = ()
        self._workers: list[_Worker] = []
        try:
            self._workers += [_Worker(make_gate, options) for _ in range(jobs)]
            while not any(worker.is_ready for worker in self._workers):
                self._receive()
        except BaseException:
            self.close()
            raise

    def judge(self, tasks: Iterable[Task | None], on_done: Callable[[Judged], None]) -> Iterator[Judged]:
        """Yields what became of the tasks, in order; `on_done` is told at once, in the order in which they finish.

        None among the tasks is a moment without work, in which the workers are heard.
        """
        source = iter(tasks)
        finished: dict[int, Judged] = {}
        upcoming, begun, is_exhausted = 0, 0, False
        while True:
            idle = next((worker for worker in self._workers if worker.is_idle), None)
            has_room = begun - upcoming < AHEAD_PER_WORKER * len(self._workers)
            if idle is not None and has_room and not is_exhausted:
                task = next(source, _END)
                if task is _END:
                    is_exhausted = True
                elif task is None:
                    for number, judged in self._receive(seconds=0.0):
                        on_done(judged)
                        finished[number] = judged
                elif task.known is not None and not self._options.with_evidence:
                    finished[begun], begun = judged_before(task, self._options), begun + 1
                elif idle.give(begun, task):
                    begun += 1
                else:
                    self._lost(idle)
                    source = itertools.chain([task], source)
            elif upcoming < begun or not is_exhausted:  # Not exhausted: every worker is still starting.
                for number, judged in self._receive():
                    on_done(judged)
                    finished[number] = judged
            else:
                return
            while upcoming in finished:
                yield finished.pop(upcoming)
                upcoming += 1

    def replace_dead(self) -> int:
        """Replaces idle workers that died, so that the next picture does not pay for it; returns how many.

        Raises:
            LimbfixError: workers die again and again before they have loaded their models.
        """
        dead = [worker for worker in self._workers if worker.task is None and not worker.process.is_alive()]
        for worker in dead:
            self._lost(worker)
        return len(dead)

    def close(self) -> None:
        """Ends the workers, whatever they are doing."""
        for worker in self._workers:
            worker.stop()
        self._workers = []

    def _receive(self, *, seconds: float | None = None) -> list[tuple[int, Judged]]:
        """Waits until a worker says something, dies or takes too long, or for so many seconds.

        Returns:
            The finished tasks with their numbers.
        """
        waiting = {worker.connection: worker for worker in self._workers if not worker.is_idle}
        if seconds is None:
            earliest = min(worker.deadline(self._options) for worker in waiting.values())
            seconds = max(0.0, earliest - time.monotonic())
        speaking = wait(list(waiting), timeout=seconds)
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
                worker.is_ready, self._failed_starts = True, 0
                self.models, self.notes = content
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
        judged = unjudged(worker.task, self.models, self._options, code=code, message=message, seconds=seconds)
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
    threading.Thread(target=die_with_parent, daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C and `timeout` go to the whole group; the parent decides.
        signal.signal(number, signal.SIG_IGN)
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
        connection.send(("ready", (gate.models, gate.notes)))
        while True:
            connection.send(("done", judge_task(gate, connection.recv(), options)))


def die_with_parent() -> None:
    """Ends this process when the parent is gone, even in the middle of a picture that takes for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
