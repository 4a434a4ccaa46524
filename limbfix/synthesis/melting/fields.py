"""How are pixels moved? Backward maps (where does each pixel come from) for blobs, rotations and moved control points."""

from __future__ import annotations

import cv2
import numpy as np

SHOWN = 1 / 128
"""Alpha below which a pixel counts as untouched: less than two grey values, and the region of a change ends there."""

_GRID_PX = 6
"""Spacing of the coarse grid on which control points are solved; the map is smooth, so finer says nothing new."""


def warp(pixels: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Returns the picture with each pixel taken from `origin` (float32 (h, w, 2) px), reflected at the edge."""
    origin = origin.astype(np.float32, copy=False)
    return cv2.remap(pixels, origin[..., 0], origin[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def blob(shape_hw: tuple[int, ...], centre: np.ndarray, radius: float, stretch: float, angle: float) -> np.ndarray:
    """Returns an elliptic Gaussian bump, (h, w) float32 with 1 in the centre: `radius * stretch` px along `angle`."""
    y, x = np.mgrid[: shape_hw[0], : shape_hw[1]].astype(np.float32)
    dx, dy = x - centre[0], y - centre[1]
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    return np.exp(-((along / (radius * stretch)) ** 2) - (across * stretch / radius) ** 2).astype(np.float32)


def elastic_flow(shape_hw: tuple[int, ...], smoothness: float, reach: float, rng: np.random.Generator) -> np.ndarray:
    """Returns a random smooth displacement, float32 (h, w, 2) px: `smoothness` px between independent moves, `reach` px far.

    Simard et al. 2003, "Best practices for convolutional neural networks", elastic distortions.
    """
    noise = rng.standard_normal((*shape_hw[:2], 2), dtype=np.float32)
    flow = cv2.GaussianBlur(noise, (0, 0), smoothness)
    return flow * (reach / max(float(np.abs(flow).max()), 1e-6))


def swirl_flow(bump: np.ndarray, centre: np.ndarray, turn: float) -> np.ndarray:
    """Returns the displacement of a turn (radians) about `centre` that fades with `bump`."""
    y, x = np.mgrid[: bump.shape[0], : bump.shape[1]].astype(np.float32)
    angle, dx, dy = turn * bump, x - centre[0], y - centre[1]
    return np.stack(
        [np.cos(angle) * dx - np.sin(angle) * dy - dx, np.sin(angle) * dx + np.cos(angle) * dy - dy], axis=-1
    )


def moved_points(
    shape_hw: tuple[int, ...], before: np.ndarray, after: np.ndarray, stiffness: float = 1.6
) -> np.ndarray:
    """Returns the backward map that takes control points `before` to `after`, both (n, 2) px.

    Rigid moving least squares (Schaefer et al. 2006), solved from the new places to the old ones, on a coarse grid; in complex
    numbers the best rotation is the angle of a sum. A frame of fixed points holds the picture's edge.
    """
    height, width = shape_hw[:2]
    frame = _frame(height, width)
    old, new = (np.concatenate([points, frame]) @ np.array([1, 1j]) for points in (before, after))
    columns, rows = np.arange(0, width + _GRID_PX, _GRID_PX), np.arange(0, height + _GRID_PX, _GRID_PX)
    grid = (columns[None, :] + 1j * rows[:, None]).reshape(-1, 1)
    weight = 1 / (np.abs(grid - new) ** (2 * stiffness) + 1e-6)
    weight /= weight.sum(axis=1, keepdims=True)
    new_centre, old_centre = (weight @ new)[:, None], (weight @ old)[:, None]
    turn = (weight * np.conj(new - new_centre) * (old - old_centre)).sum(axis=1, keepdims=True)
    source = (grid - new_centre) * turn / np.maximum(np.abs(turn), 1e-9) + old_centre
    moved = (source - grid).reshape(len(rows), len(columns))
    flow = np.stack([moved.real, moved.imag], axis=-1).astype(np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    fine = cv2.remap(flow, x / _GRID_PX, y / _GRID_PX, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return fine + np.stack([x, y], axis=-1)


def settled(origin: np.ndarray, least_px: float = 0.06) -> tuple[np.ndarray, np.ndarray]:
    """Returns (the map without moves below `least_px`, where it still moves, (h, w) bool): beyond its region a map changes nothing."""
    y, x = np.mgrid[: origin.shape[0], : origin.shape[1]].astype(np.float32)
    moves = np.hypot(origin[..., 0] - x, origin[..., 1] - y) >= least_px
    return np.where(moves[..., None], origin, np.stack([x, y], axis=-1)).astype(np.float32), moves


def feather(mask: np.ndarray, sigma: float) -> np.ndarray:
    """Returns a soft mask, (h, w) float32 in 0-1, from a hard one."""
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(sigma, 0.3))


def mix(below: np.ndarray, above: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Returns `above` (h, w, 3) over `below` with `alpha` (h, w), uint8; an alpha below `SHOWN` is none."""
    share = np.where(alpha < SHOWN, 0, np.clip(alpha, 0, 1))[..., None]
    return np.clip(np.rint(below * (1 - share) + above.astype(np.float32) * share), 0, 255).astype(np.uint8)


def _frame(height: int, width: int) -> np.ndarray:
    across, down = np.linspace(0, width - 1, 7), np.linspace(0, height - 1, 7)
    sides = [[(x, 0), (x, height - 1)] for x in across] + [[(0, y), (width - 1, y)] for y in down[1:-1]]
    return np.array([point for side in sides for point in side], float)
