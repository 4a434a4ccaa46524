"""What shall be done about each counted finding? Remove it, redraw it, or make the picture again.

A plan names pixels and a purpose. Whether anything can carry it out is asked later; whether it helped, the judge says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from limbfix.digits import Mask as Patch
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import Box
from limbfix.inspections import Inspection
from limbfix.repair import patches
from limbfix.skeletons import Hand, Person, Scene

MOST_REGIONS = 6
"""Places in one picture: with more, a new render costs less than its repair and looks like one piece."""

MOST_SHARE = 0.25
"""Of the picture's area in one region, or the person's torso in it: what is left would not tell what belongs there."""

SURE = 0.8
"""Defect score from which a limb or hand is taken away. Below, it is a doubt: a piece that no skeleton explains is an athlete's arm as
often as a third one, and a hand on no arm may belong to somebody on a screen behind."""

JOIN_GAP = 0.3
"""Regions nearer to each other than this share of the smaller one's size become one: two seams side by side are seen."""


class Action(StrEnum):
    """What is done about a place."""

    REMOVE = "remove"
    REDRAW = "redraw"
    REFINE = "refine"
    REGENERATE = "regenerate"


_ACTIONS = {
    DefectCode.HAND_EXTRA_DIGIT: Action.REMOVE,
    DefectCode.PERSON_EXTRA_HAND: Action.REMOVE,
    DefectCode.PERSON_EXTRA_ARM: Action.REMOVE,
    DefectCode.PERSON_EXTRA_LEG: Action.REMOVE,
    DefectCode.PERSON_EXTRA_FOOT: Action.REMOVE,
    DefectCode.PERSON_DETACHED_LIMB: Action.REMOVE,
    DefectCode.PERSON_MISSING_ARM: Action.REGENERATE,
    DefectCode.PERSON_MISSING_LEG: Action.REGENERATE,
    DefectCode.PERSON_PROPORTION: Action.REGENERATE,
    DefectCode.PERSON_JOINT_ANGLE: Action.REGENERATE,
}
"""What is not named here (hands and feet that are missing, fused, malformed, of the wrong side or size) is redrawn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One place of a plan.

    Attributes:
        action: what is done.
        findings: which findings asked for it, worst first; empty for a focus pass.
        box: px of the place.
        patch: its pixels, not yet grown or feathered; None where the picture must be made again.
        reason: one sentence.
        hand_indices: hands that the place is about.
        strength: 0-1, how far its pixels may leave what they were; None = as the options say.
    """

    action: Action
    findings: tuple[Finding, ...]
    box: Box
    patch: Patch | None
    reason: str
    hand_indices: tuple[int, ...] = ()
    strength: float | None = None

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of its findings, each once."""
        return tuple(dict.fromkeys(finding.code.value for finding in self.findings))


def make_plan(inspection: Inspection, *, flag_at: float) -> tuple[Step, ...]:
    """Returns what shall be done about an inspected picture, worst first; nothing where nothing counted is wrong.

    Args:
        inspection: with scene and findings, so of this process.
        flag_at: defect score from which a counted finding asks for a repair.

    Raises:
        ValueError: the scene is not at hand.
    """
    if inspection.scene is None:
        raise ValueError(
            f"make_plan: expected an inspection with its scene, got a bare record of {inspection.record['path']}"
        )
    wrong = [finding for finding in counted_findings(inspection) if finding.defect_score >= flag_at]
    steps = [_step(finding, inspection.scene) for finding in wrong]
    joined = _joined(steps)
    repairable = [step for step in joined if step.action is not Action.REGENERATE]
    if len(repairable) > MOST_REGIONS:
        reason = f"{len(repairable)} places are wrong, more than {MOST_REGIONS}"
        return tuple(replace(step, action=Action.REGENERATE, patch=None, reason=reason) for step in joined)
    return joined


def counted_findings(inspection: Inspection) -> tuple[Finding, ...]:
    """Returns the findings that the record lists as counted, worst first."""
    counted = {
        (row["code"], row["defect_score"], row["message"])
        for row in inspection.record["findings"]
        if row["exception"] is None
    }
    return tuple(
        finding
        for finding in inspection.findings
        if (finding.code.value, round(finding.defect_score, 4), finding.message) in counted
    )


def _step(finding: Finding, scene: Scene) -> Step:
    action = _ACTIONS.get(finding.code, Action.REDRAW)
    hand = None if finding.hand_index is None else scene.hands[finding.hand_index]
    if action is Action.REGENERATE:
        reason = f"{finding.code.value}: a whole limb or the body's form cannot be painted into a picture"
        return Step(action=action, findings=(finding,), box=finding.box, patch=None, reason=reason)
    if action is Action.REMOVE and finding.code.startswith("person.") and finding.defect_score < SURE:
        reason = f"{finding.code.value}: a doubt of {finding.defect_score:.2f}; nothing is taken away from a person below {SURE:.2f}"
        return Step(action=Action.REGENERATE, findings=(finding,), box=finding.box, patch=None, reason=reason)
    if finding.code is DefectCode.HAND_EXTRA_DIGIT:
        action, patch, reason = _extra_digit(finding, hand, scene)
    elif action is Action.REMOVE:
        patch, reason = _surplus(finding, hand, scene)
    else:
        patch, reason = _redrawn(finding, hand, scene)
    box = patches.box_of_patch(patch)
    if why := _too_large(box, patch, scene):
        return Step(
            action=Action.REGENERATE, findings=(finding,), box=box, patch=None, reason=f"{finding.code.value}: {why}"
        )
    indices = () if finding.hand_index is None else (finding.hand_index,)
    return Step(action=action, findings=(finding,), box=box, patch=patch, reason=reason, hand_indices=indices)


def _extra_digit(finding: Finding, hand: Hand | None, scene: Scene) -> tuple[Action, Patch, str]:
    reading = hand.part.reading if hand is not None else None
    if hand is None or reading is None or not reading.extra:
        patch = patches.box_patch(finding.box, scene) if hand is None else patches.hand_patch(hand, scene)
        return (
            Action.REDRAW,
            patch,
            "hand.extra_digit: which digit is too many is not known, so the whole hand is redrawn",
        )
    surplus = [patches.digit_patch(reading.digits[index], hand, scene) for index in reading.extra]
    kept = [digit for digit in reading.digits if digit.digit_index not in reading.extra and digit.mask is not None]
    patch = patches.union(surplus)
    for digit in kept:
        if digit.mask is not None:
            shown = patches.window_of(digit.mask, patch.left, patch.top, patch.pixels.shape)
            patch = Patch(left=patch.left, top=patch.top, pixels=patch.pixels & ~shown)
    return Action.REMOVE, patch, "hand.extra_digit: the digit that is too many is taken away"


def _surplus(finding: Finding, hand: Hand | None, scene: Scene) -> tuple[Patch, str]:
    """Returns the pixels of a hand, arm or leg too many: itself, and what of the people's masks hangs on it alone."""
    own = patches.box_patch(finding.box, scene) if hand is None else patches.hand_patch(hand, scene)
    others = [one for one in scene.hands if hand is None or one.hand_index != hand.hand_index]
    limb = patches.unexplained_patch(own, scene, spared=others)
    if limb is None:
        return own, f"{finding.code.value}: taken away; where its limb runs is not known, so it alone is replaced"
    if hand is None:  # the box of a piece of mask; what is explained stays
        return limb, f"{finding.code.value}: the piece that belongs to no seen limb is taken away"
    return patches.union([own, limb]), f"{finding.code.value}: the hand and what it hangs on are taken away"


def _redrawn(finding: Finding, hand: Hand | None, scene: Scene) -> tuple[Patch, str]:
    if hand is not None:
        return patches.union(
            [patches.hand_patch(hand, scene), patches.box_patch(hand.part.box.grown(0.05), scene)]
        ), f"{finding.code.value}: the whole hand is redrawn"
    return patches.box_patch(finding.box.grown(0.1), scene), f"{finding.code.value}: the place is redrawn"


def _too_large(box: Box, patch: Patch, scene: Scene) -> str | None:
    area = scene.width * scene.height
    if patch.area > MOST_SHARE * area:
        return f"the place covers {100 * patch.area / area:.1f} % of the picture, more than {100 * MOST_SHARE:.0f} %"
    for person in scene.people:
        if _holds_torso(box, patch, person):
            return "the place covers the trunk of a person"
    return None


def _holds_torso(box: Box, patch: Patch, person: Person) -> bool:
    keypoints = person.body.keypoints if person.body is not None else None
    if keypoints is None or not np.isfinite(person.torso) or box.size < person.torso:
        return False
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    trunk = Box.around(np.stack([keypoints.point(name) for name in names]))
    if not trunk.area:
        return False
    shape = (max(1, round(trunk.height)), max(1, round(trunk.width)))
    return bool(patches.window_of(patch, round(trunk.x_min), round(trunk.y_min), shape).mean() > 0.5)


def _joined(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Joins steps whose places touch or nearly so; redrawing wins over removing, and the worst finding comes first."""
    joined: list[Step] = []
    for step in steps:
        for index, other in enumerate(joined):
            if _is_near(step, other):
                joined[index] = _merged(other, step)
                break
        else:
            joined.append(step)
    return tuple(sorted(joined, key=lambda step: -step.findings[0].defect_score))


def _is_near(step: Step, other: Step) -> bool:
    if (step.patch is None) != (other.patch is None):
        return False
    if step.patch is None:
        return False
    if set(step.hand_indices) & set(other.hand_indices):
        return True
    gap = JOIN_GAP * min(step.box.size, other.box.size) / 2
    return _padded(step.box, gap).intersection(_padded(other.box, gap)) > 0 and step.action is other.action


def _padded(box: Box, margin: float) -> Box:
    return Box(box.x_min - margin, box.y_min - margin, box.x_max + margin, box.y_max + margin)


def _merged(first: Step, second: Step) -> Step:
    """Returns one step for two places that both have pixels."""
    removes_hand = any(
        finding.code is DefectCode.PERSON_EXTRA_HAND for finding in (*first.findings, *second.findings)
    )  # a malformed hand that is one too many is not redrawn, it goes
    both = {first.action, second.action}
    action = Action.REMOVE if removes_hand or both == {Action.REMOVE} else Action.REDRAW
    patch = patches.union([step.patch for step in (first, second) if step.patch is not None])
    findings = tuple(sorted((*first.findings, *second.findings), key=lambda finding: -finding.defect_score))
    return Step(
        action=action,
        findings=findings,
        box=patches.box_of_patch(patch),
        patch=patch,
        reason=first.reason if first.action is action else second.reason,
        hand_indices=tuple(dict.fromkeys((*first.hand_indices, *second.hand_indices))),
    )


def takes_away(code: str) -> bool:
    """Returns whether a finding with this code may ask for a removal."""
    return _ACTIONS.get(DefectCode(code)) is Action.REMOVE
