"""Several processes make shards, and may crash or hang without taking the run with them.

Workers are started afresh (spawn), each with a stream of its own and so with one picture size for life. They get one shard at a
time. One that dies or falls silent is replaced and its shard begun again; the group that it died of is given up after the
second time. One that has grown is replaced between two shards.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from limbfix.errors import LimbfixError
from limbfix.synthesis.shard_making import OpenStream, ShardJob, ShardMaker, ShardTally
from limbfix.workers.pool import die_with_parent, quiet_descriptor

START_SECONDS = 300.0
"""A worker that has not opened its stream by then never will; loading a generator takes a minute."""

SILENCE_SECONDS = 300.0
"""A worker that says nothing for so long hangs; a group takes a fraction of a second, on a GPU-less generator some ten."""

GROWTH = 1.5
SPARE_BYTES = 100_000_000
"""A worker is replaced when it holds `GROWTH` times what it held after its first shard, and this much on top."""

_MOST_ATTEMPTS = 2
_MOST_FAILED_STARTS = 3


class _Worker:
    """One process and the end of its pipe."""

    def __init__(self, open_stream: OpenStream) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, open_stream), daemon=True)
        self.process.start()
        theirs.close()  # so that a worker's death is the end of the pipe
        self.is_ready = False
        self.job: ShardJob | None = None
        self.group: int | None = None
        self.heard = time.monotonic()
        self.first_bytes = 0

    @property
    def deadline(self) -> float:
        return self.heard + (SILENCE_SECONDS if self.is_ready else START_SECONDS)

    def give(self, job: ShardJob) -> None:
        self.job, self.group, self.heard = job, None, time.monotonic()
        with suppress(OSError):  # it died while idle; `wait` sees the end of its pipe
            self.connection.send(job)

    def has_grown(self, held: int) -> bool:
        self.first_bytes = self.first_bytes or held
        return held > GROWTH * self.first_bytes + SPARE_BYTES

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class ShardWorkers:
    """Makes shards in several processes.

    Args:
        open_stream: opens the stream; called in each process.
        jobs: how many processes.

    Attributes:
        group_size: pictures of one group; 0 until a worker is ready.
        on_pictures: told (shard, pictures so far) while shards grow.

    Raises:
        LimbfixError: a stream could not be opened; the worker's own error, such as AssetMissing.
    """

    def __init__(self, open_stream: OpenStream, jobs: int) -> None:
        self._open_stream, self._jobs = open_stream, jobs
        self.on_pictures: Callable[[int, int], None] = lambda shard, pictures: None
        self._workers: list[_Worker] = []
        self._waiting: deque[ShardJob] = deque()
        self._attempts: Counter[int] = Counter()
        self._failed_starts = 0
        self.group_size = 0

    def start(self) -> int:
        """Starts the first process and returns how many pictures a group has."""
        self._workers.append(_Worker(self._open_stream))
        while not self.group_size:
            list(self._receive())
        return self.group_size

    def make(self, jobs: Iterable[ShardJob]) -> Iterator[tuple[ShardJob, ShardTally]]:
        """Yields the shards as they are finished, in any order."""
        self._waiting.extend(jobs)
        while self._waiting or any(worker.job for worker in self._workers):
            while len(self._workers) < min(self._jobs, len(self._waiting) + self._busy):
                self._workers.append(_Worker(self._open_stream))
            for worker in self._workers:
                if worker.is_ready and worker.job is None and self._waiting:
                    worker.give(self._waiting.popleft())
            yield from self._receive()

    def close(self) -> None:
        """Ends the workers, whatever they are doing."""
        for worker in self._workers:
            worker.stop()
        self._workers = []

    @property
    def _busy(self) -> int:
        return sum(worker.job is not None for worker in self._workers)

    def _receive(self) -> Iterator[tuple[ShardJob, ShardTally]]:
        """Waits until a worker says something, dies or falls silent; yields finished shards."""
        waiting = {worker.connection: worker for worker in self._workers if worker.job or not worker.is_ready}
        deadline = min(worker.deadline for worker in waiting.values())
        speaking = wait(list(waiting), timeout=max(0.0, deadline - time.monotonic()))
        for connection in speaking:
            worker = waiting[connection]  # type: ignore[index]
            try:
                kind, content = worker.connection.recv()
            except (EOFError, OSError):
                worker.process.join(timeout=5)
                self._lost(worker, f"its process ended with exit code {worker.process.exitcode}")
                continue
            worker.heard = time.monotonic()
            if kind == "failed":
                raise content
            if kind == "ready":
                worker.is_ready, self.group_size, self._failed_starts = True, content, 0
            elif kind == "group" and worker.job is not None:
                worker.group = content[0]
                self.on_pictures(worker.job.number, content[1])
            elif kind == "shard" and worker.job is not None:
                job, worker.job = worker.job, None
                if worker.has_grown(content[1]):
                    self._remove(worker)
                yield job, content[0]
        for worker in waiting.values():
            if worker.connection not in speaking and worker.deadline <= time.monotonic():
                self._lost(worker, f"its process said nothing for {SILENCE_SECONDS:.0f} s")

    def _lost(self, worker: _Worker, ending: str) -> None:
        """Puts the shard of a worker that died or hangs back in the line, without a group that was fatal twice."""
        self._remove(worker)
        if not worker.is_ready:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_FAILED_STARTS:
                raise LimbfixError(
                    f"worker process: expected a stream to open, but {ending}; LIMBFIX_DEBUG=1 shows what it says"
                )
        job = worker.job
        if job is not None:
            if worker.group is not None:
                self._attempts[worker.group] += 1
                if self._attempts[worker.group] >= _MOST_ATTEMPTS:
                    job = replace(job, given_up={**job.given_up, worker.group: ending})
            self.on_pictures(job.number, 0)
            self._waiting.appendleft(job)
        if not self.group_size:
            self._workers.append(_Worker(self._open_stream))

    def _remove(self, worker: _Worker) -> None:
        worker.stop()
        self._workers.remove(worker)


def _work(connection: Connection, open_stream: OpenStream) -> None:
    """Is a worker: says `ready` or `failed`, then makes shards until the pipe ends, as it does when the parent dies."""
    threading.Thread(target=die_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    if not os.environ.get("LIMBFIX_DEBUG"):
        quiet_descriptor()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            maker = ShardMaker(open_stream)
            connection.send(("ready", maker.stream.group_size))
            while True:
                job = connection.recv()
                tally = maker.make(job, lambda group, pictures: connection.send(("group", (group, pictures))))
                connection.send(("shard", (tally, _held_bytes())))
        except LimbfixError as error:
            connection.send(("failed", error))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:
            trace = (
                traceback.format_exc() if os.environ.get("LIMBFIX_DEBUG") else "set LIMBFIX_DEBUG=1 for the traceback"
            )
            connection.send(("failed", LimbfixError(f"internal error, {type(error).__name__}: {error}; {trace}")))


def _held_bytes() -> int:
    """Returns the memory that this process holds; 0, and so no replacement, where the system has no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
