"""What is a picture of people about? The operator that is drawn for it, and the pose that lets it show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from limbfix.errors import UsageError
from limbfix.synthesis.defects import limb_merges
from limbfix.synthesis.defects.digits import DIGIT_BENIGN, DIGIT_DEFECTS
from limbfix.synthesis.defects.limbs import LIMB_BENIGN, LIMB_DEFECTS
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.poses.arm_poses import sample_arm_pose
from limbfix.synthesis.poses.body_poses import BodyPose, sample_body_pose
from limbfix.synthesis.poses.leg_poses import sample_leg_pose
from limbfix.synthesis.samples import Side

DEFECT_SHARE = 0.65
"""Of groups; the rest are a benign operation and the untouched body."""

DIGIT_SHARE = 0.15
"""Of groups that concern a hand's digits: the hands of whole people, smaller than those of stream 1."""

HIDDEN_SHARE = 0.15
"""Of groups whose camera looks for a place from which the defect is hidden or cut: such pictures exist, truthfully
labelled."""

MERGE_SHARE = 0.04
"""Of groups in which an arm of one person ends in that of another; the twin lays its hand there."""

_STRAIGHT_ARMS = ("hang", "side", "front", "up")


@dataclass(frozen=True, slots=True)
class PosedMerge:
    """Stands for `limb_merges.merge_arms`, which needs two people who are posed already."""

    name: str = limb_merges.OPERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPlan:
    """What a group is about; holds for all tries of it.

    Attributes:
        operator: a defect, or a benign operation.
        parameters: of the operator.
        side: of the body.
        hidden: whether the camera should miss the defect, if it can.
        digits: whether the operator works on a hand's digits.
    """

    operator: DefectOperator | BenignOperator | PosedMerge
    parameters: Parameters
    side: Side
    hidden: bool
    digits: bool = False

    @property
    def name(self) -> str:
        """The operator's name."""
        return self.operator.name


def draw_plan(rng: np.random.Generator, beginnings: tuple[str, ...] = ()) -> BodyPlan:
    """Draws what a group is about; with `beginnings` until its operator's name begins with one of them.

    Raises:
        UsageError: no operator's name begins so.
    """
    if not beginnings:
        return _draw_plan(rng)
    known = [operator.name for table in (*_TABLES.values(), (PosedMerge(),)) for operator in table]
    if not any(name.startswith(beginnings) for name in known):
        raise UsageError(
            f"expected beginnings of operators' names ({', '.join(sorted(known))}), got {', '.join(beginnings)}"
        )
    while not (plan := _draw_plan(rng)).name.startswith(beginnings):
        pass
    return plan


_TABLES: Mapping[tuple[bool, bool], Sequence[DefectOperator | BenignOperator]] = {
    (True, True): DIGIT_DEFECTS,
    (True, False): LIMB_DEFECTS,
    (False, True): DIGIT_BENIGN,
    (False, False): LIMB_BENIGN,
}
"""The operators by whether they do harm, and whether to digits."""


def _draw_plan(rng: np.random.Generator) -> BodyPlan:
    side: Side = "left" if rng.random() < 0.5 else "right"
    hidden = bool(rng.random() < HIDDEN_SHARE)
    if rng.random() < MERGE_SHARE:
        return BodyPlan(operator=PosedMerge(), parameters={}, side=side, hidden=hidden)
    harmful, digits = bool(rng.random() < DEFECT_SHARE), bool(rng.random() < DIGIT_SHARE)
    operators = _TABLES[harmful, digits]
    weights = np.array([operator.weight for operator in operators])
    operator = operators[int(rng.choice(len(operators), p=weights / weights.sum()))]
    return BodyPlan(operator=operator, parameters=operator.draw(rng), side=side, hidden=hidden, digits=digits)


def prepare(plan: BodyPlan, figure: Figure) -> None:
    """Leaves in the less damaged figure, in rest pose, the traces of what its partner gets."""
    if isinstance(plan.operator, DefectOperator):
        plan.operator.twin(figure, plan.side, plan.parameters)


def operate(plan: BodyPlan, figure: Figure) -> Made | None:
    """Does to a figure in rest pose what its twin is spared."""
    if isinstance(plan.operator, DefectOperator):
        return plan.operator.harm(figure, plan.side, plan.parameters)
    if isinstance(plan.operator, BenignOperator):
        plan.operator.handle(figure, plan.side, plan.parameters)
    return None


def merge(figures: Sequence[Figure], changed: Figure) -> Made | None:
    """Lets an arm of the first person end in the second's, in `changed`, and rest on it in the twin; None if they
    are too far apart."""
    if len(figures) < 2:
        return None
    made = limb_merges.merge_arms(figures[1], changed, merged=True)
    if made is not None:
        limb_merges.merge_arms(figures[1], figures[0], merged=False)
    return made


def suited(plan: BodyPlan, pose: BodyPose, rng: np.random.Generator) -> BodyPose:
    """Changes a pose where it would hide the defect: a joint bent against its sense only shows where it would be
    straight."""
    if plan.name != "limbs.bent_against":
        return pose
    if plan.parameters["joint"] == "elbow":
        arm = replace(sample_arm_pose(rng, str(rng.choice(_STRAIGHT_ARMS))), flexion=float(rng.uniform(0, 0.15)))
        return replace(pose, arms={**pose.arms, plan.side: arm}, gestures={**pose.gestures, plan.side: ""})
    if pose.style not in ("stand", "reach"):
        pose = replace(sample_body_pose(rng, "stand"), trunk=pose.trunk)
    leg = replace(sample_leg_pose(rng, "straight", planted=True), knee=0.03)
    return replace(pose, legs={**pose.legs, plan.side: leg})
