"""Is the picture better with this repair? Asked of the same eyes that found it wrong.

A repair stays only if its finding is gone or clearly weaker, nothing new is found anywhere, everybody else is still there, the
score is not higher, and the seam does not show. In doubt the original stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from limbfix.findings import Finding
from limbfix.geometry import Box
from limbfix.inspections import Inspection
from limbfix.repair.plans import Action, Step, counted_findings
from limbfix.repair.seams import Seam
from limbfix.skeletons import Hand

CLEARLY = 0.15
"""By how much a finding's score must fall to count as clearly weaker; two looks at one hand differ by less."""

WOBBLE = 0.1
"""By how much another finding may rise: enlarging or moving a window by a pixel does that much."""

LISTED = 0.2
"""Findings below are measurements of something normal (limbfix.verdicts.LIST_FROM)."""

SAME_PLACE = 0.3
"""Overlap of the smaller box from which two boxes mean one thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the judge says of one candidate.

    Attributes:
        is_accepted: whether it may stay.
        reason: one sentence, why or why not.
        target_after: defect score 0-1 that is left of the step's findings; 0 = gone.
    """

    is_accepted: bool
    reason: str
    target_after: float


def judge_repair(step: Step, before: Inspection, after: Inspection, seam: Seam) -> Judgement:
    """Returns whether a repaired picture may replace the one before it.

    Args:
        step: what was repaired.
        before, after: inspections of the two pictures, by the same gate.
        seam: the border of the repair.
    """
    found_before, found_after = before.findings, counted_findings(after)
    left = _left_of(step, found_after)
    for reason in (
        _no_longer_judged(before, after),
        _verdict_fell(before, after),
        _not_better(step, left),
        _newly_found(step, found_before, found_after),
        _people_changed(step, before, after),
        _score_rose(before, after),
        _seam_shows(seam),
    ):
        if reason is not None:
            return Judgement(is_accepted=False, reason=reason, target_after=left)
    return Judgement(is_accepted=True, reason=_praise(step, left), target_after=left)


def _praise(step: Step, left: float) -> str:
    if not step.findings:
        return "nothing got worse and the seam does not show"
    what = step.findings[0].code.value
    return f"{what} is gone" if left < LISTED else f"{what} fell from {step.findings[0].defect_score:.2f} to {left:.2f}"


def _no_longer_judged(before: Inspection, after: Inspection) -> str | None:
    if after.verdict in ("pass", "flag", "reject"):
        return None
    return f"the repaired picture is {after.verdict}; a person that can no longer be judged is no repair"


def _verdict_fell(before: Inspection, after: Inspection) -> str | None:
    """No single finding need have risen: a policy may flag a hand whose digits can no longer be counted."""
    ranks = {"pass": 0, "flag": 1, "reject": 2}
    if ranks.get(after.verdict, 0) <= ranks.get(before.verdict, len(ranks)):
        return None
    return f"the repaired picture is a {after.verdict}, where it was a {before.verdict}"


def _left_of(step: Step, found_after: Iterable[Finding]) -> float:
    """Returns the worst score that is left of the step's own findings: same code, at the place or of the same person."""
    return max(
        (
            finding.defect_score
            for finding in found_after
            for target in step.findings
            if finding.code is target.code and _is_same_claim(finding, target, step.box)
        ),
        default=0.0,
    )


def _is_same_claim(finding: Finding, target: Finding, place: Box) -> bool:
    if finding.hand_index is None and finding.person_index is not None and finding.person_index == target.person_index:
        return True
    return max(finding.box.overlap_of_smaller(target.box), finding.box.overlap_of_smaller(place)) >= SAME_PLACE


def _not_better(step: Step, left: float) -> str | None:
    if not step.findings or left < LISTED:
        return None
    worst = step.findings[0]
    if left <= worst.defect_score - CLEARLY:
        return None
    return f"{worst.code.value} is still there: {worst.defect_score:.2f} before, {left:.2f} after"


def _newly_found(step: Step, found_before: tuple[Finding, ...], found_after: Iterable[Finding]) -> str | None:
    for finding in found_after:
        if finding.defect_score < LISTED:
            continue
        earlier = [
            one.defect_score
            for one in found_before
            if one.code is finding.code and _is_same_claim(finding, one, one.box)
        ]
        if finding.defect_score > max(earlier, default=0.0) + WOBBLE:
            return f"{finding.code.value} is new or worse: {max(earlier, default=0.0):.2f} before, {finding.defect_score:.2f} after"
    return None


def _people_changed(step: Step, before: Inspection, after: Inspection) -> str | None:
    """A hand that is no longer found is no better hand, and a neighbour's must not vanish."""
    if before.scene is None or after.scene is None:
        return "the repaired picture was judged elsewhere; what is in it is not known"
    if len(after.scene.people) < len(before.scene.people):
        return "a person is no longer seen"
    seen = [hand.part.box for hand in after.scene.hands]
    for hand in before.scene.hands:
        if not _goes(hand, step) and not any(hand.part.box.iou(box) >= SAME_PLACE for box in seen):
            return f"hand {hand.hand_index} is no longer seen"
    if len(seen) > len(before.scene.hands):
        return f"{len(seen)} hands are seen where there were {len(before.scene.hands)}"
    return None


def _goes(hand: Hand, step: Step) -> bool:
    """Whether the step takes this hand away: it lies in the place, and the place is not only one of its digits."""
    inside = hand.part.box.intersection(step.box) / max(hand.part.box.area, 1.0)
    is_meant = not step.hand_indices or hand.hand_index in step.hand_indices
    return step.action is Action.REMOVE and is_meant and inside > 0.6


def _score_rose(before: Inspection, after: Inspection) -> str | None:
    old, new = before.defect_score, after.defect_score
    if old is not None and new is not None and new > old:
        return f"the picture's defect score rose from {old:.2f} to {new:.2f}"
    return None


def _seam_shows(seam: Seam) -> str | None:
    if not seam.is_visible:
        return None
    return f"the seam shows: a step along {100 * seam.step_share:.0f} % of it, grain {seam.grain_ratio:.2f} times that around it"
