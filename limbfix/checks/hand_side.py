"""Is each hand on its own side? (`hand.wrong_side`)

A left hand on a right arm, or two left hands on one person. Both the hand model and the pose model mix up sides on
mirrored selfies and backs, so one mismatch alone never rejects; two sure hands of one side on two sure arms flag.
"""

from __future__ import annotations

from limbfix.findings import DefectCode, Finding
from limbfix.parts import Side
from limbfix.skeletons import Hand, LimbState, Scene

SURE_SIDE = 0.95
SURE_HAND = 0.8
NEAR_WRIST = 0.5

ONE_MISMATCH = 0.35
"""Of 128 sure hands on arms in `subhih` nine disagree with the pose model's side: no ground for a flag."""

SAME_SIDE_TWICE = 0.6
NORMAL = 0.02


def hand_side(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each hand whose side and arm are both sure."""
    sure = [hand for hand in scene.hands if _is_sure(hand, scene)]
    found = []
    for hand in sure:
        twins = [other for other in sure if other.person_index == hand.person_index and other is not hand]
        matches = _arm_side(hand, scene) is hand.part.side
        same_side_twice = any(other.part.side is hand.part.side and other.arm != hand.arm for other in twins)
        score = NORMAL if matches else SAME_SIDE_TWICE if same_side_twice else ONE_MISMATCH
        found.append(
            Finding(
                code=DefectCode.HAND_WRONG_SIDE,
                defect_score=score,
                box=hand.part.box,
                person_index=hand.person_index,
                hand_index=hand.hand_index,
                message=f"A {hand.part.side.value} hand hangs on the {_arm_side(hand, scene).value} arm"
                + (", and the other hand is of the same side." if same_side_twice and not matches else "."),
            )
        )
    return tuple(found)


def _arm_side(hand: Hand, scene: Scene) -> Side:
    if hand.person_index is None or hand.arm is None:
        return Side.UNKNOWN
    return scene.people[hand.person_index].limbs[hand.arm].side


def _is_sure(hand: Hand, scene: Scene) -> bool:
    part = hand.part
    if hand.person_index is None or hand.arm is None or part.side is Side.UNKNOWN:
        return False
    limb = scene.people[hand.person_index].limbs[hand.arm]
    return (
        (part.side_score or 0.0) >= SURE_SIDE
        and (part.detection_score or 0.0) >= SURE_HAND
        and (hand.wrist_gap or 0.0) <= NEAR_WRIST
        and limb.state is LimbState.SEEN
    )
