"""Where does a region end? Closed outlines of the pixels of a mask, with few points."""

from __future__ import annotations

import numpy as np

Point = tuple[int, int]

_TURNS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Directions along a pixel's edges, clockwise with y down."""


def outlines_of(pixels: np.ndarray, tolerance: float = 0.0) -> list[np.ndarray]:
    """Returns the closed outlines of a mask, along the edges of its pixels.

    Pieces that meet at a corner only are one outline or two; holes have outlines of their own, so fill by the even-odd
    rule. The area between the outlines is the mask's, exactly, where the tolerance is 0.

    Args:
        pixels: bool (h, w).
        tolerance: px that a point may lie off its straight neighbour line and be left out.

    Returns:
        int64 (n, 2) arrays of (x, y), the first point not repeated, largest outline first; none for an empty mask.
    """
    loops = [np.array(loop) for loop in _loops(_edges(pixels))]
    loops = [_thinned(loop, tolerance) for loop in loops]
    return sorted((loop for loop in loops if len(loop) >= 3), key=lambda loop: -np.ptp(loop, axis=0).prod())


def _edges(pixels: np.ndarray) -> dict[Point, list[Point]]:
    """Returns the edges between inside and outside, start -> ends, the inside to their right."""
    inside = np.pad(pixels.astype(bool), 1)
    edges: dict[Point, list[Point]] = {}
    for side, (dx, dy) in enumerate(_TURNS):
        # the neighbour across the edge: above for the edge that runs right, and so on round the pixel
        open_side = inside & ~np.roll(inside, (dx, -dy), axis=(0, 1))
        rows, columns = np.nonzero(open_side)
        corner_x, corner_y = ((0, 0), (1, 0), (1, 1), (0, 1))[side]
        for x, y in zip((columns - 1 + corner_x).tolist(), (rows - 1 + corner_y).tolist(), strict=True):
            edges.setdefault((x, y), []).append((x + dx, y + dy))
    return edges


def _loops(edges: dict[Point, list[Point]]) -> list[list[Point]]:
    loops = []
    while edges:
        start = next(iter(edges))
        loop, place = [], start
        while not loop or place != start:
            loop.append(place)
            ends = edges[place]
            following = ends.pop()
            if not ends:
                del edges[place]
            place = following
        loops.append(loop)
    return loops


def _thinned(loop: np.ndarray, tolerance: float) -> np.ndarray:
    """Drops points by Douglas and Peucker's rule, the two ends being the first point and the one farthest from it."""
    far = int(np.linalg.norm(loop - loop[0], axis=1).argmax())
    closed = np.concatenate([loop, loop[:1]])
    kept = {0, far, len(loop)}
    waiting = [(0, far), (far, len(loop))]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        along = (closed[last] - closed[first]).astype(float)
        away = closed[first + 1 : last] - closed[first]
        length = np.linalg.norm(along)
        gaps = (
            np.abs(away[:, 0] * along[1] - away[:, 1] * along[0]) / length if length else np.linalg.norm(away, axis=1)
        )
        worst = int(gaps.argmax())
        if gaps[worst] > max(tolerance, 1e-9):
            middle = first + 1 + worst
            kept.add(middle)
            waiting += [(first, middle), (middle, last)]
    return loop[sorted(kept - {len(loop)})]
