"""What is a person made of? The types of a scene: limbs, hands and people, with no place reserved for any of them.

A person may own any number of hands. Pose models name exactly two arms and two legs, so here an arm or leg is `seen`
where the model saw it, and everything that the model cannot say is left to the checks on hands, masks and overlaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from limbfix.bodies import BodyReading, LimbKind, PersonGraph
from limbfix.geometry import Box, distance
from limbfix.parts import Part, Side


class LimbState(StrEnum):
    """What can be said of a limb: all of it seen, only its upper part, or nothing."""

    SEEN = "seen"
    PARTLY = "partly"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limb:
    """One arm or leg of a body's keypoints.

    Attributes:
        kind, side: what it is; the side is the subject's own.
        state: seen = all three joints visible and inside the frame.
        xy: float32 (3, 2) px: shoulder, elbow, wrist or hip, knee, ankle; nan where absent.
        visibility: float32 (3,), 0-1 or nan.
        leaves_frame: whether its end lies outside the picture.
    """

    kind: LimbKind
    side: Side
    state: LimbState
    xy: np.ndarray
    visibility: np.ndarray
    leaves_frame: bool

    @property
    def end_length(self) -> float:
        """Length of forearm or shin in px; nan where an end is absent."""
        return distance(self.xy[1], self.xy[2])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hand:
    """One detected hand and whom it belongs to.

    Attributes:
        hand_index: position in the record's `hands`.
        part: the hand itself.
        person_index: the owner, or None where no person is near.
        arm: index into the owner's `limbs` of the arm it ends, or None where it hangs on none.
        wrist_gap: distance from that arm's wrist in hand sizes, or None.
    """

    hand_index: int
    part: Part
    person_index: int | None
    arm: int | None
    wrist_gap: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Person:
    """One person.

    Attributes:
        person_index: position in the record's `people`.
        box: px.
        body: the part with body keypoints, or None for a face or box alone.
        face: the face, or None.
        limbs: arms, then legs, as many as the body's keypoints give.
        feet: how many feet are seen.
    """

    person_index: int
    box: Box
    body: Part | None
    face: Part | None
    limbs: tuple[Limb, ...]
    feet: int

    @property
    def score(self) -> float | None:
        """Detection score of body or face, 0-1, or None."""
        part = self.body or self.face
        return part.detection_score if part else None

    @property
    def torso(self) -> float:
        """Length from the middle of the shoulders to the middle of the hips in px; nan where absent."""
        return float("nan") if self.body is None else torso_length(self.body)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Everything that was seen in one picture.

    Attributes:
        width, height: of the picture, px.
        people: in order of their left edge.
        hands: in order of their left edge; `hands[i].hand_index == i`.
        bodies: what our network read of the people's limbs, its people matched to these; None where it did not look.
    """

    width: int
    height: int
    people: tuple[Person, ...]
    hands: tuple[Hand, ...]
    bodies: BodyReading | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no person and no hand was seen."""
        return not self.people and not self.hands

    def graph_of(self, person_index: int) -> PersonGraph | None:
        """Returns what our network read of one person's limbs, or None."""
        return None if self.bodies is None else self.bodies.graph_of(person_index)

    def hands_of(self, person_index: int) -> tuple[Hand, ...]:
        """Returns the hands of one person."""
        return tuple(hand for hand in self.hands if hand.person_index == person_index)


SURE_JOINT = 0.8
"""Visibility from which a joint is sure enough to measure a bone or an angle; `VISIBLE` (0.5) only says it is there."""

JOINTS = {LimbKind.ARM: ("shoulder", "elbow", "wrist"), LimbKind.LEG: ("hip", "knee", "ankle")}
"""The three joints of a limb, from the trunk outwards."""


def metric_joints(person: Person, limb: Limb) -> np.ndarray | None:
    """Returns float32 (3, 3) metres, camera axes, of a limb all of whose joints are surely seen, else None."""
    keypoints = person.body.keypoints if person.body is not None else None
    is_sure = limb.state is LimbState.SEEN and limb.visibility.min() >= SURE_JOINT
    if keypoints is None or keypoints.world is None or not is_sure:
        return None
    return np.stack(
        [keypoints.world[keypoints.layout.index(f"{limb.side.value}_{name}")] for name in JOINTS[limb.kind]]
    )


def torso_length(body: Part) -> float:
    """Returns the distance of shoulder middle and hip middle in px; nan without those keypoints."""
    if body.keypoints is None:
        return float("nan")
    point = body.keypoints.point
    shoulders = (point("left_shoulder") + point("right_shoulder")) / 2
    return distance(shoulders, (point("left_hip") + point("right_hip")) / 2)
