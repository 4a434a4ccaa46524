"""What do people stand on? A painted floor under the background, and the shadows of people and things on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.rendering.cameras import Camera
from limbfix.synthesis.rendering.lights import Light

CELL_DM = 0.2
"""Side of a cell of the shadow map on the ground."""

CONTACT_DM = 1.2
"""Height up to which a body darkens the ground right below it."""

FLOOR_SHARE = 0.45
"""Of pictures with a painted floor; the others stand before their background, as photographs cut together do."""

FAR_DM = 150.0
"""Distance at which a painted floor has dissolved into the background's lower edge colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A painted floor.

    Attributes:
        colour, second: sRGB 0-255.
        kind: `plain`, `tiles` or `planks`.
        scale: decimetres of a tile's side or a plank's width.
        yaw: of the pattern, radians.
        grain: strength of its noise, grey levels.
        seed: of its noise.
    """

    colour: tuple[float, float, float]
    second: tuple[float, float, float]
    kind: str
    scale: float
    yaw: float
    grain: float
    seed: int


def sample_floor(rng: np.random.Generator) -> Floor | None:
    """Draws a floor, or None for a picture without one."""
    painted, kind = rng.random() < FLOOR_SHARE, ("plain", "plain", "tiles", "planks")[int(rng.integers(4))]
    base = rng.uniform(40, 215) * (1 + rng.normal(0, 0.1, 3))
    second = base * rng.uniform(0.75, 1.15)
    if not painted:
        return None
    return Floor(
        colour=_colour(base), second=_colour(second), kind=kind, scale=float(rng.uniform(1.0, 6.0)),
        yaw=float(rng.uniform(0, np.pi)), grain=float(rng.uniform(2, 16)), seed=int(rng.integers(1 << 30)),
    )  # fmt: skip


def _colour(values: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = (float(x) for x in values.clip(5, 250))
    return red, green, blue


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroundView:
    """Where the ground (y = 0) is seen.

    Attributes:
        rows: (r,) flat indices of the pixels that see it.
        points: (r, 2) x and z there, decimetres.
        distance: (r,) from the camera.
        size_px: side of the picture.
    """

    rows: np.ndarray
    points: np.ndarray
    distance: np.ndarray
    size_px: int


def ground_view(camera: Camera, size_px: int) -> GroundView:
    """Finds the ground in a camera's picture."""
    view = camera.view()
    steps = ((np.arange(size_px) + 0.5) / size_px * 2 - 1).astype(np.float32) * np.tan(camera.field / 2)
    x, y = np.meshgrid(steps, -steps)
    rays = (x.ravel()[:, None] * view[0, :3] + y.ravel()[:, None] * view[1, :3] - view[2, :3]).astype(np.float32)
    rows = np.flatnonzero(rays[:, 1] < -1e-3)
    reach = -float(camera.eye[1]) / rays[rows, 1]
    points = np.asarray(camera.eye, np.float32)[[0, 2]] + rays[rows][:, [0, 2]] * reach[:, None]
    return GroundView(rows=rows, points=points, distance=reach, size_px=size_px)


def paint_floor(background: np.ndarray, floor: Floor, view: GroundView) -> np.ndarray:
    """Returns the background (s, s, 3) float32 with a floor below its horizon."""
    if not len(view.rows):
        return background
    result = background.reshape(-1, 3).copy()
    cosine, sine = np.cos(floor.yaw), np.sin(floor.yaw)
    u = (view.points[:, 0] * cosine + view.points[:, 1] * sine) / floor.scale
    v = (view.points[:, 1] * cosine - view.points[:, 0] * sine) / floor.scale
    if floor.kind == "planks":
        v = v * 0.12 + np.floor(u) * 0.37
    first, second = np.array(floor.colour, np.float32), np.array(floor.second, np.float32)
    noise = np.random.default_rng(floor.seed).normal(0, 1, (64, 64)).astype(np.float32)
    noise = cv2.resize(noise, (512, 512), interpolation=cv2.INTER_CUBIC)
    cell = noise[np.floor(u).astype(int) % 512, np.floor(v).astype(int) % 512]
    share = 0.5 + 0.4 * np.tanh(cell) if floor.kind != "plain" else np.zeros(len(u), np.float32)
    fine = noise[(view.points[:, 0] * 23).astype(int) % 512, (view.points[:, 1] * 23).astype(int) % 512]
    fading = np.exp(-view.distance / 40)
    colour = first + (second - first) * (share * np.exp(-view.distance / 60))[:, None]
    colour += (floor.grain * fine * fading)[:, None]
    if floor.kind != "plain":
        joint = np.minimum(np.abs(u - np.rint(u)), np.abs(v - np.rint(v))) * floor.scale
        colour *= (1 - 0.3 * np.exp(-((joint / 0.06) ** 2)) * fading)[:, None]
    haze = (view.distance / FAR_DM).clip(0, 1)[:, None] ** 2
    result[view.rows] = colour * (1 - haze) + result[view.rows] * haze
    return result.reshape(background.shape).clip(0, 255)


def shade_ground(background: np.ndarray, points: np.ndarray, light: Light, view: GroundView) -> np.ndarray:
    """Returns the background with the shadows of people and things, whose vertices are (n, 3), on the ground."""
    if not len(view.rows) or not len(points):
        return background
    key = unit(light.key_direction)
    low = points[:, [0, 2]].min(0) - 12
    cells = np.ceil((points[:, [0, 2]].max(0) + 12 - low) / CELL_DM).astype(int).clip(8, 600)

    def splat(places: np.ndarray, weight: np.ndarray, blur: float, full: float) -> np.ndarray:
        where = ((places - low) / CELL_DM).astype(int)
        kept = ((where >= 0) & (where < cells)).all(1)
        sums = np.zeros((cells[1], cells[0]), np.float32)
        np.add.at(sums, (where[kept, 1], where[kept, 0]), weight[kept].astype(np.float32))
        filled = cv2.GaussianBlur((sums / full).clip(0, 1), (0, 0), blur / CELL_DM)
        return filled.clip(0, 1)

    height = points[:, 1].clip(0)
    below = points[:, [0, 2]]
    dark = 0.6 * splat(below, (1 - height / CONTACT_DM).clip(0, 1), 0.35, 3.0)
    dark = np.maximum(dark, 0.35 * splat(below, np.exp(-height / 3.0), 1.6, 3.0))
    if key[1] > 0.2:
        cast = below - key[[0, 2]] / key[1] * height[:, None]
        ambient = max(float(np.mean(light.surroundings[0])), 0.05)
        strength = float(np.mean(light.key_colour)) * key[1]
        dark = np.maximum(dark, 0.75 * strength / (strength + ambient) * splat(cast, np.ones(len(cast)), 0.4, 1.0))
    where = np.full((view.size_px**2, 2), -9.0, np.float32)
    where[view.rows] = ((view.points - low) / CELL_DM - 0.5).clip(-9, max(cells) + 9)
    where = where.reshape(view.size_px, view.size_px, 2)
    seen = cv2.remap(dark, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return background * (1 - seen[..., None])
