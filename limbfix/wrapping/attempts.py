"""What was tried for one image, and which attempt is the best one? The best is kept, never just the last."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from limbfix.images import Picture
from limbfix.inspections import Inspection
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.repairing import Repair

SKIPPED_NSFW = "skipped_nsfw"
RANKS = {"pass": 0, "flag": 1, "unjudged": 2, "reject": 3, "no_subject": 4, SKIPPED_NSFW: 6}
"""Best first. A retry in which nobody is seen is no success after a picture of somebody, not even after a rejected one: it is another picture."""
_PREVIEW_RANK = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One image to be made again.

    Attributes:
        image_index: its place in the caller's batch.
        attempt: 1 for the first attempt after the caller's own.
        seed: below 2^31, or None for a generator without seeds.
        may_stop_early: whether a preview may end it.
    """

    image_index: int
    attempt: int
    seed: int | None
    may_stop_early: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """One image as it came from the generator.

    Attributes:
        picture: upright pixels for the gate, or None where `error` says why there are none.
        native: the value in the generator's own type.
        seed: what it was made with, or None.
        seed_origin: `derived` (by `attempt_seed`), `user` (the caller's own) or `none`.
        is_nsfw: whether a safety checker says that it blacked the picture out.
        batch: image indices that were rendered together, in order; the pixels may depend on all of them.
        seconds: wall time of the render, shared by its batch.
        preview: the judgement of the preview that stopped this render, or None for a whole one.
        steps_saved: share of the steps, 0-1, that were not computed.
        error: why there is no picture, or None.
    """

    picture: Picture | None
    native: Any = None
    seed: int | None = None
    seed_origin: str = "none"
    is_nsfw: bool = False
    batch: tuple[int, ...] = ()
    seconds: float = 0.0
    preview: Inspection | None = None
    steps_saved: float = 0.0
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt as the report tells it; plain values.

    Attributes:
        attempt: number of the render, from 0. A repair has the number of the render that it repairs.
        kind: `render` or `repair`.
        seed, seed_origin, batch, seconds, steps_saved: see `Made`.
        verdict: of the gate, or `skipped_nsfw`; None where there is an error.
        defect_score: 0-1, or None.
        reason: one sentence.
        pixels_sha256: of size and pixels, 8-bit RGB; None where there are none.
        stopped_early: whether a preview ended it, so that it is no whole picture.
        error: why there is no picture, or None.
        repair: what the repair says of itself, or None.
    """

    attempt: int
    kind: str = "render"
    seed: int | None = None
    seed_origin: str = "none"
    batch: tuple[int, ...] = ()
    seconds: float = 0.0
    steps_saved: float = 0.0
    verdict: str | None = None
    defect_score: float | None = None
    reason: str = ""
    pixels_sha256: str | None = None
    stopped_early: bool = False
    error: str | None = None
    repair: dict[str, Any] | None = None

    @property
    def rank(self) -> tuple[float, float]:
        """Smaller is better: verdict first, then score."""
        if self.verdict is None:
            return (9, 0)
        rank = RANKS[self.verdict]
        if self.stopped_early:
            rank = _PREVIEW_RANK
        return (rank, 0.0 if self.defect_score is None else self.defect_score)


@dataclass(slots=True, kw_only=True, eq=False)
class Ledger:
    """Everything about one image of a call; holds the pixels of the best attempt only."""

    image_index: int
    options: WrapOptions
    attempts: list[Attempt] = field(default_factory=list)
    best: int | None = None
    native: Any = None
    picture: Picture | None = None
    inspection: Inspection | None = None
    repaired: Repair | None = None
    is_nsfw: bool = False
    notes: list[str] = field(default_factory=list)

    def add(
        self, attempt: Attempt, *, made: Made, inspection: Inspection | None, repaired: Repair | None = None
    ) -> bool:
        """Notes an attempt and keeps its pixels if it is the best so far; says whether it is."""
        self.attempts.append(attempt)
        if self.best is not None and attempt.rank >= self.attempts[self.best].rank:
            return False
        self.best = len(self.attempts) - 1
        self.native, self.picture, self.inspection, self.is_nsfw = made.native, made.picture, inspection, made.is_nsfw
        self.repaired = repaired
        return True

    @property
    def kept(self) -> Attempt:
        """The best attempt."""
        assert self.best is not None
        return self.attempts[self.best]

    @property
    def has_failed(self) -> bool:
        """Whether the best attempt is no success: it fails itself, or the first one failed and nothing was judged fine since."""
        verdict = self.kept.verdict
        if self.kept.stopped_early or verdict in self.options.failing:
            return True
        return self.attempts[0].verdict in self.options.failing and verdict not in ("pass", "flag")

    @property
    def wants_more(self) -> bool:
        """Whether another attempt is allowed and useful. After a safety checker's black picture none is, nor after an error, unless all there is
        is a preview: half a picture is none to give back."""
        if self.kept.stopped_early:
            return True
        if self.kept.verdict == SKIPPED_NSFW or self.attempts[-1].verdict == SKIPPED_NSFW:
            return False
        return self.has_failed and not self.had_trouble

    @property
    def had_trouble(self) -> bool:
        """Whether an attempt gave no picture at all, or a black one."""
        return any(one.error is not None or one.verdict == SKIPPED_NSFW for one in self.attempts)


def pixels_sha256(pixels: np.ndarray) -> str:
    """Returns the SHA-256 of size and pixels, as `limbfix.images` computes it for arrays."""
    digest = hashlib.sha256(f"RGB {pixels.shape[1]}x{pixels.shape[0]}\n".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
