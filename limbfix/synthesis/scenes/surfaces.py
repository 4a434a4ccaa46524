"""How far is a point from somebody's skin and clothes? Distances from posed meshes, for hands that touch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.posing import skinned, world_matrices
from limbfix.synthesis.figures.subdivision import triangles_of, vertex_normals

NEIGHBOURS = 3
"""Vertices whose tangent planes are averaged: one alone makes steps between the faces of a coarse mesh."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """A posed surface.

    Attributes:
        points, normals: (n, 3) world.
        tree: of the points.
    """

    points: np.ndarray
    normals: np.ndarray
    tree: KDTree

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Returns (n,) signed decimetres, negative inside; good near the surface."""
        apart, index = self.tree.query(points, k=NEIGHBOURS)
        offset = points[:, None] - self.points[index]
        height = (offset * self.normals[index]).sum(-1)
        weight = 1 / (apart + 0.02) ** 2
        return (height * weight).sum(1) / weight.sum(1)

    def nearest(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the nearest vertex (3,) and the mean normal (3,) about it."""
        _, index = self.tree.query(point, k=8)
        normal = self.normals[index].mean(0)
        return self.points[index[0]], normal / np.linalg.norm(normal)


Chosen = Callable[[Component], np.ndarray]
"""A component -> (v,) bool, the coarse vertices that count."""


def surface_of(figures: Sequence[tuple[Figure, Chosen]]) -> Surface:
    """Returns the outer surface of some people as they are posed now; hair does not count, one reaches into it."""
    points, normals = [], []
    for figure, chosen in figures:
        matrices = world_matrices(figure)
        for component in figure.components:
            kept = chosen(component)
            if component.hidden is not None:
                kept = kept & ~component.hidden
            if component.surface in ("hair", "eye", "jewellery") or not kept.any():
                continue
            posed = skinned(component, matrices)
            triangles = triangles_of(component.topology.quads)
            if component.mirrored:
                triangles = triangles[:, ::-1]
            points.append(posed[kept])
            normals.append(vertex_normals(posed, triangles)[kept])
    stacked = np.concatenate(points)
    return Surface(points=stacked, normals=np.concatenate(normals), tree=KDTree(stacked))


def but(ids: Sequence[int]) -> Chosen:
    """Chooses all but some instances."""
    return lambda component: ~np.isin(component.instance, list(ids))


def only(ids: Sequence[int]) -> Chosen:
    """Chooses some instances alone."""
    return lambda component: np.isin(component.instance, list(ids))


def arm_ids(figure: Figure, side: str) -> list[int]:
    """Returns the ids of an arm, its hand and its digits."""
    arm, hand = figure.find("arm", side), figure.find("hand", side)  # pyright: ignore[reportArgumentType]
    return [arm.id, *hand_ids(figure, side), hand.id]


def hand_ids(figure: Figure, side: str) -> list[int]:
    """Returns the ids of a hand and its digits."""
    hand = figure.find("hand", side)  # pyright: ignore[reportArgumentType]
    return [hand.id, *(entry.id for entry in figure.instances if entry.owner == hand.id)]
