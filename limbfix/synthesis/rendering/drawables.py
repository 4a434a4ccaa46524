"""What does the renderer draw? Meshes with colours, labels and a material; made from posed figures, or given as plain meshes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.posing import skinned, world_matrices
from limbfix.synthesis.figures.subdivision import SparseMatrix, Topology, face_normals, vertex_normals
from limbfix.synthesis.samples import NAILS, PART_ID, PARTS, SURFACE_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """How a surface answers to light.

    Attributes:
        bump: depth of the procedural bumps, 0-1.
        shine: strength of highlights, 0-2; roughness: their width, 0.05-1.
        scatter: how much light bleeds through, 0 cloth to 1.2 thin skin.
        seed: shifts the procedural noise; grain: its scale, 1 for skin.
        texture: key of a texture given to the renderer, e.g. `skin`; None: white.
        nail_tint: colour of nail polish (linear RGB) and its cover, 0-1.
        pattern: a name of `PATTERNS`, drawn over the colour by the rest position.
        pattern_colour: its second colour (linear RGB) and how much of it covers the first, 0-1.
        pattern_scale: repeats per decimetre; of an iris its radius as an angle, radians.
    """

    bump: float = 0.1
    shine: float = 0.8
    roughness: float = 0.4
    scatter: float = 0.0
    seed: float = 0.0
    grain: float = 1.0
    texture: str | None = None
    nail_tint: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    pattern: str = "plain"
    pattern_colour: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    pattern_scale: float = 1.0


PATTERNS = ("plain", "bands", "stripes", "checks", "dots", "print", "strands", "iris", "ribs")
"""Procedural patterns, in the order of the shader's numbers: across and along the body, squares, spots, large shapes, hair, eyes,
and the ribs of a knitted cuff."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawable:
    """One mesh, ready to draw.

    Attributes:
        positions, normals, rest: (r, 3) float32; decimetres, world and rest.
        uv: (r, 2); colours: (r, 4) linear RGB 0-1 and ambient occlusion 0-1 (1 = open).
        labels: (r, 4): instance id, part id, surface id, part id where a nail is (0: no nail here).
        triangles: (t, 3) int32.
        material: see `Material`.
    """

    positions: np.ndarray
    normals: np.ndarray
    rest: np.ndarray
    uv: np.ndarray
    colours: np.ndarray
    labels: np.ndarray
    triangles: np.ndarray
    material: Material

    def shown_positions(self) -> np.ndarray:
        """Returns (n, 3) positions of the vertices that some triangle uses: the hidden shoe of a lost foot throws no shadow."""
        used = np.zeros(len(self.positions), bool)
        used[self.triangles] = True
        return self.positions[used]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paint:
    """Colour and material of one component.

    Attributes:
        colours: linear RGB: (3,), or (v, 3) of the component's coarse vertices, or (n, 3) of all base vertices, for copies too.
        material: see `Material`.
        points: (n, 3) of base vertices, where patterns and noise take their coordinates; None: the rest position.
    """

    colours: np.ndarray
    material: Material
    points: np.ndarray | None = None

    def colours_of(self, component: Component) -> np.ndarray:
        """Returns (v, 3) float32 colours of a component's coarse vertices."""
        colours, v = self.colours, len(component.rest)
        if colours.ndim == 2 and len(colours) != v:
            colours = colours[component.topology.vertex_ids]
        return np.broadcast_to(colours, (v, 3)).astype(np.float32)


ALMOST_ALL = 0.7
"""Share of a mesh's faces; if more of them matter, cutting the rest off costs more than it saves."""

NAIL_OF_PART = np.zeros(len(PARTS), np.float32)
for _digit_nail in NAILS:
    NAIL_OF_PART[PART_ID[_digit_nail.replace("_nail", "_distal")]] = PART_ID[_digit_nail]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Piece:
    """The smooth vertices and triangles of a mesh that matter; see `SmoothMesh`. `coarse`: (r,) nearest coarse vertices."""

    smooth: SparseMatrix
    triangles: np.ndarray
    corner_vertex: np.ndarray
    corner_uv: np.ndarray
    render_triangles: np.ndarray
    coarse: np.ndarray
    corner_sum: SparseMatrix | None = None

    def normals(self, positions: np.ndarray) -> np.ndarray:
        """Returns (s, 3) float32 unit normals of its vertices; wrong on the rim of what was cut off."""
        faces = face_normals(positions, self.triangles)
        if self.corner_sum is not None:
            normals = self.corner_sum @ faces.T
        else:
            corners = self.triangles.T.reshape(-1)
            sums = [np.bincount(corners, np.tile(part, 3), len(positions)) for part in faces]
            normals = np.stack(sums, 1).astype(np.float32)
        length = np.sqrt(np.einsum("ij,ij->i", normals, normals))
        return normals / np.maximum(length, 1e-9)[:, None]


def _piece_of(topology: Topology, faces: np.ndarray | None) -> _Piece:
    mesh = topology.subdivision.mesh
    if faces is None or faces.mean() > ALMOST_ALL:
        return _Piece(
            smooth=mesh.smooth, triangles=mesh.triangles, corner_vertex=mesh.corner_vertex, corner_uv=mesh.corner_uv,
            render_triangles=mesh.render_triangles, coarse=mesh.nearest_coarse[mesh.corner_vertex],
            corner_sum=mesh.corner_sum,
        )  # fmt: skip
    kept = np.flatnonzero(topology.triangles_in(faces))
    corners, render_triangles = _renumbered(mesh.render_triangles[kept], len(mesh.corner_vertex))
    vertices, triangles = _renumbered(mesh.triangles[kept], mesh.smooth.shape[0])
    place = np.empty(mesh.smooth.shape[0], np.int32)
    place[vertices] = np.arange(len(vertices))
    corner_vertex = mesh.corner_vertex[corners]
    return _Piece(
        smooth=mesh.smooth[vertices], triangles=triangles, corner_vertex=place[corner_vertex],
        corner_uv=mesh.corner_uv[corners], render_triangles=render_triangles.astype(np.int32),
        coarse=mesh.nearest_coarse[corner_vertex],
    )  # fmt: skip


def _renumbered(triangles: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the vertices that triangles (t, 3) use, of n, in order, and the triangles in their numbers."""
    used = np.zeros(n, bool)
    used[triangles.reshape(-1)] = True
    return np.flatnonzero(used), (np.cumsum(used, dtype=np.int32) - 1)[triangles]


def drawable_of(component: Component, posed: np.ndarray, paint: Paint, faces: np.ndarray | None = None) -> Drawable:
    """Smooths and paints one posed component.

    Args:
        component: of the figure.
        posed: (v, 3) its coarse vertices as they are posed.
        paint: see its class.
        faces: (f,) bool, the coarse faces that matter; None: all. The rest is left out, as if it was not there.
    """
    piece = _piece_of(component.topology, faces)
    rest = component.rest if paint.points is None else paint.points[component.topology.vertex_ids]
    smooth = piece.smooth @ np.column_stack([posed, rest, paint.colours_of(component)]).astype(np.float32)
    normals = piece.normals(smooth[:, :3]) * np.float32(-1.0 if component.mirrored else 1.0)
    corner, coarse = piece.corner_vertex, piece.coarse
    colours = smooth[corner, 6:].clip(0, 1)
    part = component.part[coarse]
    nails = NAIL_OF_PART[part] if component.surface == "skin" else np.zeros(len(part))
    surface = np.full(len(part), SURFACE_ID[component.surface])
    triangles = piece.render_triangles
    if component.hidden is not None:
        triangles = triangles[~component.hidden[coarse][triangles].any(1)]
    return Drawable(
        positions=smooth[corner, :3],
        normals=normals[corner],
        rest=smooth[corner, 3:6],
        uv=piece.corner_uv,
        colours=np.column_stack([colours, np.ones(len(part))]).astype(np.float32),
        labels=np.column_stack([component.instance[coarse], part, surface, nails]).astype(np.float32),
        triangles=triangles,
        material=paint.material,
    )


def drawables_of(figure: Figure, paints: dict[str, Paint]) -> list[Drawable]:
    """Poses, smooths and paints a whole figure.

    Args:
        figure: posed.
        paints: component name -> paint; an extra limb's components take the paint under their surface's name.
    """
    matrices = world_matrices(figure)
    drawables = [
        drawable_of(
            component,
            skinned(component, matrices),
            paints[component.name if component.name in paints else component.surface],
        )
        for component in figure.components
        if len(component.rest)
    ]
    return [item for item in drawables if len(item.triangles)]  # a shoe of a lost foot is all hidden


def mesh_drawable(
    positions: np.ndarray,
    triangles: np.ndarray,
    *,
    colour: np.ndarray,
    labels: tuple[int, str, str],
    material: Material,
) -> Drawable:
    """Returns a plain mesh (a cup, a ball) as a drawable.

    Args:
        positions: (v, 3) world, decimetres.
        triangles: (t, 3).
        colour: (3,) or (v, 3) linear RGB.
        labels: instance id, part name, surface name.
        material: see `Material`.
    """
    n = len(positions)
    instance, part, surface = labels
    colours = np.broadcast_to(colour, (n, 3))
    return Drawable(
        positions=positions.astype(np.float32),
        normals=vertex_normals(positions.astype(np.float32), triangles),
        rest=positions.astype(np.float32),
        uv=np.zeros((n, 2), np.float32),
        colours=np.column_stack([colours, np.ones(n)]).astype(np.float32),
        labels=np.tile(np.array([instance, PART_ID[part], SURFACE_ID[surface], 0], np.float32), (n, 1)),
        triangles=triangles.astype(np.int32),
        material=material,
    )
