"""How does a repair stand in a record? Plan, attempts, before and after, as plain JSON values."""

from __future__ import annotations

from typing import Any

from limbfix.inspections import Inspection
from limbfix.repair.files import RepairedFile
from limbfix.repair.plans import Step
from limbfix.repair.results import Attempt, Repaired

MOST_REASON_CHARS = 600


def repair_record(repaired: Repaired, *, file: RepairedFile | None = None, output: str | None = None) -> dict[str, Any]:
    """Returns the `repair` object of a record.

    Args:
        repaired: what became of the picture.
        file: what was written, or None.
        output: where, or None.
    """
    return {
        "inpainter": repaired.inpainter,
        "plan": [_step(step) for step in repaired.plan],
        "attempts": [_attempt(attempt) for attempt in repaired.attempts],
        "accepted": len(repaired.kept),
        "before": _state(repaired.before),
        "after": _state(repaired.after),
        "parent_sha256": repaired.before.record["sha256"],
        "output": output,
        "output_sha256": None if file is None else file.sha256,
        "c2pa": "dropped" if file is not None and file.has_lost_c2pa else "none",
        "notes": [*repaired.notes, *(() if file is None else file.notes)],
    }


def _state(inspection: Inspection) -> dict[str, Any]:
    return {"verdict": inspection.verdict, "defect_score": inspection.defect_score}


def _step(step: Step) -> dict[str, Any]:
    return {
        "action": step.action.value,
        "codes": list(step.codes),
        "box_xyxy": [round(float(value), 1) for value in step.box.xyxy],
        "reason": step.reason,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    seam = attempt.seam
    return {
        "step_index": attempt.step_index,
        "seed": attempt.seed,
        "strength": attempt.strength,
        "accepted": attempt.is_accepted,
        "reason": attempt.reason[:MOST_REASON_CHARS],
        "defect_score_before": attempt.score_before,
        "defect_score_after": attempt.score_after,
        "target_after": None if attempt.target_after is None else round(attempt.target_after, 4),
        "seam": None if seam is None else {"step_share": seam.step_share, "grain_ratio": seam.grain_ratio},
    }
