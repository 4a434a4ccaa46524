"""Boxes, angles and the two ways to count pixels: pure functions. No files, no OpenCV."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle, half-open, float px; x right, y down."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    @classmethod
    def around(cls, xy: np.ndarray) -> Box:
        """Returns the smallest box around the finite rows of xy, float (N, 2) px; ValueError if there are none."""
        finite = xy[np.isfinite(xy).all(axis=1)]
        if not len(finite):
            raise ValueError("Box.around: expected at least one finite point, got none")
        (x_min, y_min), (x_max, y_max) = finite.min(axis=0), finite.max(axis=0)
        return cls(float(x_min), float(y_min), float(x_max), float(y_max))

    @property
    def width(self) -> float:
        """Width in px, never negative."""
        return max(0.0, self.x_max - self.x_min)

    @property
    def height(self) -> float:
        """Height in px, never negative."""
        return max(0.0, self.y_max - self.y_min)

    @property
    def area(self) -> float:
        """Area in px squared."""
        return self.width * self.height

    @property
    def size(self) -> float:
        """Longer side in px."""
        return max(self.width, self.height)

    @property
    def center(self) -> np.ndarray:
        """Center as float (2,) px."""
        return np.array([(self.x_min + self.x_max) / 2, (self.y_min + self.y_max) / 2])

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max) in px."""
        return (self.x_min, self.y_min, self.x_max, self.y_max)

    def clipped(self, width: int, height: int) -> Box:
        """Returns the part inside a picture of width x height px."""
        x_min, x_max = (min(max(value, 0.0), float(width)) for value in (self.x_min, self.x_max))
        y_min, y_max = (min(max(value, 0.0), float(height)) for value in (self.y_min, self.y_max))
        return Box(x_min, y_min, x_max, y_max)

    def shifted(self, dx: float, dy: float) -> Box:
        """Returns the box moved by (dx, dy) px."""
        return Box(self.x_min + dx, self.y_min + dy, self.x_max + dx, self.y_max + dy)

    def grown(self, fraction: float) -> Box:
        """Returns the box with `fraction` of its longer side added on every side."""
        margin = self.size * fraction
        return Box(self.x_min - margin, self.y_min - margin, self.x_max + margin, self.y_max + margin)

    def squared(self, scale: float = 1.0) -> Box:
        """Returns the square of `scale` times the longer side around the same center."""
        half = self.size * scale / 2
        x, y = self.center
        return Box(x - half, y - half, x + half, y + half)

    def intersection(self, other: Box) -> float:
        """Returns the shared area in px squared."""
        width = min(self.x_max, other.x_max) - max(self.x_min, other.x_min)
        height = min(self.y_max, other.y_max) - max(self.y_min, other.y_min)
        return max(0.0, width) * max(0.0, height)

    def iou(self, other: Box) -> float:
        """Returns intersection over union, 0-1; 0 where both are empty."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def overlap_of_smaller(self, other: Box) -> float:
        """Returns the shared area over the smaller of the two areas, 0-1."""
        smaller = min(self.area, other.area)
        return self.intersection(other) / smaller if smaller > 0 else 0.0

    def lies_in(self, others: Iterable[Box], share: float) -> bool:
        """Tells whether more than this share, 0-1, of its area lies in one of the others."""
        return any(other.intersection(self) > share * self.area for other in others)

    def holds(self, x: float, y: float) -> bool:
        """Tells whether a point, px, lies in it or on its edge."""
        return self.x_min <= x <= self.x_max and self.y_min <= y <= self.y_max

    def touches_edge(self, width: int, height: int, margin: float = 2.0) -> bool:
        """Says whether the box comes within `margin` px of the frame of a width x height picture."""
        inside = (
            self.x_min > margin and self.y_min > margin and self.x_max < width - margin and self.y_max < height - margin
        )
        return not inside


def from_first_centre(xy: object) -> np.ndarray:
    """Returns places counted from the picture's upper left corner, (..., 2) px, counted from the centre of its first pixel; nan stays nan.

    Labels, boxes and detectors count from the corner; arrays, maps of cells and OpenCV's matrices from the centre.
    """
    return np.asarray(xy, np.float64) - 0.5


def scaled_from_first_centre(xy: np.ndarray, scale: float | np.ndarray) -> np.ndarray:
    """Returns places on a picture that is `scale` times as large, or its cells; both count from the centre of their first pixel."""
    return (xy + 0.5) * scale - 0.5


def sampling_matrix(matrix: np.ndarray) -> np.ndarray:
    """Returns a (2, 3) matrix between places that count from corners as OpenCV wants it: between the centres of first pixels."""
    return np.column_stack([matrix[:, :2], from_first_centre(matrix[:, :2].sum(1) / 2 + matrix[:, 2])])


def line_distances(points: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Returns (n, m): the distances of points (n, 2) from lines (m, 2) to (m, 2)."""
    along = ends - starts
    lengths = np.maximum((along**2).sum(1), 1e-9)
    dx, dy = points[:, :1] - starts[:, 0], points[:, 1:] - starts[:, 1]
    share = np.clip((dx * along[:, 0] + dy * along[:, 1]) / lengths, 0, 1)
    return np.hypot(dx - share * along[:, 0], dy - share * along[:, 1])


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the Euclidean distance of two points (2,) or (3,); nan where either is nan."""
    return float(np.linalg.norm(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)))


def angle_deg(a: np.ndarray, joint: np.ndarray, b: np.ndarray) -> float:
    """Returns the inner angle a-joint-b in degrees, 0-180 (180 = straight); nan where undefined."""
    u, v = np.asarray(a, dtype=float) - joint, np.asarray(b, dtype=float) - joint
    norms = np.linalg.norm(u) * np.linalg.norm(v)
    if not np.isfinite(norms) or norms == 0:
        return float("nan")
    return float(np.degrees(np.arccos(np.clip(u @ v / norms, -1, 1))))
