"""How is a bone turned? Rotation matrices from axes, directions and angles."""

from __future__ import annotations

import numpy as np


def unit(vector: np.ndarray) -> np.ndarray:
    """Returns the vector (..., 3) at length 1; a zero vector stays zero."""
    vector = np.asarray(vector, np.float64)
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-12)


def turn(axis: np.ndarray | list[float], angle: float) -> np.ndarray:
    """Returns the (3, 3) float32 rotation by `angle` radians about an axis; right-handed (Rodrigues)."""
    x, y, z = unit(np.asarray(axis, np.float64))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross).astype(np.float32)


def turn_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the smallest (3, 3) rotation that takes one direction to another."""
    start, end = unit(start), unit(end)
    axis = np.cross(start, end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-6:
        if start @ end > 0:
            return np.eye(3, dtype=np.float32)
        axis = np.cross(start, [1.0, 0, 0] if abs(start[0]) < 0.9 else [0, 1.0, 0])
    return turn(axis, float(np.arctan2(sine, start @ end)))
