"""How is a stream of pictures gated? Each is judged before it is handed on, and made again from a new stream where it fails."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from limbfix.wrapping.answers import answer_of
from limbfix.wrapping.attempts import Ledger, Made
from limbfix.wrapping.drivers import drive, drive_async
from limbfix.wrapping.function_calls import FunctionCall
from limbfix.wrapping.function_makers import AsyncStreamMaker, StreamMaker, made_of
from limbfix.wrapping.gate_reports import GateReport, add_reports
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.rounds import Rounds
from limbfix.wrapping.sessions import Gated, GateSession

_INSTEAD = 'Look at .reports of the stream to learn of it, and of later ones, or use on_fail="raise".'


class _Stream:
    """What streams of both kinds share: the reports, the place of the next picture, and how it ends."""

    def __init__(self, session: GateSession, options: WrapOptions, call: FunctionCall | None) -> None:
        self.reports: list[GateReport] = []
        self._session, self._options, self._drawn = session, options, 0
        self._call = call or FunctionCall(
            function=iter, arguments=(), keywords={}, seed_name=None, base_seed=None, user_seed=None, prompt=""
        )

    def _drawn_next(self, value: Any, began: float) -> tuple[Made, Rounds]:
        """Returns the stream's next picture and what to do with it."""
        call, seconds, place = self._call, time.perf_counter() - began, self._drawn
        self._drawn += 1  # Whatever becomes of this picture, the next one has the next place.
        made = made_of(value, call, call.first_seed(), call.first_origin, (place,), seconds)
        return made, call.rounds(self._session, self._options, place)

    def _finished(self, ledgers: list[Ledger], value: Any) -> Gated:
        """Adds the reports of the next picture, then raises where the caller wants errors."""
        done = answer_of(self._session, self._options, self._call, ledgers, value)
        add_reports(self.reports, done.reports)
        self._session.last_reports = self.reports
        self._session.finish(done.value, done.reports, self._options)
        return done


class GatedIterator(_Stream):
    """The pictures of a generator of many, each one judged before it is handed on; `reports` grows with them.

    The last report holds the whole judgement; of those before only the record stays (`report.inspection.record`), so that a
    long stream does not keep its pixels. Where it never ends, clear the list as you go: `stream.reports.clear()`.

    A failing picture is made again by calling the function with another seed and taking the picture at the same place, so the
    pictures before it are made once more too. Under `on_fail="raise"` a failing picture is an error, and the stream goes on
    after it: ask for the next picture.
    """

    def __init__(
        self, session: GateSession, options: WrapOptions, call: FunctionCall | None, pictures: Iterator[Any]
    ) -> None:
        super().__init__(session, options, call)
        self._pictures = pictures

    def __iter__(self) -> GatedIterator:
        return self

    def __next__(self) -> Any:
        began = time.perf_counter()
        value = next(self._pictures)
        made, steps = self._drawn_next(value, began)
        return self._finished(drive(steps, StreamMaker(self._call, [made])), value).value

    def close(self) -> None:
        """Ends the generator that is wrapped."""
        close = getattr(self._pictures, "close", None)
        if close is not None:
            close()


class GatedAsyncIterator(_Stream):
    """`GatedIterator` for asynchronous streams. Judging goes to a thread; the log tells of the first picture that failed."""

    def __init__(
        self, session: GateSession, options: WrapOptions, call: FunctionCall, pictures: AsyncIterator[Any]
    ) -> None:
        super().__init__(session, options, call)
        self._pictures, self._is_told = pictures, False

    def __aiter__(self) -> GatedAsyncIterator:
        return self

    async def __anext__(self) -> Any:
        began = time.perf_counter()
        value = await anext(self._pictures)
        made, steps = self._drawn_next(value, began)
        done = self._finished(await drive_async(steps, AsyncStreamMaker(self._call, [made])), value)
        if not self._is_told:
            self._session.told(done, instead=_INSTEAD)
            self._is_told = any(report.has_failed for report in done.reports)
        return done.value

    async def aclose(self) -> None:
        """Ends the asynchronous generator that is wrapped."""
        aclose = getattr(self._pictures, "aclose", None)
        if aclose is not None:
            await aclose()
