"""What stands in for looks and clothes until `wear` has them? Plain skin in a few tones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.body_model import BodyShape
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.rendering.drawables import Material, Paint

_TONES = ((0.7, 0.42, 0.3), (0.55, 0.3, 0.2), (0.3, 0.16, 0.1), (0.12, 0.06, 0.04))


@dataclass(frozen=True)
class Look:
    """A skin tone."""

    tone: tuple[float, float, float]
    seed: float


@dataclass(frozen=True)
class Outfit:
    """Nothing."""


def sample_look(rng: np.random.Generator) -> Look:
    """Draws a tone."""
    return Look(_TONES[int(rng.integers(len(_TONES)))], float(rng.uniform(0, 50)))


def paints_for(figure: Figure, look: Look) -> dict[str, Paint]:
    """Returns paints."""
    skin = Paint(colours=np.array(look.tone), material=Material(scatter=0.8, bump=0.06, seed=look.seed))
    white = Paint(colours=np.array([0.8, 0.8, 0.8]), material=Material())
    return {"skin": skin, "eye": white, "cloth": white, "eye_left": white, "eye_right": white, "body": skin}


def sample_outfit(rng: np.random.Generator, shape: BodyShape) -> Outfit:
    """Draws nothing."""
    return Outfit()


def dress(figure: Figure, outfit: Outfit) -> None:
    """Does nothing."""


def skin_texture() -> np.ndarray:
    """Returns white."""
    return np.full((1, 1, 4), [255, 255, 255, 0], np.uint8)
