"""Where is a pixel on a digit? Curves through joints, with coordinates along (t) and across (d), and the way back.

With them a digit can be laid along another curve, thickened, shortened, split or doubled: one map, no cutting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_STEPS = 14
"""Pieces of a curve: a digit of 100 px in pieces of 7 px."""


_FAR_PX = 1e4

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
        """Returns (t, d), float32 (h, w) each: 0-1 along the curve (less before it, more beyond), and px across, signed.

        Pixels further away than the curve is long are not looked at: t is 0 there, and d a distance that no digit has.
        """
        low = np.floor(self.points.min(axis=0) - self.length).clip(0).astype(int)
        high = np.ceil(self.points.max(axis=0) + self.length).clip(0).astype(int)
        t, d = np.zeros(shape_hw[:2], np.float32), np.full(shape_hw[:2], _FAR_PX, np.float32)
        inside = slice(low[1], min(high[1], shape_hw[0])), slice(low[0], min(high[0], shape_hw[1]))
        y, x = np.mgrid[inside].astype(np.float32)
        if x.size:
            t[inside], d[inside] = self._nearest(x, y)
        return t, d

    def _nearest(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        start, step = self.points[:-1].astype(np.float32), np.diff(self.points, axis=0).astype(np.float32)
        best = np.full(x.shape, np.inf, np.float32)
        t, d = np.zeros_like(best), np.zeros_like(best)
        last = len(start) - 1
        for k, ((sx, sy), (vx, vy)) in enumerate(zip(start, step, strict=True)):
            square = max(float(vx * vx + vy * vy), 1e-9)
            u = ((x - sx) * vx + (y - sy) * vy) / square
            kept = np.clip(u, -np.inf if k == 0 else 0, np.inf if k == last else 1)
            dx, dy = x - sx - kept * vx, y - sy - kept * vy
            far = dx * dx + dy * dy
            if k in (0, last):
                far = far + (np.where(kept < 0, -kept, np.maximum(kept - 1, 0)) ** 2) * square
            nearer = far < best
            np.copyto(best, far, where=nearer)
            np.copyto(t, (k + kept) / (last + 1), where=nearer)
            np.copyto(d, np.where(dy * vx >= dx * vy, 1, -1) * np.hypot(dx, dy), where=nearer)
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
