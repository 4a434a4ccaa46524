"""How is a digit bent as no joint bends? Backwards, to the side, or twisted about itself, whatever the hand's pose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.digit_bones import bend_axis, hold
from limbfix.synthesis.defects.digit_shapes import FINGERS, chain_of, hand_ids, move_flesh
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import DIGITS, Side

NATURAL_FLEXION = (0.05, 0.6)
"""Radians, of the joints of a loosely held finger."""


def hold_bent(figure: Figure, side: Side, p: Parameters, *, sideways: bool, angles: list[float]) -> None:
    """Holds a digit's PIP and DIP at angles (radians): flexion, or towards the little finger's side."""
    entry = figure.find("digit", side, p["digit"])
    turns = []
    for bone, angle in zip(entry.bones[1:], angles, strict=True):
        axis = bend_axis(figure, side, entry, bone)
        if sideways:
            axis = unit(np.cross(axis, figure.tails[bone] - figure.heads[bone]))
        turns.append(turn(axis, angle))
    hold(figure, side, entry, 1, turns)


def twist(figure: Figure, side: Side, p: Parameters, angle: float) -> None:
    """Twists a digit about its chain: none at its root, `angle` radians from its middle on."""
    entry = figure.find("digit", side, p["digit"])
    chain = chain_of(figure, entry)

    def field(points: np.ndarray) -> np.ndarray:
        station = chain.stations_of(points)
        foot, share = chain.at(station), np.clip(station / (0.55 * chain.length), 0, 1)
        share = share * share * (3 - 2 * share)
        axis, radial = chain.direction, points - foot
        sine, cosine = np.sin(angle * share)[:, None], np.cos(angle * share)[:, None]
        turned = radial * cosine + np.cross(axis, radial) * sine + axis * (radial @ axis)[:, None] * (1 - cosine)
        return turned - radial

    move_flesh(figure, side, entry.bones, field)


def _made(figure: Figure, side: Side, p: Parameters, operator: str) -> Made:
    entry = figure.find("digit", side, p["digit"])
    entry.add_fault("malformed")
    return Made(
        code=DefectCode.HAND_MALFORMED, operator=operator, instances=(entry.id,), affected=hand_ids(figure, side)
    )


def _harm_bent(kind: str) -> Callable[[Figure, Side, Parameters], Made]:
    def harm(figure: Figure, side: Side, p: Parameters) -> Made:
        hold_bent(figure, side, p, sideways=kind == "sideways", angles=p["angles"])
        return _made(figure, side, p, f"bent_digits.{kind}")

    return harm


def _twin_bent(figure: Figure, side: Side, p: Parameters) -> None:
    hold_bent(figure, side, p, sideways=False, angles=p["natural"])


def _draw_natural(rng: np.random.Generator) -> list[float]:
    pip = float(rng.uniform(*NATURAL_FLEXION))
    return [pip, 2 / 3 * pip]  # the DIP follows the PIP by about two thirds


def _draw_backwards(rng: np.random.Generator) -> Parameters:
    angles = [-rng.uniform(0.65, 1.4), rng.uniform(-0.5, 0.2)] if rng.random() < 0.65 else [0.1, -rng.uniform(0.8, 1.4)]
    return {
        "digit": str(rng.choice(FINGERS)), "angles": [float(a) for a in angles], "natural": _draw_natural(rng),
    }  # fmt: skip


def _draw_sideways(rng: np.random.Generator) -> Parameters:
    sign, second = rng.choice([-1, 1]), rng.choice([-1, 0, 1])
    angles = [sign * rng.uniform(0.5, 1.1), second * rng.uniform(0.2, 0.7)]
    return {
        "digit": str(rng.choice(FINGERS)), "angles": [float(a) for a in angles], "natural": _draw_natural(rng),
    }  # fmt: skip


def _draw_twist(rng: np.random.Generator) -> Parameters:
    return {
        "digit": str(rng.choice(DIGITS)), "angle": float(rng.choice([-1, 1]) * rng.uniform(1.2, 3.0)),
        "natural": float(rng.normal(0, 0.08)),
    }  # fmt: skip


def _harm_twist(figure: Figure, side: Side, p: Parameters) -> Made:
    twist(figure, side, p, p["angle"])
    return _made(figure, side, p, "bent_digits.twisted")


BENT_DIGITS: tuple[DefectOperator, ...] = (
    DefectOperator(
        name="bent_digits.backwards", code=DefectCode.HAND_MALFORMED, weight=1.2,
        draw=_draw_backwards, harm=_harm_bent("backwards"), twin=_twin_bent,
    ),
    DefectOperator(
        name="bent_digits.sideways", code=DefectCode.HAND_MALFORMED, weight=1.2,
        draw=_draw_sideways, harm=_harm_bent("sideways"), twin=_twin_bent,
    ),
    DefectOperator(
        name="bent_digits.twisted", code=DefectCode.HAND_MALFORMED, weight=0.5,
        draw=_draw_twist, harm=_harm_twist, twin=lambda figure, side, p: twist(figure, side, p, p["natural"]),
    ),
)  # fmt: skip

BENT_BENIGN: tuple[BenignOperator, ...] = (
    BenignOperator(
        name="bent_digits.held_loosely", weight=0.8,
        draw=lambda rng: {"digit": str(rng.choice(FINGERS)), "natural": _draw_natural(rng)}, handle=_twin_bent,
    ),
)  # fmt: skip
