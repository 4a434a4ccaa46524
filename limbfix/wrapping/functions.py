"""How is any function gated? It is called again with another seed where a picture fails, and returns what it always returned."""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from limbfix.errors import GeneratorError
from limbfix.wrapping.attempts import Ledger, Made, Shot
from limbfix.wrapping.function_calls import NO_SEED, FunctionCall, read_call, seed_parameter
from limbfix.wrapping.gate_reports import GateReport
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.rounds import drive, drive_async
from limbfix.wrapping.sessions import CallNotes, Gated, GateSession
from limbfix.wrapping.values import EXPECTED, give_back, hold, is_picture


class GatedList(list):
    """The pictures of one call; `reports` holds one report for each."""

    reports: tuple[GateReport, ...] = ()


class GatedFunction:
    """A function whose pictures are judged before its caller sees them.

    Call it like the function. `gated.limbfix.last_reports` holds the reports; `gated.with_reports(...)` returns both.
    The keyword `limbfix={...}` changes options for one call.
    """

    def __init__(self, session: GateSession, seed_name: str | None = None) -> None:
        self.limbfix = session
        self._seed_name = seed_name or seed_parameter(session.generator)
        functools.update_wrapper(self, session.generator, updated=())

    def __call__(self, *arguments: Any, limbfix: dict[str, Any] | None = None, **keywords: Any) -> Any:
        """Calls the function and returns the best of what it makes, in the type that it returns."""
        return self.with_reports(*arguments, limbfix=limbfix, **keywords).value

    def with_reports(self, *arguments: Any, limbfix: dict[str, Any] | None = None, **keywords: Any) -> Gated:
        """The same, together with the reports.

        Raises:
            GeneratorError: the function returned no picture.
            AnatomyRejected: a picture failed and `on_fail` is `raise`.
        """
        options = self.limbfix.options.with_changes(limbfix)
        call = read_call(self.limbfix.generator, arguments, keywords, options, self._seed_name)
        began = time.perf_counter()
        result = call(call.first_seed())
        if isinstance(result, Iterator):
            stream = GatedIterator(self.limbfix, options, call, result)
            return Gated(value=stream, reports=stream.reports)
        maker = FunctionMaker(call, result, seconds=time.perf_counter() - began)
        ledgers = drive(
            self.limbfix.rounds(options, base_seed=lambda _: call.base_seed, prompt_of=lambda _: call.prompt), maker
        )
        return finished(self.limbfix, options, call, ledgers, result)

    def __getattr__(self, name: str) -> Any:
        if name == "limbfix":
            raise AttributeError(name)  # A copy that is not filled yet.
        return getattr(self.limbfix.generator, name)

    def __repr__(self) -> str:
        return f"<{self.limbfix.generator!r}, gated by limbfix>"


class AsyncGatedFunction(GatedFunction):
    """The same for coroutine functions: `await gated(prompt, seed=7)`."""

    async def __call__(self, *arguments: Any, limbfix: dict[str, Any] | None = None, **keywords: Any) -> Any:
        """Awaits the function and returns the best of what it makes, in the type that it returns."""
        return (await self.with_reports(*arguments, limbfix=limbfix, **keywords)).value

    async def with_reports(self, *arguments: Any, limbfix: dict[str, Any] | None = None, **keywords: Any) -> Gated:
        """The same, together with the reports. Judging goes to a thread."""
        options = self.limbfix.options.with_changes(limbfix)
        call = read_call(self.limbfix.generator, arguments, keywords, options, self._seed_name)
        began = time.perf_counter()
        result = await call(call.first_seed())
        maker = AsyncFunctionMaker(FunctionMaker(call, result, seconds=time.perf_counter() - began))
        ledgers = await drive_async(
            self.limbfix.rounds(options, base_seed=lambda _: call.base_seed, prompt_of=lambda _: call.prompt), maker
        )
        return finished(self.limbfix, options, call, ledgers, result)


class AsyncGatedStream(GatedFunction):
    """The same for asynchronous generator functions: `async for picture in gated(prompt)`."""

    async def __call__(
        self, *arguments: Any, limbfix: dict[str, Any] | None = None, **keywords: Any
    ) -> AsyncIterator[Any]:
        """Yields each picture once it is judged; a failing one is made again first."""
        options = self.limbfix.options.with_changes(limbfix)
        call = read_call(self.limbfix.generator, arguments, keywords, options, self._seed_name)
        reports: list[GateReport] = []
        place = 0
        async for value in call(call.first_seed()):
            made = [_made(value, call, call.first_seed(), call.first_origin, (place,), 0.0)]
            maker = AsyncStreamMaker(call, made)
            steps = self.limbfix.rounds(
                options, base_seed=lambda _: call.base_seed, prompt_of=lambda _: call.prompt, offset=place
            )
            done = finished(self.limbfix, options, call, await drive_async(steps, maker), value)
            reports += done.reports
            self.limbfix.last_reports = tuple(reports)
            place += 1
            yield done.value


class GatedIterator:
    """The pictures of a generator of many, each one judged before it is handed on; `reports` grows with them.

    A failing picture is made again by calling the function with another seed and taking the picture at the same place, so the
    pictures before it are made once more too.
    """

    def __init__(
        self, session: GateSession, options: WrapOptions, call: FunctionCall | None, pictures: Iterator[Any]
    ) -> None:
        self._session, self._options, self._call, self._pictures = session, options, call, pictures
        self.reports: list[GateReport] = []

    def __iter__(self) -> GatedIterator:
        return self

    def __next__(self) -> Any:
        began = time.perf_counter()
        value = next(self._pictures)
        seconds, place = time.perf_counter() - began, len(self.reports)
        call = self._call or FunctionCall(
            function=iter, arguments=(), keywords={}, seed_name=None, base_seed=None, user_seed=None, prompt=""
        )
        maker = StreamMaker(call, [_made(value, call, call.first_seed(), call.first_origin, (place,), seconds)])
        steps = self._session.rounds(
            self._options, base_seed=lambda _: call.base_seed, prompt_of=lambda _: call.prompt, offset=place
        )
        done = finished(self._session, self._options, call, drive(steps, maker), value)
        self.reports += done.reports
        self._session.last_reports = tuple(self.reports)
        return done.value

    def close(self) -> None:
        """Ends the generator that is wrapped."""
        close = getattr(self._pictures, "close", None)
        if close is not None:
            close()


class FunctionMaker:
    """Makes pictures for the loop by calling a function that returns one picture or a list of them."""

    def __init__(self, call: FunctionCall, result: Any, *, seconds: float) -> None:
        self.call, self._first, self._seconds = call, result, seconds

    def first(self, *, may_stop_early: bool) -> Sequence[Made]:
        """Returns what the caller's own call made."""
        values = pictures_of(self._first)
        batch = tuple(range(len(values)))
        seed, origin = self.call.first_seed(), self.call.first_origin
        share = self._seconds / max(1, len(values))
        return [_made(value, self.call, seed, origin, batch, share) for value in values]

    def again(self, shots: Sequence[Shot]) -> Sequence[Made]:
        """Calls the function once more, with the seed of the first failing picture, and takes the pictures at the same places."""
        began = time.perf_counter()
        return self.picked(self.call(shots[0].seed), shots, time.perf_counter() - began)

    def picked(self, result: Any, shots: Sequence[Shot], seconds: float) -> Sequence[Made]:
        """Returns the pictures at the places of the shots."""
        values = pictures_of(result)
        batch = tuple(range(len(values)))
        if len(values) <= max(shot.image_index for shot in shots):
            raise GeneratorError(f"the wrapped generator: expected as many pictures as at first, got {len(values)}")
        origin = "none" if self.call.seed_name is None else "derived"
        share = seconds / len(shots)
        seed = shots[0].seed
        return [_made(values[shot.image_index], self.call, seed, origin, batch, share) for shot in shots]


class StreamMaker:
    """Makes one picture of a generator of many again."""

    def __init__(self, call: FunctionCall, made: Sequence[Made]) -> None:
        self.call, self._made = call, made

    def first(self, *, may_stop_early: bool) -> Sequence[Made]:
        """Returns the picture that the stream just gave."""
        return self._made

    def again(self, shots: Sequence[Shot]) -> Sequence[Made]:
        """Starts a new stream with another seed and goes to the same place."""
        (shot,) = shots
        began = time.perf_counter()
        stream = self.call(shot.seed)
        try:
            for place, value in enumerate(stream):
                if place == shot.image_index:
                    origin = "none" if self.call.seed_name is None else "derived"
                    seconds = time.perf_counter() - began
                    return [_made(value, self.call, shot.seed, origin, (place,), seconds)]
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()
        raise GeneratorError(f"the wrapped generator: expected more than {shot.image_index} pictures, as at first")


class AsyncFunctionMaker:
    """`FunctionMaker` for coroutine functions."""

    def __init__(self, maker: FunctionMaker) -> None:
        self._maker = maker

    async def first(self, *, may_stop_early: bool) -> Sequence[Made]:
        """Returns what the caller's own call made."""
        return self._maker.first(may_stop_early=may_stop_early)

    async def again(self, shots: Sequence[Shot]) -> Sequence[Made]:
        """Awaits the function once more."""
        began = time.perf_counter()
        result = await self._maker.call(shots[0].seed)
        return self._maker.picked(result, shots, time.perf_counter() - began)


class AsyncStreamMaker:
    """`StreamMaker` for asynchronous generator functions."""

    def __init__(self, call: FunctionCall, made: Sequence[Made]) -> None:
        self.call, self._made = call, made

    async def first(self, *, may_stop_early: bool) -> Sequence[Made]:
        """Returns the picture that the stream just gave."""
        return self._made

    async def again(self, shots: Sequence[Shot]) -> Sequence[Made]:
        """Starts a new stream with another seed and goes to the same place."""
        (shot,) = shots
        began, place = time.perf_counter(), 0
        stream = self.call(shot.seed)
        try:
            async for value in stream:
                if place == shot.image_index:
                    origin = "none" if self.call.seed_name is None else "derived"
                    return [_made(value, self.call, shot.seed, origin, (place,), time.perf_counter() - began)]
                place += 1
        finally:
            await stream.aclose()
        raise GeneratorError(f"the wrapped generator: expected more than {shot.image_index} pictures, as at first")


def pictures_of(result: Any) -> list[Any]:
    """Returns the pictures of a result.

    Raises:
        GeneratorError: there are none.
    """
    if is_picture(result):
        return [result]
    if isinstance(result, list | tuple) and result and all(is_picture(value) for value in result):
        return list(result)
    hint = "; for an awaitable, wrap an `async def`" if hasattr(result, "__await__") else ""
    raise GeneratorError(
        f"the wrapped generator: expected {EXPECTED}, or a list of such, got {type(result).__name__}{hint}"
    )


def _made(value: Any, call: FunctionCall, seed: Any, origin: str, batch: tuple[int, ...], seconds: float) -> Made:
    held = hold(value, prompt=call.prompt, seed=seed if isinstance(seed, int) else None)
    return Made(
        picture=held.picture,
        native=held,
        seed=seed if isinstance(seed, int) else None,
        seed_origin=origin,
        batch=batch,
        seconds=seconds,
    )


def finished(
    session: GateSession, options: WrapOptions, call: FunctionCall, ledgers: list[Ledger], result: Any
) -> Gated:
    """Returns the value for the caller and the reports."""
    values = [give_back(ledger.native, ledger.repaired, ledger.notes) for ledger in ledgers]
    record, missing = call.record()
    because = NO_SEED if call.seed_name is None else ""
    if missing:
        because = because or f"The record cannot hold the arguments {', '.join(missing)}."
    notes = CallNotes(
        generator={"kind": "function", "name": _name_of(session.generator)},
        call=record,
        not_reproducible_because=lambda ledger: because,
    )
    reports = session.reports(ledgers, notes, options)
    value: Any = values[0]
    if isinstance(result, list | tuple):
        value = GatedList(values)
        value.reports = reports
    session.finish(value, reports, options)
    return Gated(value=value, reports=reports)


def _name_of(function: Callable[..., Any]) -> str:
    owner = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(owner, '__module__', '?')}:{getattr(owner, '__qualname__', '?')}"
