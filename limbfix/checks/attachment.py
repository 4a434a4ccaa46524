"""Does every hand hang on an arm? (`person.detached_limb`)

A hand inside a person's box, far from both of that person's wrists and cut by no frame, belongs to nobody. Hands of
people out of the picture and arms that the pose model did not see look the same, so the score stays below a reject.
"""

from __future__ import annotations

import math

from limbfix.calibration import score_from
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import distance
from limbfix.skeletons import Hand, LimbKind, LimbState, Person, Scene

SURE_HAND = 0.6
KNOTS = ((0.9, 0.02), (1.5, 0.2), (3.0, 0.45), (6.0, 0.6))
"""Distance to the nearest seen wrist in hand sizes -> defect score; `subhih` and `coco_people` reach 3 in one of ten
unattached hands (pose wrists on the wrong arm), so that is where the score nears the default flag."""


def attachment(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each sure hand near a person both of whose arms are seen."""
    found = []
    for hand in scene.hands:
        gap = _gap(hand, scene)
        if gap is None:
            continue
        found.append(
            Finding(
                code=DefectCode.PERSON_DETACHED_LIMB,
                defect_score=score_from(gap, KNOTS),
                box=hand.part.box,
                measured=round(gap, 2),
                expected=0.9,
                unit="hand sizes",
                person_index=hand.person_index,
                hand_index=hand.hand_index,
                message=f"The nearest wrist is {gap:.1f} hand sizes away from this hand"
                + (", which hangs on no arm." if gap > KNOTS[0][0] else "."),
            )
        )
    return tuple(found)


def _gap(hand: Hand, scene: Scene) -> float | None:
    part = hand.part
    if hand.person_index is None or (part.detection_score or 0.0) < SURE_HAND:
        return None
    if hand.arm is not None:
        return hand.wrist_gap
    if _ends_a_read_limb(hand, scene):
        return None  # it hangs on an arm; whether that one is loose is asked of the arm (`loose_limb`)
    person = scene.people[hand.person_index]
    if part.box.touches_edge(scene.width, scene.height) or not _arms_seen(person) or part.keypoints is None:
        return None
    start = part.keypoints.point("wrist")
    gaps = [distance(start, limb.xy[2]) for limb in person.limbs if limb.kind is LimbKind.ARM]
    gap = min(gaps) / max(part.box.size, 1.0)
    return gap if math.isfinite(gap) else None  # a hand model may leave its wrist out


def _ends_a_read_limb(hand: Hand, scene: Scene) -> bool:
    """Whether the hand lies at the end of a limb that our network read, somebody's or nobody's."""
    if scene.bodies is None:
        return False
    limbs = [*(limb for graph in scene.bodies.people for limb in graph.limbs), *scene.bodies.loose]
    return any(hand.hand_index in limb.hands for limb in limbs)


def _arms_seen(person: Person) -> bool:
    arms = [limb for limb in person.limbs if limb.kind is LimbKind.ARM]
    return bool(arms) and all(limb.state is LimbState.SEEN for limb in arms)
