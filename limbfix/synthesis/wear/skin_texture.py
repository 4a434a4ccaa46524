"""What is drawn on the skin itself? Creases, palm lines, nails, lips, eyebrows and lashes, painted once into one texture.

The base mesh comes with texture coordinates but without a photograph. Every texel knows its rest position, and functions of it
say how dark the skin is there. The texture multiplies the colour of any skin. Nail and lip outlines are MakeHuman's masks (CC0).
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial import KDTree

from limbfix.errors import AssetMissing
from limbfix.synthesis.assets import FETCH_COMMAND, body_data_folder
from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.body_model import load_body_model
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.subdivision import vertex_normals
from limbfix.synthesis.samples import Side
from limbfix.synthesis.wear.hand_creases import HandTexels, crease_darkness, vein_blue
from limbfix.synthesis.wear.texels import Texels, texels_of

SIDE_PX = 4096
"""A hand has 230 texels per decimetre at this size: a crease of 0.7 mm is 1.6 texels wide."""

NEUTRAL = 215
"""Of 255: the texture's value where nothing is drawn, so that nails and lunulae can be lighter than the skin."""

_CACHE_NAME = "skin-3.png"  # the number changes with the painting

FOLD_COLOUR = np.array([0.40, 0.58, 0.62])
"""Share of red, green and blue that a fold takes away: blood shines through, so folds are redder than the skin."""


def _render_vertices(figure: Figure) -> tuple[np.ndarray, np.ndarray]:
    topology = figure.body.topology
    points = topology.smooth @ figure.body.rest
    normals = vertex_normals(points, topology.triangles)
    return points[topology.corner_vertex], normals[topology.corner_vertex]


def _texels(figure: Figure, near: np.ndarray, more: np.ndarray) -> tuple[Texels, np.ndarray, np.ndarray]:
    """Texels of the triangles whose corners are all `near` (v,) bool of coarse vertices, with `more` (v, k) values."""
    topology = figure.body.topology
    points, normals = _render_vertices(figure)
    chosen = (topology.smooth @ near.astype(np.float32))[topology.corner_vertex] > 0.5
    values = np.column_stack([points, normals, (topology.smooth @ more)[topology.corner_vertex]])
    triangles = topology.render_triangles[chosen[topology.render_triangles].all(1)]
    texels = texels_of(topology.corner_uv, triangles, values, SIDE_PX)
    return texels, texels.values[:, :3], texels.values[:, 3:6]


def _paint_hand(texture: np.ndarray, nails: np.ndarray, figure: Figure, side: Side, rng: np.random.Generator) -> None:
    model, ids = figure.model, figure.body.topology.vertex_ids
    hand = model.weight_of(("wrist", "metacarpal", "finger", "lowerarm02"), SIDES[side])[ids]
    digits = [model.weight_of(tuple(f"finger{k}-{j}" for j in (1, 2, 3)), SIDES[side])[ids] for k in range(1, 6)]
    arm = model.weight_of(("lowerarm",), SIDES[side])[ids]
    found, points, normals = _texels(figure, hand > 0.2, np.column_stack([*digits, arm]))
    texels = HandTexels(
        figure=figure, side=side, points=points, normals=unit_rows(normals),
        digits=found.values[:, 6:11], arm=found.values[:, 11],
    )  # fmt: skip
    place = found.rows, found.columns
    covered = nails[place]
    dark = crease_darkness(texels, rng) * (1 - covered)
    texture[place] *= 1 - dark[:, None] * FOLD_COLOUR
    texture[place] *= 1 - 0.13 * vein_blue(texels)[:, None] * np.array([1.0, 0.55, 0.2])
    _paint_nails(texture, place, covered, texels)


def _paint_nails(texture: np.ndarray, place: tuple[np.ndarray, ...], covered: np.ndarray, texels: HandTexels) -> None:
    """Pink bed, pale moon at the root, white free edge, dark fold around."""
    colour = np.tile(np.array([1.04, 0.93, 0.93]), (len(covered), 1))
    for digit in range(1, 6):
        own = (covered > 0.5) & (texels.digits[:, digit - 1] > 0.5)
        if not own.any():
            continue
        bone = texels.figure.bone(f"finger{digit}-3{SIDES[texels.side]}")
        axis = texels.figure.tails[bone] - texels.figure.heads[bone]
        along = texels.points @ axis
        share = ((along - along[own].min()) / np.ptp(along[own]))[:, None]
        moon = np.clip((0.2 - share) / 0.08, 0, 1) * (0.5 if digit < 4 else 0.2)
        edge = np.clip((share - 0.84) / 0.05, 0, 1)
        nail = colour * (1 + moon * [0.08, 0.14, 0.15])
        nail = nail * (1 - edge) + edge * np.array([1.16, 1.14, 1.08])
        colour = np.where(own[:, None], nail, colour)
    texture[place] *= 1 - covered[:, None] * (1 - colour)


def _paint_face(texture: np.ndarray, figure: Figure, rng: np.random.Generator) -> None:
    model, ids = figure.model, figure.body.topology.vertex_ids
    rest = figure.body.rest
    eye = model.vertices[model.groups["helper-l-eye"]].mean(0)
    near = (np.abs(rest[:, 0]) < 0.9) & (np.abs(rest[:, 1] - eye[1]) < 0.75) & (rest[:, 2] > eye[2] - 0.25)
    found, points, _ = _texels(figure, near & (model.weight_of(("head",))[ids] >= 0), np.zeros((len(rest), 1)))
    x, y = np.abs(points[:, 0]), points[:, 1]
    share = (x - 0.1) / 0.5
    arc = eye[1] + 0.215 + 0.1 * np.sin(np.clip(share, 0, 1) * 2.2) - 0.05 * share
    thick = 0.05 * np.clip(1.25 - 0.85 * share, 0.15, 1)
    hairs = 0.82 + 0.18 * np.sin(210 * x - 120 * y + 5 * np.sin(31 * x) + 3 * np.sin(57 * y))
    brow = np.exp(-(((y - arc) / thick) ** 4)) * np.clip(share * 9, 0, 1) * np.clip((1.02 - share) * 8, 0, 1) * hairs
    lash_groups = [f"helper-{side}-eyelashes-{k}" for side in "lr" for k in (1, 2)]
    lashes = KDTree(np.concatenate([model.vertices[model.groups[name]] for name in lash_groups]))
    rim = np.clip(1 - (lashes.query(points, workers=1)[0] - 0.006) / 0.022, 0, 1)
    above = np.exp(-(((y - (eye[1] + 0.095 - 0.5 * (x - eye[0]) ** 2)) / 0.012) ** 2)) * (np.abs(x - eye[0]) < 0.17)
    dark = np.maximum(np.maximum(0.72 * brow, 0.8 * rim), 0.3 * above)
    texture[found.rows, found.columns] *= 1 - dark[:, None] * np.array([0.92, 1.0, 1.0])


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Returns vectors (m, 3) at length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _read(path: Path, flags: int) -> np.ndarray:
    stored = cv2.imread(str(path), flags)
    if stored is None:
        raise AssetMissing(f"expected a picture in {path}, it cannot be read; remove it, then run: {FETCH_COMMAND}")
    return stored


def _mask(folder: Path, name: str) -> np.ndarray:
    stored = _read(folder / "textures" / f"mpfb_{name}.jpg", cv2.IMREAD_GRAYSCALE)
    large = cv2.resize(stored, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    return large.astype(np.float32) / 255


def paint_skin_texture() -> np.ndarray:
    """Paints the texture; some seconds.

    Returns:
        (4096, 4096, 4) uint8: factors of the skin's colour over `NEUTRAL`, and 255 where a finger nail is.

    Raises:
        AssetMissing: the body data is not on this machine.
    """
    folder, model = body_data_folder(), load_body_model()
    figure = Figure(model, model.vertices, levels=1)
    rng = np.random.default_rng(11)
    texture = np.ones((SIDE_PX, SIDE_PX, 3), np.float32)
    fingers, toes, lips = (_mask(folder, name) for name in ("fingernails", "toenails", "lips"))
    texture *= 1 - lips[..., None] * (1 - np.array([0.90, 0.62, 0.64], np.float32))
    texture *= 1 - toes[..., None] * (1 - np.array([1.06, 0.98, 0.98], np.float32))
    fold = cv2.GaussianBlur(fingers + toes, (0, 0), 2.5).clip(0, 1)
    texture *= 1 - (fold * (1 - fold) * 4)[..., None] * np.array([0.22, 0.36, 0.36], np.float32)
    for side in ("left", "right"):
        _paint_hand(texture, fingers, figure, side, rng)
    _paint_face(texture, figure, rng)
    colour = (texture * NEUTRAL).clip(0, 255).astype(np.uint8)
    return np.dstack([colour, (fingers > 0.5).astype(np.uint8) * 255])


@lru_cache(maxsize=1)
def skin_texture() -> np.ndarray:
    """Returns the painted texture, from the disk after the first time.

    Raises:
        AssetMissing: the body data is not on this machine.
    """
    stored = body_data_folder().parent / _CACHE_NAME
    if not stored.exists():
        scratch = stored.with_name(f".{os.getpid()}-{_CACHE_NAME}")  # two processes may paint it at once
        cv2.imwrite(str(scratch), cv2.cvtColor(paint_skin_texture(), cv2.COLOR_RGBA2BGRA))
        scratch.replace(stored)
    return cv2.cvtColor(_read(stored, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
