"""Where on a body is the cheek, the hip, the shoulder? Places as rays from inside the neutral body; the same vertex on any shape."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from limbfix.synthesis.figures.body_model import BodyModel
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.props.closing import posed_rows
from limbfix.synthesis.samples import Side

_RAYS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    # origin and direction in the neutral body, decimetres; x outwards of the side that is meant
    "cheek": ((0.0, 7.0, 0.5), (0.75, -0.15, 0.65)),
    "jaw": ((0.0, 6.9, 0.4), (0.8, -0.7, 0.4)),
    "chin": ((0.0, 6.9, 0.5), (0.12, -0.75, 0.75)),
    "mouth": ((0.0, 6.9, 0.5), (0.1, -0.25, 1.0)),
    "forehead": ((0.0, 7.3, 0.3), (0.25, 0.35, 0.9)),
    "temple": ((0.0, 7.4, 0.3), (1.0, 0.15, 0.35)),
    "crown": ((0.0, 7.5, 0.2), (0.5, 1.0, 0.1)),
    "ear": ((0.0, 7.2, 0.2), (1.0, 0.2, -0.3)),
    "nape": ((0.0, 6.5, 0.2), (0.35, 0.1, -1.0)),
    "throat": ((0.0, 6.2, 0.2), (0.25, -0.1, 1.0)),
    "chest": ((0.0, 4.3, 0.2), (0.4, 0.05, 1.0)),
    "belly": ((0.0, 2.2, 0.0), (0.25, 0.0, 1.0)),
    "hip": ((0.0, 1.7, 0.0), (1.0, -0.05, 0.25)),
    "thigh": ((0.95, -0.7, 0.0), (0.5, 0.0, 1.0)),
    "thigh_side": ((0.95, -0.3, 0.0), (1.0, 0.0, 0.1)),
    "shoulder": ((1.2, 4.9, 0.1), (0.35, 1.0, 0.0)),
    "upper_arm": ((2.6, 4.15, 0.15), (0.75, 0.55, 0.4)),
    "back": ((0.0, 3.8, 0.0), (0.45, 0.05, -1.0)),
    "forearm": ((3.7, 2.95, 0.95), (0.3, 0.8, 0.4)),
}
PLACES = tuple(_RAYS)


@lru_cache(maxsize=128)
def _vertex(model: BodyModel, place: str, mirrored: bool) -> int:
    origin, direction = (np.array(row) for row in _RAYS[place])
    if mirrored:
        origin[0], direction[0] = -origin[0], -direction[0]
    rows = model.groups["body"]
    offset = model.vertices[rows] - origin
    length = np.linalg.norm(offset, axis=1)
    # Along the ray's line, and not on the far limb that happens to lie in the same direction.
    score = offset @ unit(direction) / length - 0.08 * length
    return int(rows[int(score.argmax())])


def place_on(figure: Figure, place: str, side: Side) -> np.ndarray:
    """Returns the (3,) world position of a place (`PLACES`) on a posed body's skin, on a side of it."""
    vertex = _vertex(figure.model, place, side == "right")
    row = np.flatnonzero(figure.body.topology.vertex_ids == vertex)[:1]
    return posed_rows(figure, row)[0]
