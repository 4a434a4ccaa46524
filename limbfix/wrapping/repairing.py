"""Who repairs? A callable; `limbfix.repair` stands behind the one that comes along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from limbfix.inpainting import Inpainter
from limbfix.inspections import Inspection


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repair:
    """What a repair of one picture came to.

    Attributes:
        is_accepted: whether `pixels` are to be taken instead of the original.
        pixels: uint8 (h, w, 3), of the original's size.
        inspection: the judgement of `pixels`.
        record: plan and attempts as plain JSON values.
    """

    is_accepted: bool
    pixels: np.ndarray
    inspection: Inspection
    record: dict[str, Any] = field(default_factory=dict)


class Repairer(Protocol):
    """Repairs one picture."""

    def __call__(self, inspection: Inspection, *, prompt: str, seed: int) -> Repair:
        """Returns what came of it.

        Args:
            inspection: what the gate said, with the picture.
            prompt: what the picture shows; empty where unknown.
            seed: of the candidates.

        Raises:
            RepairError: it could not; the original stays, and the report says why.
        """
        ...


def default_repairer(gate: Any, inpainter: Inpainter | None) -> Repairer:
    """Returns limbfix's own repair, which judges every candidate with the same gate."""
    from limbfix.repair import RepairOptions, repair_picture

    def repair(inspection: Inspection, *, prompt: str, seed: int) -> Repair:
        options = RepairOptions(prompt=prompt or None, seed=seed)
        done = repair_picture(inspection, gate, inpainter=inpainter, options=options)
        record = {
            "accepted": done.is_changed,
            "inpainter": done.inpainter,
            "plan": [{"action": step.action.value, "codes": [str(code) for code in step.codes]} for step in done.plan],
            "attempts": [
                {
                    "step_index": one.step_index,
                    "seed": one.seed,
                    "strength": one.strength,
                    "accepted": one.is_accepted,
                    "reason": one.reason,
                    "score_before": one.score_before,
                    "score_after": one.score_after,
                }
                for one in done.attempts
            ],
        }
        return Repair(is_accepted=done.is_changed, pixels=done.picture.pixels, inspection=done.after, record=record)

    return repair
