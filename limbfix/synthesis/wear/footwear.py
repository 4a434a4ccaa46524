"""What is on the feet? Shoes and boots with soles, socks, or nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.subdivision import triangles_of, vertex_normals
from limbfix.synthesis.wear.body_coordinates import NOWHERE, body_coordinates
from limbfix.synthesis.wear.cutting import smooth_edges


@dataclass(frozen=True, slots=True, kw_only=True)
class Footwear:
    """Shoes or socks.

    Attributes:
        name: component, `shoes` or `socks`.
        top: where it begins, see `BodyCoordinates.leg`; 2 is the ankle.
        ease: distance from the skin, decimetres.
        sole: thickness of the sole, decimetres; 0 for socks.
    """

    name: str
    top: float
    ease: float
    sole: float


def sample_footwear(rng: np.random.Generator) -> Footwear | None:
    """Returns shoes for most people, socks for some, and bare feet for a quarter: their toes are what is looked at."""
    kind = rng.random()
    if kind < 0.25:
        return None
    if kind < 0.4:
        return Footwear(name="socks", top=float(rng.uniform(1.45, 1.9)), ease=0.025, sole=0.0)
    top = float(rng.uniform(1.3, 1.8) if kind < 0.52 else rng.uniform(1.82, 1.95))
    return Footwear(name="shoes", top=top, ease=float(rng.uniform(0.05, 0.1)), sole=float(rng.uniform(0.08, 0.22)))


def put_on_footwear(figure: Figure, footwear: Footwear) -> np.ndarray:
    """Adds footwear to both feet.

    Returns:
        (n,) bool: base vertices whose skin it hides.
    """
    c = body_coordinates(figure.model)
    chosen = figure.model.mask("helper-tights") & (c.leg > footwear.top) & (c.leg > NOWHERE)
    surface = "shoe" if footwear.sole else "cloth"
    component = figure.add_component(footwear.name, chosen, surface=surface)
    normals = vertex_normals(component.rest, triangles_of(component.topology.quads))
    rest = component.rest + normals * footwear.ease
    if footwear.sole:
        floor = rest[:, 1].min() - footwear.sole
        low = rest[:, 1] < floor + footwear.sole + 0.16
        rest[low, 1] = floor + 0.25 * (rest[low, 1] - rest[low, 1].min())
    component.rest = rest.astype(np.float32)
    smooth_edges(component, 8)
    return (c.leg > footwear.top + 0.12) & (c.leg > NOWHERE)
