"""Are the bones of a body in proportion? (`person.proportion`)

Forearm to upper arm and shin to thigh, from the pose model's metric joints. In people the first is 0.80 +- 0.05 and
the second 1.0 +- 0.1 (ANSUR II, Gordon et al. 2014: radiale-stylion / acromion-radiale, and tibial height / thigh
length); the pose model's own scatter is several times wider, so the knots follow the model on real people, not the
textbook.
"""

from __future__ import annotations

import math

from limbfix.calibration import HINT, score_from
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import Box, distance
from limbfix.skeletons import Limb, LimbKind, Person, Scene, metric_joints

USUAL = {LimbKind.ARM: 0.96, LimbKind.LEG: 0.96}
"""Medians of the model on `lsp_extended`, `coco_people` and `subhih`: 0.94-1.04 and 0.82-0.97."""

KNOTS = {
    LimbKind.ARM: ((1.0, 0.02), (1.35, 0.1), (1.7, 0.4), (2.2, 0.8), (3.0, 0.95)),
    LimbKind.LEG: ((1.0, 0.02), (1.5, 0.1), (2.2, 0.4), (3.0, 0.8), (4.0, 0.95)),
}
"""How many times longer or shorter than usual -> defect score. The 1st and 99th percentiles of real bodies lie at 1.6
for arms and 2.05 for legs (`lsp_extended`, contorted athletes)."""

PLAIN_JOINT, CLEAR_JOINT = 0.9, 1.0
"""Visibility of a limb's least visible joint up to which its ratio is a hint, and from which its score stands as it is. On 2026-11-29 an elbow and a wrist of
0.88, half hidden by a neighbour, made a forearm a quarter of an upper arm (0.95), or nothing at all (0.79), as the file was saved."""


def bone_ratio(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each limb all of whose joints are surely seen."""
    found = []
    for person in scene.people:
        for limb in person.limbs:
            ratio = _ratio(person, limb)
            if ratio is not None:
                found.append(_finding(person, limb, ratio))
    return tuple(found)


def _ratio(person: Person, limb: Limb) -> float | None:
    joints = metric_joints(person, limb)
    if joints is None:
        return None
    upper, lower = distance(joints[0], joints[1]), distance(joints[1], joints[2])
    return lower / upper if upper > 0 and lower > 0 else None


def _finding(person: Person, limb: Limb, ratio: float) -> Finding:
    usual = USUAL[limb.kind]
    factor = math.exp(abs(math.log(ratio / usual)))
    pair = "forearm to upper arm" if limb.kind is LimbKind.ARM else "shin to thigh"
    return Finding(
        code=DefectCode.PERSON_PROPORTION,
        defect_score=round(min(score_from(factor, KNOTS[limb.kind]), _most(limb)), 4),
        box=Box.around(limb.xy).grown(0.1),
        measured=round(ratio, 3),
        expected=usual,
        unit=pair,
        person_index=person.person_index,
        message=f"The {limb.side.value} {limb.kind.value} is {ratio:.2f} {pair}; {usual:.2f} is usual.",
    )


def _most(limb: Limb) -> float:
    """Returns the highest score that a limb's joints are seen well enough for."""
    clear = (float(limb.visibility.min()) - PLAIN_JOINT) / (CLEAR_JOINT - PLAIN_JOINT)
    return HINT + (1 - HINT) * min(max(clear, 0.0), 1.0)
