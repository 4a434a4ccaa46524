"""Who is in a picture? People with a body, a look and clothes, as figures that operators may edit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from limbfix.synthesis.figures.body_model import BodyModel, BodyShape
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.rendering.drawables import Drawable, Paint, drawables_of
from limbfix.synthesis.rendering.renderer import Renderer
from limbfix.synthesis.wear.garments import Outfit, dress, sample_outfit
from limbfix.synthesis.wear.looks import Look, paints_for, sample_look, skin_texture
from limbfix.synthesis.wear.shapes import sample_shape


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

    def drawables(self, figure: Figure) -> list[Drawable]:
        """Returns the posed figure as meshes."""
        paints: dict[str, Paint] = paints_for(figure, self.look)
        return drawables_of(figure, paints)

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
