"""Of what are clothes made? Colour, pattern and sheen of one garment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.rendering.drawables import Material
from limbfix.synthesis.wear.colours import sample_cloth_colour

Colour = tuple[float, float, float]

_PATTERNS = (("plain", 0.56), ("bands", 0.1), ("stripes", 0.07), ("checks", 0.09), ("dots", 0.05), ("print", 0.13))
_REPEATS = {"bands": (0.7, 5.0), "stripes": (1.2, 7.0), "checks": (1.0, 5.0), "dots": (1.0, 5.0), "print": (0.4, 2.5)}
"""Repeats per decimetre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """How one garment looks.

    Attributes:
        colour: linear RGB.
        material: see `rendering.drawables.Material`.
    """

    colour: Colour
    material: Material


def triple(values: np.ndarray) -> Colour:
    """Returns three plain floats 0-1."""
    red, green, blue = (float(np.clip(value, 0, 1)) for value in values)
    return red, green, blue


def sample_fabric(rng: np.random.Generator, *, patterned: float = 1.0) -> Fabric:
    """Returns random cloth.

    Args:
        rng: source of chance.
        patterned: factor on the share of patterns; 0 for plain cloth.
    """
    names = [name for name, _ in _PATTERNS]
    pattern = str(rng.choice(names, p=[share for _, share in _PATTERNS]))
    cover, repeats = rng.uniform(0.5, 1.0), rng.uniform(*_REPEATS.get(pattern, (1.0, 1.0)))
    colour, second = sample_cloth_colour(rng), sample_cloth_colour(rng)
    if rng.random() > patterned:
        pattern = "plain"
    if rng.random() < 0.3:
        second = (colour * rng.uniform(0.4, 0.7)).clip(0, 1)  # tone on tone
    silky = rng.random() < 0.12
    material = Material(
        bump=float(rng.uniform(0.02, 0.08) if silky else rng.uniform(0.1, 0.35)),
        shine=float(rng.uniform(0.5, 1.0) if silky else rng.uniform(0.03, 0.2)),
        roughness=float(rng.uniform(0.3, 0.45) if silky else rng.uniform(0.65, 0.95)),
        scatter=0.0,
        seed=float(rng.uniform(0, 50)),
        grain=float(rng.uniform(0.35, 1.6)),
        pattern=pattern,
        pattern_colour=(*triple(second), float(cover)),
        pattern_scale=float(repeats),
    )
    return Fabric(colour=triple(colour), material=material)


def sample_leather(rng: np.random.Generator) -> Fabric:
    """Returns the stuff of shoes, belts and gloves: leather, rubber, canvas."""
    colour = sample_cloth_colour(rng) * (rng.uniform(0.15, 1.0) if rng.random() < 0.7 else 1.0)
    material = Material(
        bump=float(rng.uniform(0.03, 0.15)), shine=float(rng.uniform(0.2, 0.9)), roughness=float(rng.uniform(0.35, 0.7)),
        seed=float(rng.uniform(0, 50)), grain=float(rng.uniform(0.6, 1.5)),
    )  # fmt: skip
    return Fabric(colour=triple(colour), material=material)


def sample_metal(rng: np.random.Generator) -> Fabric:
    """Returns the stuff of rings and watches: gold, silver, steel, black."""
    metals = ((0.50, 0.30, 0.08), (0.42, 0.41, 0.39), (0.48, 0.26, 0.18), (0.03, 0.03, 0.03))
    colour = np.array(metals[rng.choice(4, p=[0.4, 0.4, 0.12, 0.08])])
    return Fabric(colour=triple(colour), material=Material(bump=0.01, shine=2.0, roughness=0.22))
