"""How is one place worked on? Paint all candidates in one batch, judge each on the whole picture, keep the best that may stay."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from limbfix.errors import InpainterMissing, LimbfixError, RepairBlocked, RepairError
from limbfix.images import Picture, with_pixels
from limbfix.inpainting import Inpainter, InpaintRequest
from limbfix.inspections import Inspection
from limbfix.mirroring import is_turned
from limbfix.repair.acceptance import judge_repair
from limbfix.repair.focus import Enlarge, Focus, at_size, composite, focus_on, request_pixels
from limbfix.repair.patches import masks_window, people_window
from limbfix.repair.plans import Action, Step
from limbfix.repair.results import Attempt, RepairOptions
from limbfix.repair.seams import seam_of

_BLOCKED = (
    "skipped_nsfw: the painter's safety checker blacked this candidate out; it is not tried again with other seeds"
)


class Judge(Protocol):
    """Who judges again; `limbfix.Gate` does."""

    def inspect_picture(self, picture: Picture) -> Inspection:
        """Judges pixels that are open already."""
        ...


HintMaker = Callable[[Inspection, Step, Focus], np.ndarray | None]
"""Draws a pose or depth hint, uint8 (h, w, 3) of the painter's size, for a place; None = no hint there."""


@dataclass(slots=True)
class Progress:
    """How far the work on a picture is: what it looks like now, what was tried, and which windows were kept."""

    current: Inspection
    attempts: list[Attempt] = field(default_factory=list)
    kept: list[Focus] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Work:
    """One place of a plan and everything that is needed to work on it."""

    index: int
    step: Step
    judge: Judge
    painter: Inpainter
    options: RepairOptions
    hints: HintMaker | None
    enlarge: Enlarge | None

    def carry_out(self, progress: Progress) -> None:
        """Paints all candidates, judges each, and keeps the best of the accepted."""
        before = progress.current
        accepted: list[tuple[Inspection, Focus, int]] = []
        strengths = self.options.strengths if self.step.strength is None else (self.step.strength,)
        for strength in strengths:
            try:
                focus = self._focus(before)
                request = self._request(focus, before, strength)
                painted = _painted(self.painter, request)
            except RepairBlocked as error:  # another strength would be another way around the checker
                progress.attempts.append(failed(self.index, before, strength, None, _told(error)))
                break
            except RepairError as error:
                progress.attempts.append(failed(self.index, before, strength, None, _told(error)))
                continue
            for number, (pixels, is_blocked) in enumerate(painted):
                seed = request.seeds[number] if self.painter.has_seeds else None
                if is_blocked:
                    progress.attempts.append(failed(self.index, before, strength, seed, _BLOCKED))
                    continue
                attempt, after = self._judged(focus, pixels, before, strength, seed)
                progress.attempts.append(attempt)
                if after is not None:
                    accepted.append((after, focus, len(progress.attempts) - 1))
            if any(is_blocked for _, is_blocked in painted):
                break
        _keep_best(accepted, progress)

    def _focus(self, before: Inspection) -> Focus:
        picture, scene, patch = before.picture, before.scene, self.step.patch
        if picture is None or scene is None or patch is None:
            raise RepairError(
                "expected a place with pixels in a picture at hand, got neither; inspect it in this process"
            )
        removes = self.step.action is Action.REMOVE
        return focus_on(
            patch,
            picture.width,
            picture.height,
            native_px=self.painter.native_px,
            multiple=self.painter.multiple,
            kept=(lambda left, top, shape: masks_window(scene, left, top, shape)) if removes else None,
        )

    def _request(self, focus: Focus, before: Inspection, strength: float) -> InpaintRequest:
        picture, scene, options = before.picture, before.scene, self.options
        assert picture is not None and scene is not None
        refines = self.step.action is Action.REFINE
        pixels, mask = request_pixels(picture.pixels, focus, self.enlarge if refines else None)
        said = picture.source.prompt if picture.source is not None else None
        avoid = people_window(scene, focus.left, focus.top, focus.alpha.shape)
        return InpaintRequest(
            pixels=pixels,
            mask=mask,
            purpose=self.step.action.value,
            seeds=tuple(candidate_seed(options.seed, self.index, number) for number in range(options.candidates)),
            prompt=options.prompt if options.prompt is not None else said or "",
            negative_prompt=options.negative_prompt,
            strength=strength,
            steps=options.steps,
            control=self._hint(before, focus),
            avoid=at_size(avoid, focus.size_wh),
        )

    def _hint(self, before: Inspection, focus: Focus) -> np.ndarray | None:
        try:
            return None if self.hints is None else self.hints(before, self.step, focus)
        except LimbfixError as error:  # such as body data that are not on this machine
            raise RepairError(f"no hint could be drawn: {error}") from error

    def _judged(
        self, focus: Focus, painted: np.ndarray, before: Inspection, strength: float, seed: int | None
    ) -> tuple[Attempt, Inspection | None]:
        """Returns the attempt, and the inspection of the picture with it if it may stay."""
        picture, scene = before.picture, before.scene
        assert picture is not None and scene is not None
        try:
            pixels = composite(picture.pixels, painted, focus)
        except RepairError as error:
            return failed(self.index, before, strength, seed, _told(error)), None
        ends = None
        if self.step.action is Action.REMOVE:  # there a background may end at somebody's outline
            ends = people_window(scene, focus.left, focus.top, focus.alpha.shape) & (focus.alpha == 0)
        seam = seam_of(picture.pixels[focus.window], pixels[focus.window], focus.alpha, ends=ends)
        repaired = with_pixels(picture, pixels)
        after = self.judge.inspect_picture(repaired)
        judgement = judge_repair(self.step, before, after, seam)
        # where what was painted has turned the picture, like is judged with like, too
        if judgement.is_accepted and is_turned(pixels) != (way := is_turned(picture.pixels)):
            alike = self.judge.inspect_picture(replace(repaired, turned=way))
            judgement = judge_repair(self.step, before, alike, seam)
        attempt = Attempt(
            step_index=self.index,
            seed=seed,
            strength=strength,
            is_accepted=judgement.is_accepted,
            reason=judgement.reason,
            score_before=before.defect_score,
            score_after=after.defect_score,
            target_after=judgement.target_after,
            seam=seam,
        )
        return attempt, after if judgement.is_accepted else None


def candidate_seed(seed: int, step_index: int, candidate: int) -> int:
    """Returns the seed, below 2**31, of one candidate; the same for the same picture, place and number."""
    digest = hashlib.sha256(f"limbfix repair {seed} {step_index} {candidate}".encode()).digest()
    return int.from_bytes(digest[:4]) % 2**31


def _painted(painter: Inpainter, request: InpaintRequest) -> list[tuple[np.ndarray, bool]]:
    """Returns what a painter made, and whether a safety checker blacked it out; whatever it raised as one kind of error.

    Raises:
        RepairError: it failed, was out of memory, or gave another number of pictures.
    """
    try:
        painted = painter.inpaint(request)
        pictures = list(painted)
    except RepairError:
        raise
    except MemoryError as error:
        raise RepairError(f"{painter.name} ran out of memory; try fewer --candidates or --device cpu") from error
    except Exception as error:  # a stranger's painter; the picture must not be lost over it
        raise RepairError(f"{painter.name} failed, {type(error).__name__}: {error}") from error
    if not 1 <= len(pictures) <= len(request.seeds):
        raise RepairError(
            f"{painter.name}: expected one picture for each of {len(request.seeds)} seeds, got {len(pictures)}"
        )
    blocked = tuple(getattr(painted, "blocked", ())) or (False,) * len(pictures)
    return list(zip(pictures, blocked, strict=False))


def _keep_best(accepted: list[tuple[Inspection, Focus, int]], progress: Progress) -> None:
    """Keeps the accepted candidate with the lowest score; the others were accepted and stay behind."""
    if not accepted:
        return

    def rank(candidate: tuple[Inspection, Focus, int]) -> tuple[float, float, float]:
        attempt = progress.attempts[candidate[2]]
        seam = attempt.seam.step_share if attempt.seam is not None else 1.0
        return (
            attempt.target_after or 0.0,
            round(seam, 2),
            round(attempt.score_after or 0.0, 1),
        )  # else noise would choose

    best = min(accepted, key=rank)
    for candidate in accepted:
        if candidate is not best:
            attempt = progress.attempts[candidate[2]]
            progress.attempts[candidate[2]] = replace(
                attempt, is_accepted=False, reason=f"{attempt.reason}; another candidate was better"
            )
    progress.current = best[0]
    progress.kept.append(best[1])


def failed(index: int, before: Inspection, strength: float, seed: int | None, reason: str) -> Attempt:
    """Returns the attempt of something that was not painted or not judged."""
    return Attempt(
        step_index=index,
        seed=seed,
        strength=strength,
        is_accepted=False,
        reason=reason,
        score_before=before.defect_score,
    )


def _told(error: RepairError) -> str:
    return f"{'no inpainter: ' if isinstance(error, InpainterMissing) else ''}{error}"
