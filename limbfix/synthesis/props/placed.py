"""What is an object in a scene? A mesh in the world with a name, a colour and an exact distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.labelling import Thing
from limbfix.synthesis.rendering.drawables import Drawable, Material, mesh_drawable

Distance = Callable[[np.ndarray], np.ndarray]
"""Points (n, 3), world -> signed distance (n,) in decimetres, negative inside."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """An object where it is.

    Attributes:
        id: in the label buffer.
        name: what it is, e.g. `cup`.
        positions: (v, 3) world; triangles: (t, 3).
        colour: (3,) or (v, 3) linear RGB; material: see `Material`.
        surface: a name of `SURFACES`; cloth is cloth even if nobody wears it.
        part: `object`, or the name of the body's part that it covers: then it is clothing, and `id` that part's instance.
    """

    id: int
    name: str
    positions: np.ndarray
    triangles: np.ndarray
    colour: np.ndarray
    material: Material
    surface: str = "object"
    part: str = "object"

    def drawable(self) -> Drawable:
        """Returns the object as a mesh with labels."""
        return mesh_drawable(
            self.positions, self.triangles, colour=self.colour, labels=(self.id, self.part, self.surface),
            material=self.material,
        )  # fmt: skip

    @property
    def worn(self) -> bool:
        """Whether it is a piece of clothing, and no object."""
        return self.part != "object"

    def thing(self) -> Thing:
        """Returns the object for labelling."""
        return Thing(id=self.id, name=self.name, positions=self.positions)
