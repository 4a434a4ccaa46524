"""Does a foot look wrong, shod or bare? (`foot.malformed`)

Our network's trunk looks at each foot of a leg that counts (`LimbLine.foot`), and says how far it lies from normal made feet in the direction of made
wrong ones. It points and cannot say what is wrong; odd shoes, motion blur and feet that are cut off raise it too, so it hints, and flags only together
with doubts about other subjects.
Feet below `limbfix.feet.LEAST_PX`, and those that lie on a hand, have no finding.
"""

from __future__ import annotations

from limbfix.bodies import FootLook, LimbLine
from limbfix.calibration import HINT, score_from
from limbfix.findings import DefectCode, Finding
from limbfix.parts import Side
from limbfix.skeletons import Scene

KNOTS = ((-1.0, 0.02), (0.0, 0.05), (1.0, 0.15), (2.0, 0.35), (2.5, HINT))
"""Oddness -> defect score, a hint at most. On 2026-11-29 no photograph here held feet large enough to read a bar off: of 14 feet of `coco_people` from 32 px the
oddest lies at 0.3; of 36 AI pictures with feet in view, the 9 with a wrong one are told from the others no better than by chance (AUROC 0.50)."""

ODD = 2.0
"""Oddness from which a foot is called odd."""

ON_A_HAND = 0.3
"""Overlap of a foot's box with a hand's, by the smaller, from which nobody knows which of the two is there."""


def foot_form(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each foot of somebody that was looked at; bodies that were refused have none."""
    graphs = scene.bodies.people if scene.bodies is not None else ()
    return tuple(
        _finding(graph.person_index, limb, limb.foot)
        for graph in graphs
        if graph.person_index is not None
        for limb in graph.limbs
        if limb.foot is not None and not _is_on_a_hand(scene, limb.foot)
    )


def _is_on_a_hand(scene: Scene, foot: FootLook) -> bool:
    return any(foot.box.overlap_of_smaller(hand.part.box) >= ON_A_HAND for hand in scene.hands)


def _finding(person: int, limb: LimbLine, foot: FootLook) -> Finding:
    score = score_from(foot.oddness, KNOTS)
    look = "looks odd" if foot.oddness >= ODD else "looks usual"
    side = f"{limb.side.value} " if limb.side is not Side.UNKNOWN else ""
    return Finding(
        code=DefectCode.FOOT_MALFORMED,
        defect_score=score,
        box=foot.box,
        measured=round(foot.oddness, 2),
        expected=0.0,
        unit="standard deviations of normal made feet",
        person_index=person,
        message=f"The {side}foot {look}: {foot.oddness:+.1f} standard deviations from usual feet, on the side of wrong ones where positive.",
    )
