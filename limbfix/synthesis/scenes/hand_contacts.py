"""What do hands touch? One's own face, hair and body, somebody else, the other hand, a table."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.poses.arm_poses import pose_arm, sample_arm_pose
from limbfix.synthesis.poses.hand_poses import DigitPose, HandPose, sample_hand_pose
from limbfix.synthesis.props.closing import close_hand
from limbfix.synthesis.props.meshes import box
from limbfix.synthesis.props.placed import Distance, Placed
from limbfix.synthesis.rendering.drawables import Material
from limbfix.synthesis.samples import Side
from limbfix.synthesis.scenes.hand_free import rest_arm, stand
from limbfix.synthesis.scenes.hand_stage import Stage
from limbfix.synthesis.scenes.hand_touch import PALM_DEPTH, Spot, hand_axes, lay_hand
from limbfix.synthesis.scenes.landmarks import place_on
from limbfix.synthesis.scenes.surfaces import arm_ids, but, hand_ids, only, surface_of

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


def _flat_hand(rng: np.random.Generator, style: str, fan: float) -> tuple[HandPose, HandPose]:
    """Returns the poses between which a hand that lies on something settles: fingers a little back, and well bent."""
    fans = fan * (np.arange(4) - 1.2) / 1.5 + rng.normal(0, 0.02, 4)
    bend = rng.uniform(0.0, 0.25)
    fingers = [DigitPose(flexion=(-0.3, 0.05 + bend, 0.03 + 0.6 * bend), spread=float(s)) for s in fans]
    thumb = replace(_THUMB, spread=float(rng.uniform(0.45, 1.1)), flexion=(0.05, 0.0, 0.0))
    start = HandPose(style=style, digits=(thumb, *fingers))
    bent = [replace(finger, flexion=(0.9, 1.0, 0.6)) for finger in fingers]
    return start, HandPose(style=style, digits=(replace(thumb, flexion=(0.9, 0.5, 0.4)), *bent))


def _towards(vector: tuple[float, float, float], side: Side) -> np.ndarray:
    return np.array(vector) * [1.0 if side == "left" else -1.0, 1.0, 1.0]


def _other(side: Side) -> Side:
    return "left" if side == "right" else "right"


def _draw(touches: tuple[Touch, ...], rng: np.random.Generator) -> Touch:
    weights = np.array([touch.weight for touch in touches])
    return touches[int(rng.choice(len(touches), p=weights / weights.sum()))]


def _touch_self(stage: Stage, touches: tuple[Touch, ...], rng: np.random.Generator, *, sink: float = 0.0) -> bool:
    """Lays the hand on a place of one's own body; `sink` decimetres below it, into hair."""
    figure, side = stage.figure, stage.side
    stand(figure, rng)
    touch = _draw(touches, rng)
    on_other_arm = touch.place in ("upper_arm", "shoulder") and not touch.own
    if on_other_arm:
        pose_arm(figure, sample_arm_pose(rng, "hang"), stage.other_side)
        stage.hold(stage.other_side, sample_hand_pose(rng, "relaxed"), rng)
    else:
        rest_arm(stage, stage.other_side, rng)
    surface = surface_of([(figure, but(arm_ids(figure, side)))])
    point = place_on(figure, touch.place, side if touch.own else _other(side)) + rng.normal(0, 0.12, 3)
    point, normal = surface.nearest(point)
    spot = Spot(point=point - sink * normal, normal=normal, fingers=_towards(touch.fingers, side), pole=_towards(touch.pole, side))  # fmt: skip
    start, end = _flat_hand(rng, f"on_{touch.place}", fan=float(rng.uniform(-0.08, 0.1)))
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


def on_other(stage: Stage, rng: np.random.Generator) -> bool:
    """A hand on somebody else: shoulder, arm, back, chest or cheek."""
    figure, other, side = stage.figure, stage.figures[1], stage.side
    touch = _draw(OTHERS, rng)
    for person in stage.figures:
        stand(person, rng)
    rest_arm(stage, stage.other_side, rng)
    for arm in ("left", "right"):
        pose_arm(other, sample_arm_pose(rng, "hang"), arm)
        stage.hold(arm, sample_hand_pose(rng, "relaxed"), rng, person=1)
    outwards = 1.0 if side == "left" else -1.0
    facing = (
        0.0 if touch.place in ("back",) or rng.random() < 0.25 else np.pi
    )  # same way as the first person, or face to face
    yaw = facing + rng.normal(0, 0.3)
    root = other.bone("root")
    other.rotations[root] = turn([0, 1, 0], yaw) @ other.rotations.get(root, np.eye(3))
    other_side: Side = side if abs(facing) < 0.1 else _other(side)
    reach = rng.uniform(3.6, 4.6)
    shoulder = place_on(figure, "shoulder", side)
    wanted = shoulder + reach * unit(np.array([outwards * rng.uniform(-0.2, 0.3), rng.uniform(-0.35, 0.05), 1.0]))
    shift = wanted - place_on(other, touch.place, other_side)
    other.place = (other.place + shift * [1.0, 0.0, 1.0]).astype(np.float32)  # both stand on one floor
    surface = surface_of([(other, but([]))])
    point, normal = surface.nearest(place_on(other, touch.place, other_side) + rng.normal(0, 0.1, 3))
    spot = Spot(point=point, normal=normal, fingers=_towards(touch.fingers, side), pole=_towards(touch.pole, side))
    start, end = _flat_hand(rng, f"on_other_{touch.place}", fan=float(rng.uniform(-0.05, 0.1)))
    pose = lay_hand(figure, side, spot, surface.distance, start, end)
    if pose is None:
        return False
    stage.hold(side, pose, rng)
    return not _overlap(stage)


def _overlap(stage: Stage) -> bool:
    """Whether two people stand in each other: a tenth of the second's coarse vertices lie inside the first."""
    first, second = stage.figures[:2]
    trunk = surface_of([(first, but(arm_ids(first, "left") + arm_ids(first, "right")))])
    points = surface_of([(second, but([]))]).points[::7]
    return bool((trunk.distance(points) < -0.1).sum() > 0.02 * len(points))


def _front_point(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """Returns a point (3,) before chest or belly where two hands can meet."""
    belly, chest = (place_on(stage.figure, place, "left") for place in ("belly", "chest"))
    share = rng.uniform(0, 1)
    front = max(float(belly[2]), float(chest[2])) + rng.uniform(1.0, 2.4)
    return np.array([rng.normal(0, 0.3), share * chest[1] + (1 - share) * belly[1], front])


def hand_over_hand(stage: Stage, rng: np.random.Generator) -> bool:
    """One hand laid over the other, before the body or on a table."""
    figure, upper = stage.figure, stage.side if rng.random() < 0.6 else stage.other_side
    lower = _other(upper)
    stand(figure, rng)
    point = _front_point(stage, rng)
    facing = unit(np.array([0.0, 1.0, 0.4 * rng.normal()]) if rng.random() < 0.6 else np.array([0.0, 0.3, 1.0]))
    inwards = _towards((-1.0, 0.0, 0.5), lower)
    spot = Spot(point=point, normal=facing, fingers=inwards, pole=_towards((1.0, -0.6, -0.4), lower))
    free: Distance = lambda points: points @ facing - point @ facing  # noqa: E731
    pose = lay_hand(figure, lower, spot, free, *_flat_hand(rng, "lower", fan=-0.05))
    if pose is None:
        return False
    stage.hold(lower, pose, rng)
    surface = surface_of([(figure, only(hand_ids(figure, lower)))])
    wrist, _, along, dorsal = hand_axes(figure, lower)
    length = hand_frame(figure, lower).palm_length
    back = wrist + along * length * rng.uniform(0.7, 1.2) + dorsal * 0.15
    cover = Spot(point=back, normal=dorsal, fingers=_towards((-1.0, 0.0, 0.4), upper), pole=_towards((1.0, -0.6, -0.4), upper))  # fmt: skip
    pose = lay_hand(figure, upper, cover, surface.distance, *_flat_hand(rng, "upper", fan=-0.06))
    if pose is None:
        return False
    stage.hold(upper, pose, rng)
    return True


def palms_together(stage: Stage, rng: np.random.Generator) -> bool:
    """Both palms against each other, fingers up or forward."""
    figure = stage.figure
    stand(figure, rng)
    point = _front_point(stage, rng)
    point[0] = 0.0
    fingers = unit(np.array([0.0, rng.uniform(0.3, 1.2), rng.uniform(0.2, 1.0)]))
    for side in ("right", "left"):
        inwards = _towards((-1.0, 0.0, 0.0), side)
        plane: Distance = lambda points, n=-inwards: (points - point) @ n  # noqa: E731
        spot = Spot(point=point, normal=-inwards, fingers=fingers, pole=_towards((1.0, -0.7, 0.0), side))
        pose = lay_hand(figure, side, spot, plane, *_flat_hand(rng, "palms_together", fan=-0.1))
        if pose is None:
            return False
        stage.hold(side, pose, rng)
    return True


def on_table(stage: Stage, rng: np.random.Generator) -> bool:
    """A hand lying flat, or resting on its edge, on a table."""
    figure, side = stage.figure, stage.side
    stand(figure, rng)
    rest_arm(stage, stage.other_side, rng)
    point = _front_point(stage, rng)
    point += _towards((rng.uniform(0.2, 1.6), 0.0, rng.uniform(0.3, 1.2)), side)
    point[1] -= rng.uniform(0.0, 0.8)
    plane: Distance = lambda points: points[:, 1] - point[1]  # noqa: E731
    spot = Spot(point=point, normal=-DOWN, fingers=_towards((-0.5, 0.0, 1.0), side), pole=_towards((1.0, -0.2, -0.6), side))  # fmt: skip
    pose = lay_hand(figure, side, spot, plane, *_flat_hand(rng, "on_table", fan=float(rng.uniform(-0.08, 0.15))))
    if pose is None:
        return False
    stage.hold(side, pose, rng)
    stage.things.append(_table(stage, point, rng))
    return True


def _table(stage: Stage, point: np.ndarray, rng: np.random.Generator) -> Placed:
    """Returns a table's top whose surface goes through a point; its near edge stays before the belly."""
    near = float(place_on(stage.figure, "belly", "left")[2]) + 0.4
    half = np.array([rng.uniform(5, 9), 0.15, rng.uniform(3, 5)])
    centre = np.array([point[0] + rng.uniform(-2, 2), point[1] - half[1], near + half[2]])
    vertices, triangles = box(half, 0.03)
    wood = rng.uniform(0.15, 0.9) * np.array([1.0, rng.uniform(0.5, 1.0), rng.uniform(0.25, 1.0)])
    material = Material(bump=0.05, shine=float(rng.uniform(0, 0.8)), roughness=float(rng.uniform(0.2, 0.7)))
    return Placed(
        id=stage.next_id(),
        name="table",
        positions=vertices + centre,
        triangles=triangles,
        colour=wood,
        material=material,
    )


def handshake(stage: Stage, rng: np.random.Generator) -> bool:
    """Two people shake hands: the second is the first turned half round about the place where the palms meet."""
    figure, other, side = stage.figure, stage.figures[1], stage.side
    stand(figure, rng)
    rest_arm(stage, stage.other_side, rng)
    shoulder = place_on(figure, "shoulder", side)
    meet = shoulder + _towards((-rng.uniform(0.8, 1.6), -rng.uniform(1.8, 2.8), rng.uniform(3.4, 4.4)), side)
    palms: list[np.ndarray] = []
    for person, body in enumerate((figure, other)):
        if person:
            stand(body, rng)
            rest_arm(stage, stage.other_side, rng, person=1)
        towards = _towards((1.0, -0.25, 0.0), side)
        spot = Spot(point=meet, normal=towards, fingers=np.array([0.0, 0.0, 1.0]), pole=_towards((0.5, -1.0, -0.3), side))  # fmt: skip
        plane: Distance = lambda points, n=towards: (points - meet) @ n / np.linalg.norm(n)  # noqa: E731
        start, end = _shaking()
        pose = lay_hand(body, side, spot, plane, start, end)
        if pose is None:
            return False
        stage.hold(side, start, rng, person=person)
        wrist, _, along, dorsal = hand_axes(body, side)
        palms.append(wrist + along * 0.75 * hand_frame(body, side).palm_length - dorsal * PALM_DEPTH)
    half_turn = turn([0, 1, 0], np.pi)
    root = other.bone("root")
    other.rotations[root] = half_turn @ other.rotations.get(root, np.eye(3))
    wrist, _, along, dorsal = hand_axes(other, side)
    there = wrist + along * 0.75 * hand_frame(other, side).palm_length - dorsal * PALM_DEPTH
    other.place = (other.place + palms[0] - there).astype(np.float32)
    for person, body in enumerate((figure, other)):
        partner = stage.figures[1 - person]
        surface = surface_of([(partner, only(hand_ids(partner, side)))])
        stage.hold(side, close_hand(body, side, *_shaking(), surface.distance, least=-0.05), rng, person=person)
    return True


def _shaking() -> tuple[HandPose, HandPose]:
    fingers = [DigitPose(flexion=(0.0, 0.1, 0.05), spread=s) for s in (-0.06, -0.02, 0.0, 0.02)]
    thumb = DigitPose(flexion=(0.35, 0.0, 0.0), spread=0.95)
    start = HandPose(style="handshake", digits=(thumb, *fingers))
    bent = [replace(finger, flexion=(0.8, 0.9, 0.5)) for finger in fingers]
    return start, replace(start, digits=(replace(thumb, flexion=(0.9, 0.5, 0.5), spread=0.4), *bent))
