"""Where is a pixel on a digit? Curves through joints, with coordinates along (t) and across (d), and the way back.

With them a digit can be laid along another curve, thickened, shortened, split or doubled: one map, no cutting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_STEPS = 14
"""Pieces of a curve: a digit of 100 px in pieces of 7 px."""


_SMOOTHING = (0.1, 0.25, 0.3, 0.25, 0.1)
"""Binomial-like weights that round the corners at the joints."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A smooth line through joints.

    Attributes:
        points: (n, 2) px, equally spaced.
        normals: (n, 2), unit vectors across, to the left of the way in picture coordinates.
        length: px.
    """

    points: np.ndarray
    normals: np.ndarray
    length: float

    @classmethod
    def through(cls, joints: np.ndarray, beyond: float = 0.0) -> Curve:
        """Returns the curve through joints, (k, 2) px; its end is led on by `beyond` px, to a digit's very end."""
        way = joints[-1] - joints[-2]
        joints = joints.copy()
        joints[-1] = joints[-1] + way / max(float(np.linalg.norm(way)), 1e-6) * beyond
        reach = np.concatenate([[0], np.cumsum(np.maximum(np.linalg.norm(np.diff(joints, axis=0), axis=1), 1e-3))])
        at = np.linspace(0, reach[-1], _STEPS + 1)
        points = np.stack([np.interp(at, reach, joints[:, axis]) for axis in (0, 1)], axis=-1)
        padded = np.pad(points, ((2, 2), (0, 0)), mode="reflect", reflect_type="odd")
        points = np.sum([share * padded[k : k + len(points)] for k, share in enumerate(_SMOOTHING)], axis=0)
        along = np.gradient(points, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        return cls(
            points=points,
            normals=np.stack([-along[:, 1], along[:, 0]], axis=-1),
            length=float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()),
        )

    def coordinates(self, shape_hw: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Returns (t, d), float32 (h, w) each: 0-1 along the curve (less before it, more beyond), and px across, signed."""
        y, x = np.mgrid[: shape_hw[0], : shape_hw[1]].astype(np.float32)
        start, step = self.points[:-1], np.diff(self.points, axis=0)
        best = np.full(x.shape, np.inf, np.float32)
        t, d = np.zeros_like(best), np.zeros_like(best)
        last = len(start) - 1
        for k, ((sx, sy), (vx, vy)) in enumerate(zip(start.astype(np.float32), step.astype(np.float32), strict=True)):
            square = max(float(vx * vx + vy * vy), 1e-9)
            u = ((x - sx) * vx + (y - sy) * vy) / square
            kept = np.clip(u, -np.inf if k == 0 else 0, np.inf if k == last else 1)
            dx, dy = x - sx - kept * vx, y - sy - kept * vy
            beyond = np.where(kept < 0, -kept, np.maximum(kept - 1, 0)) * np.sqrt(square) if k in (0, last) else 0
            far = np.hypot(np.hypot(dx, dy), beyond)
            nearer = far < best
            best = np.where(nearer, far, best)
            t = np.where(nearer, (k + kept) / (last + 1), t)
            d = np.where(nearer, np.sign(dy * vx - dx * vy) * np.hypot(dx, dy), d)
        return t, d

    def places(self, t: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Returns the px at coordinates (t, d), float32 (..., 2); beyond its ends the curve runs straight on."""
        n = len(self.points) - 1
        at = np.clip(t, 0, 1) * n
        low = np.minimum(at.astype(int), n - 1)
        share = (at - low)[..., None]
        point = self.points[low] * (1 - share) + self.points[low + 1] * share
        normal = self.normals[low] * (1 - share) + self.normals[low + 1] * share
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
        along = np.stack([normal[..., 1], -normal[..., 0]], axis=-1)
        beyond = ((t - np.clip(t, 0, 1)) * self.length)[..., None]
        return (point + normal * d[..., None] + along * beyond).astype(np.float32)

    def tube(self, shape_hw: tuple[int, ...], half_width: float, start: float = 0.0) -> np.ndarray:
        """Returns (h, w) bool: within `half_width` px of the part of the curve from `start` (0-1) on, with a round end."""
        t, d = self.coordinates(shape_hw)
        past = np.maximum(t - 1, 0) * self.length + half_width
        over = np.where(past > half_width, np.hypot(past - half_width, d), np.abs(d))
        return (over < half_width) & (t >= start)
