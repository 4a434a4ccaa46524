"""Which melting operators are there, and how often is each drawn?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from limbfix.synthesis.melting import blends, copies, limbs, rows, warps
from limbfix.synthesis.melting.melts import Melt

Operator = Callable[[Any, np.random.Generator, bool], Melt | None]
"""(view, rng, harmless) -> result, or None where the view offers no place for it. Hands' operators take a `HandView`, limbs' a
`BodyView`."""

OperatorTable = Mapping[str, tuple[Operator, float]]
"""Name -> operator and weight."""

HAND_OPERATORS: OperatorTable = MappingProxyType(
    {
        "warps.elastic": (warps.elastic, 1.6),
        "warps.swirl": (warps.swirl, 1.0),
        "warps.bend": (warps.bend, 0.8),
        "warps.knot": (warps.knot, 1.0),
        "warps.relength": (warps.relength, 0.8),
        "warps.thicken": (warps.thicken, 0.8),
        "warps.wave": (warps.wave, 0.5),
        "blends.fuse": (blends.fuse, 1.8),
        "copies.double": (copies.double, 0.9),
        "copies.stray_tip": (copies.stray_tip, 0.8),
        "blends.fade": (blends.fade, 0.9),
        "blends.smear": (blends.smear, 1.2),
        "copies.chimera": (copies.chimera, 1.0),
        "rows.relay_row": (rows.relay_row, 1.6),
        "rows.split": (rows.split, 0.8),
    }
)
"""Weights follow what 106 defective hands of DALL-E 3, SDXL and Stable Cascade show: mostly melted and fused rows, then stubs, lumps,
knots and stray ends, and rows with a finger more or less; clean extra fingers are rare. `relay_row` fits one hand in four."""

LIMB_OPERATORS: OperatorTable = MappingProxyType(
    {
        "limbs.bend": (limbs.bend, 1.2),
        "limbs.relength": (limbs.relength, 1.0),
        "limbs.thicken": (limbs.thicken, 0.8),
        "limbs.wave": (limbs.wave, 0.8),
        "limbs.double": (limbs.double, 1.4),
        "limbs.fade": (limbs.fade, 1.0),
        "limbs.elastic": (limbs.elastic, 1.0),
        "limbs.swirl": (limbs.swirl, 0.6),
        "limbs.smear": (limbs.smear, 0.8),
    }
)
"""The same operators on arms, legs and feet."""


FOOT_OPERATORS: OperatorTable = MappingProxyType(
    {
        "limbs.elastic": (limbs.elastic, 1.6),
        "limbs.swirl": (limbs.swirl, 0.8),
        "limbs.smear": (limbs.smear, 1.2),
        "limbs.double": (limbs.double, 1.0),
        "limbs.bend": (limbs.bend, 0.8),
        "limbs.relength": (limbs.relength, 0.8),
        "limbs.thicken": (limbs.thicken, 0.8),
    }
)
"""Those that leave a foot that looks wrong; a faded one is missing."""


def draw_operator(table: OperatorTable, rng: np.random.Generator) -> str:
    """Draws an operator's name from a table, by weight."""
    names, weights = list(table), np.array([weight for _, weight in table.values()])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]
