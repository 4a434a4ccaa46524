"""How is any function gated? It is called again with another seed where a picture fails, and returns what it always returned."""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

from limbfix.wrapping.attempts import Ledger
from limbfix.wrapping.drivers import drive, drive_async
from limbfix.wrapping.function_calls import FunctionCall, read_call
from limbfix.wrapping.function_makers import (
    AsyncFunctionMaker,
    AsyncStreamMaker,
    FunctionMaker,
    StreamMaker,
    made_of,
)
from limbfix.wrapping.gate_reports import GatedList, GatedTuple, GateReport, add_reports
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.rounds import Rounds
from limbfix.wrapping.sessions import CallNotes, Gated, GateSession
from limbfix.wrapping.values import give_back

_INSTEAD = 'Use .with_reports(...) or .limbfix.last_reports to learn of it, or on_fail="raise".'
_INSTEAD_STREAM = 'Look at .limbfix.last_reports to learn of it, and of later ones, or use on_fail="raise".'


class _Gated:
    """What gated functions of every kind share: the gate, the function's name, and its attributes."""

    def __init__(self, session: GateSession, seed_name: str | None = None) -> None:
        self.limbfix = session
        self._seed_name = seed_name
        functools.update_wrapper(cast(Any, self), session.generator, updated=())

    def _read(self, arguments: tuple[Any, ...], keywords: dict[str, Any], options: WrapOptions) -> FunctionCall:
        return read_call(self.limbfix.generator, arguments, keywords, options, self._seed_name)

    def _rounds(self, options: WrapOptions, call: FunctionCall, offset: int = 0) -> Rounds:
        return self.limbfix.rounds(
            options, base_seed=lambda _: call.base_seed, prompt_of=lambda _: call.prompt, offset=offset
        )

    def __getattr__(self, name: str) -> Any:
        if name == "limbfix":
            raise AttributeError(name)  # A copy that is not filled yet.
        return getattr(self.limbfix.generator, name)

    def __repr__(self) -> str:
        return f"<{self.limbfix.generator!r}, gated by limbfix>"


class GatedFunction(_Gated):
    """A function whose pictures are judged before its caller sees them.

    Call it like the function. `gated.limbfix.last_reports` holds the reports; `gated.with_reports(...)` returns both.
    The keyword `limbfix={...}` changes options for one call.
    """

    def __call__(self, *arguments: Any, limbfix: dict[str, Any] | None = None, **keywords: Any) -> Any:
        """Calls the function and returns the best of what it makes, in the type that it returns.

        Lists carry `.reports`. Where a single picture failed, which can carry nothing, the log says so once.
        """
        return self.limbfix.told(self.with_reports(*arguments, limbfix=limbfix, **keywords), instead=_INSTEAD)

    def with_reports(self, *arguments: Any, limbfix: dict[str, Any] | None = None, **keywords: Any) -> Gated:
        """The same, together with the reports.

        Raises:
            GeneratorError: the function returned no picture.
            AnatomyRejected: a picture failed and `on_fail` is `raise`.
        """
        options = self.limbfix.options.with_changes(limbfix)
        call = self._read(arguments, keywords, options)
        began = time.perf_counter()
        result = call(call.first_seed())
        if isinstance(result, Iterator):
            stream = GatedIterator(self.limbfix, options, call, result)
            return Gated(value=stream, reports=stream.reports)
        maker = FunctionMaker(call, result, seconds=time.perf_counter() - began)
        ledgers = drive(self._rounds(options, call), maker)
        return finished(self.limbfix, options, call, ledgers, result)


class AsyncGatedFunction(_Gated):
    """The same for coroutine functions: `await gated(prompt, seed=7)`."""

    async def __call__(self, *arguments: Any, limbfix: dict[str, Any] | None = None, **keywords: Any) -> Any:
        """Awaits the function and returns the best of what it makes, in the type that it returns."""
        return self.limbfix.told(await self.with_reports(*arguments, limbfix=limbfix, **keywords), instead=_INSTEAD)

    async def with_reports(self, *arguments: Any, limbfix: dict[str, Any] | None = None, **keywords: Any) -> Gated:
        """The same, together with the reports. Judging goes to a thread."""
        options = self.limbfix.options.with_changes(limbfix)
        call = self._read(arguments, keywords, options)
        began = time.perf_counter()
        result = await call(call.first_seed())
        maker = AsyncFunctionMaker(FunctionMaker(call, result, seconds=time.perf_counter() - began))
        ledgers = await drive_async(self._rounds(options, call), maker)
        return finished(self.limbfix, options, call, ledgers, result)


class AsyncGatedStream(_Gated):
    """The same for asynchronous generator functions: `async for picture in gated(prompt)`.

    `gated.limbfix.last_reports` grows with the pictures, as `GatedIterator.reports` does.
    """

    async def __call__(
        self, *arguments: Any, limbfix: dict[str, Any] | None = None, **keywords: Any
    ) -> AsyncIterator[Any]:
        """Yields each picture once it is judged; a failing one is made again first."""
        options = self.limbfix.options.with_changes(limbfix)
        call = self._read(arguments, keywords, options)
        reports: list[GateReport] = []
        drawn, is_told = 0, False
        async for value in call(call.first_seed()):
            place, drawn = drawn, drawn + 1
            made = [made_of(value, call, call.first_seed(), call.first_origin, (place,), 0.0)]
            maker = AsyncStreamMaker(call, made)
            steps = self._rounds(options, call, place)
            done = answer_of(self.limbfix, options, call, await drive_async(steps, maker), value)
            _keep(self.limbfix, options, reports, done)
            if not is_told:
                self.limbfix.told(done, instead=_INSTEAD_STREAM)
                is_told = any(report.has_failed for report in done.reports)
            yield done.value


class GatedIterator:
    """The pictures of a generator of many, each one judged before it is handed on; `reports` grows with them.

    The last report holds the whole judgement; of those before only the record stays (`report.inspection.record`), so that a
    long stream does not keep its pixels. Where it never ends, clear the list as you go: `stream.reports.clear()`.

    A failing picture is made again by calling the function with another seed and taking the picture at the same place, so the
    pictures before it are made once more too.
    """

    def __init__(
        self, session: GateSession, options: WrapOptions, call: FunctionCall | None, pictures: Iterator[Any]
    ) -> None:
        self._session, self._options, self._call, self._pictures = session, options, call, pictures
        self.reports: list[GateReport] = []
        self._drawn = 0

    def __iter__(self) -> GatedIterator:
        return self

    def __next__(self) -> Any:
        began = time.perf_counter()
        value = next(self._pictures)
        seconds, place = time.perf_counter() - began, self._drawn
        self._drawn += 1  # Whatever becomes of this picture, the next one has the next place.
        call = self._call or FunctionCall(
            function=iter, arguments=(), keywords={}, seed_name=None, base_seed=None, user_seed=None, prompt=""
        )
        maker = StreamMaker(call, [made_of(value, call, call.first_seed(), call.first_origin, (place,), seconds)])
        steps = self._session.rounds(
            self._options, base_seed=lambda _: call.base_seed, prompt_of=lambda _: call.prompt, offset=place
        )
        done = answer_of(self._session, self._options, call, drive(steps, maker), value)
        _keep(self._session, self._options, self.reports, done)
        return done.value

    def close(self) -> None:
        """Ends the generator that is wrapped."""
        close = getattr(self._pictures, "close", None)
        if close is not None:
            close()


def _keep(session: GateSession, options: WrapOptions, reports: list[GateReport], done: Gated) -> None:
    """Adds the reports of a stream's next picture, then raises where the caller wants errors."""
    add_reports(reports, done.reports)
    session.last_reports = reports
    session.finish(done.value, done.reports, options)


def finished(
    session: GateSession, options: WrapOptions, call: FunctionCall, ledgers: list[Ledger], result: Any
) -> Gated:
    """Returns the value for the caller and the reports; raises where the caller wants errors."""
    done = answer_of(session, options, call, ledgers, result)
    session.finish(done.value, done.reports, options)
    return done


def answer_of(
    session: GateSession, options: WrapOptions, call: FunctionCall, ledgers: list[Ledger], result: Any
) -> Gated:
    """Returns the value for the caller and the reports."""
    values = [give_back(ledger.native, ledger.repaired, ledger.notes) for ledger in ledgers]
    because = call.why_not_reproducible
    notes = CallNotes(
        generator={"kind": "function", "name": _name_of(session.generator)},
        call=call.record()[0],
        not_reproducible_because=lambda ledger: because,
    )
    reports = session.reports(ledgers, notes, options)
    value: Any = values[0]
    if isinstance(result, list | tuple):
        value = GatedTuple(values) if isinstance(result, tuple) else GatedList(values)
        value.reports = reports
    return Gated(value=value, reports=reports)


def _name_of(function: Callable[..., Any]) -> str:
    owner = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(owner, '__module__', '?')}:{getattr(owner, '__qualname__', '?')}"
