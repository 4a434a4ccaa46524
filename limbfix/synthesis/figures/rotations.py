"""How is a bone turned? Rotation matrices from axes, directions and angles."""

from __future__ import annotations

import math

import numpy as np


def unit(vector: np.ndarray) -> np.ndarray:
    """Returns the vector (..., 3) at length 1; a zero vector stays zero."""
    vector = np.asarray(vector, np.float64)
    if vector.shape == (3,):  # a single one is the common case, and numpy's norm takes ten times as long
        x, y, z = vector.tolist()
        return vector / max(math.sqrt(x * x + y * y + z * z), 1e-12)
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-12)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns the cross product of two (3,) vectors; ten times as fast as numpy's, which is made for arrays of them."""
    (ax, ay, az), (bx, by, bz) = a, b
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def turn(axis: np.ndarray | list[float], angle: float) -> np.ndarray:
    """Returns the (3, 3) float32 rotation by `angle` radians about an axis; right-handed (Rodrigues)."""
    x, y, z = (float(part) for part in axis)
    length = math.sqrt(x * x + y * y + z * z)
    if length < 1e-12:
        return np.eye(3, dtype=np.float32)  # no axis, no turn
    x, y, z = x / length, y / length, z / length
    c, s = math.cos(angle), math.sin(angle)
    k = 1 - c
    return np.array(
        [
            [c + k * x * x, k * x * y - s * z, k * x * z + s * y],
            [k * x * y + s * z, c + k * y * y, k * y * z - s * x],
            [k * x * z - s * y, k * y * z + s * x, c + k * z * z],
        ],
        np.float32,
    )


def turn_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the smallest (3, 3) rotation that takes one direction to another."""
    start, end = unit(start), unit(end)
    axis = cross(start, end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-6:
        if start @ end > 0:
            return np.eye(3, dtype=np.float32)
        axis = np.cross(start, [1.0, 0, 0] if abs(start[0]) < 0.9 else [0, 1.0, 0])
    return turn(axis, float(np.arctan2(sine, start @ end)))
