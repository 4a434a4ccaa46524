"""What can be done with a generator, and who would repair its pictures? `limbfix.capabilities(pipe)` answers before anything is rendered."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from limbfix.inpainting import Inpainter
from limbfix.wrapping.function_calls import seed_parameter
from limbfix.wrapping.repairing import own_inpainter


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What limbfix can do with one generator.

    Attributes:
        name: class or function.
        kind: `pipeline`, `function` or `iterator`.
        has_seeds: whether attempts can be repeated.
        can_regenerate: whether a failing picture can be made again.
        can_stop_early: whether a render can be stopped half-way, and why not otherwise in `reasons`.
        has_safety_checker: whether black pictures are told by a flag.
        repairs_with: what would paint a repair.
        reasons: one sentence for each answer above that needs one.
    """

    name: str
    kind: str
    has_seeds: bool
    can_regenerate: bool
    can_stop_early: bool
    has_safety_checker: bool
    repairs_with: str
    reasons: tuple[str, ...]


def capabilities(generator: Any) -> Capabilities:
    """Returns what limbfix can do with a pipeline or function, wrapped or not; nothing is rendered, loaded or fetched."""
    from limbfix.wrapping.kinds import is_pipeline
    from limbfix.wrapping.sessions import GateSession

    session = getattr(generator, "limbfix", None)
    if isinstance(session, GateSession):
        generator = session.generator
    return _of_pipeline(generator) if is_pipeline(generator) else _of_function(generator)


def _of_function(function: Any) -> Capabilities:
    is_function = callable(function)
    seed = seed_parameter(function) if is_function else None
    reasons = ["A function is only called: no preview can stop it early."]
    if not is_function:
        reasons = ["An iterator hands out what exists: nothing can be made again."]
    elif seed is None:
        reasons.append("It takes no seed, so its pictures are reported as not reproducible.")
    painter = own_inpainter(function)
    if painter is not None:
        reasons.append("It is an inpainter itself.")
    elif isinstance(function, Inpainter):
        reasons.append(
            "It paints only where its workflow has a place for the picture; limbfix's own repair does instead."
        )
    else:
        reasons.append("It cannot inpaint; limbfix's own repair does.")
    return Capabilities(
        name=getattr(function, "__qualname__", type(function).__name__),
        kind="function" if is_function else "iterator",
        has_seeds=seed is not None,
        can_regenerate=is_function,
        can_stop_early=False,
        has_safety_checker=False,
        repairs_with="exemplar_fill" if painter is None else painter.name,
        reasons=tuple(reasons),
    )


def _of_pipeline(pipe: Any) -> Capabilities:
    parameters = inspect.signature(pipe.__call__).parameters
    reasons = []
    can_stop, why_not = _can_stop_early(pipe, parameters)
    if why_not:
        reasons.append(why_not)
    has_seeds = "generator" in parameters
    if not has_seeds:
        reasons.append("Its call takes no generator, so its pictures are reported as not reproducible.")
    painter, why = _repair_route(pipe)
    reasons.append(why)
    return Capabilities(
        name=type(pipe).__name__,
        kind="pipeline",
        has_seeds=has_seeds,
        can_regenerate=True,
        can_stop_early=can_stop,
        has_safety_checker=getattr(pipe, "safety_checker", None) is not None,
        repairs_with=painter,
        reasons=tuple(reasons),
    )


def _can_stop_early(pipe: Any, parameters: Any) -> tuple[bool, str]:
    if "callback_on_step_end" not in parameters or not hasattr(type(pipe), "interrupt"):
        return False, "Its call cannot be interrupted after a step."
    vae = getattr(pipe, "vae", None)
    is_plain = hasattr(vae, "decode") and not hasattr(type(pipe), "_unpack_latents")
    if not is_plain:
        return True, "Its latents are packed: early stop needs EarlyStop(preview=...), such as a TAESD for this model."
    return True, ""


def _repair_route(pipe: Any) -> tuple[str, str]:
    """Returns (what paints, why): the pipeline's own parts where a class takes them, nothing is fetched."""
    from limbfix.inpainters import choice_for

    choice = choice_for(pipe)
    if choice.inpainter is None or choice.needs_hint:
        return "exemplar_fill", f"{choice.why}; extra parts can still be filled over."
    return f"diffusers:{choice.inpainter}", f"{choice.why}; no second download."
