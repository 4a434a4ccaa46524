"""Arms and legs of the wrong length, and joints bent against their sense: how are they made?"""

from __future__ import annotations

from functools import partial

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.limb_copies import chain_of
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.figures.anatomy import SIDES, limb_bones
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import Side

STRETCHED: dict[str, tuple[str, ...]] = {
    "arm": ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02"),
    "forearm": ("lowerarm01", "lowerarm02"),
    "leg": ("upperleg01", "upperleg02", "lowerleg01", "lowerleg02"),
    "lower_leg": ("lowerleg01", "lowerleg02"),
}
"""Bones that grow when a limb is stretched."""

HUMAN_RANGE = (0.94, 1.07)
"""Length of a limb against the average of the body's height that nobody would remark on."""


def stretch_limb(figure: Figure, limb: str, side: Side, factor: float) -> None:
    """Makes a limb longer or shorter in rest pose; what hangs on it moves along.

    Args:
        figure: changed.
        limb: a name of `STRETCHED`.
        side: of the limb.
        factor: new length over old length.
    """
    suffix = SIDES[side]
    names = [f"{bone}{suffix}" for bone in STRETCHED[limb]]
    chain = set(limb_bones(figure.model, limb, side))
    for name in names:
        bone = figure.bone(name)
        axis = unit(figure.tails[bone] - figure.heads[bone])
        length = float(np.linalg.norm(figure.tails[bone] - figure.heads[bone]))
        origin, growth = figure.heads[bone].copy(), (factor - 1) * length
        for component in figure.components:
            weight = component.weight_of(figure.bone(b) for b in chain)
            along = ((component.rest - origin) @ axis / length).clip(0, 1)
            component.rest = component.rest + (weight * along * growth)[:, None] * axis.astype(np.float32)
        for other in sorted(figure.bone(b) for b in chain):
            for ends in (figure.heads, figure.tails):
                share = float(np.clip((ends[other] - origin) @ axis / length, 0, 1))
                ends[other] = ends[other] + share * growth * axis
    for component in figure.components:
        component.rest = component.rest.astype(np.float32)


def _draw_length(rng: np.random.Generator) -> Parameters:
    longer = rng.random() < 0.7
    limb = str(rng.choice(list(STRETCHED), p=[0.3, 0.3, 0.2, 0.2]))
    return {
        "limb": limb, "factor": float(rng.uniform(1.45, 2.0) if longer else rng.uniform(0.4, 0.6)),
        "normal_factor": float(rng.uniform(*HUMAN_RANGE)),
    }  # fmt: skip


def _wrong_length(figure: Figure, side: Side, parameters: Parameters) -> Made:
    stretch_limb(figure, parameters["limb"], side, parameters["factor"])
    entry = chain_of(figure, parameters["limb"], side)
    entry[0].add_fault("wrong_size")
    ids = tuple(item.id for item in entry)
    return Made(
        code=DefectCode.PERSON_PROPORTION, operator="limbs.wrong_length", instances=(entry[0].id,), affected=ids
    )


def _normal_length(figure: Figure, side: Side, parameters: Parameters) -> None:
    stretch_limb(figure, parameters["limb"], side, parameters["normal_factor"])


BENDS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "elbow": ("lowerarm01", (0.0, 1.0, 0.0)),
    "knee": ("lowerleg01", (-1.0, 0.0, 0.0)),
}
"""Joint -> bone that turns, and the axis (of a left limb) about which it turns against its sense: knees bend backwards, elbows
forwards, in the rig's rest axes. A right elbow's axis is mirrored."""


def _bend(figure: Figure, side: Side, joint: str, angle: float) -> None:
    bone_name, axis = BENDS[joint]
    bone = figure.bone(f"{bone_name}{SIDES[side]}")
    mirrored = -1.0 if side == "right" and joint == "elbow" else 1.0
    figure.offsets[bone] = turn(np.array(axis) * mirrored, angle)


def _draw_bend(rng: np.random.Generator) -> Parameters:
    joint = str(rng.choice(["elbow", "knee"]))
    return {"joint": joint, "angle": float(rng.uniform(0.8, 1.5)), "normal_angle": float(rng.uniform(0.0, 0.06))}


def _bent_against(figure: Figure, side: Side, parameters: Parameters) -> Made:
    _bend(figure, side, parameters["joint"], parameters["angle"])
    chain = chain_of(figure, "arm" if parameters["joint"] == "elbow" else "leg", side)
    chain[0].add_fault("malformed")
    return Made(
        code=DefectCode.PERSON_JOINT_ANGLE, operator="limbs.bent_against", instances=(chain[0].id,),
        affected=tuple(item.id for item in chain),
    )  # fmt: skip


def _bent_naturally(figure: Figure, side: Side, parameters: Parameters) -> None:
    _bend(figure, side, parameters["joint"], -parameters["normal_angle"])


def _draw_normal_length(rng: np.random.Generator, limb: str) -> Parameters:
    return {"limb": limb, "normal_factor": float(rng.uniform(*HUMAN_RANGE))}


LIMB_SHAPES: tuple[DefectOperator, ...] = (
    DefectOperator(
        name="limbs.wrong_length", code=DefectCode.PERSON_PROPORTION, weight=1.0,
        draw=_draw_length, harm=_wrong_length, twin=_normal_length,
    ),
    DefectOperator(
        name="limbs.bent_against", code=DefectCode.PERSON_JOINT_ANGLE, weight=1.0,
        draw=_draw_bend, harm=_bent_against, twin=_bent_naturally,
    ),
)  # fmt: skip
"""Operators on length and bend."""

LIMB_LENGTHS: tuple[BenignOperator, ...] = tuple(
    BenignOperator(
        name=f"limbs.normal_length_{limb}",
        weight=0.5,
        draw=partial(_draw_normal_length, limb=limb),
        handle=_normal_length,
    )
    for limb in ("arm", "leg")
)
"""Limbs a little longer or shorter than average."""
