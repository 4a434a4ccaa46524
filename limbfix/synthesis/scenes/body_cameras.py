"""From where are people seen? Framings from a whole figure to one limb, and a cheap check that the camera sees what it
is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.rendering.cameras import Camera

FRAMINGS: Mapping[str, tuple[float, float]] = {
    "whole": (0.6, 0.95), "small": (0.16, 0.45), "knees_up": (0.9, 1.15), "upper": (0.8, 1.15), "limb": (0.5, 0.95),
    "group": (0.7, 1.0),
}  # fmt: skip
"""Longer side of what is framed as a share of the picture's side, lowest and highest."""

NEAREST_EYE = 2.0
"""Decimetres between a camera and anybody; nearer there is nothing but blur."""

LOWEST_EYE = 0.4
"""Decimetres above the ground."""

GRID = 56
"""Cells along each side of the picture in which the check sorts vertices by depth."""

SOLID_DM = 0.35
"""Size of a cell in decimetres at least: vertices lie up to 0.3 apart, and a surface must have no holes."""

DEPTH_DM = 0.7
"""Decimetres behind the nearest vertex of a cell at which another still counts as seen: half a limb's thickness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyFraming:
    """What a camera was asked for, plain numbers for the recipe.

    Attributes:
        name: of `FRAMINGS`.
        size: longer side of what is framed as a share of the picture's side.
        shift: (x, y) of its middle from the picture's, as shares of the side.
        azimuth: of the camera about the subject, radians; 0 = before its face.
        elevation: of the camera above the level, radians.
        roll, field: of the camera, radians.
    """

    name: str
    size: float
    shift: tuple[float, float]
    azimuth: float
    elevation: float
    roll: float
    field: float


def sample_framing(rng: np.random.Generator, names: tuple[str, ...], *, lying: bool) -> BodyFraming:
    """Draws a framing.

    Args:
        rng: source of chance.
        names: of `FRAMINGS`, to choose from; a name may come twice.
        lying: whether the subject lies; then the camera looks down more.
    """
    name = names[int(rng.integers(len(names)))]
    size = float(rng.uniform(*FRAMINGS[name]))
    room = max(0.04, (1 - size) / 2)
    shift = rng.uniform(-1, 1, 2) * room
    front = rng.random() < 0.6
    level = (
        rng.normal(0.55, 0.25) if lying else rng.normal(0.08, 0.16) if rng.random() < 0.8 else rng.uniform(-0.25, 0.9)
    )
    roll = rng.normal(0, 0.035) if rng.random() < 0.92 else rng.uniform(-0.35, 0.35)
    return BodyFraming(
        name=name,
        size=size,
        shift=(float(shift[0]), float(shift[1])),
        azimuth=float(rng.normal(0, 0.6) if front else rng.uniform(-np.pi, np.pi)),
        elevation=float(np.clip(level, -0.35, 1.35)),
        roll=float(roll),
        field=float(rng.uniform(0.4, 1.0)),
    )


def aim_camera(points: np.ndarray, framing: BodyFraming, yaw: float) -> Camera:
    """Returns the camera that shows some points (n, 3) as large and where a framing says; `yaw` is where the
    subject faces."""
    angle, rise = yaw + framing.azimuth, framing.elevation
    direction = np.array([np.sin(angle) * np.cos(rise), np.sin(rise), np.cos(angle) * np.cos(rise)])
    up = turn(direction, framing.roll) @ np.array([0.0, 1.0, 0.0])
    target = (points.min(0) + points.max(0)) / 2
    distance = float(np.ptp(points, axis=0).max()) / framing.size / (2 * np.tan(framing.field / 2)) + 1.5
    camera = _camera(target, direction, distance, up, framing.field)
    for _ in range(3):
        seen = camera.project(points, 1)[:, :2]
        if not np.isfinite(seen).any():
            break
        low, high = np.nanmin(seen, 0), np.nanmax(seen, 0)
        size = max(float((high - low).max()), 1e-3)
        off = (low + high) / 2 - 0.5 - np.array(framing.shift)
        distance = float(np.clip(distance * size / framing.size, NEAREST_EYE, 400))
        right, upward = camera.view()[:3, :3][0], camera.view()[:3, :3][1]
        target = target + (off[0] * right - off[1] * upward) * 2 * np.tan(framing.field / 2) * distance
        camera = _camera(target, direction, distance, up, framing.field)
    return camera


def _camera(target: np.ndarray, direction: np.ndarray, distance: float, up: np.ndarray, field: float) -> Camera:
    eye = target + unit(direction) * distance
    return Camera(eye=np.array([eye[0], max(eye[1], LOWEST_EYE), eye[2]]), target=target, up=up, field=field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a camera sees of some people, by their vertices.

    Attributes:
        shares: group -> share 0-1 of its vertices that are in the picture and nothing stands before them. About
            half of a whole body's vertices are on its far side.
        covered: group -> share 0-1 of the picture's cells in which it is in front.
        nearest: decimetres from the camera to the nearest vertex.
    """

    shares: tuple[float, ...]
    covered: tuple[float, ...]
    nearest: float


def sight(camera: Camera, groups: list[np.ndarray]) -> Sight:
    """Sorts vertices into a coarse depth buffer; 3 ms for three people.

    Args:
        camera: to try.
        groups: (n, 3) points each; they hide each other.
    """
    points = np.concatenate(groups)
    group = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    nearest = float(np.sqrt(((points - camera.eye) ** 2).sum(1).min()))
    seen = camera.project(points, 1)
    median = float(np.median(seen[:, 2]))
    cell = max(1 / GRID, SOLID_DM / (2 * np.tan(camera.field / 2) * max(median, 0.1)))
    side = max(1, int(np.ceil(1 / cell)))
    with np.errstate(invalid="ignore"):
        inside = (seen[:, 2] > 0) & (seen[:, :2] >= 0).all(1) & (seen[:, :2] < 1).all(1)
    place = np.zeros(len(points), int)
    column = (seen[inside, :2] / cell).astype(int).clip(0, side - 1)
    place[inside] = column[:, 1] * side + column[:, 0]
    depth = np.full(side * side, np.inf)
    np.minimum.at(depth, place[inside], seen[inside, 2])
    visible = inside & (seen[:, 2] < depth[place] + DEPTH_DM)
    front = inside & (seen[:, 2] <= depth[place] + 1e-9)
    shares, covered = [], []
    for k in range(len(groups)):
        own = group == k
        shares.append(float(visible[own].mean()) if own.any() else 0.0)
        covered.append(len(np.unique(place[own & front])) / side**2)
    return Sight(shares=tuple(shares), covered=tuple(covered), nearest=nearest)
