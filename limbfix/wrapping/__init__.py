"""How is a generator gated? `limbfix.wrap(generator)`: a diffusers pipeline, a function, a server client, or pictures that come by.

    gated = limbfix.wrap(pipe, max_attempts=3)
    output = gated("a woman waving", num_images_per_prompt=4)
    output.images, output.reports

What failed is made again with another seed, or repaired; the best attempt is kept, never just the last.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbfix.errors import UsageError
from limbfix.wrapping.kinds import is_pipeline
from limbfix.wrapping.options import EarlyStop, FailOn, OnFail, WrapOptions
from limbfix.wrapping.repairing import Repairer, default_repairer
from limbfix.wrapping.rounds import GateLike
from limbfix.wrapping.sessions import GateSession

if TYPE_CHECKING:
    from limbfix.inpainting import Inpainter
    from limbfix.policies import Policy

__all__ = ["EarlyStop", "WrapOptions", "wrap"]


def wrap(
    generator: Any,
    *,
    policy: Policy | str | Path | None = None,
    gate: GateLike | None = None,
    max_attempts: int = 3,
    max_seconds: float | None = None,
    on_fail: OnFail = "regenerate",
    fail_on: FailOn = "reject",
    seed: int | None = None,
    early_stop: EarlyStop | bool | None = None,
    repairer: Repairer | None = None,
    inpainter: Inpainter | None = None,
    records: str | Path | None = None,
    seed_name: str | None = None,
) -> Any:
    """Returns the generator with a gate behind it; it is called as before and returns what it returned before.

    Args:
        generator: a diffusers pipeline; a function `f(prompt, seed)`, sync or async, that returns a PIL image, a uint8 array,
            bytes, a path, a list of such, or yields them; or an iterator of pictures that were made elsewhere.
        policy: a Policy, the path of a policy file, or None for the default; not together with `gate`.
        gate: who judges, to share one loaded `limbfix.Gate`.
        max_attempts, max_seconds, on_fail, fail_on, seed, early_stop, records: see `WrapOptions`.
        repairer: who repairs instead of limbfix's own repair.
        inpainter: what limbfix's own repair paints with; None = the generator's own parts where they can, else the embedded
            filling; `limbfix.capabilities` says which.
        seed_name: the function's parameter for the seed, where it has another name than `seed`. A default seed of the
            function's own is that of the first attempt, unless the call or `seed` says another.

    Raises:
        UsageError: an impossible option, or nothing that can be gated. ModelMissing: run `limbfix models pull`.
    """
    options = WrapOptions(
        max_attempts=max_attempts,
        max_seconds=max_seconds,
        on_fail=on_fail,
        fail_on=fail_on,
        seed=seed,
        early_stop=early_stop,  # pyright: ignore[reportArgumentType]  # True and False are understood
        records=records,  # pyright: ignore[reportArgumentType]
    )
    _require_generator(generator)
    if gate is not None and policy is not None:
        raise UsageError("wrap: expected either a gate or a policy, got both; a gate has its policy already")
    if gate is None:
        from limbfix.gate import Gate

        gate = Gate(policy)
    if repairer is None:  # Even where these options want none: one call's may. It loads nothing before it is called.
        repairer = default_repairer(gate, inpainter, generator)
    return _wrapped(GateSession(generator, gate, repairer, options), seed_name)


def _require_generator(generator: Any) -> None:
    from limbfix.wrapping.values import is_picture

    if (
        is_picture(generator)
        or isinstance(generator, type)
        or not (callable(generator) or isinstance(generator, Iterator))
    ):
        raise UsageError(
            f"wrap: expected a diffusers pipeline, a function or an iterator of pictures, got {generator!r:.80}; "
            "to judge one picture use limbfix.inspect"
        )
    if isinstance(getattr(generator, "limbfix", None), GateSession):
        raise UsageError("wrap: expected a generator without a gate, got one that limbfix has wrapped already")


def _wrapped(session: GateSession, seed_name: str | None) -> Any:
    from limbfix.wrapping import functions, streams

    generator, options = session.generator, session.options
    if is_pipeline(generator):
        from limbfix.wrapping.pipelines import GatedPipeline

        return GatedPipeline(session)
    if not callable(generator):
        if options.regenerates:
            raise UsageError(
                "wrap: an iterator cannot make a picture again; expected on_fail flag, repair or raise, or the function "
                "that makes the iterator"
            )
        return streams.GatedIterator(session, options, None, generator)
    if _is(inspect.isasyncgenfunction, generator):
        return functions.AsyncGatedStream(session, seed_name)
    if _is(inspect.iscoroutinefunction, generator):
        return functions.AsyncGatedFunction(session, seed_name)
    return functions.GatedFunction(session, seed_name)


def _is(question: Any, function: Any) -> bool:
    return question(function) or question(getattr(function, "__call__", None))  # noqa: B004
