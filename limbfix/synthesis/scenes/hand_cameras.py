"""From where is a hand seen? Views, the hand's size and place in the crop, and the check that nothing stands in the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.rendering.cameras import Camera

VIEWS = ("palm", "back", "radial", "ulnar", "tips", "wrist")
VIEW_WEIGHTS = (0.3, 0.3, 0.14, 0.08, 0.1, 0.08)

SMALL_SHARE = 0.08
"""Share of pictures with a small hand, about 40 px at 256 px, as in a picture of a whole person."""

CUT_SHARE = 0.12
"""Share of pictures whose frame cuts the hand."""

BLOCK_RADIUS = 0.2
"""Decimetres; a body vertex so near to a line of sight stands in the way: the mesh's vertices lie about 0.2 apart."""

NEAREST_EYE = 0.7
"""Decimetres between a camera and anybody's skin."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandPlace:
    """Where a posed hand is.

    Attributes:
        across, along, dorsal: (3,) unit, world; see `HandFrame`.
        points: (n, 3) world positions of its skin's vertices.
    """

    across: np.ndarray
    along: np.ndarray
    dorsal: np.ndarray
    points: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """(3,) middle of the hand's extent."""
        return (self.points.min(0) + self.points.max(0)) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """What a camera was asked for, plain numbers for the recipe.

    Attributes:
        view: a name from `VIEWS`.
        size: longer side of the hand's box as a share of the picture's side.
        shift: (x, y) of the box's centre from the picture's, as shares of the side.
        small: a distant hand on purpose.
    """

    view: str
    size: float
    shift: tuple[float, float]
    small: bool


def sample_framing(rng: np.random.Generator, views: tuple[str, ...] = VIEWS) -> Framing:
    """Draws a view from those allowed, and size and place of the hand in the crop."""
    weights = np.array([VIEW_WEIGHTS[VIEWS.index(view)] for view in views])
    view = views[int(rng.choice(len(views), p=weights / weights.sum()))]
    small = bool(rng.random() < SMALL_SHARE)
    size = float(rng.uniform(0.14, 0.3) if small else rng.uniform(0.42, 0.9))
    room = (1 - size) / 2 + (0.3 * size if rng.random() < CUT_SHARE else 0.0)
    shift = rng.uniform(-1, 1, 2) * room
    return Framing(view=view, size=size, shift=(float(shift[0]), float(shift[1])), small=small)


def view_direction(place: HandPlace, view: str, rng: np.random.Generator, noise: float = 0.3) -> np.ndarray:
    """Returns the (3,) unit direction from the hand to the camera."""
    across, along, dorsal = place.across, place.along, place.dorsal
    lean = dorsal * rng.uniform(-0.9, 0.9)
    directions = {
        "palm": -dorsal, "back": dorsal, "radial": -across + 0.3 * lean, "ulnar": across + 0.3 * lean,
        "tips": along + lean, "wrist": -0.8 * along + np.sign(rng.normal()) * dorsal,
    }  # fmt: skip
    return unit(unit(directions[view]) + rng.normal(0, noise, 3))


def aim_camera(
    place: HandPlace, framing: Framing, direction: np.ndarray, up: np.ndarray, field: float
) -> Camera:  # fmt: skip
    """Returns the camera that shows the hand as large and where the framing says.

    Args:
        place: of the hand.
        framing: see its class.
        direction: (3,) from the hand to the camera.
        up: (3,) upwards in the picture.
        field: vertical field of view, radians.
    """
    centre, target = place.centre, place.centre.copy()
    distance = float(np.ptp(place.points, axis=0).max()) / framing.size / (2 * np.tan(field / 2))
    camera = Camera(eye=centre + direction * distance, target=target, up=up, field=field)
    for _ in range(3):
        seen = camera.project(place.points, 1)[:, :2]
        low, high = np.nanmin(seen, 0), np.nanmax(seen, 0)
        size = max(float((high - low).max()), 1e-3)
        distance = float(np.clip(distance * size / framing.size, 0.8, 200))
        off = (low + high) / 2 - 0.5 - np.array(framing.shift) * size / framing.size
        right, upward = camera.view()[:3, :3][0], camera.view()[:3, :3][1]
        target = target + (off[0] * right - off[1] * upward) * 2 * np.tan(field / 2) * distance
        camera = Camera(eye=target + direction * distance, target=target, up=up, field=field)
    return camera


def sample_up(place: HandPlace, direction: np.ndarray, rng: np.random.Generator, *, upright: bool) -> np.ndarray:
    """Returns a (3,) upward direction: near the world's, near the fingers', or any."""
    kind = rng.random()
    if upright or kind < 0.35:
        up, roll = np.array([0.0, 1.0, 0.0]), rng.normal(0, 0.2)
    elif kind < 0.65:
        up, roll = place.along, rng.normal(0, 0.5)
    else:
        up, roll = place.along, rng.uniform(-np.pi, np.pi)
    if abs(unit(up) @ direction) > 0.95:
        up = place.across
    return turn(direction, float(roll)) @ up


def blocked_share(place: HandPlace, camera: Camera, others: np.ndarray) -> float:
    """Returns the share 0-1 of the hand's points that something else (n, 3) stands before."""
    rays = place.points[:: max(1, len(place.points) // 16)] - camera.eye
    lengths = np.linalg.norm(rays, axis=1)
    rays = rays / lengths[:, None]
    middle = unit(rays.mean(0))
    offset = others - camera.eye
    square = np.einsum("ij,ij->i", offset, offset)
    ahead = offset @ middle
    # A point that stands before a ray is nearer to the bundle's middle than the widest ray there, and a little.
    widest = float(np.arccos(np.clip(rays @ middle, -1, 1)).max())
    bundle = lengths.max() * np.sin(min(widest, np.pi / 2)) + BLOCK_RADIUS
    kept = (ahead > -bundle) & (ahead < lengths.max() + BLOCK_RADIUS) & (square - ahead**2 < bundle**2)
    offset, square = offset[kept], square[kept]
    blocked = 0
    for ray, length in zip(rays, lengths, strict=True):
        along = offset @ ray
        apart = square - along**2
        blocked += bool(((along > 0) & (along < length - 0.4) & (apart < BLOCK_RADIUS**2)).any())
    return blocked / len(rays)


def too_near(camera: Camera, others: np.ndarray) -> bool:
    """Whether the camera touches somebody, or is inside of them."""
    offset = others - camera.eye
    return bool((np.einsum("ij,ij->i", offset, offset) < NEAREST_EYE**2).any())
