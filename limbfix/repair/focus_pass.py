"""Which areas shall be rendered again, finer, although nothing is wrong with them? Small faces, soft hands, feet.

What ADetailer users know: crop, paint the same thing again at full size, paste. The rule of acceptance is the same as for repairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from limbfix.geometry import Box
from limbfix.repair import patches
from limbfix.repair.plans import Action, Step
from limbfix.skeletons import Scene

MOST_AREAS = 12
"""Per picture, those that come first."""

_MARGIN = 0.1
"""Of an area's box: hair line, wrist and shoe."""


class Area(Protocol):
    """An area that is merely poor; `limbfix.inpainters.focus_regions` finds them."""

    @property
    def box(self) -> Box:
        """px."""
        ...

    @property
    def reason(self) -> str:
        """One sentence."""
        ...

    @property
    def hand_index(self) -> int | None:
        """Which hand, or None."""
        ...

    @property
    def strength(self) -> float:
        """0-1, how far its pixels may leave what they were."""
        ...


def focus_plan(areas: Sequence[Area], scene: Scene) -> tuple[Step, ...]:
    """Returns a step for each area, in their order."""
    return tuple(_step(area, scene) for area in areas[:MOST_AREAS])


def _step(area: Area, scene: Scene) -> Step:
    patch = patches.box_patch(area.box.grown(_MARGIN), scene)
    return Step(
        action=Action.REFINE,
        findings=(),
        box=patches.box_of_patch(patch),
        patch=patch,
        reason=f"focus pass: {area.reason}",
        hand_indices=() if area.hand_index is None else (area.hand_index,),
        strength=area.strength,
    )
