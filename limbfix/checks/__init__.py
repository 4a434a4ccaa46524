"""Which anatomical questions are asked? An explicit tuple of pure functions from a scene to findings, in report order.

A check returns one finding for each thing that it could measure, normal things included: the score says how surely
something is wrong. It returns none for what it could not measure. It never knows the policy.
"""

from __future__ import annotations

from collections.abc import Callable

from limbfix.checks.attachment import attachment
from limbfix.checks.bone_ratio import bone_ratio
from limbfix.checks.digit_count import digit_count
from limbfix.checks.foot_form import foot_form
from limbfix.checks.fused_digits import fused_digits
from limbfix.checks.hand_agreement import hand_agreement
from limbfix.checks.hand_count import hand_count
from limbfix.checks.hand_form import hand_form
from limbfix.checks.hand_side import hand_side
from limbfix.checks.hand_size import hand_size
from limbfix.checks.joint_angle import joint_angle
from limbfix.checks.leftover import leftover
from limbfix.checks.limb_count import limb_count
from limbfix.checks.limb_end import limb_end
from limbfix.checks.limb_form import limb_form
from limbfix.checks.loose_limb import loose_limb
from limbfix.findings import Finding
from limbfix.skeletons import Scene

Check = Callable[[Scene], tuple[Finding, ...]]

CHECKS: tuple[Check, ...] = (
    hand_count,
    digit_count,
    fused_digits,
    hand_form,
    hand_agreement,
    hand_side,
    hand_size,
    foot_form,
    attachment,
    limb_count,
    limb_form,
    loose_limb,
    limb_end,
    leftover,
    bone_ratio,
    joint_angle,
)


def check(scene: Scene) -> tuple[Finding, ...]:
    """Returns the findings of every check on a scene, in report order."""
    return tuple(finding for one in CHECKS for finding in one(scene))
