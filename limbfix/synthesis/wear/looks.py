"""How does a person's surface look? Tone and texture of skin, eyes, hair and nails, and the stuff of what they wear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType

import numpy as np

from limbfix.synthesis.figures.body_model import BodyModel
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.rendering.drawables import Material, Paint
from limbfix.synthesis.wear.cloth_points import cloth_points, eye_points, hair_points
from limbfix.synthesis.wear.colours import (
    EYE_COLOURS,
    HAIR_COLOURS,
    POLISHES,
    SKIN_TONES,
    between,
    linear,
)  # fmt: skip
from limbfix.synthesis.wear.fabrics import (
    Colour,
    Fabric,
    sample_fabric,
    sample_leather,
    sample_metal,
    triple,
)  # fmt: skip
from limbfix.synthesis.wear.skin_regions import skin_regions
from limbfix.synthesis.wear.skin_texture import NEUTRAL, skin_texture

__all__ = ["Look", "paints_for", "sample_look", "skin_texture"]

CLOTH = ("top", "outer", "bottom", "skirt", "socks", "hat", "glove")
"""Names of components that are cut from cloth; each has its own fabric."""

_LEATHER = ("shoes",)
_METAL = ("jewellery", "watch")
POLISH_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One person's surface; all colours are linear RGB.

    Attributes:
        skin: tone on the inside of the forearm.
        palm: how far palms go towards their own colour, 0-1; on dark skin they are much paler.
        redness: of knuckles, finger tips and cheeks, 0-1.
        stubble: 0-1, shade of a shaved beard.
        surface: material of the skin; nail polish is in its `nail_tint`.
        hair, iris: colours.
        hair_scale: fineness of strands.
        fabrics: component name -> stuff.
    """

    skin: Colour
    palm: float
    redness: float
    stubble: float
    surface: Material
    hair: Colour
    iris: Colour
    hair_scale: float
    fabrics: Mapping[str, Fabric]


def _skin_tone(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Returns a tone and its darkness 0-1; undertones go from pink to olive and yellow."""
    darkness = float(rng.uniform(0, 1))
    warm, green = rng.normal(0, 1, 2)
    tint = 1 + np.array([0.015 * warm, 0.018 * green, -0.045 * warm])
    return linear(between(SKIN_TONES, darkness) * tint * rng.uniform(0.95, 1.05)), darkness


def _nails(rng: np.random.Generator, skin: np.ndarray, darkness: float) -> tuple[float, float, float, float]:
    """Returns polish on one hand in five; else the bed's own pink, which dark skin does not hide."""
    polished, which, shift = rng.random() < POLISH_SHARE, rng.integers(len(POLISHES)), rng.normal(0, 0.03, 3)
    if polished:
        return (*triple(linear(POLISHES[which] + shift)), float(rng.uniform(0.85, 0.98)))
    bed = linear(np.array([0.83, 0.62, 0.56])) * (1 - 0.45 * darkness)
    return (*triple(bed), float(0.1 + 0.4 * darkness))


def _hair(rng: np.random.Generator, darkness: float, age: float) -> np.ndarray:
    grey = rng.random() < np.clip((age - 0.62) * 2.6, 0.02, 0.95)
    light = rng.random() < 0.6 * (1 - darkness) ** 1.5
    natural = rng.integers(2, 7) if light else rng.choice([0, 0, 1, 1, 2])
    colour = HAIR_COLOURS[rng.integers(7, 9)] if grey else HAIR_COLOURS[natural]
    if rng.random() < 0.03:
        colour = rng.uniform(0.15, 0.8, 3)  # dyed
    return linear(colour * rng.uniform(0.85, 1.2))


def sample_look(rng: np.random.Generator, *, age: float = 0.5, gender: float = 0.5) -> Look:
    """Returns a random look.

    Args:
        rng: source of chance.
        age: `BodyShape.age`; old skin is rougher, old hair grey.
        gender: `BodyShape.gender`; beards shade only male faces.
    """
    skin, darkness = _skin_tone(rng)
    old = float(np.clip((age - 0.6) / 0.4, 0, 1))
    surface = Material(
        bump=float(rng.uniform(0.03, 0.09) + 0.05 * old),
        shine=float(rng.uniform(0.35, 0.95)),
        roughness=float(rng.uniform(0.38, 0.56)),
        scatter=float(rng.uniform(0.6, 1.0) * (1 - 0.35 * darkness)),
        seed=float(rng.uniform(0, 50)),
        grain=float(rng.uniform(0.85, 1.2)),
        texture="skin",
        nail_tint=_nails(rng, skin, darkness),
    )
    iris = EYE_COLOURS[rng.integers(0, 2) if rng.random() < 0.25 + 0.75 * darkness else rng.integers(len(EYE_COLOURS))]
    makers = {**dict.fromkeys(CLOTH, sample_fabric), **dict.fromkeys(_LEATHER, sample_leather)}
    makers |= dict.fromkeys(_METAL, sample_metal)
    makers["glove"] = partial(sample_fabric, patterned=0.12)
    return Look(
        skin=triple(skin),
        palm=float(rng.uniform(0.3, 0.75)),
        redness=float(rng.uniform(0.3, 1.0) * (1 - 0.5 * darkness)),
        stubble=float(rng.uniform(0, 0.5)) if gender > 0.5 and age > 0.4 and rng.random() < 0.6 else 0.0,
        surface=surface,
        hair=triple(_hair(rng, darkness, age)),
        iris=triple(linear(iris * rng.uniform(0.8, 1.25))),
        hair_scale=float(rng.uniform(0.7, 1.6)),
        fabrics=MappingProxyType({name: maker(rng) for name, maker in makers.items()}),
    )


@lru_cache(maxsize=8)
def _skin_paint(model: BodyModel, look: _HashableLook) -> Paint:
    regions, skin = skin_regions(model), np.array(look.skin)
    colours = np.tile(skin, (len(model.vertices), 1))
    # A palm holds little melanin, whatever the rest does; a dark hand's is still darker than a light hand's.
    bright = float(skin.mean())
    palm = np.array([0.62, 0.33, 0.24]) * min(1.0, 0.45 + bright * 1.3)
    colours += look.palm * regions.palm[:, None] * (palm - colours)
    for mask, colour in (
        (regions.knuckles, (0.02, -0.2, -0.18)), (regions.tips, (0.06, -0.14, -0.12)), (regions.flush, (0.03, -0.2, -0.16)),
    ):  # fmt: skip
        colours *= 1 + look.redness * mask[:, None] * np.array(colour)
    creased = regions.knuckles * float(np.clip(1 - 3 * bright, 0, 1))
    colours *= 1 - 0.22 * creased[:, None]  # on dark skin the knuckles are darker, not redder
    colours *= 1 - look.stubble * regions.beard[:, None] * np.array([0.62, 0.55, 0.5])
    return Paint(colours=(colours * (255 / NEUTRAL)).clip(0, 1), material=look.surface)


@dataclass(frozen=True, slots=True, kw_only=True)
class _HashableLook:
    """What of a look paints the skin: hashable, so that a paint is made once for a pair of pictures."""

    skin: Colour
    palm: float
    redness: float
    stubble: float
    surface: Material


def _cloth_paint(model: BodyModel, fabric: Fabric) -> Paint:
    return Paint(colours=np.array(fabric.colour), material=fabric.material, points=cloth_points(model))


def paints_for(figure: Figure, look: Look) -> dict[str, Paint]:
    """Returns the paint of every component that a figure can wear.

    Args:
        figure: dressed; only its body model is read, so the paints fit copies and grafts too.
        look: of the person.

    Returns:
        component or surface name -> paint.
    """
    model = figure.model
    key = _HashableLook(
        skin=look.skin, palm=look.palm, redness=look.redness, stubble=look.stubble, surface=look.surface
    )
    skin = _skin_paint(model, key)
    dark = np.array(look.hair) * 0.35
    strands = Material(
        bump=0.25, shine=0.5, roughness=0.45, grain=0.8, seed=look.surface.seed, pattern="strands",
        pattern_colour=(*triple(dark), 0.85), pattern_scale=look.hair_scale,
    )  # fmt: skip
    hair = Paint(colours=np.array(look.hair) * 1.25, material=strands, points=hair_points(model))
    gaze = Material(
        bump=0.0, shine=1.2, roughness=0.15, pattern="iris", pattern_colour=(*look.iris, 1.0), pattern_scale=0.46,
        seed=look.surface.seed,
    )  # fmt: skip
    eye = Paint(colours=np.array([0.62, 0.60, 0.57]), material=gaze, points=eye_points(model))
    paints = {"skin": skin, "body": skin, "eye": eye, "hair": hair}
    paints |= {name: _cloth_paint(model, fabric) for name, fabric in look.fabrics.items()}
    return paints | {"cloth": paints["top"], "shoe": paints["shoes"]}
