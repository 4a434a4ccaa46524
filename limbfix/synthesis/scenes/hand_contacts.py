"""Where does a hand lie on its own body? Face, hair, chest, hip, thigh, the other arm, and how it settles there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from limbfix.synthesis.poses.arm_poses import pose_arm, sample_arm_pose
from limbfix.synthesis.poses.hand_poses import DigitPose, HandPose, sample_hand_pose
from limbfix.synthesis.samples import Side
from limbfix.synthesis.scenes.hand_free import rest_arm, stand
from limbfix.synthesis.scenes.hand_stage import Stage
from limbfix.synthesis.scenes.hand_touch import Spot, lay_hand
from limbfix.synthesis.scenes.landmarks import place_on
from limbfix.synthesis.scenes.surfaces import arm_ids, but, surface_of

DOWN = np.array([0.0, -1.0, 0.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """One place that a hand lies on.

    Attributes:
        place: a name from `landmarks.PLACES`.
        own: whether the place is on the hand's side of the body; else on the other.
        fingers: where the fingers point; x is outwards on the hand's side, y up, z to the front.
        pole: where the elbow points, likewise.
        weight: how often it is drawn.
    """

    place: str
    own: bool
    fingers: tuple[float, float, float]
    pole: tuple[float, float, float]
    weight: float = 1.0


_ELBOW_OUT = (0.8, -0.7, 0.3)
FACE = (
    Touch(place="cheek", own=True, fingers=(0.1, 1.0, -0.3), pole=(0.5, -1.0, 0.4), weight=1.5),
    Touch(place="jaw", own=True, fingers=(0.1, 1.0, -0.4), pole=(0.4, -1.0, 0.4)),
    Touch(place="chin", own=True, fingers=(-1.0, 0.2, 0.1), pole=(0.6, -1.0, 0.3)),
    Touch(place="mouth", own=True, fingers=(-1.0, 0.5, 0.0), pole=(0.6, -1.0, 0.3)),
    Touch(place="forehead", own=True, fingers=(-1.0, 0.4, 0.0), pole=(0.9, -0.5, 0.4)),
    Touch(place="temple", own=True, fingers=(0.0, 1.0, -0.4), pole=(1.0, -0.6, 0.4)),
    Touch(place="throat", own=True, fingers=(-1.0, 0.3, -0.2), pole=(0.6, -1.0, 0.2), weight=0.5),
)
HAIR = (
    Touch(place="crown", own=True, fingers=(-0.7, 0.5, -0.5), pole=(1.0, 0.1, 0.3)),
    Touch(place="ear", own=True, fingers=(-0.1, 0.6, -1.0), pole=(1.0, -0.3, 0.4)),
    Touch(place="nape", own=True, fingers=(-1.0, 0.2, -0.2), pole=(0.9, 0.4, 0.3)),
)
BODY = (
    Touch(place="chest", own=False, fingers=(-1.0, 0.5, 0.0), pole=_ELBOW_OUT, weight=1.2),
    Touch(place="chest", own=True, fingers=(-1.0, 0.3, 0.0), pole=_ELBOW_OUT, weight=0.8),
    Touch(place="belly", own=True, fingers=(-1.0, 0.0, 0.2), pole=(1.0, -0.3, -0.5)),
    Touch(place="hip", own=True, fingers=(-0.2, -0.6, 1.0), pole=(1.0, 0.1, -0.6), weight=1.5),
    Touch(place="upper_arm", own=False, fingers=(-1.0, 0.4, -0.3), pole=(0.6, -1.0, 0.4), weight=1.2),
    Touch(place="shoulder", own=False, fingers=(-0.8, 0.3, -0.8), pole=(0.2, -0.6, 1.0)),
    Touch(place="thigh_side", own=True, fingers=(0.0, -1.0, 0.1), pole=(0.4, 0.0, -1.0)),
    Touch(place="thigh", own=True, fingers=(-0.2, -1.0, 0.4), pole=(1.0, 0.2, -0.6)),
)
OTHERS = (
    Touch(place="shoulder", own=True, fingers=(0.0, 0.2, 1.0), pole=(0.7, -1.0, 0.0), weight=1.5),
    Touch(place="upper_arm", own=True, fingers=(0.0, 0.3, 1.0), pole=(0.7, -1.0, 0.0)),
    Touch(place="back", own=True, fingers=(0.0, 1.0, 0.3), pole=(0.8, -1.0, 0.0)),
    Touch(place="chest", own=True, fingers=(0.0, 1.0, 0.3), pole=(0.8, -1.0, 0.0), weight=0.6),
    Touch(place="cheek", own=True, fingers=(0.0, 1.0, 0.4), pole=(0.7, -1.0, 0.0), weight=0.7),
)

_THUMB = DigitPose(flexion=(0.3, 0.05, 0.05), spread=0.85)


def flat_hand(rng: np.random.Generator, style: str, fan: float) -> tuple[HandPose, HandPose]:
    """Returns the poses between which a hand that lies on something settles: fingers a little back, and well bent."""
    fans = fan * (np.arange(4) - 1.2) / 1.5 + rng.normal(0, 0.02, 4)
    bend = rng.uniform(0.0, 0.25)
    fingers = [DigitPose(flexion=(-0.3, 0.05 + bend, 0.03 + 0.6 * bend), spread=float(s)) for s in fans]
    thumb = replace(_THUMB, spread=float(rng.uniform(0.45, 1.1)), flexion=(0.05, 0.0, 0.0))
    start = HandPose(style=style, digits=(thumb, *fingers))
    bent = [replace(finger, flexion=(0.9, 1.0, 0.6)) for finger in fingers]
    return start, HandPose(style=style, digits=(replace(thumb, flexion=(0.9, 0.5, 0.4)), *bent))


def towards(vector: tuple[float, float, float], side: Side) -> np.ndarray:
    """Returns a (3,) direction whose x is outwards on a side, in the world."""
    return np.array(vector) * [1.0 if side == "left" else -1.0, 1.0, 1.0]


def opposite(side: Side) -> Side:
    """Returns the other side."""
    return "left" if side == "right" else "right"


def draw_touch(touches: tuple[Touch, ...], rng: np.random.Generator) -> Touch:
    """Draws a place by its weight."""
    weights = np.array([touch.weight for touch in touches])
    return touches[int(rng.choice(len(touches), p=weights / weights.sum()))]


def _touch_self(stage: Stage, touches: tuple[Touch, ...], rng: np.random.Generator, *, sink: float = 0.0) -> bool:
    """Lays the hand on a place of one's own body; `sink` decimetres below it, into hair."""
    figure, side = stage.figure, stage.side
    stand(figure, rng)
    touch = draw_touch(touches, rng)
    on_other_arm = touch.place in ("upper_arm", "shoulder") and not touch.own
    if on_other_arm:
        pose_arm(figure, sample_arm_pose(rng, "hang"), stage.other_side)
        stage.hold(stage.other_side, sample_hand_pose(rng, "relaxed"), rng)
    else:
        rest_arm(stage, stage.other_side, rng)
    surface = surface_of([(figure, but(arm_ids(figure, side)))])
    point = place_on(figure, touch.place, side if touch.own else opposite(side)) + rng.normal(0, 0.12, 3)
    point, normal = surface.nearest(point)
    spot = Spot(point=point - sink * normal, normal=normal, fingers=towards(touch.fingers, side), pole=towards(touch.pole, side))  # fmt: skip
    start, end = flat_hand(rng, f"on_{touch.place}", fan=float(rng.uniform(-0.08, 0.1)))
    pose = lay_hand(figure, side, spot, surface.distance, start, end)
    if pose is None:
        return False
    stage.hold(side, pose, rng)
    return True


def on_face(stage: Stage, rng: np.random.Generator) -> bool:
    """A hand on one's own cheek, chin, mouth or forehead."""
    return _touch_self(stage, FACE, rng)


def in_hair(stage: Stage, rng: np.random.Generator) -> bool:
    """A hand on one's head, the fingers in the hair if there is any."""
    return _touch_self(stage, HAIR, rng)


def on_body(stage: Stage, rng: np.random.Generator) -> bool:
    """A hand on chest, belly, hip, thigh, or the other arm."""
    return _touch_self(stage, BODY, rng)


def crossed_arms(stage: Stage, rng: np.random.Generator) -> bool:
    """Both hands on the other arm, above the elbow; the forearms cross before the chest."""
    figure, outer = stage.figure, stage.side if rng.random() < 0.7 else stage.other_side
    stand(figure, rng)
    for side in (opposite(outer), outer):
        pose_arm(figure, sample_arm_pose(rng, "hang"), opposite(side)) if side != outer else None
        surface = surface_of([(figure, but(arm_ids(figure, side)))])
        point, normal = surface.nearest(place_on(figure, "upper_arm", opposite(side)) + rng.normal(0, 0.1, 3))
        spot = Spot(
            point=point, normal=normal, fingers=towards((-1.0, 0.3, -0.2), side), pole=towards((0.7, -1.0, 0.5), side)
        )
        pose = lay_hand(figure, side, spot, surface.distance, *flat_hand(rng, "crossed_arms", fan=0.0))
        if pose is None:
            return False
        stage.hold(side, pose, rng)
    return True
