"""Which body of our network's reading is which person of the scene, and which hands lie at which limb's end?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from limbfix.bodies import BodyReading, LimbLine, PersonGraph
from limbfix.geometry import distance
from limbfix.parts import Part

SAME_TRUNK = 0.5
"""Two sights of one body differ at shoulders and hips by less than this share of the torso, on average over what both saw; as wide as a
pose model's and ours disagree on bent bodies, half as far as the next person's trunk."""

SAME_BOX = 0.4
"""Intersection over union from which boxes are of one person where joints cannot be compared."""

SURE_PERSON = 0.25
"""Score from which a body that no other detector saw is somebody. On 2026-11-28: 0.13 such bodies a place on 200 places without people (animals and
statues; no check flagged one), and people counted within one on 0.81 of 64 pictures of `coco_people` (0.34: 0.06 and 0.70)."""

SURE_PIECES = 0.34
"""The same of a body of which neither neck, shoulder nor hip is seen: two pieces of one limb may point at one place."""

HAND_REACH = 0.9
"""In hand sizes, how far a hand may lie from a limb's end; as `HAND_REACH` of `limbfix.assembly`."""

_TRUNK = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))


def is_somebody(graph: PersonGraph) -> bool:
    """Tells whether a body that no other detector saw is somebody, with a limb to judge."""
    has_trunk = graph.neck is not None or len(graph.shoulders) + len(graph.hips) > 0
    return bool(graph.limbs) and graph.score >= (SURE_PERSON if has_trunk else SURE_PIECES)


def match_graphs(
    graphs: Sequence[PersonGraph], bodies: Sequence[Part | None], faces: Sequence[Part | None]
) -> list[int | None]:
    """Returns for each graph the index of its person, nearest pairs first; None where nobody else saw that person.

    Args:
        graphs: of the reading.
        bodies, faces: of each person in the making; either may be None.
    """
    costs = [
        (cost, g, p)
        for g, graph in enumerate(graphs)
        for p, (body, face) in enumerate(zip(bodies, faces, strict=True))
        if (cost := _cost(graph, body, face)) < 1
    ]
    found: list[int | None] = [None] * len(graphs)
    taken: set[int] = set()
    for _, g, p in sorted(costs):
        if found[g] is None and p not in taken:
            found[g] = p
            taken.add(p)
    return found


def _cost(graph: PersonGraph, body: Part | None, face: Part | None) -> float:
    """Returns how unlike two sights are; below 1 they may be one person."""
    if body is not None and body.keypoints is not None and (gap := _trunk_gap(graph, body)) is not None:
        return gap / SAME_TRUNK
    if body is not None:
        overlap = graph.box.iou(body.box)
        return (1 - overlap) / (1 - SAME_BOX) if overlap > SAME_BOX else 2.0
    if face is not None and graph.head is not None:
        return distance(graph.head, face.box.center) / max(face.box.size, 1.0)
    return 2.0


def _trunk_gap(graph: PersonGraph, body: Part) -> float | None:
    """Returns the mean distance of shoulder and hip middles in torso lengths; None where they cannot be compared."""
    keypoints = body.keypoints
    if keypoints is None:
        return None
    gaps = []
    middles = [np.mean([keypoints.point(name) for name in names], axis=0) for names in _TRUNK]
    for middle, own in zip(middles, (graph.shoulders, graph.hips), strict=True):
        if len(own) and np.isfinite(middle).all():
            gaps.append(distance(middle, own.mean(0)))
    torso = distance(*middles) if np.isfinite(middles).all() else graph.torso
    if not gaps or not np.isfinite(torso) or torso <= 0:
        return None
    return float(np.mean(gaps)) / torso


def with_people(reading: BodyReading, people: Sequence[int | None]) -> BodyReading:
    """Returns the reading with the index of each graph's person."""
    graphs = [replace(graph, person_index=index) for graph, index in zip(reading.people, people, strict=True)]
    return replace(reading, people=tuple(graphs))


def with_hands(reading: BodyReading, hands: Sequence[Part]) -> tuple[BodyReading, list[int | None]]:
    """Gives each hand to the nearest end of an arm within reach, any number to one end.

    Returns:
        The reading with the hands of each limb, and for each hand the person whose limb it ends, or None.
    """
    arms = [(graph.person_index, limb) for graph in reading.people for limb in graph.limbs]
    arms += [(None, limb) for limb in reading.loose]
    arms = [(owner, limb) for owner, limb in arms if limb.joints[-1] in ("wrist", "hand")]
    held: dict[int, list[int]] = {}
    owners: list[int | None] = []
    for index, part in enumerate(hands):
        gaps = [_hand_gap(part, limb) for _, limb in arms]
        best = int(np.argmin(gaps)) if gaps else -1
        if best < 0 or gaps[best] > HAND_REACH:
            owners.append(None)
            continue
        held.setdefault(id(arms[best][1]), []).append(index)
        owners.append(arms[best][0])

    def given(limbs: tuple[LimbLine, ...]) -> tuple[LimbLine, ...]:
        return tuple(replace(limb, hands=tuple(held.get(id(limb), ()))) for limb in limbs)

    people = tuple(replace(graph, limbs=given(graph.limbs)) for graph in reading.people)
    return replace(reading, people=people, loose=given(reading.loose)), owners


def _hand_gap(part: Part, limb: LimbLine) -> float:
    """Returns the distance in hand sizes: of the hand's middle from the limb's hand joint, or of wrist from wrist."""
    end = limb.polyline[-1]
    starts = [part.box.center]
    if part.keypoints is not None and limb.joints[-1] == "wrist":
        starts = [part.keypoints.point("wrist")]
    gap = min(distance(start, end) for start in starts) / max(part.box.size, 1.0)
    return gap if np.isfinite(gap) else float("inf")
