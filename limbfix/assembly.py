"""Which parts belong to one person? Bodies, faces and hands are joined into people; nobody's hands are counted in advance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from limbfix.bodies import BodyReading, PersonGraph
from limbfix.body_matching import is_somebody, match_graphs, with_hands, with_people
from limbfix.geometry import Box, distance
from limbfix.parts import Part, PartKind, Side
from limbfix.skeletons import JOINTS, Hand, Limb, LimbKind, LimbState, Person, Scene, torso_length

VISIBLE = 0.5
"""Landmark visibility from which a joint counts as seen; the meaning that BlazePose gives to its own score."""

HAND_REACH = 0.9
"""A hand belongs to a wrist if they lie within this many hand sizes (longer side of the hand's box) of each other.
Pose wrists sit up to half a hand from the hand model's wrist on fists; measured on `subhih` (benchmarks/)."""

SAME_BODY = 0.35
"""Two skeletons are one body seen twice if their shoulders and hips differ by less than this share of the torso."""

TORSO_PER_SHOULDERS = 1.3
"""Shoulder-to-hip length over shoulder breadth (ANSUR II men: (acromial - trochanterion height) / biacromial breadth =
(144 - 91) / 41.6 cm); the ruler for busts, whose hips are out of the picture."""

HAND_OF_TORSO = 0.8
"""A hand larger than this share of a faceless body's torso is the body: true of 0.89 of the bodies that the pose model
sees in `epsrc` (hands on a wall), and of 0.01 of those in `ai_images` and none in `coco_people` (2026-11-23)."""

IN_A_HAND = 0.8
"""Share of somebody's box within a hand that is not in doubt, from which nobody is there whom only our bodies saw: a finger lies in its hand by 0.9 and more,
and of people with a hand before them most of the box is beside it. Not measured; `clean_hand_pointing.jpg` shows one."""


def assemble(parts: tuple[Part, ...], width: int, height: int, bodies_read: BodyReading | None = None) -> Scene:
    """Builds people from parts.

    Args:
        parts: of all detectors, in any order, in the frame of a picture of width x height px.
        width: px.
        height: px.
        bodies_read: what our network read of all bodies, or None where it did not look. Whom only it saw becomes a person too.

    Returns:
        The scene; people without a body but with a face or a person box are kept. Nothing is dropped but a second
        sight of the same body, and what may be a hand and is as large as the torso of somebody whom our network read there.
    """
    graphs = () if bodies_read is None else bodies_read.people
    found_hands = [part for part in parts if part.kind is PartKind.HAND and not _is_torso(part, graphs)]
    sure_hands = [part for part in found_hands if not _is_in_doubt(part)]
    faces = [part for part in parts if part.kind is PartKind.FACE]
    bodies = _distinct_bodies([part for part in parts if part.kind is PartKind.PERSON])
    bodies = [body for body in bodies if not _is_hand_taken_for_body(body, faces, sure_hands)]
    owned = {id(body): _face_of(body, faces) for body in bodies}
    taken = {id(face) for face in owned.values() if face is not None}
    seeds = [_Seed(box=body.box, body=body, face=owned[id(body)]) for body in bodies]
    seeds += [
        _Seed(box=face.box, body=None, face=face)
        for face in faces
        if id(face) not in taken and not _face_is_covered(face, bodies)
    ]
    seeds = sorted(_seeds_with_graphs(seeds, graphs, sure_hands), key=lambda seed: seed.box.x_min)
    people = tuple(_person(index, seed, width, height) for index, seed in enumerate(seeds))
    hands = sorted(found_hands, key=lambda part: part.box.x_min)
    attached = _attach(hands, people)
    if bodies_read is not None:
        index_of = {seed.graph: index for index, seed in enumerate(seeds) if seed.graph is not None}
        bodies_read = with_people(bodies_read, [index_of.get(g) for g in range(len(graphs))])
        bodies_read, owners = with_hands(bodies_read, hands)
        attached = tuple(_owned_anew(hand, owner) for hand, owner in zip(attached, owners, strict=True))
    return Scene(width=width, height=height, people=people, hands=attached, bodies=bodies_read)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seed:
    """A person in the making: what was seen of it, and the index of its graph."""

    box: Box
    body: Part | None
    face: Part | None
    graph: int | None = None


def _seeds_with_graphs(seeds: list[_Seed], graphs: Sequence[PersonGraph], hands: Sequence[Part]) -> list[_Seed]:
    """Returns the seeds with their graphs, and a seed for each sure graph that is nobody else's and no close-up of a hand."""
    matched = match_graphs(graphs, [seed.body for seed in seeds], [seed.face for seed in seeds])
    of_seed = {seed: graph for graph, seed in enumerate(matched) if seed is not None}
    joined = [replace(seed, graph=of_seed.get(index)) for index, seed in enumerate(seeds)]
    alone = [g for g, seed in enumerate(matched) if seed is None and is_somebody(graphs[g])]
    # a graph with a face would be that face's person
    alone = [g for g in alone if not _is_as_large_as_torso(hands, graphs[g].box, graphs[g].torso)]
    alone = [g for g in alone if not _is_in_a_hand(hands, graphs[g].box)]
    return joined + [_Seed(box=graphs[g].box, body=None, face=None, graph=g) for g in alone]


def _owned_anew(hand: Hand, owner: int | None) -> Hand:
    """Returns a hand that hangs on no arm of a pose with the owner of the limb of our reading that it ends."""
    return hand if hand.arm is not None or owner is None else replace(hand, person_index=owner)


def _is_as_large_as_torso(hands: Sequence[Part], box: Box, torso: float) -> bool:
    """Whether a hand on somebody's box is too large to be theirs; never where their torso is not known (nan)."""
    return any(hand.box.size > HAND_OF_TORSO * torso and hand.box.iou(box) > 0.1 for hand in hands)


def _is_in_a_hand(hands: Sequence[Part], box: Box) -> bool:
    """Whether somebody would be within a hand: a finger was taken for an arm."""
    return box.lies_in((hand.box for hand in hands), IN_A_HAND)


def _is_in_doubt(hand: Part) -> bool:
    return hand.reading is not None and hand.reading.in_doubt


def _is_torso(hand: Part, graphs: Sequence[PersonGraph]) -> bool:
    """Whether what may be a hand is as large as the torso of somebody with limbs that count, and lies on it."""
    return _is_in_doubt(hand) and any(
        _is_as_large_as_torso([hand], graph.box, graph.torso)
        for graph in graphs
        if is_somebody(graph) and graph.has_counted
    )


def _is_hand_taken_for_body(body: Part, faces: list[Part], hands: list[Part]) -> bool:
    """Whether a pose model drew a person into a close-up of a hand: no face, and a hand as large as the torso on it."""
    torso = torso_length(body)
    if not np.isfinite(torso) or _face_of(body, faces) is not None:
        return False
    return _is_as_large_as_torso(hands, body.box, torso)


def _trunk(body: Part) -> np.ndarray | None:
    if body.keypoints is None:
        return None
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    return np.stack([body.keypoints.point(name) for name in names])


def _distinct_bodies(bodies: list[Part]) -> list[Part]:
    """Drops second sights of one body, best detection score first; bare boxes go last."""
    ranked = sorted(bodies, key=lambda part: (part.keypoints is None, -(part.detection_score or 0.0)))
    kept: list[Part] = []
    for body in ranked:
        if not any(_same_body(body, other) for other in kept):
            kept.append(body)
    return kept


def _same_body(body: Part, other: Part) -> bool:
    trunk, other_trunk = _trunk(body), _trunk(other)
    if trunk is None or other_trunk is None:
        return _same_box(body, other)
    gaps = np.linalg.norm(trunk - other_trunk, axis=1)
    swapped = np.linalg.norm(trunk[[1, 0, 3, 2]] - other_trunk, axis=1)  # the same body read as seen from behind
    scale = max(_trunk_size(trunk), _trunk_size(other_trunk))
    measured = [float(one[np.isfinite(one)].mean()) for one in (gaps, swapped) if np.isfinite(one).any()]
    if not measured or scale == 0:
        return _same_box(body, other)
    return min(measured) < SAME_BODY * scale


def _same_box(body: Part, other: Part) -> bool:
    return body.box.iou(other.box) > 0.5 or body.box.overlap_of_smaller(other.box) > 0.8


def _trunk_size(trunk: np.ndarray) -> float:
    """Returns the torso's length in px, estimated from the shoulders of a bust, 0 where neither can be measured."""
    torso = distance(trunk[:2].mean(axis=0), trunk[2:].mean(axis=0))
    size = torso if np.isfinite(torso) else TORSO_PER_SHOULDERS * distance(trunk[0], trunk[1])
    return size if np.isfinite(size) else 0.0


def _face_of(body: Part, faces: list[Part]) -> Part | None:
    """Returns the face whose box holds the body's nose, or None."""
    if body.keypoints is None:
        inside = [face for face in faces if body.box.overlap_of_smaller(face.box) > 0.8]
        return inside[0] if inside else None
    nose = body.keypoints.point("nose")
    near = [face for face in faces if distance(face.box.center, nose) < 0.75 * face.box.size]
    return min(near, key=lambda face: distance(face.box.center, nose)) if near else None


def _face_is_covered(face: Part, bodies: list[Part]) -> bool:
    """Whether a bare person box already stands for the person whose face this is."""
    return any(body.keypoints is None and body.box.overlap_of_smaller(face.box) > 0.8 for body in bodies)


def _person(index: int, seed: _Seed, width: int, height: int) -> Person:
    body = seed.body
    limbs: tuple[Limb, ...] = ()
    feet = 0
    if body is not None and body.keypoints is not None:
        limbs = tuple(_limb(body, kind, side, width, height) for kind in LimbKind for side in (Side.LEFT, Side.RIGHT))
        feet = sum(_foot_seen(body, side, width, height) for side in (Side.LEFT, Side.RIGHT))
    return Person(person_index=index, box=seed.box, body=body, face=seed.face, limbs=limbs, feet=feet)


def _inside(xy: np.ndarray, width: int, height: int) -> bool:
    return bool(np.isfinite(xy).all() and 0 <= xy[0] <= width and 0 <= xy[1] <= height)


def _limb(body: Part, kind: LimbKind, side: Side, width: int, height: int) -> Limb:
    keypoints = body.keypoints
    if keypoints is None:
        raise ValueError("_limb: expected a body with keypoints, got a bare box")
    names = [f"{side.value}_{joint}" for joint in JOINTS[kind]]
    xy = np.stack([keypoints.point(name) for name in names])
    visibility = np.array([keypoints.visibility(name) for name in names], dtype=np.float32)
    seen = [
        bool(_inside(point, width, height) and score >= VISIBLE) for point, score in zip(xy, visibility, strict=True)
    ]
    state = LimbState.SEEN if all(seen) else LimbState.PARTLY if seen[0] and seen[1] else LimbState.HIDDEN
    leaves = not _inside(xy[2], width, height)
    return Limb(kind=kind, side=side, state=state, xy=xy, visibility=visibility, leaves_frame=leaves)


def _foot_seen(body: Part, side: Side, width: int, height: int) -> bool:
    keypoints = body.keypoints
    if keypoints is None:
        return False
    names = [name for name in (f"{side.value}_foot_index", f"{side.value}_heel") if name in keypoints.layout.landmarks]
    return any(
        keypoints.visibility(name) >= VISIBLE and _inside(keypoints.point(name), width, height) for name in names
    )


def _attach(parts: list[Part], people: tuple[Person, ...]) -> tuple[Hand, ...]:
    """Gives each hand to the nearest wrist within reach, closest pairs first; several hands may share one wrist."""
    hands = []
    for index, part in enumerate(parts):
        candidates = [
            (gap, person.person_index, limb_index)
            for person in people
            for limb_index, limb in enumerate(person.limbs)
            if limb.kind is LimbKind.ARM and (gap := _wrist_gap(part, limb)) <= HAND_REACH
        ]
        if candidates:
            gap, owner, arm = min(candidates)
            hands.append(Hand(hand_index=index, part=part, person_index=owner, arm=arm, wrist_gap=gap))
        else:
            owner = _owner_by_box(part, people)
            hands.append(Hand(hand_index=index, part=part, person_index=owner, arm=None, wrist_gap=None))
    return tuple(hands)


def _wrist_gap(part: Part, limb: Limb) -> float:
    """Returns the distance of hand wrist and arm wrist in hand sizes; inf where either is absent."""
    start = part.keypoints.point("wrist") if part.keypoints is not None else part.box.center
    gap = distance(start, limb.xy[2]) / max(part.box.size, 1.0)
    return gap if np.isfinite(gap) else float("inf")


def _owner_by_box(part: Part, people: tuple[Person, ...]) -> int | None:
    """Returns the one person whose box, grown by a fifth, holds the hand's center; None where there is none or several."""
    x, y = part.box.center
    holders = []
    for person in people:
        box = person.box.grown(0.2)
        if person.body is not None and box.holds(x, y):
            holders.append(person.person_index)
    return holders[0] if len(holders) == 1 else None
