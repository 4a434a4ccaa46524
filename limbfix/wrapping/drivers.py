"""Who does what the loop wants? A plain driver and an async one; an error of a retry is an answer, not an end."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from limbfix.errors import RepairError
from limbfix.wrapping.attempts import Ledger, Made, Shot
from limbfix.wrapping.rounds import Again, First, Rounds, Step


class Maker(Protocol):
    """Makes images for the loop; one for each call."""

    def first(self, *, may_stop_early: bool) -> Sequence[Made]:
        """Makes the caller's own render."""
        ...

    def again(self, shots: Sequence[Shot]) -> Sequence[Made]:
        """Makes some images anew."""
        ...


class AsyncMaker(Protocol):
    """The same for coroutines."""

    def first(self, *, may_stop_early: bool) -> Awaitable[Sequence[Made]]:
        """Makes the caller's own render."""
        ...

    def again(self, shots: Sequence[Shot]) -> Awaitable[Sequence[Made]]:
        """Makes some images anew."""
        ...


def drive(steps: Rounds, maker: Maker) -> list[Ledger]:
    """Runs the loop here and now."""
    answer: Any = None
    while True:
        step = _next(steps, answer)
        if isinstance(step, list):
            return step
        if isinstance(step, First):
            answer = maker.first(may_stop_early=step.may_stop_early)
        elif isinstance(step, Again):
            try:
                answer = maker.again(step.shots)
            except Exception as error:  # The pictures made so far are worth more than the trace; the report tells.
                answer = broken(step.shots, error)
        else:
            try:
                answer = step.call()
            except RepairError as error:
                answer = error


async def drive_async(steps: Rounds, maker: AsyncMaker) -> list[Ledger]:
    """Runs the loop with coroutines; judging and repairing go to a thread, so that the event loop stays alive."""
    import asyncio

    answer: Any = None
    while True:
        step = _next(steps, answer)
        if isinstance(step, list):
            return step
        if isinstance(step, First):
            answer = await maker.first(may_stop_early=step.may_stop_early)
        elif isinstance(step, Again):
            try:
                answer = await maker.again(step.shots)
            except Exception as error:
                answer = broken(step.shots, error)
        else:
            try:
                answer = await asyncio.to_thread(step.call)
            except RepairError as error:
                answer = error


def _next(steps: Rounds, answer: Any) -> Step | list[Ledger]:
    """Returns what the loop wants next, or its end. An error of a repair is an answer like another."""
    try:
        return steps.throw(answer) if isinstance(answer, RepairError) else steps.send(answer)
    except StopIteration as end:
        return end.value


def broken(shots: Sequence[Shot], error: BaseException) -> list[Made]:
    """Returns what stands for images that could not be made again."""
    text = f"{type(error).__name__}: {error}"[:2000]
    batch = tuple(shot.image_index for shot in shots)
    origin = "none" if shots[0].seed is None else "derived"
    return [Made(picture=None, seed=shot.seed, seed_origin=origin, batch=batch, error=text) for shot in shots]
