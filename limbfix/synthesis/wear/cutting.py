"""How is a garment cut from a mesh that lies around the body, and how does it hang? Faces, hems, ease, flare and folds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy.sparse as sparse

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.subdivision import SparseMatrix, Topology, triangles_of, vertex_normals
from limbfix.synthesis.wear.body_coordinates import ARM, LEG, NOWHERE, body_coordinates

HEM_REACH = 0.35
"""In bone lengths; an edge vertex this near to a cuff belongs to it and is moved onto it."""


FACE_STEPS = {"arm": 0.25, "leg": 0.25, "low": 0.7, "high": 0.4, "neck": 0.3, "neck_width": 0.2}
"""Faces are chosen at ends rounded to these steps, and edges then moved to the true end: few topologies serve all lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where a garment ends and how it sits.

    Attributes:
        arm: sleeve's end, see `BodyCoordinates.arm`; 0 or less for none.
        leg: end on the leg; 0 or less: nothing on the legs.
        low, high: lowest and highest y of the neutral body that it covers.
        neck: depth of the neckline, decimetres below the neck's root; its half-width is `neck_width`.
        neck_width: decimetres.
        ease: distance from the skin, decimetres.
        flare: more distance towards the ends, decimetres.
        folds: height of the folds, decimetres.
        phase: shifts the folds.
    """

    arm: float = 0.0
    leg: float = 0.0
    low: float = -99.0
    high: float = 99.0
    neck: float = 0.0
    neck_width: float = 0.7
    ease: float = 0.06
    flare: float = 0.0
    folds: float = 0.015
    phase: float = 0.0

    def rounded(self) -> Cut:
        """Returns the cut by which faces are chosen, see `FACE_STEPS`; sleeveless stays sleeveless."""
        near = {
            name: step * round(getattr(self, name) / step)
            for name, step in FACE_STEPS.items()
            if abs(getattr(self, name)) < 99
        }
        near["arm"] = max(near["arm"], 0.25) if self.arm > 0 else 0.0
        near["leg"] = max(near["leg"], 0.25) if self.leg > 0 else 0.0
        return replace(self, **near)


@lru_cache(maxsize=512)
def edge_vertices(topology: Topology) -> np.ndarray:
    """Returns (v,) bool: coarse vertices on an open edge."""
    edges = np.sort(np.concatenate([topology.quads[:, [k, (k + 1) % 4]] for k in range(4)]), axis=1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    on_edge = np.zeros(len(topology.vertex_ids), bool)
    on_edge[unique[(counts == 1) & (unique[:, 0] != unique[:, 1])]] = True
    return on_edge


@lru_cache(maxsize=512)
def _edge_mean(topology: Topology) -> SparseMatrix:
    """Returns (v, v): the mean of an edge vertex's two neighbours along the edge; nothing for others."""
    edges = np.sort(np.concatenate([topology.quads[:, [k, (k + 1) % 4]] for k in range(4)]), axis=1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    a, b = unique[(counts == 1) & (unique[:, 0] != unique[:, 1])].T
    v = len(topology.vertex_ids)
    joined = sparse.csr_matrix((np.ones(2 * len(a), np.float32), (np.r_[a, b], np.r_[b, a])), (v, v))
    share: SparseMatrix = sparse.diags(1 / np.maximum(np.asarray(joined.sum(1)).ravel(), 1))
    return (share @ joined).tocsr()


def smooth_edges(component: Component, passes: int) -> None:
    """Takes the steps out of open edges: each pass moves a vertex half-way between its neighbours along the edge."""
    mean, edge = _edge_mean(component.topology), edge_vertices(component.topology)
    rest = component.rest
    for _ in range(passes):
        rest[edge] = 0.5 * rest[edge] + 0.5 * (mean @ rest)[edge]


def covered(figure: Figure, cut: Cut, margin: float = 0.0) -> np.ndarray:
    """Returns (n,) bool: base vertices that a garment lies over, at least `margin` (bones, or decimetres on the trunk) inside it."""
    c = body_coordinates(figure.model)
    on_arm, on_leg = c.arm > NOWHERE, c.leg > NOWHERE
    inside = (~on_arm | (c.arm < cut.arm - margin)) & (
        on_arm | ((c.y > cut.low + 2.5 * margin) & (c.y < cut.high - 2.5 * margin))
    )
    inside &= ~on_leg | (c.leg < cut.leg - margin)
    # The opening is round: its rim rises with the fourth power of the distance from the middle.
    root = 5.72 - cut.neck - 0.35 * np.clip(c.z, -0.3, 1.0) + 0.5 * (np.abs(c.x) / cut.neck_width) ** 4
    open_neck = (c.y > root - 3 * margin) & (np.abs(c.x) < 1.4 * cut.neck_width + 2 * margin) & ~on_arm
    return inside & ~open_neck & ((c.y < 6.3) | on_arm)


def add_garment(figure: Figure, name: str, cut: Cut) -> Component:
    """Cuts a garment from MakeHuman's tights, with its hems straight and its cloth off the skin."""
    chosen = covered(figure, cut.rounded()) & figure.model.mask("helper-tights")
    component = figure.add_component(name, chosen, surface="cloth")
    if not len(component.rest):
        return component
    straighten_hems(figure, component, cut)
    smooth_edges(component, 8)
    normals = vertex_normals(component.rest, triangles_of(component.topology.quads))
    distance = cut.ease + cut.flare * _towards_ends(figure, component, cut) + _folds(component, cut)
    component.rest = (component.rest + normals * distance[:, None]).astype(np.float32)
    return component


def straighten_hems(figure: Figure, component: Component, cut: Cut) -> None:
    """Moves the edge vertices near a cuff or hem onto it, so that its line does not follow the mesh's faces."""
    c, ids = body_coordinates(figure.model), component.topology.vertex_ids
    edge, rest = edge_vertices(component.topology), component.rest
    tall = np.ptp(figure.shaped[:, 1]) / np.ptp(figure.model.vertices[:, 1])
    for place, end, chain in ((c.arm[ids], cut.arm, ARM), (c.leg[ids], cut.leg, LEG)):
        near = edge & (place > NOWHERE) & (np.abs(place - end) < HEM_REACH)
        if chain is LEG and cut.low > -90:
            continue  # a shirt ends at a height, not at a place on the legs
        bone = int(np.clip(end, 0, len(chain) - 2))
        for sign, suffix in ((1, SIDES["left"]), (-1, SIDES["right"])):
            own = near & (c.x[ids] * sign > 0)
            joints = [figure.heads[figure.bone(f"{name}{suffix}")] for name in chain[bone : bone + 2]]
            rest[own] += (end - place[own])[:, None] * (joints[1] - joints[0])
    trunk = edge & (c.arm[ids] == NOWHERE)
    for end in (cut.low, cut.high):
        near = trunk & (np.abs(c.y[ids] - end) < 0.4)
        rest[near, 1] += (end - c.y[ids][near]) * tall


def _towards_ends(figure: Figure, component: Component, cut: Cut) -> np.ndarray:
    """Returns (v,) 0-1: 0 at shoulder, chest and hip, 1 at cuff and hem."""
    c, ids = body_coordinates(figure.model), component.topology.vertex_ids
    arm = np.where(c.arm[ids] > NOWHERE, c.arm[ids] / max(cut.arm, 0.3), 0)
    leg = np.where(c.leg[ids] > NOWHERE, c.leg[ids] / max(cut.leg, 0.3), 0)
    bottom = max(cut.low, -0.7)
    trunk = (4.2 - c.y[ids]) / max(4.2 - bottom, 0.5) if cut.high > 4 else np.zeros(len(ids))
    return np.where(c.arm[ids] > NOWHERE, arm, np.maximum(leg, trunk)).clip(0, 1)


def _folds(component: Component, cut: Cut) -> np.ndarray:
    """Returns (v,) decimetres: folds as a sum of waves that lean across the body; more where cloth is loose."""
    x, y, z = component.rest.T
    waves = np.sin(5.1 * y + 2.3 * x + cut.phase) + 0.7 * np.sin(-3.7 * y + 4.9 * x + 2.0 * z + 2.1 * cut.phase)
    waves += 0.5 * np.sin(9.0 * y - 5.0 * z + 3.3 * cut.phase)
    return np.maximum(cut.folds * waves, -0.6 * cut.ease)


def hide_under(components: Iterable[Component], hidden: np.ndarray) -> None:
    """Stops drawing components at some base vertices (n,) bool: what is covered cannot poke through its cover."""
    for component in components:
        own = hidden[component.topology.vertex_ids]
        if own.any():
            component.hidden = own if component.hidden is None else component.hidden | own
