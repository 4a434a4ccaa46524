"""Where does a hand go that touches its own body? Places on the body's surface, and arms that bring hands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.poses.arm_poses import reach_with_arm
from limbfix.synthesis.poses.limb_chains import head_position, rotation_of
from limbfix.synthesis.samples import PART_ID, Side

WRIST_DM = 0.32
"""Half a wrist's thickness and some cloth, for an adult: as near as its middle comes to a surface."""

TUBE_DM = 0.5
"""Radius about a ray within which vertices count as its surface."""

ADULT_TRUNK_DM = 5.35
"""From the base of the spine to the neck in the neutral body; other bodies scale by it."""

_SOLID = np.array([PART_ID[part] for part in ("torso", "head", "thigh", "shin")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmark:
    """A place on the body's surface, in rest axes of a left one: x outwards, y up, z to the front; a right one is
    mirrored.

    Attributes:
        bone: with `%` for the side's suffix.
        shift: decimetres of an adult from the bone's head.
        ray: direction in which the surface is looked for, which then faces that way.
    """

    bone: str
    shift: tuple[float, float, float]
    ray: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gesture:
    """How a hand lies at a landmark.

    Attributes:
        landmark: where; crossed: whether on the other side of the body.
        fingers: direction of the fingers in the landmark's axes; the wrist stays behind by most of a palm's length.
        pole: where the elbow points, in the chest's axes.
        clearance: decimetres of an adult between surface and wrist, on top of `WRIST_DM`.
        wrist: flexion, radians, beyond lying flat; a hand that grips an arm.
        back: share of the palm's length by which the wrist stays behind the landmark.
        faces: where the palm faces in the landmark's axes; None: to the surface.
        late: decimetres by which the second (right) hand lies farther out, so that hands do not meet.
    """

    landmark: Landmark
    fingers: tuple[float, float, float]
    crossed: bool = False
    pole: tuple[float, float, float] = (0.7, -0.7, -0.2)
    clearance: float = 0.0
    wrist: float = 0.0
    back: float = 0.6
    faces: tuple[float, float, float] | None = None
    late: float = 0.0


GESTURES: Mapping[str, Gesture] = {
    "hip": Gesture(landmark=Landmark(bone="spine05", shift=(0.4, 0.75, 0.2), ray=(1, 0, 0.1)), fingers=(-0.2, -0.3, 0.95), pole=(1.0, -0.1, -0.6), back=0.4, clearance=0.05),
    "crossed": Gesture(landmark=Landmark(bone="spine02", shift=(0.95, 0.75, 0), ray=(0.1, 0, 1)), fingers=(1, 0, 0), crossed=True, pole=(0.8, -0.9, 0.1), clearance=0.2, late=0.6, back=0.1, wrist=0.35),
    "clasp": Gesture(landmark=Landmark(bone="spine05", shift=(0.25, 0.0, 0), ray=(0, 0, 1)), fingers=(-0.9, -0.4, 0), pole=(0.9, -0.3, -0.3), clearance=0.2, late=0.35, back=0.9),
    "prayer": Gesture(landmark=Landmark(bone="spine02", shift=(0.05, 1.0, 0), ray=(0, 0, 1)), fingers=(0, 1, 0.3), pole=(1.0, -0.4, -0.1), clearance=0.7, faces=(-1, 0, 0), back=0.6),
    "chest": Gesture(landmark=Landmark(bone="spine02", shift=(0.2, 1.2, 0), ray=(0, 0, 1)), fingers=(-0.9, 0.4, 0), pole=(0.9, -0.6, 0.1), clearance=0.1, back=0.7),
    "belly": Gesture(landmark=Landmark(bone="spine04", shift=(0.3, 0.5, 0), ray=(0, 0, 1)), fingers=(-1, 0, 0), pole=(0.9, -0.4, -0.3), clearance=0.1, late=0.4, back=0.8),
    "face": Gesture(landmark=Landmark(bone="head", shift=(0.42, -0.35, 0.3), ray=(0.6, -0.25, 0.7)), fingers=(0, 1, -0.1), pole=(0.5, -0.9, 0.5), clearance=0.1, back=0.9),
    "head_back": Gesture(landmark=Landmark(bone="head", shift=(0.25, 0.5, 0), ray=(0.35, 0.1, -1)), fingers=(-1, 0.2, 0), pole=(1.0, 0.3, 0.3), clearance=0.1, back=0.8),
    "knee": Gesture(landmark=Landmark(bone="lowerleg01%", shift=(0, 0.25, 0), ray=(0, 0, 1)), fingers=(0, -1, 0.2), pole=(0.9, -0.2, -0.5), clearance=0.05, back=0.8),
    "thigh": Gesture(landmark=Landmark(bone="upperleg02%", shift=(0.1, -2.1, 0), ray=(0.1, 0, 1)), fingers=(-0.2, -1, 0), pole=(0.9, -0.1, -0.6), clearance=0.05, back=0.7),
    "elbow": Gesture(landmark=Landmark(bone="spine03", shift=(0.7, 0.9, 0), ray=(0, 0, 1)), fingers=(1, 0, 0), crossed=True, pole=(0.8, -0.8, 0.0), clearance=0.4, back=0.3, wrist=0.3),
}  # fmt: skip
"""Tuned on contact sheets until hands lay on bodies of all sizes without passing through."""


def _mirrored(vector: tuple[float, float, float], side: Side) -> np.ndarray:
    return np.array(vector) * (1.0 if side == "left" else -1.0, 1.0, 1.0)


def adult_scale(figure: Figure) -> float:
    """Returns the size of a body against the neutral adult's, by its trunk."""
    trunk = figure.heads[figure.bone("neck01")] - figure.heads[figure.bone("root")]
    return float(np.linalg.norm(trunk)) / ADULT_TRUNK_DM


def surface_point(figure: Figure, landmark: Landmark, side: Side) -> tuple[np.ndarray, np.ndarray]:
    """Finds a landmark on a posed figure.

    Returns:
        (3,) world position, and (3, 3) rotation from rest axes to the world there.
    """
    bone = figure.bone(landmark.bone.replace("%", ".L" if side == "left" else ".R"))
    start = figure.heads[bone] + _mirrored(landmark.shift, side) * adult_scale(figure)
    ray = unit(_mirrored(landmark.ray, side))
    solid = np.isin(figure.body.part, _SOLID)
    offset = figure.body.rest[solid] - start
    along = offset @ ray
    near = np.linalg.norm(offset - along[:, None] * ray, axis=1) < TUBE_DM * adult_scale(figure)
    point = start + ray * (along[near].max() if near.any() else 1.0)
    rotation = rotation_of(figure, bone)
    return head_position(figure, bone) + rotation @ (point - figure.heads[bone]), rotation


def make_gesture(figure: Figure, gesture: Gesture, side: Side) -> None:
    """Lays a hand where a gesture says; trunk and legs are posed already."""
    place = ("right" if side == "left" else "left") if gesture.crossed else side
    scale = adult_scale(figure)
    surface, axes = surface_point(figure, gesture.landmark, place)
    outwards = axes @ unit(_mirrored(gesture.landmark.ray, place))
    fingers = axes @ unit(_mirrored(gesture.fingers, place))
    away = WRIST_DM + gesture.clearance + (gesture.late if side == "right" else 0.0)
    wrist = surface + outwards * away * scale - fingers * gesture.back * hand_frame(figure, side).palm_length
    palm = -outwards if gesture.faces is None else axes @ _mirrored(gesture.faces, side)
    chest = rotation_of(figure, figure.bone("spine01"))
    pole = chest @ _mirrored(gesture.pole, side)
    reach_with_arm(figure, side, wrist, pole=pole, palm=palm, wrist=gesture.wrist)
