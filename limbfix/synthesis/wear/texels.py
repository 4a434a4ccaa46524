"""Which point of the body does each texel of the skin texture show? Triangles of the atlas, filled with rest positions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

MARGIN = 0.15
"""Barycentric overlap beyond a triangle's edges, so that no texel between two triangles stays empty."""

LARGEST_TRIANGLE = 128
"""Texels; a triangle wider than this crosses the atlas and is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Texels:
    """The texels of a part of the body.

    Attributes:
        rows, columns: (m,) int in the texture, row 0 on top.
        values: (m, k) float32, whatever was given for each vertex, between the vertices.
    """

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray


def texels_of(uv: np.ndarray, triangles: np.ndarray, values: np.ndarray, side_px: int) -> Texels:
    """Fills triangles of the atlas.

    Args:
        uv: (r, 2) 0-1, v upwards.
        triangles: (t, 3) into `uv`.
        values: (r, k) of each render vertex.
        side_px: side of the texture.

    Returns:
        every covered texel once; where triangles overlap, the one in which it lies deepest.
    """
    corners = (uv * [side_px, -side_px] + [0, side_px])[triangles]
    low = np.floor(corners.min(1)).astype(np.int64) - 1
    size = (np.ceil(corners.max(1)).astype(np.int64) + 1 - low).max(1)
    found = [
        _fill(corners[chosen], low[chosen], triangles[chosen], values, width)
        for width, chosen in _by_size(size)
        if chosen.any()
    ]
    rows, columns, depth, filled = (np.concatenate(column) for column in zip(*found, strict=True))
    inside = (rows >= 0) & (rows < side_px) & (columns >= 0) & (columns < side_px)
    order = np.flatnonzero(inside)[np.argsort(-depth[inside], kind="stable")]
    _, first = np.unique(rows[order] * side_px + columns[order], return_index=True)
    best = order[first]
    return Texels(rows=rows[best], columns=columns[best], values=filled[best])


def _by_size(size: np.ndarray) -> list[tuple[int, np.ndarray]]:
    bounds = [0, 8, 16, 32, LARGEST_TRIANGLE]
    return [(high, (size > low) & (size <= high)) for low, high in itertools.pairwise(bounds)]


def _fill(
    corners: np.ndarray, low: np.ndarray, triangles: np.ndarray, values: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    offsets = np.stack(np.meshgrid(np.arange(width), np.arange(width)), -1).reshape(-1, 2)
    result: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    step = max(1, 2_000_000 // width**2)  # bounds the memory
    for start in range(0, len(corners), step):
        part = slice(start, start + step)
        place = low[part, None] + offsets
        a, b, c = (corners[part, None, k] for k in range(3))
        area = _cross(b - a, c - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.stack([_cross(b - place, c - place), _cross(c - place, a - place), _cross(a - place, b - place)])
            share = share / area
        depth = share.min(0)
        triangle, _ = kept = np.nonzero(depth > -MARGIN)
        weights = share[:, kept[0], kept[1]].T
        filled = np.einsum("mk,mkd->md", weights, values[triangles[part][triangle]])
        x, y = place[kept].T
        result.append((y, x, depth[kept], filled.astype(np.float32)))
    return tuple(np.concatenate(column) for column in zip(*result, strict=True))  # pyright: ignore[reportReturnType]


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
