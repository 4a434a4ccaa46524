"""Repair what can be repaired: plan, mask, crop, paint, paste, and judge again by the eyes that found the fault.

`repair_picture` is the door; `ExemplarFill` is what paints where no model is.
"""

from limbfix.repair.acceptance import Judgement
from limbfix.repair.exemplars import ExemplarFill
from limbfix.repair.loop import repair_picture
from limbfix.repair.plans import Action, Step, make_plan
from limbfix.repair.results import Attempt, Repaired, RepairOptions

__all__ = [
    "Action",
    "Attempt",
    "ExemplarFill",
    "Judgement",
    "RepairOptions",
    "Repaired",
    "Step",
    "make_plan",
    "repair_picture",
]
