"""Which anatomical questions are asked? An explicit tuple of pure functions from a scene to findings, in report order.

A check returns one finding for each thing that it could measure, normal things included: the score says how surely
something is wrong. It returns none for what it could not measure. It never knows the policy.
"""

from __future__ import annotations

from collections.abc import Callable

from limbfix.findings import Finding
from limbfix.skeletons import Scene

Check = Callable[[Scene], tuple[Finding, ...]]

CHECKS: tuple[Check, ...] = ()


def check(scene: Scene) -> tuple[Finding, ...]:
    """Returns the findings of every check on a scene, in report order."""
    return tuple(finding for one in CHECKS for finding in one(scene))
