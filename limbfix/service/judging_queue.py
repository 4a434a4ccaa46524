"""Who waits, and who judges? A bounded line in front of worker processes that may die.

Each dispatcher is a thread with a `WorkerPool` of one process: it takes the next picture of the line, lets it be judged,
and keeps its answer. So one slow or deadly picture holds up one worker, and answers come in the order in which they are
ready. All threads sleep while there is nothing to do.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from limbfix.errors import LimbfixError
from limbfix.workers import GateLike, Judged, JudgingOptions, MakeGate, Task, WorkerPool

IDLE_SECONDS = 1.0
"""How often an idle dispatcher looks whether its worker is still alive."""

REOPEN_SECONDS = 5.0
"""Pause before workers that could not be started are tried again."""

_RECENT = 0.2
"""Weight of the newest picture in the mean time per picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedGate:
    """Makes the gate of a worker that outlives a SIGTERM to all, and not a shortage of memory. Picklable.

    Some init systems send SIGTERM to every process of a service; here the server alone decides when a worker goes. The
    kernel, when memory is short, ends workers before it ends the server.
    """

    make_gate: MakeGate

    def __call__(self) -> GateLike:
        """Loads the models; called in the worker, in its main thread."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with suppress(OSError):  # Linux alone has it, and some containers keep it read-only.
            Path("/proc/self/oom_score_adj").write_text("800")
        return self.make_gate()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ticket:
    task: Task
    answer: Future[Judged] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


class JudgingQueue:
    """Judges pictures in worker processes, first come, first served.

    Args:
        make_gate: makes the gate of each worker.
        options: of the judging.
        jobs: worker processes.
        on_begun: is told how many seconds a picture has waited; called in a dispatcher's thread.
    """

    def __init__(
        self,
        make_gate: MakeGate,
        options: JudgingOptions,
        *,
        jobs: int,
        on_begun: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._make_gate, self._options, self._on_begun = ServedGate(make_gate=make_gate), options, on_begun
        self.jobs = jobs
        self._line: deque[_Ticket] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._ready = 0
        self._seconds = 1.0
        self._threads = [
            threading.Thread(target=self._dispatch, name=f"dispatcher-{number}", daemon=True) for number in range(jobs)
        ]
        self._failure: Exception | None = None
        self.notes: tuple[str, ...] = ()

    @property
    def ready(self) -> int:
        """Workers that can judge now or are judging."""
        return self._ready

    @property
    def waiting(self) -> int:
        """Pictures that no worker has begun."""
        return len(self._line)

    def seconds_until_free(self) -> float:
        """How long a picture that came now would wait, as far as the last pictures tell."""
        return self._seconds * (len(self._line) + 1) / self.jobs

    def start(self) -> None:
        """Starts the workers and waits until all have loaded their models.

        Raises:
            LimbfixError: one cannot; its own error, such as ModelMissing.
        """
        for thread in self._threads:
            thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready == self.jobs or self._failure is not None)
            failure = self._failure
        if failure is not None:
            self.close()
            raise failure

    def judge(self, task: Task) -> Future[Judged]:
        """Puts a picture into the line; cancelling the answer takes it out again, unless it was begun."""
        ticket = _Ticket(task=task)
        with self._changed:
            self._line.append(ticket)
            self._changed.notify()
        ticket.answer.add_done_callback(lambda answer: self._withdraw(ticket) if answer.cancelled() else None)
        return ticket.answer

    def close(self) -> None:
        """Judges what is in the line, then ends the workers. Nothing may be put in afterwards."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        while self._line:  # No worker could be had to the last.
            self._line.popleft().answer.set_exception(LimbfixError("expected a worker process, none could be started"))

    def _withdraw(self, ticket: _Ticket) -> None:
        with self._changed, suppress(ValueError):  # A dispatcher has it already and will see that it was cancelled.
            self._line.remove(ticket)

    def _dispatch(self) -> None:
        """Is a dispatcher: has a pool, or tries to have one, until the queue closes."""
        is_first = True
        while not self._is_closing:
            pool = None
            try:
                pool = WorkerPool(self._make_gate, self._options, jobs=1)
                self.notes = pool.notes
                self._count_ready(1)
                try:
                    self._serve(pool)
                finally:
                    self._count_ready(-1)
            except Exception as error:  # A thread that ends silently would leave its share of the pictures waiting.
                if is_first and pool is None:
                    self._fail(error)
                    return
                with self._changed:
                    self._changed.wait_for(lambda: self._is_closing, timeout=REOPEN_SECONDS)
            finally:
                if pool is not None:
                    pool.close()
            is_first = False

    def _serve(self, pool: WorkerPool) -> None:
        """Takes pictures off the line until the queue closes and the line is empty."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._line or self._is_closing, timeout=IDLE_SECONDS)
                ticket = self._line.popleft() if self._line else None
                if ticket is None and self._is_closing:
                    return
            if ticket is None:
                pool.replace_dead()
            elif ticket.answer.set_running_or_notify_cancel():
                self._judge(pool, ticket)

    def _judge(self, pool: WorkerPool, ticket: _Ticket) -> None:
        """Answers one picture, whatever happens to the worker."""
        began = time.monotonic()
        self._on_begun(began - ticket.since)
        try:
            pool.replace_dead()
            (judged,) = pool.judge([ticket.task], lambda judged: None)
        except BaseException as error:
            ticket.answer.set_exception(error)
            raise
        self._seconds += _RECENT * (time.monotonic() - began - self._seconds)
        ticket.answer.set_result(judged)

    def _count_ready(self, step: int) -> None:
        with self._changed:
            self._ready += step
            self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()
