"""Which melting operators are there, and how often is each drawn?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from limbfix.synthesis.melting import blends, copies, rows, warps
from limbfix.synthesis.melting.jointed_views import HandView
from limbfix.synthesis.melting.melts import Melt

Operator = Callable[[HandView, np.random.Generator, bool], Melt | None]
"""(view, rng, harmless) -> result, or None where this hand offers no place for it."""

OPERATORS: Mapping[str, tuple[Operator, float]] = MappingProxyType(
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

_NAMES = tuple(OPERATORS)
_SHARES = np.array([weight for _, weight in OPERATORS.values()]) / sum(weight for _, weight in OPERATORS.values())


def draw_operator(rng: np.random.Generator) -> str:
    """Draws an operator's name."""
    return _NAMES[int(rng.choice(len(_NAMES), p=_SHARES))]
