"""How does a digit fork? A second end grows out of its side at a joint, and the first end leans away from it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.digit_growth import Growth, add_entry, sew_in
from limbfix.synthesis.defects.digit_shapes import FINGERS, chain_of, hand_ids, move_flesh
from limbfix.synthesis.defects.digit_sites import Placement, hole_for
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.defects.seams import Graft, plan_graft
from limbfix.synthesis.figures.anatomy import digit_bones
from limbfix.synthesis.figures.body_model import BodyModel
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import turn, turn_between, unit
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import DIGITS, Side

JOINT_INDEX = {"pip": 1, "dip": 2}
"""Where the fork lies: joint -> its index in a digit's chain. A thumb's are its MCP and IP joints."""


def _sideways(figure: Figure, side: Side, digit: str) -> np.ndarray:
    """Returns (3,) unit: across a digit in the plane of the hand, towards the little finger."""
    chain = chain_of(figure, figure.find("digit", side, digit))
    frame = hand_frame(figure, side)
    across = np.cross(np.cross(chain.direction, frame.across), chain.direction)
    return unit(across)


def _placement(figure: Figure, side: Side, p: Parameters) -> Placement:
    chain = chain_of(figure, figure.find("digit", side, p["digit"]))
    k = JOINT_INDEX[p["joint"]]
    line, sideways = unit(chain.points[3] - chain.points[k]), _sideways(figure, side, p["digit"]) * p["towards"]
    lean = np.cos(p["lean"]) * line + np.sin(p["lean"]) * sideways
    return Placement(
        digit=p["digit"],
        pivot=chain.points[k],
        target=chain.points[k] + hand_frame(figure, side).spacing * 0.22 * sideways,
        turned=turn_between(line, lean),
        scale=p["size"],
    )


@lru_cache(maxsize=64)
def _split_graft(model: BodyModel, side: Side, digit: str, joint: str, towards: int) -> Graft:
    figure = Figure(model, model.vertices)
    p = {"digit": digit, "joint": joint, "towards": towards, "lean": 0.5, "size": 0.92}
    place = _placement(figure, side, p)
    bones = digit_bones(digit, side)
    k = JOINT_INDEX[joint]
    body, own = model.mask("body"), model.weight_of(bones)
    far = (model.weight_of(bones[k:]) > 0.6) & body
    donor = np.flatnonzero(far[model.faces].all(1))
    placed = place.of(model.vertices)
    chain = chain_of(figure, figure.find("digit", side, digit))
    station = chain.stations_of(model.vertices)
    near = np.abs(station - chain.stations[k]) < 0.45 * (chain.stations[k] - chain.stations[k - 1])
    beside = (model.vertices - chain.at(station)) @ _sideways(figure, side, digit) * towards > 0
    allowed = body & (own > 0.9) & near & beside
    axis = unit(place.turned @ (chain.points[3] - chain.points[k]))
    removed = hole_for(model, donor, model.vertices, placed, allowed, axis)
    name = f"split/{digit}/{joint}/{towards}"
    return plan_graft(model, name, removed=removed, donor=donor, positions=model.vertices, placed=placed)


def _lean_away(figure: Figure, side: Side, p: Parameters, angle: float) -> None:
    """Turns a digit's far part about the fork, away from the second end."""
    entry = figure.find("digit", side, p["digit"])
    chain, k = chain_of(figure, entry), JOINT_INDEX[p["joint"]]
    line, sideways = unit(chain.points[3] - chain.points[k]), _sideways(figure, side, p["digit"]) * p["towards"]
    turned = turn(np.cross(line, -sideways), angle)
    pivot = chain.points[k]
    move_flesh(figure, side, entry.bones[k:], lambda points: (points - pivot) @ turned.T + pivot - points)
    for bone in entry.bones[k:]:
        figure.heads[bone] = ((figure.heads[bone] - pivot) @ turned.T + pivot).astype(np.float32)
        figure.tails[bone] = ((figure.tails[bone] - pivot) @ turned.T + pivot).astype(np.float32)


def split(figure: Figure, side: Side, p: Parameters) -> Made:
    """Forks a digit at a joint."""
    original, k = figure.find("digit", side, p["digit"]), JOINT_INDEX[p["joint"]]
    place, plan = _placement(figure, side, p), _split_graft(figure.model, side, p["digit"], p["joint"], p["towards"])
    entry, bones = add_entry(figure, side, place, (p["digit"],), first=k)
    sew_in(figure, side, [Growth(plan=plan, place=place, bones=bones, instances={original.id: entry.id})])
    ids = hand_ids(figure, side)
    return Made(code=DefectCode.HAND_EXTRA_DIGIT, operator="split_digits.split", instances=(entry.id,), affected=ids)


def _harm(figure: Figure, side: Side, p: Parameters) -> Made:
    made = split(figure, side, p)
    _lean_away(figure, side, p, 0.6 * p["lean"])
    return made


def _twin(figure: Figure, side: Side, p: Parameters) -> None:
    _lean_away(figure, side, p, min(0.15 * p["lean"], 0.1))  # fingers with a slight bend to the side are common


def _draw(rng: np.random.Generator) -> Parameters:
    return {
        "digit": str(rng.choice(DIGITS)),
        "joint": str(rng.choice(["pip", "pip", "dip"])),
        "towards": int(rng.choice([-1, 1])),
        "lean": float(rng.uniform(0.35, 0.75)),
        "size": float(rng.uniform(0.8, 1.0)),
    }


SPLIT_DIGITS: tuple[DefectOperator, ...] = (
    DefectOperator(
        name="split_digits.split", code=DefectCode.HAND_EXTRA_DIGIT, weight=1.0, draw=_draw, harm=_harm, twin=_twin
    ),
)


def _draw_lean(rng: np.random.Generator) -> Parameters:
    return {
        "digit": str(rng.choice(FINGERS)), "joint": "pip", "towards": int(rng.choice([-1, 1])),
        "angle": float(rng.uniform(0.03, 0.12)),
    }  # fmt: skip


SPLIT_BENIGN: tuple[BenignOperator, ...] = (
    BenignOperator(
        name="split_digits.slight_lean",
        weight=0.5,
        draw=_draw_lean,
        handle=lambda figure, side, p: _lean_away(figure, side, p, p["angle"]),
    ),
)
