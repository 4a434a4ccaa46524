"""How is a picture repaired? Plan, paint, paste, judge again; keep what the judge finds better, and write down what was tried."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from limbfix.errors import InpainterMissing, RepairError
from limbfix.findings import Finding
from limbfix.images import Picture, with_pixels
from limbfix.inpainting import Inpainter, InpaintRequest
from limbfix.inspections import Inspection
from limbfix.repair.acceptance import judge_repair
from limbfix.repair.exemplars import ExemplarFill
from limbfix.repair.focus import Enlarge, Focus, at_size, composite, focus_on, request_pixels
from limbfix.repair.patches import masks_window, people_window
from limbfix.repair.plans import Action, Step, counted_findings, make_plan
from limbfix.repair.seams import Seam, seam_of

NEEDS_MODEL = (
    "redrawing a hand or a foot takes a model, which limbfix does not bring; name one with "
    "`limbfix fix PATH --out DIR --model stable-diffusion-v1-5/stable-diffusion-inpainting` "
    "(some 4 GB, downloaded once by diffusers) or a folder that holds one"
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairOptions:
    """How hard to try.

    Attributes:
        candidates: pictures painted for each place and strength, in one batch.
        strengths: 0-1, how far masked pixels may leave what they were; each is tried.
        steps: of a sampler, or None for the painter's own.
        prompt: None = what the picture's metadata say.
        negative_prompt: what the picture should not show.
        seed: the candidates' seeds follow from it.
        flag_at: defect score from which a counted finding asks for a repair; None = that of the judge's policy, else 0.5.
    """

    candidates: int = 4
    strengths: tuple[float, ...] = (0.75,)
    steps: int | None = None
    prompt: str | None = None
    negative_prompt: str = ""
    seed: int = 0
    flag_at: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.candidates <= 64:
            raise ValueError(f"RepairOptions.candidates: expected 1 to 64, got {self.candidates}")
        if not self.strengths or not all(0 < strength <= 1 for strength in self.strengths):
            raise ValueError(f"RepairOptions.strengths: expected numbers above 0 and up to 1, got {self.strengths}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One candidate for one place.

    Attributes:
        step_index: place in the plan.
        seed: None where the painter has none.
        strength: 0-1.
        is_accepted: whether it stayed.
        reason: what the judge said, or what went wrong.
        score_before, score_after: the picture's defect score, 0-1; None where it was not judged.
        target_after: what is left of the place's findings, 0-1; None where it was not judged.
        seam: its border, or None likewise.
    """

    step_index: int
    seed: int | None
    strength: float
    is_accepted: bool
    reason: str
    score_before: float | None
    score_after: float | None = None
    target_after: float | None = None
    seam: Seam | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repaired:
    """What became of a picture.

    Attributes:
        before: the inspection that was given.
        after: that of the repaired picture; `before` itself where nothing was kept. `after.picture` has the pixels.
        plan: what should be done, place by place.
        attempts: what was tried, in order.
        kept: windows that changed, in order; outside their alpha no pixel did.
        inpainter: name of who painted.
    """

    before: Inspection
    after: Inspection
    plan: tuple[Step, ...]
    attempts: tuple[Attempt, ...] = ()
    kept: tuple[Focus, ...] = ()
    inpainter: str

    @property
    def is_changed(self) -> bool:
        """Whether a repair was kept."""
        return bool(self.kept)

    @property
    def picture(self) -> Picture:
        """The repaired picture, or the original."""
        picture = self.after.picture
        if picture is None:
            raise ValueError("Repaired.picture: expected an inspection with its pixels, got a bare record")
        return picture


@dataclass(slots=True)
class _Progress:
    current: Inspection
    attempts: list[Attempt] = field(default_factory=list)
    kept: list[Focus] = field(default_factory=list)


def repair_picture(
    inspection: Inspection,
    judge: Judge,
    *,
    inpainter: Inpainter | None = None,
    options: RepairOptions | None = None,
    plan: Sequence[Step] | None = None,
    hints: HintMaker | None = None,
    enlarge: Enlarge | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Repaired:
    """Repairs one inspected picture as far as it can be repaired. The original is not touched.

    Args:
        inspection: of this process, with picture and scene.
        judge: the gate that judged it; it judges every candidate again.
        inpainter: who paints; None = the embedded filling, which can remove and not redraw.
        options: how hard to try.
        plan: places to work on instead of those of the counted findings, such as a focus pass.
        hints: draws hints for painters that take them.
        enlarge: enlarges the crops of a focus pass, instead of resampling.
        on_step: told one line before each place.

    Raises:
        ValueError: the inspection holds no pixels. DetectorError: the judge failed. What a painter does wrong is no error here:
            it is in `attempts`, and the original stays.
    """
    if inspection.picture is None or inspection.scene is None:
        raise ValueError(
            f"repair_picture: expected an inspection with pixels and scene, got a bare record of {inspection.record['path']}"
        )
    options = options or RepairOptions()
    painter: Inpainter = inpainter or ExemplarFill()
    steps = tuple(plan) if plan is not None else make_plan(inspection, flag_at=_flag_at(options, judge))
    progress = _Progress(current=inspection)
    for index, step in enumerate(steps):
        if on_step is not None:
            on_step(f"{index + 1} of {len(steps)}: {step.action.value} {', '.join(step.codes) or 'area'}")
        if reason := _why_not(step, painter, progress.current):
            progress.attempts.append(_failed(index, progress.current, options.strengths[0], None, reason))
            continue
        _Work(index, step, judge, painter, options, hints, enlarge).carry_out(progress)
    return Repaired(
        before=inspection,
        after=progress.current,
        plan=steps,
        attempts=tuple(progress.attempts),
        kept=tuple(progress.kept),
        inpainter=painter.name,
    )


def _flag_at(options: RepairOptions, judge: Judge) -> float:
    if options.flag_at is not None:
        return options.flag_at
    policy = getattr(judge, "policy", None)
    return 0.5 if policy is None else policy.flag_at


def candidate_seed(seed: int, step_index: int, candidate: int) -> int:
    """Returns the seed, below 2**31, of one candidate; the same for the same picture, place and number."""
    digest = hashlib.sha256(f"limbfix repair {seed} {step_index} {candidate}".encode()).digest()
    return int.from_bytes(digest[:4]) % 2**31


def _why_not(step: Step, painter: Inpainter, current: Inspection) -> str | None:
    if step.action is Action.REGENERATE or step.patch is None:
        return f"not repaired: {step.reason}; make the picture again"
    if step.action.value not in painter.purposes:
        return (
            f"not repaired: {NEEDS_MODEL}"
            if painter.name == ExemplarFill.name
            else (
                f"not repaired: {painter.name} cannot {step.action.value}, only {', '.join(sorted(painter.purposes))}"
            )
        )
    codes = {finding.code for finding in step.findings}
    left = [finding for finding in counted_findings(current) if finding.code in codes]
    if step.findings and not any(_is_there(finding, step) for finding in left):
        return "not needed any more: an earlier repair took it away"
    return None


def _is_there(finding: Finding, step: Step) -> bool:
    return any(
        finding.box.overlap_of_smaller(target.box) > 0.1 or finding.person_index == target.person_index
        for target in step.findings
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """One place of a plan and everything that is needed to work on it."""

    index: int
    step: Step
    judge: Judge
    painter: Inpainter
    options: RepairOptions
    hints: HintMaker | None
    enlarge: Enlarge | None

    def carry_out(self, progress: _Progress) -> None:
        """Paints all candidates, judges each, and keeps the best of the accepted."""
        before = progress.current
        accepted: list[tuple[Inspection, Focus, int]] = []
        strengths = self.options.strengths if self.step.strength is None else (self.step.strength,)
        for strength in strengths:
            try:
                focus = self._focus(before)
                request = self._request(focus, before, strength)
                painted = _painted(self.painter, request)
            except RepairError as error:
                progress.attempts.append(_failed(self.index, before, strength, None, _told(error)))
                continue
            for number, (pixels, is_blocked) in enumerate(painted):
                seed = request.seeds[number] if self.painter.has_seeds else None
                if is_blocked:
                    progress.attempts.append(_failed(self.index, before, strength, seed, _BLOCKED))
                    continue
                attempt, after = self._judged(focus, pixels, before, strength, seed)
                progress.attempts.append(attempt)
                if after is not None:
                    accepted.append((after, focus, len(progress.attempts) - 1))
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
            control=self.hints(before, self.step, focus) if self.hints is not None else None,
            avoid=at_size(avoid, focus.size_wh),
        )

    def _judged(
        self, focus: Focus, painted: np.ndarray, before: Inspection, strength: float, seed: int | None
    ) -> tuple[Attempt, Inspection | None]:
        """Returns the attempt, and the inspection of the picture with it if it may stay."""
        picture, scene = before.picture, before.scene
        assert picture is not None and scene is not None
        try:
            pixels = composite(picture.pixels, painted, focus)
        except RepairError as error:
            return _failed(self.index, before, strength, seed, _told(error)), None
        ends = None
        if self.step.action is Action.REMOVE:  # there a background may end at somebody's outline
            ends = people_window(scene, focus.left, focus.top, focus.alpha.shape) & (focus.alpha == 0)
        seam = seam_of(picture.pixels[focus.window], pixels[focus.window], focus.alpha, ends=ends)
        after = self.judge.inspect_picture(with_pixels(picture, pixels))
        judgement = judge_repair(self.step, before, after, seam)
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


def _keep_best(accepted: list[tuple[Inspection, Focus, int]], progress: _Progress) -> None:
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


def _failed(index: int, before: Inspection, strength: float, seed: int | None, reason: str) -> Attempt:
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
