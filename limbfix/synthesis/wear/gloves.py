"""What covers hands? Gloves with separate fingers, thin to thick, cut from the skin's own faces so that surgery on digits fits them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.subdivision import triangles_of, vertex_normals
from limbfix.synthesis.wear.body_coordinates import NOWHERE, body_coordinates


@dataclass(frozen=True, slots=True, kw_only=True)
class Glove:
    """A pair of gloves; mittens are left out, for they show no digits.

    Attributes:
        cuff: where it begins, see `BodyCoordinates.arm`.
        thickness: decimetres.
    """

    cuff: float
    thickness: float


def sample_glove(rng: np.random.Generator) -> Glove:
    """Returns gloves from surgical (0.5 mm) to winter ones (5 mm); thicker ones would make fingers cross each other."""
    return Glove(cuff=float(rng.uniform(1.55, 1.95)), thickness=float(rng.choice([0.006, 0.015, 0.03, 0.05])))


def put_on_gloves(figure: Figure, glove: Glove) -> np.ndarray:
    """Adds a glove to each hand.

    Returns:
        (n,) bool: base vertices whose skin it hides.
    """
    c = body_coordinates(figure.model)
    hands = (c.arm > glove.cuff) & (c.arm > NOWHERE)
    for side in (1, -1):
        chosen = figure.model.mask("body") & hands & (c.x * side > 0)
        component = figure.add_component("glove", chosen, surface="glove")
        normals = vertex_normals(component.rest, triangles_of(component.topology.quads))
        wide = glove.thickness * (1 + 1.2 * np.clip(2.0 - c.arm[component.topology.vertex_ids], 0, 0.5))
        component.rest = (component.rest + normals * wide[:, None]).astype(np.float32)
    return hands & (c.arm > glove.cuff + 0.06)
