"""What forms do simple things have? Meshes of turned bodies, tubes, boxes and sheets, about the origin, in decimetres."""

from __future__ import annotations

import numpy as np

Mesh = tuple[np.ndarray, np.ndarray]
"""Vertices (v, 3) and triangles (t, 3)."""

ROUND = 40
"""Corners of a circle: none can be seen at 512 px."""


def _grid_triangles(rows: int, columns: int, *, closed: bool) -> np.ndarray:
    """Returns triangles of a grid of vertices, row by row; `closed` joins the last column to the first."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    a, b = row * columns + column, row * columns + (column + 1) % columns
    c, d = a + columns, b + columns
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])


def turned_body(profile: np.ndarray) -> Mesh:
    """Returns the body that a profile (n, 2) of radius and height makes when it turns about y; sharp corners want two points."""
    angles = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)
    radius, height = profile[:, :1], profile[:, 1:]
    grid = np.stack(
        [radius * np.cos(angles), np.broadcast_to(height, (len(profile), ROUND)), radius * np.sin(angles)], -1
    )
    return grid.reshape(-1, 3), _grid_triangles(len(profile), ROUND, closed=True)


def tube(line: np.ndarray, radius: float) -> Mesh:
    """Returns a tube of one radius along a line (n, 3), open at its ends."""
    steps = np.gradient(line, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    side = np.cross(steps, [0.31, 0.17, 0.94])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    angles = np.linspace(0, 2 * np.pi, ROUND // 2, endpoint=False)[:, None, None]
    rings = line + radius * (np.cos(angles) * side + np.sin(angles) * np.cross(steps, side))
    return rings.transpose(1, 0, 2).reshape(-1, 3), _grid_triangles(len(line), ROUND // 2, closed=True)


def ball(radius: float) -> Mesh:
    """Returns a ball."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, ROUND // 2 + 1)
    return turned_body(radius * np.stack([np.cos(angles), np.sin(angles)], 1))


def box(half: np.ndarray, edge: float) -> Mesh:
    """Returns a box of half sizes (3,) with edges bevelled by `edge`; each face has vertices of its own, so it looks flat."""
    vertices, triangles = [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            grid = np.linspace(-1, 1, 7)
            face = np.zeros((7, 7, 3))
            face[..., axis] = sign * half[axis]
            face[..., u] = (grid * (half[u] - edge))[:, None]
            face[..., v] = (grid * (half[v] - edge))[None, :]
            rim = np.zeros((9, 9, 3))
            rim[...] = np.pad(face, ((1, 1), (1, 1), (0, 0)), mode="edge")
            for side, place in ((-1.0, 0), (1.0, -1)):
                rim[place, :, u], rim[:, place, v] = side * half[u], side * half[v]
                rim[place, :, axis] = rim[:, place, axis] = sign * (half[axis] - edge)
            grid_triangles = _grid_triangles(9, 9, closed=False) + 81 * len(vertices)
            triangles.append(grid_triangles if sign > 0 else grid_triangles[:, ::-1])
            vertices.append(rim.reshape(-1, 3))
    return np.concatenate(vertices), np.concatenate(triangles)


def sheet(points: np.ndarray) -> Mesh:
    """Returns a sheet through a grid of points (r, c, 3)."""
    rows, columns = points.shape[:2]
    return points.reshape(-1, 3), _grid_triangles(rows, columns, closed=False)


def joined(*meshes: Mesh) -> Mesh:
    """Returns several meshes as one."""
    counts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    return (
        np.concatenate([vertices for vertices, _ in meshes]),
        np.concatenate([triangles + first for (_, triangles), first in zip(meshes, counts, strict=False)]),
    )
