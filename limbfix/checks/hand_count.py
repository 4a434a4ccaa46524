"""Does a person have more hands than arms? (`person.extra_hand`)

Hands are found one by one and hang on the nearest wrist, so a third one stays a third one. A friend's hand on a
shoulder looks the same, so the score falls where other people are near, or where the hands overlap or are unsure.
"""

from __future__ import annotations

from itertools import combinations

from limbfix.checks.limb_count import extra_score
from limbfix.findings import DefectCode, Finding
from limbfix.parts import PartKind
from limbfix.skeletons import Hand, LimbKind, Person, Scene

SURE_HAND = 0.6
"""Share of windows that must agree on each hand of a surplus: what fewer see is a knee or an elbow as often as a hand."""

ALONE, IN_COMPANY = 0.85, 0.45
"""Scores: a third sure hand on somebody alone in the picture has no innocent reading; in company it has many."""

NORMAL = 0.02


def hand_count(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each person with a body and at least one hand."""
    found = []
    for person in scene.people:
        hands = [
            hand for hand in scene.hands_of(person.person_index) if hand.arm is not None or _is_alone(person, scene)
        ]
        sure = _apart([hand for hand in hands if _is_sure(hand) and not _reaches_in(hand, scene)])
        if person.body is None or not hands:
            continue
        surplus = len(sure) > 2 and not _is_counted_as_arm(person, len(sure), scene)
        score = (ALONE if _is_alone(person, scene) else IN_COMPANY) if surplus else NORMAL
        odd_one = (
            max(sure, key=lambda hand: hand.wrist_gap if hand.wrist_gap is not None else 9.0) if surplus else hands[0]
        )
        found.append(
            Finding(
                code=DefectCode.PERSON_EXTRA_HAND,
                defect_score=score,
                box=odd_one.part.box if surplus else person.box,
                measured=len(sure),
                expected=2,
                unit="hands",
                person_index=person.person_index,
                hand_index=odd_one.hand_index if surplus else None,
                message=f"This person has {len(sure)} hands; 2 are expected.",
            )
        )
    return tuple(found)


def _is_counted_as_arm(person: Person, number: int, scene: Scene) -> bool:
    """Whether the hands that are too many end arms that are too many, and `limb_count` says so as loudly."""
    graph = scene.graph_of(person.person_index)
    if graph is None or number > len(graph.of_kind(LimbKind.ARM)):
        return False
    return extra_score(graph, LimbKind.ARM) >= (ALONE if _is_alone(person, scene) else IN_COMPANY)


def _is_sure(hand: Hand) -> bool:
    reading = hand.part.reading
    is_seen = hand.part.kind is PartKind.HAND and (hand.part.detection_score or 0.0) >= SURE_HAND
    return is_seen and (reading is None or not reading.in_doubt)


def _reaches_in(hand: Hand, scene: Scene) -> bool:
    """Whether a hand on no arm is cut by the frame: its owner stands outside the picture."""
    return hand.arm is None and hand.part.box.touches_edge(scene.width, scene.height)


def _is_alone(person: Person, scene: Scene) -> bool:
    """Whether nobody else, not even a bare face, is in the picture: a neighbour's arm may reach far."""
    return len(scene.people) == 1 and scene.people[0] is person


def _apart(hands: list[Hand]) -> list[Hand]:
    """Drops the less sure of two hands that overlap: they may be one hand seen twice."""
    dropped = {
        min(first, second, key=lambda hand: hand.part.detection_score or 0.0).hand_index
        for first, second in combinations(hands, 2)
        if first.part.box.overlap_of_smaller(second.part.box) > 0.25
    }
    return [hand for hand in hands if hand.hand_index not in dropped]
