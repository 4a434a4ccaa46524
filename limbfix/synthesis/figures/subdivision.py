"""How does a coarse quad mesh become a smooth one? Catmull-Clark steps as sparse matrices, built once for each part of the mesh.

Source: E. Catmull, J. Clark, "Recursively generated B-spline surfaces on arbitrary topological meshes", 1978. Boundary edges
follow the usual boundary rule: edge points are mid-points, boundary vertices move half-way to their neighbours' mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sparse

SparseMatrix = Any
"""A scipy.sparse.csr_matrix. scipy has no type stubs, and what a checker infers from its source is wrong."""


def _rows(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], value: float = 1.0) -> SparseMatrix:
    return sparse.csr_matrix((np.full(len(rows), value), (rows, columns)), shape)


def _inverse(counts: np.ndarray) -> np.ndarray:
    return 1 / np.maximum(np.asarray(counts).ravel(), 1)


def catmull_clark(faces: np.ndarray, n: int) -> tuple[SparseMatrix, np.ndarray]:
    """One Catmull-Clark step.

    Args:
        faces: (f, 4) int corner indices.
        n: number of vertices.

    Returns:
        matrix (n', n) that makes the new vertices from the old ones, and the new faces (4 f, 4).
    """
    f = len(faces)
    corners = faces.reshape(-1)
    face_of_corner = np.repeat(np.arange(f), 4)
    half_edges = np.sort(np.stack([faces, np.roll(faces, -1, 1)], 2).reshape(-1, 2), axis=1)
    keys, edge_of_half = np.unique(half_edges[:, 0].astype(np.int64) * n + half_edges[:, 1], return_inverse=True)
    edges = np.column_stack([keys // n, keys % n])
    e = len(edges)
    both_ends, edge_twice = edges.reshape(-1), np.repeat(np.arange(e), 2)

    face_points = _rows(face_of_corner, corners, (f, n), 0.25)
    mid_points = _rows(edge_twice, both_ends, (e, n), 0.5)
    edge_faces = _rows(edge_of_half, face_of_corner, (e, f))
    inner = np.asarray(edge_faces.sum(1)).ravel() == 2
    edge_points: SparseMatrix = sparse.diags(np.where(inner, 0.5, 1.0)) @ mid_points
    edge_points += sparse.diags(np.where(inner, 0.25, 0.0)) @ edge_faces @ face_points

    vertex_edges = _rows(both_ends, edge_twice, (n, e))
    vertex_faces = _rows(corners, face_of_corner, (n, f))
    vertex_faces.data[:] = 1
    valence = np.maximum(np.asarray(vertex_edges.sum(1)).ravel(), 1)
    inside: SparseMatrix = (
        sparse.diags(_inverse(valence * np.asarray(vertex_faces.sum(1)).ravel())) @ vertex_faces @ face_points
    )
    inside += sparse.diags(2 / valence**2) @ vertex_edges @ mid_points
    inside += sparse.diags((valence - 3) / valence) @ sparse.identity(n, format="csr")
    rim_edges = _rows(edges[~inner].reshape(-1), np.repeat(np.flatnonzero(~inner), 2), (n, e))
    rim: SparseMatrix = 0.5 * sparse.identity(n, format="csr")
    rim += sparse.diags(0.5 * _inverse(np.asarray(rim_edges.sum(1)))) @ rim_edges @ mid_points
    on_rim = np.asarray(rim_edges.sum(1)).ravel() > 0
    vertex_points = sparse.diags((~on_rim).astype(float)) @ inside + sparse.diags(on_rim.astype(float)) @ rim

    stacked: SparseMatrix = sparse.vstack([vertex_points, edge_points, face_points])
    matrix = stacked.tocsr().astype(np.float32)
    edge_vertex, face_vertex = edge_of_half.reshape(f, 4) + n, np.arange(f) + n + e
    quads = [np.stack([faces[:, k], edge_vertex[:, k], face_vertex, edge_vertex[:, k - 1]], 1) for k in range(4)]
    return matrix, np.stack(quads, 1).reshape(-1, 4)


def subdivide_uv(uv: np.ndarray) -> np.ndarray:
    """Splits texture coordinates of quad corners (f, 4, 2) along with a Catmull-Clark step; bilinear. (4 f, 4, 2)."""
    centre, middle = uv.mean(1), (uv + np.roll(uv, -1, 1)) / 2
    return np.stack([np.stack([uv[:, k], middle[:, k], centre, middle[:, k - 1]], 1) for k in range(4)], 1).reshape(
        -1, 4, 2
    )


def triangles_of(quads: np.ndarray) -> np.ndarray:
    """Cuts (f, 4, ...) quads into (2 f, 3, ...) triangles."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Returns (n, 3) unit normals, area-weighted over the triangles of each vertex."""
    corners = vertices[triangles]
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = triangles.reshape(-1)
    normals = np.stack(
        [np.bincount(flat, np.repeat(face_normals[:, axis], 3), len(vertices)) for axis in range(3)], 1
    ).astype(np.float32)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmoothMesh:
    """A mesh after its Catmull-Clark steps.

    Attributes:
        smooth: (s, v) sparse: smooth vertices from coarse ones.
        triangles: (t, 3) of smooth vertices; see `Topology.triangles_in`.
        corner_vertex: (r,) smooth vertex of each render vertex; a vertex on a texture seam is rendered once for each side.
        corner_uv: (r, 2) texture coordinates of render vertices.
        render_triangles: (t, 3) of render vertices.
        nearest_coarse: (s,) the coarse vertex that weighs most in each smooth vertex: where labels come from.
        corner_sum: (s, t): sums over the triangles of each smooth vertex.
    """

    smooth: SparseMatrix
    triangles: np.ndarray
    corner_vertex: np.ndarray
    corner_uv: np.ndarray
    render_triangles: np.ndarray
    nearest_coarse: np.ndarray
    corner_sum: SparseMatrix


@dataclass(frozen=True, kw_only=True, eq=False)
class Subdivision:
    """How a coarse mesh is to be smoothed; done when somebody first asks, for most clothes lie outside a hand's picture.

    Attributes:
        quads: (f, 4) coarse faces; vertices: how many they join.
        corners: (f, 4, 2) texture coordinates of their corners.
        levels: Catmull-Clark steps.
    """

    quads: np.ndarray
    vertices: int
    corners: np.ndarray
    levels: int

    @cached_property
    def mesh(self) -> SmoothMesh:
        """The smooth mesh."""
        return _smooth_mesh(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Topology:
    """How one piece of the base mesh is joined, coarse and smooth. Shared by all figures; nothing in it depends on a pose.

    Attributes:
        vertex_ids: (v,) indices into the base mesh.
        quads: (f, 4) coarse faces, into `vertex_ids`.
        subdivision: how it becomes smooth; may be shared with topologies that differ in `vertex_ids`.
    """

    vertex_ids: np.ndarray
    quads: np.ndarray
    subdivision: Subdivision

    @property
    def smooth(self) -> SparseMatrix:
        """See `SmoothMesh`, as for the next four."""
        return self.subdivision.mesh.smooth

    @property
    def triangles(self) -> np.ndarray:
        """(t, 3) of smooth vertices."""
        return self.subdivision.mesh.triangles

    @property
    def corner_vertex(self) -> np.ndarray:
        """(r,) smooth vertex of each render vertex."""
        return self.subdivision.mesh.corner_vertex

    @property
    def corner_uv(self) -> np.ndarray:
        """(r, 2) texture coordinates."""
        return self.subdivision.mesh.corner_uv

    @property
    def render_triangles(self) -> np.ndarray:
        """(t, 3) of render vertices."""
        return self.subdivision.mesh.render_triangles

    def triangles_in(self, faces: np.ndarray) -> np.ndarray:
        """Returns (t,) bool: the triangles that chosen coarse faces (f,) bool were cut into."""
        return np.tile(np.repeat(faces, 4**self.subdivision.levels), 2)

    @cached_property
    def neighbours(self) -> SparseMatrix:
        """(v, v) row-stochastic: mean of the neighbours in the coarse mesh."""
        v = len(self.vertex_ids)
        edges = np.concatenate([self.quads[:, [k, (k + 1) % 4]] for k in range(4)])
        edges = np.concatenate([edges, edges[:, ::-1]])
        joined = _rows(edges[:, 0], edges[:, 1], (v, v))
        joined.data[:] = 1
        return (sparse.diags(_inverse(np.asarray(joined.sum(1)))) @ joined).astype(np.float32).tocsr()


def face_normals(positions: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Returns (3, t) float32 normals of triangles (t, 3), as long as twice their area."""
    columns = np.ascontiguousarray(positions.T, np.float32)
    a, b, c = (columns.take(triangles[:, k], axis=1) for k in range(3))
    (ux, uy, uz), (vx, vy, vz) = b - a, c - a
    return np.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx])


def make_topology(faces: np.ndarray, face_uv: np.ndarray, uv: np.ndarray, chosen: np.ndarray, levels: int) -> Topology:
    """Builds the topology of the faces whose corners are all chosen.

    Args:
        faces, face_uv, uv: of the whole mesh, see `BodyModel`.
        chosen: (n,) bool.
        levels: Catmull-Clark steps.
    """
    kept = chosen[faces].all(1)
    vertex_ids = np.unique(faces[kept])
    place = np.full(len(chosen), -1)
    place[vertex_ids] = np.arange(len(vertex_ids))
    return topology_from(vertex_ids, place[faces[kept]], uv[face_uv[kept]], levels)


def topology_from(vertex_ids: np.ndarray, quads: np.ndarray, corners: np.ndarray, levels: int) -> Topology:
    """Builds the topology of a mesh that may have been cut and sewn.

    Args:
        vertex_ids: (v,) base vertex that each vertex is, or comes from.
        quads: (f, 4) coarse faces, into `vertex_ids`.
        corners: (f, 4, 2) texture coordinates of their corners.
        levels: Catmull-Clark steps.
    """
    subdivision = Subdivision(quads=quads, vertices=len(vertex_ids), corners=corners, levels=levels)
    return Topology(vertex_ids=vertex_ids, quads=quads, subdivision=subdivision)


def _smooth_mesh(plan: Subdivision) -> SmoothMesh:
    smooth_quads, corners = plan.quads, plan.corners
    smooth: SparseMatrix = sparse.identity(plan.vertices, format="csr").astype(np.float32)
    for _ in range(plan.levels):
        step, smooth_quads = catmull_clark(smooth_quads, smooth.shape[0])
        smooth, corners = (step @ smooth).tocsr(), subdivide_uv(corners)
    triangles = triangles_of(smooth_quads)
    corner_uv = triangles_of(corners).reshape(-1, 2)
    grid = np.round(corner_uv * 8192).astype(np.int64)
    keys = (
        (triangles.reshape(-1).astype(np.int64) << 32) + (grid[:, 0] << 16) + grid[:, 1]
    )  # sorts as the three columns do
    keys, first, render = np.unique(keys, return_index=True, return_inverse=True)
    unique = np.column_stack([keys >> 32, grid[first]])
    s, t = smooth.shape[0], len(triangles)
    order = np.lexsort((smooth.data, np.repeat(np.arange(s), np.diff(smooth.indptr))))
    return SmoothMesh(
        smooth=smooth,
        triangles=triangles,
        corner_vertex=unique[:, 0],
        corner_uv=(unique[:, 1:] / 8192).astype(np.float32),
        render_triangles=render.reshape(-1, 3).astype(np.int32),
        nearest_coarse=smooth.indices[order[smooth.indptr[1:] - 1]],
        corner_sum=_rows(triangles.reshape(-1), np.repeat(np.arange(t), 3), (s, t)).astype(np.float32),
    )
