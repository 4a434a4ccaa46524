"""How does a digit lose its form? Sausages without joints, digits that thin out, swell, wave, or melt into a mound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.digit_growth import flesh_of
from limbfix.synthesis.defects.digit_shapes import (
    FINGERS,
    chain_of,
    hand_ids,
    move_flesh,
    stretch_digit,
)
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.figures.figure import Figure, InstanceEntry
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import DIGITS, Side

Melting = Callable[[Figure, Side, InstanceEntry, Parameters, float], None]
"""(figure, side, digit, parameters, strength 0-1): changes a digit's form; at small strength within the human range."""


def _smooth(figure: Figure, digit: InstanceEntry, passes: int) -> None:
    for layer in flesh_of(figure):
        rows = np.flatnonzero(layer.weight_of(digit.bones) > 0.7)
        if not len(rows):
            continue
        rest, neighbours = layer.rest.copy(), layer.topology.neighbours[rows]
        for _ in range(passes):
            rest[rows] = 0.5 * rest[rows] + 0.5 * (neighbours @ rest)
        layer.rest = rest


def _radii(figure: Figure, digit: InstanceEntry) -> tuple[np.ndarray, np.ndarray]:
    """Returns shares of a digit's length and its mean radius there, decimetres, from root to tip."""
    chain, body = chain_of(figure, digit), figure.body
    points = body.rest[body.weight_of(digit.bones) > 0.9]
    share = chain.stations_of(points) / chain.length
    radius = np.linalg.norm(points - chain.at(share * chain.length), axis=1)
    places = np.linspace(0.3, 0.9, 9)
    near = np.exp(-(((share[:, None] - places) / 0.07) ** 2))
    return places, (near * radius[:, None]).sum(0) / near.sum(0)


def _sausage(figure: Figure, side: Side, digit: InstanceEntry, p: Parameters, strength: float) -> None:
    places, radii = _radii(figure, digit)
    wanted = float(radii.mean()) * (1.1 + 0.4 * p["amount"])

    def girth(u: np.ndarray) -> np.ndarray:
        factor = wanted / np.interp(u, places, radii)
        return 1 + strength * np.clip((u - 0.05) / 0.3, 0, 1) * (factor - 1)

    stretch_digit(figure, side, digit, 1.0, girth)
    _smooth(figure, digit, round(8 * strength))


def _taper(figure: Figure, side: Side, digit: InstanceEntry, p: Parameters, strength: float) -> None:
    end = 1 - strength * (0.65 + 0.25 * p["amount"])
    stretch_digit(
        figure, side, digit, 1 + strength * 0.25 * (p["amount"] - 0.4), lambda u: 1 + (end - 1) * np.clip(u - 0.1, 0, 1)
    )
    _smooth(figure, digit, round(3 * strength))


def _swell(figure: Figure, side: Side, digit: InstanceEntry, p: Parameters, strength: float) -> None:
    height, place = strength * (0.55 + 0.55 * p["amount"]), p["place"]
    stretch_digit(figure, side, digit, 1.0, lambda u: 1 + height * np.exp(-(((u - place) / 0.2) ** 2)))
    _smooth(figure, digit, round(2 * strength))


def _wave(figure: Figure, side: Side, digit: InstanceEntry, p: Parameters, strength: float) -> None:
    chain, frame = chain_of(figure, digit), hand_frame(figure, side)
    sideways = unit(np.cross(chain.direction, frame.dorsal))
    size = strength * frame.spacing * (0.3 + 0.3 * p["amount"])

    def field(points: np.ndarray) -> np.ndarray:
        u = np.clip(chain.stations_of(points) / chain.length, 0, 1.1)
        return (size * np.clip(u / 0.3, 0, 1) * np.sin(2 * np.pi * (p["cycles"] * u + p["phase"])))[:, None] * sideways

    move_flesh(figure, side, digit.bones, field)
    points = chain.points + field(chain.points)
    for k, bone in enumerate(digit.bones):
        figure.heads[bone], figure.tails[bone] = points[k].astype(np.float32), points[k + 1].astype(np.float32)
    _smooth(figure, digit, round(3 * strength))


def _mound(figure: Figure, side: Side, digit: InstanceEntry, p: Parameters, strength: float) -> None:
    length = 1 - strength * (0.5 + 0.2 * p["amount"])
    flare = strength * 0.45
    stretch_digit(figure, side, digit, length, lambda u: 1 + flare * np.clip(1 - u / 0.7, 0, 1) + 0.15 * strength * u)
    _smooth(figure, digit, round(4 * strength))
    if strength > 0.5:
        digit.add_fault("shortened")


MELTINGS: dict[str, Melting] = {
    "sausage": _sausage, "tapered": _taper, "swollen": _swell, "wavy": _wave, "mound": _mound,
}  # fmt: skip

HUMAN_STRENGTH = 0.1
"""Share of a melting that stays within what human fingers look like."""


def _digits(p: Parameters) -> list[str]:
    return p["digits"]


def _apply(figure: Figure, side: Side, p: Parameters, strength: float) -> list[InstanceEntry]:
    entries = [figure.find("digit", side, digit) for digit in _digits(p)]
    for entry in entries:
        MELTINGS[p["kind"]](figure, side, entry, p, strength)
    return entries


def _harm(kind: str) -> Callable[[Figure, Side, Parameters], Made]:
    def harm(figure: Figure, side: Side, p: Parameters) -> Made:
        entries = _apply(figure, side, p, 1.0)
        for entry in entries:
            entry.add_fault("malformed")
        return Made(
            code=DefectCode.HAND_MALFORMED,
            operator=f"melted_digits.{kind}",
            instances=tuple(entry.id for entry in entries),
            affected=hand_ids(figure, side),
        )

    return harm


def _slightly(figure: Figure, side: Side, p: Parameters) -> None:
    _apply(figure, side, p, HUMAN_STRENGTH * p["natural"])


def _draw(kind: str) -> Callable[[np.random.Generator], Parameters]:
    def draw(rng: np.random.Generator) -> Parameters:
        pool = FINGERS if kind in ("mound", "wavy") else DIGITS
        digits = [str(d) for d in rng.choice(pool, int(rng.choice([1, 1, 2, 3])), replace=False)]
        return {
            "kind": kind, "digits": sorted(digits, key=DIGITS.index), "amount": float(rng.random()),
            "place": float(rng.uniform(0.45, 0.95)), "cycles": float(rng.uniform(0.8, 1.6)),
            "phase": float(rng.random()), "natural": float(rng.uniform(0.2, 1.0)),
        }  # fmt: skip

    return draw


MELTED_DIGITS: tuple[DefectOperator, ...] = tuple(
    DefectOperator(
        name=f"melted_digits.{kind}", code=DefectCode.HAND_MALFORMED, weight=weight,
        draw=_draw(kind), harm=_harm(kind), twin=_slightly,
    )
    for kind, weight in (("sausage", 0.9), ("tapered", 0.9), ("swollen", 0.6), ("wavy", 0.8), ("mound", 0.8))
)  # fmt: skip


def _draw_girth(rng: np.random.Generator) -> Parameters:
    return {"digit": str(rng.choice(DIGITS)), "girth": float(rng.uniform(0.9, 1.12))}


MELTED_BENIGN: tuple[BenignOperator, ...] = (
    BenignOperator(
        name="melted_digits.natural_girth", weight=0.8, draw=_draw_girth,
        handle=lambda figure, side, p: stretch_digit(
            figure, side, figure.find("digit", side, p["digit"]), 1.0, p["girth"]
        ),
    ),
)  # fmt: skip
