"""How is a picture repaired? Plan, work on each place, and write down what was tried and what was kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from limbfix.findings import Finding
from limbfix.inpainting import Inpainter
from limbfix.inspections import Inspection
from limbfix.repair.candidates import HintMaker, Judge, Progress, Work, failed
from limbfix.repair.exemplars import ExemplarFill
from limbfix.repair.focus import Enlarge
from limbfix.repair.plans import Action, Step, counted_findings, make_plan
from limbfix.repair.results import Repaired, RepairOptions

NEEDS_MODEL = (
    "redrawing a hand or a foot takes a model, which limbfix does not bring; name one with "
    "`limbfix fix PATH --out DIR --model stable-diffusion-v1-5/stable-diffusion-inpainting` "
    "(some 4 GB, downloaded once by diffusers) or a folder that holds one"
)

_SAME_HAND = 0.5
"""Shared area over the smaller of two boxes from which they hold one hand, before and after another place's repair."""


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
    progress, told = Progress(current=inspection), len(_notes_of(painter))
    for index, step in enumerate(steps):
        if on_step is not None:
            on_step(f"{index + 1} of {len(steps)}: {step.action.value} {', '.join(step.codes) or 'area'}")
        here = _as_seen_now(step, inspection, progress.current)
        if reason := _why_not(step, here, painter, progress.current):
            progress.attempts.append(failed(index, progress.current, options.strengths[0], None, reason))
            continue
        Work(index, here, judge, painter, options, hints, enlarge).carry_out(progress)
    return Repaired(
        before=inspection,
        after=progress.current,
        plan=steps,
        attempts=tuple(progress.attempts),
        kept=tuple(progress.kept),
        inpainter=painter.name,
        notes=tuple(dict.fromkeys(_notes_of(painter)[told:])),
    )


def _notes_of(painter: Inpainter) -> list[str]:
    """Returns what a painter wrote down so far, of all pictures; many write nothing."""
    return list(getattr(painter, "notes", ()))


def _flag_at(options: RepairOptions, judge: Judge) -> float:
    if options.flag_at is not None:
        return options.flag_at
    policy = getattr(judge, "policy", None)
    return 0.5 if policy is None else policy.flag_at


def _as_seen_now(step: Step, before: Inspection, current: Inspection) -> Step:
    """Returns the step with its hands numbered as in the picture that earlier repairs left; those that went are left out."""
    if current is before or before.scene is None or current.scene is None:
        return step
    boxes = [before.scene.hands[index].part.box for index in step.hand_indices]
    indices = [
        hand.hand_index
        for hand in current.scene.hands
        if any(hand.part.box.overlap_of_smaller(box) >= _SAME_HAND for box in boxes)
    ]
    return replace(step, hand_indices=tuple(indices))


def _why_not(step: Step, here: Step, painter: Inpainter, current: Inspection) -> str | None:
    if step.action is Action.REGENERATE or step.patch is None:
        return f"{step.reason}; make the picture again"
    if painter.purposes and step.action.value not in painter.purposes:  # One without any says itself what it lacks.
        if painter.name == ExemplarFill.name:
            return NEEDS_MODEL
        return f"{painter.name} cannot {step.action.value}, only {', '.join(sorted(painter.purposes))}"
    codes = {finding.code for finding in step.findings}
    left = [finding for finding in counted_findings(current) if finding.code in codes]
    if step.findings and not any(_is_there(finding, step) for finding in left):
        return "not needed any more: an earlier repair took it away"
    if step.hand_indices and not here.hand_indices:
        return "its hand is no longer seen after an earlier repair"
    return None


def _is_there(finding: Finding, step: Step) -> bool:
    is_of_person = (
        finding.hand_index is None and finding.person_index is not None
    )  # somebody's other hand is another place
    return any(
        finding.code is target.code
        and (
            finding.box.overlap_of_smaller(target.box) > 0.1
            or (is_of_person and finding.person_index == target.person_index)
        )
        for target in step.findings
    )
