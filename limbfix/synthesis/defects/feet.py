"""Melted, missing, splayed and turned-round feet: how are they made? Shoes hide most of it, and the labels know."""

from __future__ import annotations

from functools import partial

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.membranes import smoothed
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import Side

MELT_PASSES = 5
"""Smoothing passes after the toes were swollen into each other; more would draw each toe to a point."""

SWELL = 1.7
"""How wide a melted toe is: its neighbours' grooves vanish in it. Read off contact sheets."""


def _toe_bones(figure: Figure, side: Side) -> list[int]:
    return [i for i, b in enumerate(figure.model.bones) if b.startswith("toe") and b.endswith(SIDES[side])]


def _melt(figure: Figure, side: Side, swell: float) -> None:
    for component in figure.components:
        toes = component.weight_of(_toe_bones(figure, side))
        if not (toes > 0.15).any():
            continue
        component.rest = component.rest.copy()
        for k in (1, 2, 3, 4, 5):
            own = [i for i in _toe_bones(figure, side) if figure.model.bones[i].startswith(f"toe{k}")]
            start, end = figure.heads[own[0]], figure.tails[own[-1]]
            axis = unit(end - start)
            offset = component.rest - start
            radial = offset - (offset @ axis)[:, None] * axis
            component.rest += (component.weight_of(own) * (swell - 1))[:, None] * radial.astype(np.float32)
        smoothed(component, toes > 0.15, MELT_PASSES if swell > 1.2 else 1)


def _long_toes(figure: Figure, side: Side, factor: float) -> None:
    foot = figure.bone(f"foot{SIDES[side]}")
    axis = unit(figure.tails[foot] - figure.heads[foot])
    for component in figure.components:
        weight = component.weight_of(_toe_bones(figure, side))
        if not (weight > 0.1).any():
            continue
        start = ((component.rest[weight > 0.1]) @ axis).min()
        ahead = (component.rest @ axis - start).clip(0)
        component.rest = (component.rest + (weight * ahead * (factor - 1))[:, None] * axis).astype(np.float32)


def _turn_foot(figure: Figure, side: Side, yaw: float) -> None:
    figure.offsets[figure.bone(f"foot{SIDES[side]}")] = turn([0, 1.0, 0], yaw)


def _wide(figure: Figure, side: Side, factor: float) -> None:
    """Widens the fore-foot about its middle. Narrowing it folds the toes into shreds that no generator draws."""
    foot = figure.bone(f"foot{SIDES[side]}")
    middle = float(figure.tails[foot][0])
    for component in figure.components:
        weight = component.weight_of(_toe_bones(figure, side))
        component.rest[:, 0] += weight * (component.rest[:, 0] - middle) * (factor - 1)


_WAYS = {
    "melted_toes": (_melt, lambda rng: float(rng.uniform(0.9, 1.15) * SWELL), lambda rng: float(rng.uniform(0.97, 1.04))),
    "long_toes": (_long_toes, lambda rng: float(rng.uniform(1.9, 2.8)), lambda rng: float(rng.uniform(0.93, 1.08))),
    "turned_foot": (
        _turn_foot,
        lambda rng: float(rng.uniform(2.2, 3.14) * rng.choice([-1, 1])),
        lambda rng: float(rng.uniform(-0.2, 0.2)),
    ),
    "wide_foot": (_wide, lambda rng: float(rng.uniform(1.8, 2.4)), lambda rng: float(rng.uniform(0.95, 1.06))),
}  # fmt: skip


def _draw(rng: np.random.Generator, way: str) -> Parameters:
    _, strange, normal = _WAYS[way]
    return {"amount": strange(rng), "normal_amount": normal(rng)}


def _harm(figure: Figure, side: Side, parameters: Parameters, way: str) -> Made:
    _WAYS[way][0](figure, side, parameters["amount"])
    foot = figure.find("foot", side)
    foot.add_fault("malformed")
    affected = (foot.id, foot.owner) if foot.owner and way == "turned_foot" else (foot.id,)
    return Made(code=DefectCode.FOOT_MALFORMED, operator=f"feet.{way}", instances=(foot.id,), affected=affected)


def _handle(figure: Figure, side: Side, parameters: Parameters, way: str) -> None:
    _WAYS[way][0](figure, side, parameters["normal_amount"])


FOOT_DEFECTS: tuple[DefectOperator, ...] = tuple(
    DefectOperator(
        name=f"feet.{way}", code=DefectCode.FOOT_MALFORMED, weight=0.6,
        draw=partial(_draw, way=way), harm=partial(_harm, way=way), twin=partial(_handle, way=way),
    )
    for way in _WAYS
)  # fmt: skip
"""Operators on feet."""

FOOT_BENIGN: tuple[BenignOperator, ...] = tuple(
    BenignOperator(
        name=f"feet.normal_{way}", weight=0.25, draw=partial(_draw, way=way), handle=partial(_handle, way=way)
    )
    for way in _WAYS
)
"""The same handling within what feet are like."""
