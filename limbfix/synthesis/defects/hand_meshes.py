"""How is a hand cut and sewn? A working copy of one hand's mesh: faces go, copies of faces come, and seams are woven shut.

A digit that is merely pushed into a palm shows a crease where two surfaces cross. Here the coarse mesh is one sheet before it is
smoothed, so that a made hand has no crease, no hole and no overlap for a network to learn instead of the defect.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sparse

from limbfix.synthesis.defects.seams import Cap, Graft
from limbfix.synthesis.figures.anatomy import limb_bones
from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.subdivision import Topology, topology_from
from limbfix.synthesis.samples import Side

RINGS = 3
"""Rings of faces around the hand that come along, so that subdivision gives the same surface in the copy and in the body; and
around what is cut, so that softened seams end before the body begins."""

_TOPOLOGIES: OrderedDict[tuple, Topology] = OrderedDict()
_MOST_TOPOLOGIES = 96  # about 1.5 MB each


def _cached_topology(
    key: tuple, vertex_ids: np.ndarray, quads: np.ndarray, corners: np.ndarray, levels: int
) -> Topology:
    if key not in _TOPOLOGIES:
        _TOPOLOGIES[key] = topology_from(vertex_ids, quads, corners, levels)
        if len(_TOPOLOGIES) > _MOST_TOPOLOGIES:
            _TOPOLOGIES.popitem(last=False)
    _TOPOLOGIES.move_to_end(key)
    return _TOPOLOGIES[key]


def spread_rings(quads: np.ndarray, vertices: np.ndarray, rings: int) -> np.ndarray:
    """Returns (v,) bool: some vertices (v,) bool and those of the faces around them, so many rings out."""
    grown = vertices.copy()
    for _ in range(rings):
        grown[quads[grown[quads].any(1)]] = True
    return grown


def hand_bones(figure: Figure, side: Side) -> list[int]:
    """Returns the indices of all bones of a hand, those that operators added included."""
    bones = {figure.bone(bone) for bone in limb_bones(figure.model, "hand", side)}
    for index, parent in enumerate(figure.parents):  # parents come first
        if parent in bones:
            bones.add(index)
    return sorted(bones)


def can_open(component: Component, figure: Figure, faces: np.ndarray) -> bool:
    """Tells whether a component has the skin's faces (rows of `model.faces`): a fingerless glove lacks fingers."""
    return bool(np.isin(figure.model.faces[faces], component.topology.vertex_ids).all())


class HandMesh:
    """One component's hand, open for surgery. `sew` puts it back into the figure.

    Args:
        figure, component, side: whose.
        faces: all that will be cut or copied, rows of `model.faces`; the hand reaches as far as they do.

    Attributes:
        sources: (v,) base vertices; rest, weights, instance, part, outer: by vertex, as in `Component`; `outer` is the brim that
            the body draws itself.
        quads, corners: faces and the texture coordinates of their corners.
        seam: (v,) bool, vertices at the seams, which `sew` smooths.
    """

    def __init__(self, figure: Figure, component: Component, side: Side, faces: np.ndarray):
        self.figure, self.component = figure, component
        model, topology = figure.model, component.topology
        inside = component.weight_of(hand_bones(figure, side)) > 0.5
        inside |= spread_rings(topology.quads, np.isin(topology.vertex_ids, model.faces[faces]), RINGS)
        rows = np.flatnonzero(spread_rings(topology.quads, inside, RINGS))
        place = np.full(len(model.vertices), -1)
        place[topology.vertex_ids[rows]] = np.arange(len(rows))
        kept = (place[model.faces] >= 0).all(1)
        self.place, self.face_rows = place, np.flatnonzero(kept)
        self.sources = topology.vertex_ids[rows]
        self.quads, self.corners = place[model.faces[kept]], model.uv[model.face_uv[kept]]
        self.rest = component.rest[rows].copy()
        self.weights: Any = component.weights[rows]
        self.instance, self.part = component.instance[rows].copy(), component.part[rows].copy()
        core = inside[rows]
        self.outer = ~spread_rings(self.quads, core, 1)
        if component.hidden is not None:
            self.outer |= component.hidden[rows]
        self.seam = np.zeros(len(rows), bool)
        self._inside, self._key = inside, (component.name, side, len(rows), len(self.quads), figure.levels)

    def remove(self, faces: np.ndarray) -> None:
        """Takes faces of the base mesh away. Vertices that no face needs any more stay, and are not drawn."""
        gone = np.isin(self.face_rows, faces)
        self.quads, self.corners, self.face_rows = self.quads[~gone], self.corners[~gone], self.face_rows[~gone]

    def _add_vertices(
        self, sources: np.ndarray, rest: np.ndarray, weights: Any, instance: np.ndarray, part: np.ndarray
    ) -> np.ndarray:
        first = len(self.sources)
        self.sources = np.concatenate([self.sources, sources])
        self.rest = np.concatenate([self.rest, rest.astype(np.float32)])
        self.weights = _stacked(self.weights, weights)
        self.instance, self.part = np.concatenate([self.instance, instance]), np.concatenate([self.part, part])
        self.outer = np.concatenate([self.outer, np.zeros(len(sources), bool)])
        self.seam = np.concatenate([self.seam, np.zeros(len(sources), bool)])
        return np.arange(first, first + len(sources))

    def _add_quads(self, quads: np.ndarray, corners: np.ndarray) -> None:
        self.quads, self.corners = np.concatenate([self.quads, quads]), np.concatenate([self.corners, corners])
        self.face_rows = np.concatenate([self.face_rows, np.full(len(quads), -1)])

    def graft(
        self, graft: Graft, source: np.ndarray, bones: Mapping[int, int], instances: Mapping[int, int]
    ) -> np.ndarray:
        """Opens the hole, copies the donor's faces and weaves the strip between.

        Args:
            graft: what to cut and to copy, see `seams`.
            source: (n, 3) positions of the donor's vertices, by base vertex.
            bones: old -> new bone index of the copy.
            instances: old -> new id of the copy; others keep theirs.

        Returns:
            rows of the donor's new vertices.
        """
        faces = self.figure.model.faces[graft.donor]
        base = np.unique(faces)
        rows = self.place[base]
        ids = np.array([instances.get(int(i), int(i)) for i in self.instance[rows]], np.int32)
        weights = _on_bones(self.weights[rows], bones, len(self.figure.bone_names))
        new = self._add_vertices(base, source[base], weights, ids, self.part[rows])
        copied = np.full(len(self.place), -1)
        copied[base] = new
        uv = self.figure.model.uv[self.figure.model.face_uv[graft.donor]]
        self.remove(graft.removed)
        step = -1 if graft.mirrored else 1
        self._add_quads(copied[faces][:, ::step], uv[:, ::step])
        strip = np.where(graft.strip >= 0, self.place[graft.strip], copied[-graft.strip - 1])
        self._add_quads(strip, graft.strip_uv)
        self.seam[strip] = True
        self._key = (*self._key, graft.name)
        return new

    def close(self, cap: Cap, *, bulge: float, instance: int, part: int, bone: int | None) -> None:
        """Takes faces away and closes the hole with a rounded lid.

        Args:
            cap: what to cut, see `seams`.
            bulge: decimetres by which the lid's middle stands out.
            instance, part: labels of the lid.
            bone: what the lid follows; None: as the rim does.
        """
        self.remove(cap.removed)
        rim = self.place[cap.loop]
        centre = self.rest[rim].mean(0)
        normal = np.cross(self.rest[rim] - centre, self.rest[np.roll(rim, -1)] - centre).sum(0)
        normal /= max(float(np.linalg.norm(normal)), 1e-9)
        spokes = self.rest[rim] - centre
        spokes = spokes - 0.7 * (spokes @ normal)[:, None] * normal  # a rim may be wavy; its lid is flatter
        inner = centre + 0.62 * spokes + 0.75 * bulge * normal
        weights = self.weights[rim] if bone is None else _rows_on(bone, len(rim), len(self.figure.bone_names))
        n, ids = len(rim), np.full(len(rim), instance, np.int32)
        ring = self._add_vertices(self.sources[rim], inner, weights, ids, np.full(n, part, np.uint8))
        middle = self._add_vertices(
            self.sources[rim[:1]], (centre + bulge * normal)[None], weights[:1], ids[:1], np.full(1, part, np.uint8)
        )
        after = np.roll(np.arange(n), -1)
        self._add_quads(np.stack([rim, rim[after], ring[after], ring], 1), np.repeat(cap.loop_uv[:, None], 4, 1))
        even = np.arange(0, n, 2)
        fan = np.stack([np.repeat(middle, len(even)), ring[even], ring[(even + 1) % n], ring[(even + 2) % n]], 1)
        self._add_quads(fan, np.repeat(cap.loop_uv[even][:, None], 4, 1))
        self.seam[np.concatenate([rim, ring, middle])] = True
        self._key = (*self._key, cap.name)

    def sew(self, *, rings: int = 2, passes: int = 6) -> Component:
        """Puts the hand back as a component of its own, smoothed about its seams; the body draws it no more."""
        used = np.zeros(len(self.sources), bool)
        used[self.quads] = True
        order = np.cumsum(used) - 1
        quads = order[self.quads]
        topology = _cached_topology(self._key, self.sources[used], quads, self.corners, self.figure.levels)
        hidden = self.outer[used]
        sewn = Component(
            name=self.component.name, topology=topology, rest=self.rest[used], weights=self.weights[used],
            instance=self.instance[used], part=self.part[used], surface=self.component.surface,
            mirrored=self.component.mirrored, hidden=hidden if hidden.any() else None,
        )  # fmt: skip
        soften(sewn, spread_rings(quads, self.seam[used], rings), passes)
        old = self.component
        old.hidden = self._inside | (old.hidden if old.hidden is not None else False)
        self.figure.components.append(sewn)
        return sewn


def soften(component: Component, vertices: np.ndarray, passes: int) -> None:
    """Smooths positions and weights of some vertices (v,) bool: each pass moves them half-way to their neighbours' mean."""
    neighbours, rows = component.topology.neighbours[vertices], np.flatnonzero(vertices)
    rest = component.rest.copy()
    for _ in range(passes):
        rest[rows] = 0.5 * rest[rows] + 0.5 * (neighbours @ rest)
    component.rest = rest
    blend = sparse.diags((~vertices).astype(np.float32) + 0.5 * vertices)
    mean = sparse.diags(0.5 * vertices.astype(np.float32)) @ component.topology.neighbours
    for _ in range(2):
        component.weights = (blend @ component.weights + mean @ component.weights).tocsr().astype(np.float32)


def _stacked(above: Any, below: Any) -> Any:
    width = max(above.shape[1], below.shape[1])
    return sparse.vstack([_widened(above, width), _widened(below, width)]).tocsr()


def _widened(weights: Any, width: int) -> Any:
    weights = weights.copy()
    weights.resize(weights.shape[0], width)
    return weights


def _on_bones(weights: Any, bones: Mapping[int, int], count: int) -> Any:
    width = weights.shape[1]
    column = np.arange(width)
    for old, new in bones.items():
        if old < width:
            column[old] = new
    coo = weights.tocoo()
    return sparse.csr_matrix((coo.data, (coo.row, column[coo.col])), (coo.shape[0], count))


def _rows_on(bone: int, rows: int, count: int) -> Any:
    return sparse.csr_matrix((np.ones(rows, np.float32), (np.arange(rows), np.full(rows, bone))), (rows, count))
