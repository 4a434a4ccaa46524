"""How does a skirt hang? MakeHuman's skirt geometry, cut at a hem, flared, and tied to both legs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.wear.body_coordinates import NOWHERE, body_coordinates
from limbfix.synthesis.wear.cutting import edge_vertices

HIP_Y = 0.3
"""Neutral y, decimetres, above which a skirt lies on the hips and below which it flares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skirt:
    """What hangs around the legs.

    Attributes:
        hem: neutral y of its end, decimetres: -0.7 is the crotch, -3.7 the knee, -7.4 the ankle.
        flare: widening at the ankle, as a share of its width.
        ease: distance from the geometry, decimetres.
        folds: height of folds that run downwards, decimetres.
    """

    hem: float
    flare: float = 0.2
    ease: float = 0.05
    folds: float = 0.03


def add_skirt(figure: Figure, name: str, skirt: Skirt) -> np.ndarray:
    """Adds a skirt.

    Returns:
        (n,) bool: base vertices whose skin it hides: hips and the upper part of the thighs under it.
    """
    c, model = body_coordinates(figure.model), figure.model
    chosen = model.mask("helper-skirt") & (c.y > skirt.hem)
    component = figure.add_component(name, chosen, surface="cloth")
    ids = component.topology.vertex_ids
    edge = edge_vertices(component.topology) & (c.y[ids] < min(skirt.hem + 1.0, 1.0))
    component.rest[edge, 1] += skirt.hem - c.y[ids][edge]
    component.rest[edge, 1] = np.median(component.rest[edge, 1])  # level on bodies of any shape
    rest = component.rest
    middle = rest.mean(0) * [1, 0, 1]
    offset = (rest - middle) * [1, 0, 1]
    drop = ((HIP_Y - c.y[ids]) / 7.0).clip(0, 1.1)
    length = np.linalg.norm(offset, axis=1)
    angle = np.arctan2(offset[:, 0], offset[:, 2])
    waves = skirt.folds * drop.clip(0, 0.5) * 3 * (np.sin(11 * angle) + 0.6 * np.sin(17 * angle + 1.3))
    grown = skirt.ease + waves + skirt.flare * drop * length
    component.rest = (rest + offset / np.maximum(length, 1e-6)[:, None] * grown[:, None]).astype(np.float32)
    component.weights = _evened(component, c.y[ids])
    thigh = (c.leg > NOWHERE) & (c.y > skirt.hem + 0.6)
    hips = (c.arm == NOWHERE) & (c.leg == NOWHERE) & (c.y < 1.0)
    return (thigh | hips) & (c.y < 1.0)


def _evened(component, height: np.ndarray):
    """Spreads the two legs' weights over front and back, so that the cloth between them stretches evenly instead of creasing."""
    weights = component.weights
    for _ in range(6):
        mean = component.topology.neighbours @ weights
        weights = 0.5 * weights + 0.5 * mean
    return weights.tocsr()
