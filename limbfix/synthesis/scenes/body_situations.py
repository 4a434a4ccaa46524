"""Who is with whom? People alone, in a row, scattered in depth, face to face, embracing, arm in arm, hand in hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.poses.arm_poses import reach_with_arm
from limbfix.synthesis.poses.body_gestures import WRIST_DM, Landmark, adult_scale, surface_point
from limbfix.synthesis.poses.body_poses import BodyPose, sample_body_pose
from limbfix.synthesis.poses.body_posing import finish_pose, pose_body
from limbfix.synthesis.poses.hand_poses import sample_hand_pose
from limbfix.synthesis.poses.leg_poses import sample_leg_pose
from limbfix.synthesis.poses.limb_chains import FORWARD, UP, head_position
from limbfix.synthesis.samples import Side
from limbfix.synthesis.scenes.body_places import BodyStage, place_beside, seat_person, stand_on_ground

_BACK = Landmark(bone="spine02", shift=(0.3, 0.9, 0), ray=(0.15, 0, -1))
_FAR_SHOULDER = Landmark(bone="upperarm01%", shift=(0.1, 0.1, 0), ray=(0.45, 0.5, -0.7))


@dataclass(frozen=True, slots=True, kw_only=True)
class BodySituation:
    """A way to arrange people.

    Attributes:
        name: for recipes.
        people: least and most.
        weight: how often it is drawn.
        arrange: gives the people of a stage their places; all are posed and stand on the ground at the origin.
        yaws: draws where each person faces.
        styles: body styles that it needs; empty: any.
    """

    name: str
    people: tuple[int, int]
    weight: float
    arrange: Callable[[BodyStage, np.random.Generator], None]
    yaws: Callable[[np.random.Generator, int], list[float]]
    styles: tuple[str, ...] = ()


def _alike(rng: np.random.Generator, people: int) -> list[float]:
    return [float(rng.normal(0, 0.25)) for _ in range(people)]


def _anyhow(rng: np.random.Generator, people: int) -> list[float]:
    return [float(rng.normal(0, 0.2)), *(float(rng.uniform(-np.pi, np.pi)) for _ in range(people - 1))]


def _towards(rng: np.random.Generator, people: int) -> list[float]:
    del people
    return [float(rng.normal(0, 0.15)), float(np.pi + rng.normal(0, 0.15))]


def _level(angle: float) -> np.ndarray:
    return np.array([np.cos(angle), 0.0, np.sin(angle)])


def _alone(stage: BodyStage, rng: np.random.Generator) -> None:
    del stage, rng


def _row(stage: BodyStage, rng: np.random.Generator) -> None:
    for person in range(1, len(stage.figures)):
        side = 0.0 if person % 2 else np.pi
        place_beside(stage, person, _level(side + rng.normal(0, 0.25)), float(rng.uniform(0.15, 2.0)))


def _scattered(stage: BodyStage, rng: np.random.Generator) -> None:
    for person in range(1, len(stage.figures)):
        place_beside(stage, person, _level(rng.uniform(0, 2 * np.pi)), float(rng.gamma(1.5, 3.0)) + 0.2)


def _face_to_face(stage: BodyStage, rng: np.random.Generator) -> None:
    place_beside(stage, 1, unit(np.array([rng.normal(0, 0.15), 0, 1.0])), float(rng.uniform(0.2, 4)))


def _lay_hand(
    stage: BodyStage, person: int, side: Side, other: int, landmark: Landmark, there: Side, pole: np.ndarray
) -> None:
    """Brings a person's hand to a landmark of another."""
    figure, target = stage.figures[person], stage.figures[other]
    surface, axes = surface_point(target, landmark, there)
    outwards = axes @ unit(np.array(landmark.ray) * ([1, 1, 1] if there == "left" else [-1, 1, 1]))
    away = (WRIST_DM + 0.12) * adult_scale(figure)
    reach_with_arm(figure, side, surface + outwards * away, pole=pole, palm=-outwards)


def _embrace(stage: BodyStage, rng: np.random.Generator) -> None:
    aside = float(rng.choice([-1, 1]) * rng.uniform(0.3, 0.7))
    place_beside(stage, 1, FORWARD, 0.12, close=True)
    stage.figures[1].place = stage.figures[1].place + np.array([aside, 0, 0], np.float32)
    for person, other in ((0, 1), (1, 0)):
        facing = turn(UP, stage.yaws[person])
        sides: tuple[tuple[Side, Side], ...] = (("left", "right"), ("right", "left"))
        for side, there in sides:
            outwards = facing @ np.array([1.0 if side == "left" else -1.0, -0.3, 0.1])
            # One embraces above, the other below, so that arms do not meet.
            landmark = replace(_BACK, shift=(0.3, 1.3 if person == 0 else 0.2, 0))
            _lay_hand(stage, person, side, other, landmark, there, outwards)


def _arm_around(stage: BodyStage, rng: np.random.Generator) -> None:
    place_beside(stage, 1, _level(rng.normal(0, 0.12)), 0.15, close=True)
    # Person 1 stands at the left of person 0, whose left arm goes behind the other's back to the far shoulder.
    _lay_hand(stage, 0, "left", 1, _FAR_SHOULDER, "left", turn(UP, stage.yaws[0]) @ np.array([0.2, -0.4, -1.0]))
    if rng.random() < 0.5:
        hip = Landmark(bone="spine05", shift=(0.3, 0.6, 0), ray=(1, 0, -0.5))
        _lay_hand(stage, 1, "right", 0, hip, "right", turn(UP, stage.yaws[1]) @ np.array([-0.3, -0.5, -1.0]))


def _hand_in_hand(stage: BodyStage, rng: np.random.Generator) -> None:
    place_beside(stage, 1, _level(rng.normal(0, 0.12)), float(rng.uniform(0.4, 1.6)), close=True)
    first, second = stage.figures
    hips = [head_position(f, f.bone(f"upperleg01.{s}")) for f, s in ((first, "L"), (second, "R"))]
    line = unit((hips[1] - hips[0]) * [1, 0, 1])
    middle = (hips[0] + hips[1]) / 2 + [0, float(rng.uniform(-0.3, 0.6)), 0]
    sides: tuple[tuple[int, Side, float], ...] = ((0, "left", -1.0), (1, "right", 1.0))
    for person, side, sign in sides:
        facing = turn(UP, stage.yaws[person]) @ FORWARD
        wrist = middle + line * sign * 0.32 + UP * 0.8
        pole = line * sign * 0.4 - 0.8 * facing
        reach_with_arm(stage.figures[person], side, wrist, pole=pole, palm=-line * sign)


_TOUCHING = (_embrace, _arm_around, _hand_in_hand)

UNLIKE = 1.2
"""Ratio of two people's sizes above which their arms do not reach where these situations want them."""

_UPRIGHT = ("stand", "stand", "walk", "reach")

SITUATIONS: Mapping[str, BodySituation] = {
    row.name: row
    for row in (
        BodySituation(name="alone", people=(1, 1), weight=5.0, arrange=_alone, yaws=_alike),
        BodySituation(name="row", people=(2, 4), weight=1.6, arrange=_row, yaws=_alike),
        BodySituation(name="scattered", people=(2, 4), weight=2.0, arrange=_scattered, yaws=_anyhow),
        BodySituation(name="face_to_face", people=(2, 2), weight=0.6, arrange=_face_to_face, yaws=_towards),
        BodySituation(name="embrace", people=(2, 2), weight=0.5, arrange=_embrace, yaws=_towards, styles=("stand",)),
        BodySituation(name="arm_around", people=(2, 2), weight=0.6, arrange=_arm_around, yaws=_alike, styles=("stand",)),
        BodySituation(name="hand_in_hand", people=(2, 2), weight=0.5, arrange=_hand_in_hand, yaws=_alike, styles=_UPRIGHT),
    )
}  # fmt: skip
"""All situations. Half of the pictures show one person: most of what limbfix judges does."""

WITHIN_REACH = ("row", "face_to_face", "hand_in_hand")

_NO_GESTURE: Mapping[Side, str] = {"left": "", "right": ""}


def draw_situation(rng: np.random.Generator, *, close: bool = False) -> tuple[BodySituation, int]:
    """Returns a situation and how many people are in it; `close` asks for two who are within reach of each other."""
    rows = [SITUATIONS[name] for name in WITHIN_REACH] if close else list(SITUATIONS.values())
    weights = np.array([row.weight for row in rows])
    row = rows[int(rng.choice(len(rows), p=weights / weights.sum()))]
    return row, int(rng.integers(row.people[0], row.people[1] + 1))


def draw_poses(situation: BodySituation, people: int, rng: np.random.Generator) -> list[BodyPose]:
    """Draws what everybody does."""
    poses = []
    for _ in range(people):
        style = str(rng.choice(situation.styles)) if situation.styles else None
        pose = sample_body_pose(rng, style)
        if situation.arrange in _TOUCHING:
            calm = replace(pose.trunk, bend=abs(pose.trunk.bend) * 0.5, lean=0.0)
            hand = sample_hand_pose(rng, "relaxed")
            pose = replace(pose, trunk=calm, gestures=_NO_GESTURE, hands={"left": hand, "right": hand})
            if pose.style == "stand":  # feet together, so that the two come close
                one, other = (sample_leg_pose(rng, leg, planted=True) for leg in ("straight", "resting"))
                pose = replace(pose, legs={"left": one, "right": other})
        poses.append(pose)
    return poses


def act(stage: BodyStage, situation: BodySituation, rng: np.random.Generator) -> None:
    """Poses everybody, puts them on the ground and in their places, and brings seats."""
    for figure, pose, yaw in zip(stage.figures, stage.poses, stage.yaws, strict=True):
        pose_body(figure, pose, rng, yaw=yaw)
        stand_on_ground(figure, pose.lift)
    scales = [adult_scale(figure) for figure in stage.figures]
    arrange = situation.arrange
    if arrange in _TOUCHING and max(scales) > UNLIKE * min(scales):
        arrange = _row  # hands of a child do not lie on a tall adult's shoulder
    arrange(stage, rng)
    for person, pose in enumerate(stage.poses):
        if pose.support == "seat":
            seat_person(stage, person, rng)


def replay(stage: BodyStage, figure: Figure, rng: np.random.Generator) -> None:
    """Gives another version of the first person (with a defect) the same pose and place; added limbs get poses of
    their own."""
    acted, pose = stage.figures[0], stage.poses[0]
    bones = len(figure.model.bones)
    figure.rotations.update({bone: turned for bone, turned in acted.rotations.items() if bone < bones})
    figure.place = acted.place.copy()
    finish_pose(figure, pose, rng)
