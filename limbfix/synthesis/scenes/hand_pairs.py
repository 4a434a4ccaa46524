"""What do two hands do with each other, or on a table? One over the other, palm to palm, folded, on wood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.poses.hand_poses import DigitPose, HandPose
from limbfix.synthesis.poses.limb_chains import UP
from limbfix.synthesis.props.meshes import box
from limbfix.synthesis.props.placed import Distance, Placed
from limbfix.synthesis.rendering.drawables import Material
from limbfix.synthesis.samples import Side
from limbfix.synthesis.scenes.hand_contacts import flat_hand, opposite, towards
from limbfix.synthesis.scenes.hand_free import rest_arm, stand
from limbfix.synthesis.scenes.hand_stage import Stage
from limbfix.synthesis.scenes.hand_touch import PALM_DEPTH, Spot, hand_axes, lay_hand, reach_spot
from limbfix.synthesis.scenes.landmarks import place_on
from limbfix.synthesis.scenes.surfaces import hand_ids, only, surface_of

_RISES: tuple[tuple[Side, float], ...] = (("right", -1.0), ("left", 1.0))
"""Folded hands lie half a finger apart in height, so that fingers meet gaps."""


def _front_point(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """Returns a point (3,) before chest or belly where two hands can meet."""
    belly, chest = (place_on(stage.figure, place, "left") for place in ("belly", "chest"))
    share = rng.uniform(0, 1)
    front = max(float(belly[2]), float(chest[2])) + rng.uniform(1.0, 2.4)
    return np.array([rng.normal(0, 0.3), share * chest[1] + (1 - share) * belly[1], front])


def hand_over_hand(stage: Stage, rng: np.random.Generator) -> bool:
    """One hand laid over the other, before the body or on a table."""
    figure, upper = stage.figure, stage.side if rng.random() < 0.6 else stage.other_side
    lower = opposite(upper)
    stand(figure, rng)
    point = _front_point(stage, rng)
    facing = unit(np.array([0.0, 1.0, 0.4 * rng.normal()]) if rng.random() < 0.6 else np.array([0.0, 0.3, 1.0]))
    inwards = towards((-1.0, 0.0, 0.5), lower)
    spot = Spot(point=point, normal=facing, fingers=inwards, pole=towards((1.0, -0.6, -0.4), lower))
    free: Distance = lambda points: points @ facing - point @ facing  # noqa: E731
    pose = lay_hand(figure, lower, spot, free, *flat_hand(rng, "lower", fan=-0.05))
    if pose is None:
        return False
    stage.hold(lower, pose, rng)
    surface = surface_of([(figure, only(hand_ids(figure, lower)))])
    wrist, _, along, dorsal = hand_axes(figure, lower)
    length = hand_frame(figure, lower).palm_length
    back = wrist + along * length * rng.uniform(0.7, 1.2) + dorsal * 0.15
    cover = Spot(point=back, normal=dorsal, fingers=towards((-1.0, 0.0, 0.4), upper), pole=towards((1.0, -0.6, -0.4), upper))  # fmt: skip
    pose = lay_hand(figure, upper, cover, surface.distance, *flat_hand(rng, "upper", fan=-0.06))
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
    fingers = unit(np.array([0.0, rng.uniform(0.6, 1.5), rng.uniform(0.2, 1.0)]))
    start, end = flat_hand(rng, "palms_together", fan=-0.1)
    thumb = DigitPose(flexion=(0.1, 0.05, 0.0), spread=float(rng.uniform(0.2, 0.6)))
    start, end = (replace(pose, digits=(thumb, *pose.digits[1:])) for pose in (start, end))
    for side in SIDES:
        outwards = towards((1.0, 0.0, 0.0), side)
        plane: Distance = lambda points, n=outwards: (points - point) @ n  # noqa: E731
        spot = Spot(point=point, normal=outwards, fingers=fingers, pole=towards((1.0, -0.7, 0.0), side), play=1.1)
        pose = lay_hand(figure, side, spot, plane, start, end)
        if pose is None:
            return False
        stage.hold(side, pose, rng)
        fingers = hand_axes(figure, side)[2]
    return True


def folded(stage: Stage, rng: np.random.Generator) -> bool:
    """Hands folded, the fingers of one between those of the other; their knuckles meet on one line."""
    figure = stage.figure
    stand(figure, rng)
    meet, opening = _front_point(stage, rng), float(rng.uniform(0.7, 1.0))
    meet[0] = 0.0
    tilt = float(rng.uniform(-0.3, 0.6))
    curl = float(rng.uniform(0.85, 1.25))
    fingers = [DigitPose(flexion=(0.55, curl, 0.5 * curl), spread=s) for s in (-0.02, 0.0, 0.02, 0.03)]
    thumb = DigitPose(flexion=(0.5, 0.3, 0.4), spread=0.3)
    for side, rise in _RISES:
        frame = hand_frame(figure, side)
        along = unit(towards((-np.sin(opening), tilt, np.cos(opening)), side))
        dorsal = unit(np.cross(towards((0.0, 1.0, 0.0), side), along) * (1.0 if side == "right" else -1.0))
        if dorsal @ towards((1.0, 0.0, 1.0), side) < 0:
            dorsal = -dorsal
        root = meet + rise * frame.spacing / 4 * UP - 0.12 * along
        point = root - 0.4 * frame.palm_length * along - PALM_DEPTH * dorsal
        reach_spot(
            figure,
            side,
            Spot(point=point, normal=dorsal, fingers=along, pole=towards((1.0, -0.8, -0.2), side), play=0.9),
            0.0,
        )
        stage.hold(side, HandPose(style="folded", digits=(thumb, *fingers)), rng)
    return True


def on_table(stage: Stage, rng: np.random.Generator) -> bool:
    """A hand lying flat, or resting on its edge, on a table."""
    figure, side = stage.figure, stage.side
    stand(figure, rng)
    rest_arm(stage, stage.other_side, rng)
    point = _front_point(stage, rng)
    point += towards((rng.uniform(0.2, 1.6), 0.0, rng.uniform(0.3, 1.2)), side)
    point[1] -= rng.uniform(0.0, 0.8)
    plane: Distance = lambda points: points[:, 1] - point[1]  # noqa: E731
    spot = Spot(point=point, normal=UP, fingers=towards((-0.5, 0.0, 1.0), side), pole=towards((1.0, -0.2, -0.6), side))  # fmt: skip
    pose = lay_hand(figure, side, spot, plane, *flat_hand(rng, "on_table", fan=float(rng.uniform(-0.08, 0.15))))
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
