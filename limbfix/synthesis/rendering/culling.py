"""Which faces of a posed mesh can matter in a picture? Those that its camera may see, and those that may shade what it sees.

Most of a body lies outside a picture of its hand. What is left out here is neither smoothed nor drawn, and no pixel changes:
every test leaves `MARGIN` of room.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.rendering.cameras import Camera
from limbfix.synthesis.rendering.lights import Light

MARGIN = 0.5
"""Decimetres of room about everything: more than an edge of a coarse mesh, so neighbours that bend a face or its normals stay."""

FINGER = 1.0
"""Decimetres of room about what is shaded: an operator may make a hand longer after the room was measured."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """Two convex spaces: what a camera sees, and what stands between that and the key light.

    Attributes:
        seen, shading: (p, 4) planes, inward unit normal and offset; a point is outside of one where its value is negative.
    """

    seen: np.ndarray
    shading: np.ndarray

    def faces(self, posed: np.ndarray, quads: np.ndarray) -> np.ndarray:
        """Returns (f,) bool: the faces (f, 4) of posed coarse vertices (v, 3) that matter."""
        return _meet(self.seen, posed, quads) | _meet(self.shading, posed, quads)


def sight_of(camera: Camera, light: Light, points: np.ndarray) -> Sight:
    """Returns what a camera sees of a scene.

    Args:
        camera, light: of the picture; the key light alone throws shadows.
        points: (n, 3) world, everything that may be seen in the scene.
    """
    seen = _frustum(camera)
    visible = points[_outside(seen, points) == 0]
    towards = unit(light.key_direction)
    across = unit(np.cross(towards, [1.0, 0, 0] if abs(towards[0]) < 0.8 else [0, 1.0, 0]))
    axes = np.stack([across, np.cross(towards, across), towards])
    if not len(visible):
        return Sight(seen=seen, shading=np.array([[0, 0, 0, -1e3]]))
    low, high = (visible @ axes.T).min(0) - FINGER, (visible @ axes.T).max(0) + FINGER
    planes = [np.append(axis, -value) for axis, value in zip(axes, low, strict=True)]
    planes += [
        np.append(-axis, value) for axis, value in zip(axes[:2], high[:2], strict=True)
    ]  # no end towards the light
    return Sight(seen=seen, shading=np.stack(planes))


def _frustum(camera: Camera) -> np.ndarray:
    right, up, back = camera.view()[:3, :3].astype(np.float64)
    cosine, sine = np.cos(camera.field / 2), np.sin(camera.field / 2)
    inwards = [sign * cosine * axis - sine * back for axis in (right, up) for sign in (1, -1)]
    return np.stack([np.append(normal, -normal @ camera.eye) for normal in (*inwards, -back)])


def _outside(planes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Returns (n,) uint8, a bit for each plane that a point lies outside of by more than `MARGIN`."""
    beyond = points @ planes[:, :3].T.astype(points.dtype) < (-MARGIN - planes[:, 3]).astype(points.dtype)
    return (beyond * (1 << np.arange(len(planes), dtype=np.uint8))).sum(1, dtype=np.uint8)


def _meet(planes: np.ndarray, posed: np.ndarray, quads: np.ndarray) -> np.ndarray:
    codes = _outside(planes, posed)
    return (codes[quads[:, 0]] & codes[quads[:, 1]] & codes[quads[:, 2]] & codes[quads[:, 3]]) == 0
