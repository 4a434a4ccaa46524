"""How far down an arm, a leg or the trunk is a vertex? Coordinates in which hems and cuffs are cut, for skin and helper geometry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.body_model import BodyModel

ARM = ("upperarm01", "lowerarm01", "wrist", "finger3-1", "finger3-2")
LEG = ("upperleg01", "lowerleg01", "foot", "toe2-1", "toe2-2")
ARM_WEIGHTS = ("upperarm", "lowerarm", "wrist", "metacarpal", "finger")
LEG_WEIGHTS = ("upperleg", "lowerleg", "foot", "toe")

NOWHERE = -1.0
"""Coordinate of a vertex that is not on such a limb."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyCoordinates:
    """Coordinates (n,) float32 of all base vertices on the neutral body.

    Attributes:
        arm: 0 at the shoulder, 1 at the elbow, 2 at the wrist, 3 at the knuckles; `NOWHERE` off the arms.
        leg: 0 at the hip, 1 at the knee, 2 at the ankle, 3 at the root of the toes; `NOWHERE` off the legs.
        x, y, z: neutral position, decimetres; the waist lies at y = 1.9, the crotch at -0.7, the neck's root at 5.8.
    """

    arm: np.ndarray
    leg: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray


def _along(points: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Returns (n,) the place of the nearest point on a chain of joints (k, 3), counted in bones."""
    best, place = np.full(len(points), np.inf), np.zeros(len(points))
    last = len(joints) - 2
    for i in range(last + 1):
        axis = joints[i + 1] - joints[i]
        share = (points - joints[i]) @ axis / (axis @ axis)
        share = share.clip(-0.5 if i == 0 else 0, 3 if i == last else 1)
        distance = np.linalg.norm(points - joints[i] - share[:, None] * axis, axis=1)
        place = np.where(distance < best, i + share, place)
        best = np.minimum(distance, best)
    return place


@lru_cache(maxsize=1)
def body_coordinates(model: BodyModel) -> BodyCoordinates:
    """Finds the coordinates on the neutral body; both sides share them."""
    heads, _ = model.joints(model.vertices)
    points = model.vertices
    limbs = []
    for chain, weights in ((ARM, ARM_WEIGHTS), (LEG, LEG_WEIGHTS)):
        place = np.full(len(points), NOWHERE)
        for suffix in SIDES.values():
            joints = np.stack([heads[model.bone_index[f"{bone}{suffix}"]] for bone in chain])
            own = model.weight_of(weights, suffix) > 0.5
            place[own] = _along(points[own], joints)
        limbs.append(place.astype(np.float32))
    x, y, z = points.T
    return BodyCoordinates(arm=limbs[0], leg=limbs[1], x=x, y=y, z=z)
