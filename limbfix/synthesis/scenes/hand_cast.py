"""Who is in a picture? People with a body, a look and clothes, as figures that operators may edit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from limbfix.synthesis.figures.body_model import BodyModel, BodyShape
from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.posing import skinned, world_matrices
from limbfix.synthesis.rendering.culling import Sight
from limbfix.synthesis.rendering.drawables import Drawable, Paint, drawable_of
from limbfix.synthesis.rendering.renderer import Renderer
from limbfix.synthesis.wear.garments import Outfit, dress, sample_outfit
from limbfix.synthesis.wear.looks import Look, paints_for, sample_look, skin_texture
from limbfix.synthesis.wear.shapes import sample_shape


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """A component as it was drawn.

    Attributes:
        component: of the figure.
        posed: (v, 3) world positions of its coarse vertices.
        drawable: the mesh.
    """

    component: Component
    posed: np.ndarray
    drawable: Drawable

    def equals(self, other: Component, posed: np.ndarray) -> bool:
        """Whether another version of the component, posed, would make the same mesh."""
        own = self.component
        pairs = ((own.instance, other.instance), (own.part, other.part), (own.rest, other.rest), (self.posed, posed))
        hidden = own.hidden is None if other.hidden is None else np.array_equal(own.hidden, other.hidden)  # pyright: ignore[reportArgumentType]
        same = own.topology is other.topology and own.mirrored == other.mirrored and own.surface == other.surface
        return bool(same and hidden and all(np.array_equal(a, b) for a, b in pairs))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Person:
    """Somebody before anything happens to them.

    Attributes:
        shape, look, outfit: see their classes.
        shaped: (n, 3) rest positions of the base vertices.
    """

    shape: BodyShape
    look: Look
    outfit: Outfit
    shaped: np.ndarray

    def figure(self, model: BodyModel, first_id: int) -> Figure:
        """Returns a new dressed figure, in rest pose."""
        figure = Figure(model, self.shaped, person=first_id)
        dress(figure, self.outfit)
        return figure

    def drawables(self, figure: Figure, sight: Sight, known: dict[str, Drawn]) -> list[Drawable]:
        """Returns as meshes what a camera sees of the posed figure, and what can throw a shadow into the picture.

        Args:
            figure: posed.
            sight: of the picture.
            known: meshes of another version of the figure, by component; those that are the same are taken from it, new
                ones are added.
        """
        paints, matrices = paints_for(figure, self.look), world_matrices(figure)
        drawables = []
        for item in figure.components:
            if not len(item.rest):
                continue
            posed = skinned(item, matrices)
            faces = sight.faces(posed, item.topology.quads)
            if not faces.any():
                continue
            earlier = known.get(item.name)
            if earlier is None or not earlier.equals(item, posed):
                paint = paints[item.name if item.name in paints else item.surface]
                earlier = Drawn(component=item, posed=posed, drawable=drawable_of(item, posed, paint, faces))
                known.setdefault(item.name, earlier)
            drawables.append(earlier.drawable)
        return drawables

    def paint(self, figure: Figure, component: str) -> Paint:
        """Returns the paint of one component."""
        return paints_for(figure, self.look)[component]

    def recipe(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {"shape": plain(asdict(self.shape))}


def add_skin(renderer: Renderer) -> None:
    """Gives a renderer the skin's texture."""
    renderer.add_texture("skin", skin_texture())


def draw_person(model: BodyModel, rng: np.random.Generator) -> Person:
    """Draws a body, a look and clothes."""
    shape = sample_shape(rng)
    look = sample_look(rng, age=shape.age, gender=shape.gender)
    outfit = sample_outfit(rng, shape)
    return Person(shape=shape, look=look, outfit=outfit, shaped=model.shaped(shape))


def plain(value: Any) -> Any:
    """Returns a value as JSON knows it, numbers rounded."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    return round(value, 4) if isinstance(value, float) else value
