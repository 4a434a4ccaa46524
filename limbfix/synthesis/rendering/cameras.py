"""From where is a scene seen? A pinhole camera and its matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.rotations import unit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Camera:
    """A pinhole camera that makes square pictures.

    Attributes:
        eye: (3,) position, decimetres.
        target: (3,) what it looks at.
        up: (3,) roughly upwards in the picture.
        field: vertical field of view, radians.
    """

    eye: np.ndarray
    target: np.ndarray
    up: np.ndarray
    field: float

    def view(self) -> np.ndarray:
        """Returns the (4, 4) float32 world-to-camera matrix; the camera looks along -z."""
        back = unit(self.eye - self.target)
        right = np.cross(self.up, back)
        if np.linalg.norm(right) < 1e-6:
            right = np.cross([1.0, 0, 0.01], back)
        right = unit(right)
        matrix = np.eye(4, dtype=np.float32)
        matrix[:3, :3] = right, np.cross(back, right), back
        matrix[:3, 3] = -matrix[:3, :3] @ self.eye
        return matrix

    def matrix(self, near: float, far: float) -> np.ndarray:
        """Returns the (4, 4) float32 world-to-clip matrix."""
        scale = 1 / np.tan(self.field / 2)
        lens = np.zeros((4, 4), np.float32)
        lens[0, 0] = lens[1, 1] = scale
        lens[2, 2], lens[2, 3], lens[3, 2] = (far + near) / (near - far), 2 * far * near / (near - far), -1
        return (lens @ self.view()).astype(np.float32)

    def project(self, points: np.ndarray, size_px: int) -> np.ndarray:
        """Projects (n, 3) world points to (n, 3): x, y in px of a picture of that side, and distance along the view, decimetres.

        A point behind the camera has a negative distance, and nan for x and y.
        """
        seen = np.asarray(points, np.float64) @ self.view()[:3, :3].T + self.view()[:3, 3]
        distance = -seen[:, 2]
        scale = size_px / 2 / np.tan(self.field / 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            xy = np.column_stack([seen[:, 0], -seen[:, 1]]) / distance[:, None] * scale + size_px / 2
        xy[distance <= 1e-6] = np.nan
        return np.column_stack([xy, distance])


def look_from(direction: np.ndarray, target: np.ndarray, up: np.ndarray, *, field: float, half_height: float) -> Camera:
    """Returns the camera that sees `half_height` decimetres above and below the target, from a direction (3,)."""
    distance = half_height / np.tan(field / 2)
    return Camera(eye=target + unit(direction) * distance, target=target, up=up, field=field)
