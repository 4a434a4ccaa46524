"""How does a request become answers? It takes places, its pictures wait and are judged, and the places are free again.

Places are taken before a body is read, so a server without room says so at once, and what lies on disk is bounded.
A picture keeps its place until it is judged or taken out of the line, even when its client is gone.
"""

from __future__ import annotations

import asyncio
import logging
import math
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from limbfix.errors import LimbfixError, RequestRefused
from limbfix.printing import printable
from limbfix.records import Record
from limbfix.service.judging_queue import JudgingQueue
from limbfix.service.metrics import Metrics
from limbfix.service.uploads import Upload
from limbfix.workers import Judged, Task

MOST_RETRY_SECONDS = 120

_LOG = logging.getLogger("limbfix.service")


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request in the house.

    Attributes:
        folder: for its pictures; gone when the request is answered.
        places: how many it holds that no picture has taken over yet.
    """

    folder: Path
    places: int = 1


@dataclass(slots=True, kw_only=True)
class House:
    """Everybody who is inside. Used in the event loop's thread alone.

    Attributes:
        queue: who judges.
        places: most pictures inside at once.
        wait_seconds: until when a picture must have been begun.
        spool: folder for the pictures of all visits.
        metrics: counts.
    """

    queue: JudgingQueue
    places: int
    wait_seconds: float
    spool: Path
    metrics: Metrics
    _taken: int = field(default=0, init=False)

    @asynccontextmanager
    async def visit(self) -> AsyncIterator[Visit]:
        """Lets a request in.

        Raises:
            RequestRefused: there is no room.
        """
        self._take(1)
        visit = None
        try:
            visit = Visit(folder=Path(tempfile.mkdtemp(dir=self.spool)))
            yield visit
        finally:
            self._give_back(1 if visit is None else visit.places)
            if visit is not None:
                await asyncio.to_thread(shutil.rmtree, visit.folder, ignore_errors=True)

    def make_room(self, visit: Visit, pictures: int) -> None:
        """Takes a place for every picture of a visit.

        Raises:
            RequestRefused: there is no room for all of them.
        """
        self._take(pictures - visit.places)
        visit.places = pictures

    async def judge(self, request: Request, visit: Visit, uploads: Sequence[Upload]) -> list[Record]:
        """Returns the records of pictures, in order.

        Raises:
            RequestRefused: not begun in time, or no worker could be had.
            ClientDisconnect: nobody waits for the answer any more.
        """
        self.make_room(visit, len(uploads))
        answers = [self._submit(visit, upload) for upload in uploads]
        together = asyncio.gather(*map(asyncio.wrap_future, answers))
        together.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # else asyncio complains of what nobody waits for
        gone = asyncio.ensure_future(_gone(request))
        try:
            done, _ = await asyncio.wait(
                {together, gone}, timeout=self.wait_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if not done and any([answer.cancel() for answer in answers if not answer.running()]):
                raise self._busy("not-begun", 503, f"none within {self.wait_seconds:g} s")
            if not done:  # All are begun and have a time limit of their own.
                await asyncio.wait({together, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not together.done():
                raise ClientDisconnect
            return [judged.record for judged in together.result()]
        except LimbfixError as error:
            raise error if isinstance(error, RequestRefused) else self._busy("no-worker", 503, str(error)) from error
        finally:
            gone.cancel()
            for answer in answers:
                answer.cancel()
            with suppress(asyncio.CancelledError, Exception):
                together.cancel()

    def _submit(self, visit: Visit, upload: Upload) -> Future[Judged]:
        task = Task(path=upload.name, file=str(upload.file), relative=upload.name)
        answer = self.queue.judge(task)
        visit.places -= 1
        loop = asyncio.get_running_loop()
        answer.add_done_callback(lambda answer: _tell(loop, self._left, answer))
        return answer

    def _left(self, answer: Future[Judged]) -> None:
        """Notes that a picture is out of the house, judged or not."""
        self._give_back(1)
        if answer.cancelled() or answer.exception() is not None:
            return
        judged = answer.result()
        self.metrics.count(judged.record)
        if judged.trace is not None:
            _LOG.error("%s", "\n".join(map(printable, judged.trace.splitlines())))

    def _take(self, places: int) -> None:
        if self._taken + places > self.places:
            raise self._busy("queue-full", 429, f"{self.places} already")
        self._taken += places
        self.metrics.places_taken.set(self._taken)

    def _give_back(self, places: int) -> None:
        self._taken -= places
        self.metrics.places_taken.set(self._taken)

    def _busy(self, kind: str, status: int, actual: str) -> RequestRefused:
        seconds = min(MOST_RETRY_SECONDS, max(1, math.ceil(self.queue.seconds_until_free())))
        return RequestRefused(
            kind,
            status=status,
            expected="room for the picture and a worker for it",
            actual=actual,
            remedy=f"try again in {seconds} s, with fewer pictures at once",
            headers={"Retry-After": str(seconds)},
        )


def _tell(loop: asyncio.AbstractEventLoop, listener, answer: Future[Judged]) -> None:
    with suppress(RuntimeError):  # The loop is closed: the server has gone, and nobody counts any more.
        loop.call_soon_threadsafe(listener, answer)


async def _gone(request: Request) -> None:
    """Ends when the client is gone; the body has been read, so nothing else can come."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
