"""What is a defect operator? It draws its parameters, does harm to a figure, and does the harmless like to the twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import Side

Parameters = Mapping[str, Any]
"""Plain JSON values, so that a recipe can hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectOperator:
    """One way to make a person wrong.

    Operators work in rest pose on a dressed figure; they move, copy or hide mesh, add bones, and write into the instance table.

    Attributes:
        name: `room.function`, stable; recipes, statistics and contact sheets use it.
        code: the limbfix code that a right judge would report.
        weight: how often it is drawn against the others.
        draw: rng -> parameters.
        harm: makes the figure wrong on one side and says what it did.
        twin: leaves the same traces in a normal figure: the same cut, the same shift, the same filling, but right anatomy.
    """

    name: str
    code: DefectCode
    weight: float
    draw: Callable[[np.random.Generator], Parameters]
    harm: Callable[[Figure, Side, Parameters], Made]
    twin: Callable[[Figure, Side, Parameters], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenignOperator:
    """One way to handle a person roughly and leave them right; its partner is the untouched figure.

    Attributes:
        name, weight, draw: as of `DefectOperator`.
        handle: changes the figure without making it wrong.
    """

    name: str
    weight: float
    draw: Callable[[np.random.Generator], Parameters]
    handle: Callable[[Figure, Side, Parameters], None]
