"""How is any function gated? It is called again with another seed where a picture fails, and returns what it always returned."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from typing import Any, cast

from limbfix.wrapping.answers import finished
from limbfix.wrapping.drivers import drive, drive_async
from limbfix.wrapping.function_calls import FunctionCall, read_call
from limbfix.wrapping.function_makers import AsyncFunctionMaker, FunctionMaker
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.sessions import Gated, GateSession
from limbfix.wrapping.streams import GatedAsyncIterator, GatedIterator

_INSTEAD = 'Use .with_reports(...) or .limbfix.last_reports to learn of it, or on_fail="raise".'


class _Gated:
    """What gated functions of every kind share: the gate, the function's name, and its attributes."""

    def __init__(self, session: GateSession, seed_name: str | None = None) -> None:
        self.limbfix = session
        self._seed_name = seed_name
        functools.update_wrapper(cast(Any, self), session.generator, updated=())

    def _read(self, arguments: tuple[Any, ...], keywords: dict[str, Any], options: WrapOptions) -> FunctionCall:
        return read_call(self.limbfix.generator, arguments, keywords, options, self._seed_name)

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
        ledgers = drive(call.rounds(self.limbfix, options), maker)
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
        ledgers = await drive_async(call.rounds(self.limbfix, options), maker)
        return finished(self.limbfix, options, call, ledgers, result)


class AsyncGatedStream(_Gated):
    """The same for asynchronous generator functions: `async for picture in gated(prompt)`."""

    def __call__(self, *arguments: Any, limbfix: dict[str, Any] | None = None, **keywords: Any) -> GatedAsyncIterator:
        """Yields each picture once it is judged; a failing one is made again first."""
        options = self.limbfix.options.with_changes(limbfix)
        call = self._read(arguments, keywords, options)
        return GatedAsyncIterator(self.limbfix, options, call, call(call.first_seed()))
