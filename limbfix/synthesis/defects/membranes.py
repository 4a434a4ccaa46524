"""How is a hole in a mesh closed? The vertices beyond a cut become a harmonic membrane over it, bulged to a stump.

Source: discrete harmonic surfaces with fixed boundary, e.g. M. Botsch, O. Sorkine, "On linear variational surface deformation
methods", 2008, section 3.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import factorized

from limbfix.synthesis.figures.figure import Component


def close_with_membrane(component: Component, free: np.ndarray, *, bulge: float, axis: np.ndarray) -> None:
    """Replaces the free vertices by a membrane over the hole that they would leave.

    Args:
        component: changed in place.
        free: (v,) bool, the vertices beyond the cut; some must be fixed.
        bulge: decimetres by which the membrane's middle rises.
        axis: (3,) unit, the direction of the bulge.
    """
    inside, outside = np.flatnonzero(free), np.flatnonzero(~free)
    if not len(inside) or not len(outside):
        return
    neighbours: Any = component.topology.neighbours
    system: Any = sparse.identity(len(inside), format="csc") - neighbours[inside][:, inside].tocsc()
    solve = factorized(system.astype(np.float64))
    rim = neighbours[inside][:, outside] @ component.rest[outside]
    surface = np.column_stack([solve(rim[:, k].astype(np.float64)) for k in range(3)])
    height = solve(solve(np.ones(len(inside))))  # twice smoothed: flat at the rim, so that the bulge has no crease
    surface += axis * (bulge * (height / height.max()).clip(0, 1))[:, None]
    component.rest = component.rest.copy()
    component.rest[inside] = surface


def hang_on(component: Component, vertices: np.ndarray, bone: int) -> None:
    """Makes some vertices (v,) bool follow one bone alone: a stump moves with what it is the end of."""
    rows: Any = component.weights.tolil()
    for vertex in np.flatnonzero(vertices):
        rows.rows[vertex], rows.data[vertex] = [bone], [1.0]
    component.weights = rows.tocsr()


def smoothed(component: Component, vertices: np.ndarray, passes: int) -> None:
    """Smooths some vertices (v,) bool in place: each pass moves them half-way to their neighbours' mean."""
    component.rest = component.rest.copy()
    for _ in range(passes):
        component.rest[vertices] = (0.5 * component.rest + 0.5 * (component.topology.neighbours @ component.rest))[
            vertices
        ]
