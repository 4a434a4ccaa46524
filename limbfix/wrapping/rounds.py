"""In which order is made, judged, repaired and made again? One loop for every generator, sync or async.

The loop is a Python generator that never calls a picture generator itself. It yields what it wants and is sent the
answer, so that the drivers (`drivers.py`), one plain and one async, are the only difference between the two worlds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from limbfix.errors import DetectorError, GeneratorError, PictureError, RepairError
from limbfix.images import Picture
from limbfix.inspections import Inspection
from limbfix.wrapping.attempts import SKIPPED_NSFW, Attempt, Ledger, Made, Shot, pixels_sha256
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.repairing import Repair, Repairer
from limbfix.wrapping.seeds import attempt_seed

LOG = logging.getLogger("limbfix")


class GateLike(Protocol):
    """Who judges; `limbfix.Gate` is one."""

    def inspect_picture(self, picture: Picture) -> Inspection:
        """Judges pixels that are open already; `picture.source` holds the prompt."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """Wants the caller's own render; the answer is one `Made` for each image, errors are raised."""

    may_stop_early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Wants some images anew; the answer is one `Made` for each shot, in order."""

    shots: tuple[Shot, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work:
    """Wants a call that takes processor time; the answer is what it returns."""

    call: Callable[[], Any]


Step = First | Again | Work
Rounds = Generator[Step, Any, list[Ledger]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Means:
    """What a call works with.

    Attributes:
        gate: who judges.
        repairer: who repairs, where `on_fail` wants it.
        base_seed: image index -> base of its later seeds, or None for a generator without seeds.
        prompt_of: image index -> prompt, empty where unknown.
        offset: image index of the first image.
        keep: told the ledgers as soon as they exist, so that an interrupted call leaves something to look at.
    """

    gate: GateLike
    repairer: Repairer
    base_seed: Callable[[int], int | None]
    prompt_of: Callable[[int], str]
    offset: int = 0
    keep: Callable[[list[Ledger]], None] = lambda ledgers: None


def rounds(options: WrapOptions, means: Means) -> Rounds:
    """Makes the images of one call, judges them, and goes on with those that fail until an end is reached."""
    began = time.monotonic()
    may_go_on = options.on_fail not in ("flag", "raise")
    is_early = options.early_stop is not None and options.regenerates
    made: Sequence[Made] = yield First(may_stop_early=is_early)
    ledgers = [Ledger(image_index=means.offset + place, options=options) for place in range(len(made))]
    means.keep(ledgers)
    yield from _judged(ledgers, made, 0, means)
    for attempt in range(1, options.max_attempts + 1):
        if may_go_on and options.repairs:
            yield from _repaired(ledgers, attempt - 1, means)
        is_late = options.max_seconds is not None and time.monotonic() - began >= options.max_seconds
        # Whatever the time: a half-rendered preview is no picture to give back.
        failing = [one for one in ledgers if one.wants_more and (not is_late or one.kept.stopped_early)]
        if not (may_go_on and options.regenerates and failing) or attempt == options.max_attempts:
            break
        shots = tuple(_shot(one, attempt, means, is_early and not is_late, options) for one in failing)
        made = yield Again(shots=shots)
        yield from _judged(failing, made, attempt, means)
    _expect_whole(ledgers)
    return ledgers


def _expect_whole(ledgers: Sequence[Ledger]) -> None:
    """Refuses to hand over a preview: every attempt at a whole picture failed."""
    for one in ledgers:
        if one.kept.stopped_early:
            last = one.attempts[-1]
            raise GeneratorError(
                f"image {one.image_index}: expected a whole picture, got a preview that was stopped early, and then "
                f"{last.error or last.reason}"
            )


def _shot(ledger: Ledger, attempt: int, means: Means, is_early: bool, options: WrapOptions) -> Shot:
    base = means.base_seed(ledger.image_index)
    seed = None if base is None else attempt_seed(base, ledger.image_index, attempt)
    is_last = attempt + 1 >= options.max_attempts
    may_stop = is_early and not is_last and not ledger.had_trouble
    return Shot(image_index=ledger.image_index, attempt=attempt, seed=seed, may_stop_early=may_stop)


def _judged(ledgers: Sequence[Ledger], made: Sequence[Made], attempt: int, means: Means) -> Generator[Step, Any, None]:
    for ledger, one in zip(ledgers, made, strict=True):
        inspection, verdict, score, reason = None, None, None, one.error or ""
        if one.picture is not None and (one.is_nsfw or not one.picture.pixels.any()):
            verdict, reason = SKIPPED_NSFW, _black_reason(one)
        elif one.picture is not None:
            inspection = one.preview or (yield Work(call=partial(inspected, means.gate, one.picture)))
            verdict, score, reason = inspection.verdict, inspection.defect_score, inspection.reason
        note = Attempt(
            attempt=attempt,
            seed=one.seed,
            seed_origin=one.seed_origin,
            batch=one.batch,
            seconds=round(one.seconds, 4),
            steps_saved=round(one.steps_saved, 4),
            verdict=verdict,
            defect_score=score,
            reason=reason,
            pixels_sha256=None if one.picture is None else pixels_sha256(one.picture.pixels),
            stopped_early=one.preview is not None,
            error=one.error,
        )
        if one.error is not None:
            LOG.warning("image %d, attempt %d: %s", ledger.image_index, attempt, one.error)
        ledger.add(note, made=one, inspection=inspection)


def _black_reason(made: Made) -> str:
    if made.is_nsfw:
        return "The safety checker blacked this picture out; it is not judged and not tried again."
    return (
        "The picture is black all over: a safety checker's, or a decoder that overflowed. Not judged, not tried again."
    )


def inspected(gate: GateLike, picture: Picture) -> Inspection:
    """Returns the judgement; what goes wrong with it is `unjudged`, with the reason, and never a pass. The log tells of it, for a picture that nobody judged
    is no failing one, and many callers look at failing ones only."""
    from limbfix.records import make_error_record

    try:
        return gate.inspect_picture(picture)
    except (PictureError, DetectorError) as error:
        LOG.warning("a picture was not judged, and is handed on as it is: %s", error)
        policy = getattr(getattr(gate, "policy", None), "label", "unknown@000000000000")
        record = make_error_record(
            picture.path,
            picture.sha256,
            code=error.code,
            message=str(error),
            policy=policy,
            models=getattr(gate, "models", {}),
            seconds=0,
        )
        return Inspection(record=record, picture=picture)


def _repaired(ledgers: Sequence[Ledger], attempt: int, means: Means) -> Generator[Step, Any, None]:
    """Tries to repair the render of this round, where it failed."""
    for ledger in ledgers:
        last = ledger.attempts[-1]
        is_new = last.attempt == attempt and last.kind == "render" and ledger.best == len(ledger.attempts) - 1
        if not (is_new and ledger.wants_more) or ledger.inspection is None or last.stopped_early:
            continue
        yield from _repaired_one(ledger, attempt, means)


def _mended(repairer: Repairer, inspection: Inspection, *, prompt: str, seed: int) -> Repair:
    """Returns the repair; whatever goes wrong in it is one kind of error, because the render is worth more than the trace."""
    try:
        repair = repairer(inspection, prompt=prompt, seed=seed)
    except RepairError:
        raise
    except Exception as error:
        raise RepairError(f"{type(error).__name__}: {error}") from error
    picture, pixels = inspection.picture, repair.pixels
    if repair.is_accepted and picture is not None and (pixels.dtype, pixels.shape) != (np.uint8, picture.pixels.shape):
        raise RepairError(
            f"repairer: expected uint8 pixels {picture.pixels.shape}, as the picture has, got {pixels.dtype} {pixels.shape}; return "
            "them in its size"
        )
    return repair


def _repaired_one(ledger: Ledger, attempt: int, means: Means) -> Generator[Step, Any, None]:
    assert ledger.picture is not None and ledger.inspection is not None
    base = means.base_seed(ledger.image_index)
    call = partial(
        _mended,
        means.repairer,
        ledger.inspection,
        prompt=means.prompt_of(ledger.image_index),
        seed=attempt_seed(base or 0, ledger.image_index, attempt),
    )
    began = time.monotonic()
    try:
        repair = yield Work(call=call)
    except RepairError as error:
        LOG.warning("image %d: not repaired: %s", ledger.image_index, error)
        note = {"accepted": False, "error": str(error)}
        ledger.attempts[-1] = replace(ledger.attempts[-1], repair=note)
        return
    if not repair.is_accepted:
        ledger.attempts[-1] = replace(ledger.attempts[-1], repair=repair.record)
        return
    made = Made(picture=ledger.picture, native=ledger.native, is_nsfw=False)
    note = Attempt(
        attempt=attempt,
        kind="repair",
        seed=ledger.attempts[-1].seed,
        seed_origin=ledger.attempts[-1].seed_origin,
        seconds=round(time.monotonic() - began, 4),
        verdict=repair.inspection.verdict,
        defect_score=repair.inspection.defect_score,
        reason=repair.inspection.reason,
        pixels_sha256=pixels_sha256(repair.pixels),
        repair=repair.record,
    )
    ledger.add(note, made=made, inspection=repair.inspection, repaired=repair)
