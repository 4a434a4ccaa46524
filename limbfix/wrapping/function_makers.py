"""How are pictures of a function made again? One maker for each way in which functions hand them over."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from limbfix.errors import GeneratorError
from limbfix.wrapping.attempts import Made, Shot
from limbfix.wrapping.function_calls import FunctionCall, whole
from limbfix.wrapping.values import EXPECTED, hold, is_picture


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
        return [made_of(value, self.call, seed, origin, batch, share) for value in values]

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
        return [made_of(values[shot.image_index], self.call, seed, origin, batch, share) for shot in shots]


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
                    return [made_of(value, self.call, shot.seed, origin, (place,), seconds)]
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
                    return [made_of(value, self.call, shot.seed, origin, (place,), time.perf_counter() - began)]
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


def made_of(value: Any, call: FunctionCall, seed: Any, origin: str, batch: tuple[int, ...], seconds: float) -> Made:
    """Returns one value as the loop wants it.

    Raises:
        GeneratorError: it is no picture.
    """
    held = hold(value, prompt=call.prompt, seed=whole(seed))
    return Made(
        picture=held.picture,
        native=held,
        seed=whole(seed),
        seed_origin=origin,
        batch=batch,
        seconds=seconds,
    )
