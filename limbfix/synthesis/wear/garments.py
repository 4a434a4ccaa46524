"""What do people wear? Outfits from tight to wide: tops, trousers, skirts, coats, shoes, gloves, hair and things on hands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from limbfix.synthesis.figures.body_model import BodyShape
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.wear.body_coordinates import body_coordinates
from limbfix.synthesis.wear.cutting import Cut, add_garment, covered, hide_under
from limbfix.synthesis.wear.footwear import Footwear, put_on_footwear, sample_footwear
from limbfix.synthesis.wear.gloves import Glove, put_on_gloves, sample_glove
from limbfix.synthesis.wear.hair import Headwear, put_on_head, sample_headwear
from limbfix.synthesis.wear.rings import Trinket, put_on_trinkets, sample_trinkets
from limbfix.synthesis.wear.skirts import Skirt, add_skirt
from limbfix.synthesis.wear.sleeves import SLEEVES, lengthen_sleeves, sample_sleeve

SKIN_MARGIN = 0.14
"""Skin ends this far inside a hem (bones, or decimetres on the trunk): nobody sees the gap, and nothing pokes through."""

__all__ = ["Garment", "Outfit", "dress", "sample_outfit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Garment:
    """A piece of clothing on trunk and limbs.

    Attributes:
        name: of its component; the look keeps a fabric under it.
        cut: see `Cut`.
        skirt: what hangs from it below the waist, of a dress or a coat.
    """

    name: str
    cut: Cut
    skirt: Skirt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfit:
    """Everything that a person has on.

    Attributes:
        garments: from the skin outwards.
        footwear, headwear: see their classes.
        glove: on both hands; None for bare ones.
        trinkets: rings, bracelets, watches.
    """

    garments: tuple[Garment, ...]
    footwear: Footwear | None
    headwear: Headwear
    glove: Glove | None = None
    trinkets: tuple[Trinket, ...] = ()


def _loose(rng: np.random.Generator) -> tuple[float, float, float]:
    """Returns ease, flare and folds of a garment, decimetres, from tight to wide."""
    width = float(rng.beta(1.3, 2.2))
    return 0.05 + 0.12 * width, 0.5 * width**2, 0.008 + 0.03 * width


def _top(rng: np.random.Generator, *, warm: bool, dress_hem: float | None) -> Garment:
    ease, flare, folds = _loose(rng)
    sleeve = sample_sleeve(rng, warm=warm)
    tank = sleeve <= 0
    low = float(rng.uniform(-0.3, 1.5)) if dress_hem is None else 0.4
    cut = Cut(
        arm=sleeve, low=low, neck=float(rng.uniform(0.25, 0.9) if tank else rng.choice([0.0, 0.05, 0.15, 0.45])),
        neck_width=0.85 if tank else float(rng.uniform(0.62, 0.8)), ease=ease + 0.03,
        flare=flare * (0.4 if dress_hem is not None else 0.8), folds=folds, phase=float(rng.uniform(0, 6.28)), leg=0.35,
    )  # fmt: skip
    skirt = None
    if dress_hem is not None:
        skirt = Skirt(
            hem=dress_hem, flare=float(rng.uniform(0.0, 0.5)), ease=ease + 0.04, folds=float(rng.uniform(0.0, 0.08))
        )
    return Garment(name="top", cut=cut, skirt=skirt)


def _tucked(top: Garment) -> Garment:
    """Returns a top that ends inside the trousers: close to the body where they lie over it."""
    return replace(top, cut=replace(top.cut, low=0.9, flare=0.0, ease=min(top.cut.ease, 0.09), folds=0.01))


def _bottom(rng: np.random.Generator, *, skirted: bool) -> Garment:
    ease, flare, folds = _loose(rng)
    waist = float(rng.uniform(1.5, 2.1))
    if skirted:
        cut = Cut(low=0.9, high=waist, ease=0.06, folds=0.0)
        hem = float(rng.choice([-1.6, -2.6, -3.6, -4.8, -6.6]) + rng.uniform(-0.3, 0.3))
        skirt = Skirt(hem=hem, flare=float(rng.uniform(0.0, 0.6)), ease=0.06, folds=float(rng.uniform(0.0, 0.09)))
        return Garment(name="bottom", cut=cut, skirt=skirt)
    leg = float(rng.choice([0.5, 0.7, 0.9, 1.5, 1.93], p=[0.07, 0.14, 0.11, 0.08, 0.6]))
    cut = Cut(
        leg=leg, high=waist, ease=0.4 * ease + 0.06, flare=flare * (1.0 if leg > 1.2 else 0.6), folds=folds,
        phase=float(rng.uniform(0, 6.28)),
    )  # fmt: skip
    return Garment(name="bottom", cut=cut)


def _outer(rng: np.random.Generator, over: Cut) -> Garment:
    ease = over.ease + float(rng.uniform(0.06, 0.15))
    long = rng.random() < 0.4
    skirt = Skirt(hem=float(rng.uniform(-4.5, -1.5)), flare=float(rng.uniform(0.05, 0.3)), ease=ease, folds=0.03)
    cut = Cut(
        arm=float(rng.uniform(1.85, 2.1)), low=0.4 if long else float(rng.uniform(-0.4, 1.0)), leg=0.35, ease=ease,
        flare=over.flare + float(rng.uniform(0.0, 0.1)), folds=float(rng.uniform(0.015, 0.04)), phase=float(rng.uniform(0, 6.28)),
        neck=0.1, neck_width=0.66,
    )  # fmt: skip
    return Garment(name="outer", cut=cut, skirt=skirt if long else None)


def sample_outfit(rng: np.random.Generator, shape: BodyShape, *, warm: float = 0.5) -> Outfit:
    """Returns random clothes.

    Args:
        rng: source of chance.
        shape: of the body: skirts and long hair are more frequent on female ones, beards grow on male adults.
        warm: 0-1, how many long sleeves, coats and gloves there are.
    """
    female = shape.gender < 0.5
    dress_like = rng.random() < (0.22 if female else 0.02)
    hem = float(rng.choice([-1.4, -2.6, -3.8, -6.4]) + rng.uniform(-0.3, 0.3)) if dress_like else None
    garments = [_top(rng, warm=rng.random() < warm, dress_hem=hem)]
    if not dress_like:
        bottom = _bottom(rng, skirted=rng.random() < (0.22 if female else 0.01))
        tucked = rng.random() < 0.3
        garments = [_tucked(garments[0]), bottom] if tucked else [bottom, *garments]
    if rng.random() < 0.3 * warm:
        garments = [replace(item, cut=replace(item.cut, arm=min(item.cut.arm, 1.9))) for item in garments]
        garments.append(_outer(rng, next(item.cut for item in garments if item.name == "top")))
    glove = sample_glove(rng) if rng.random() < 0.12 * warm else None
    return Outfit(
        garments=tuple(garments),
        footwear=sample_footwear(rng),
        headwear=sample_headwear(rng, shape),
        glove=glove,
        trinkets=() if glove else sample_trinkets(rng, adult=shape.age > 0.35),
    )


def dress(figure: Figure, outfit: Outfit) -> None:
    """Adds an outfit's components to an undressed figure in rest pose; call it before any operator.

    Skin under cloth is hidden, not removed. Every vertex of a garment keeps the instance and the part of what it covers.
    """
    under, height = np.zeros(len(figure.shaped), bool), body_coordinates(figure.model).y
    for garment in outfit.garments:
        cut, beneath = garment.cut, figure.components[1:]
        component = add_garment(figure, garment.name, cut)
        if cut.arm > SLEEVES["wrist"] - 0.2:
            lengthen_sleeves(figure, component, cut)
        inside = covered(figure, cut, SKIN_MARGIN)
        if garment.skirt:
            inside |= add_skirt(figure, garment.name, garment.skirt)
        # Necklines of two layers differ: cloth near the neck stays.
        hide_under((part for part in beneath if part.surface == "cloth"), inside & (height < 4.9))
        under |= inside
    if outfit.footwear:
        under |= put_on_footwear(figure, outfit.footwear)
    if outfit.glove:
        under |= put_on_gloves(figure, outfit.glove)
    hide_under((figure.body,), under)
    put_on_head(figure, outfit.headwear)
    put_on_trinkets(figure, outfit.trinkets)
