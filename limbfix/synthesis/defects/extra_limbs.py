"""A third arm, a forearm from nowhere, a third leg, an extra foot, a limb that is detached: how are they made?"""

from __future__ import annotations

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.limb_copies import LimbCopy, chain_of, close_root, copy_limb, limb_weight, move_copy
from limbfix.synthesis.defects.missing_limbs import remove_limb
from limbfix.synthesis.defects.operators import DefectOperator, Parameters
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import Side

_IDENTITY = np.eye(3, dtype=np.float32)


def _outwards(side: Side) -> float:
    return 1.0 if side == "left" else -1.0  # x points to the subject's left


def draw_arm(rng: np.random.Generator) -> Parameters:
    """Where the third arm grows: near the shoulder, at the ribs, or from the back."""
    root = str(rng.choice(["shoulder", "ribs", "back", "chest"], p=[0.45, 0.3, 0.15, 0.1]))
    return {
        "root": root,
        "down": float(rng.uniform(0.3, 1.0)),
        "turn": float(rng.uniform(-0.5, 0.5)),
        "copy_other": bool(rng.random() < 0.3),
    }


def third_arm(figure: Figure, side: Side, parameters: Parameters) -> Made:
    """Adds an arm. Its pose is its own: the posing gives every copied limb one."""
    copy = copy_limb(figure, "arm", side)
    down = parameters["down"]
    shift = {
        "shoulder": np.array([0.0, -0.25 * down, 0.1]),
        "ribs": np.array([-0.25 * _outwards(side), -1.6 * down - 0.5, 0.1]),
        "back": np.array([-0.6 * _outwards(side), -0.8 * down, -0.6]),
        "chest": np.array([-0.7 * _outwards(side), -0.9 * down, 0.6]),
    }[parameters["root"]]
    move_copy(figure, copy, rotation=turn([0, 0, 1.0], parameters["turn"]), shift=shift)
    if parameters["root"] != "shoulder":
        close_root(figure, copy, depth=-0.5)
    return _made(copy, DefectCode.PERSON_EXTRA_ARM, "limbs.third_arm")


def draw_forearm(rng: np.random.Generator) -> Parameters:
    """Where a forearm from nowhere begins: at the elbow, the waist, the chest, the hip or behind the back."""
    root = str(rng.choice(["elbow", "waist", "chest", "hip", "back"], p=[0.3, 0.25, 0.2, 0.15, 0.1]))
    return {
        "root": root,
        "yaw": float(rng.uniform(-1.2, 1.2)),
        "pitch": float(rng.uniform(-0.9, 0.9)),
        "height": float(rng.uniform(0, 1)),
    }


def forearm_from_nowhere(figure: Figure, side: Side, parameters: Parameters) -> Made:
    """Adds a forearm with its hand that no upper arm carries."""
    copy = copy_limb(figure, "forearm", side)
    start = figure.heads[copy.first_bone]
    pelvis, neck = figure.heads[figure.bone("root")], figure.heads[figure.bone("neck01")]
    trunk = lambda share, x, z: pelvis + share * (neck - pelvis) + np.array([x * _outwards(side), 0, z])  # noqa: E731
    height = 0.2 * parameters["height"]
    place = {
        "elbow": start,
        "waist": trunk(0.25 + height, 0.8, 0.3),
        "chest": trunk(0.6 + height, 0.5, 0.4),
        "hip": trunk(0.0 + height, 1.0, 0.2),
        "back": trunk(0.5 + height, 0.4, -0.5),
    }[parameters["root"]]
    rotation = turn([0, 1.0, 0], parameters["yaw"]) @ turn([1.0, 0, 0], parameters["pitch"])
    if parameters["root"] == "elbow":
        rotation = turn([0, 0, 1.0], 0.7 * np.sign(parameters["yaw"] or 1)) @ turn([1.0, 0, 0], parameters["pitch"])
    move_copy(figure, copy, rotation=rotation, shift=place - start)
    close_root(figure, copy, depth=-0.35)
    if parameters["root"] != "elbow":
        figure.parents[copy.first_bone] = figure.bone(
            "spine03" if parameters["root"] in ("chest", "back") else "spine05"
        )
    return _made(copy, DefectCode.PERSON_EXTRA_ARM, "limbs.forearm_from_nowhere")


def draw_leg(rng: np.random.Generator) -> Parameters:
    """How far the third leg is moved from its twin, towards the middle (negative) or outwards, and turned."""
    return {
        "out": float(rng.uniform(-0.9, 0.5)), "forward": float(rng.uniform(-0.3, 0.4)),
        "swing": float(rng.uniform(0.35, 0.9) * rng.choice([-1, 1])), "spread": float(rng.uniform(-0.3, 0.3)),
    }  # fmt: skip


def third_leg(figure: Figure, side: Side, parameters: Parameters) -> Made:
    """Adds a leg at the hip."""
    copy = copy_limb(figure, "leg", side)
    shift = np.array([parameters["out"] * _outwards(side), 0, parameters["forward"]])
    move_copy(figure, copy, rotation=_IDENTITY, shift=shift)
    figure.offsets[copy.first_bone] = turn([1.0, 0, 0], parameters["swing"]) @ turn([0, 0, 1.0], parameters["spread"])
    return _made(copy, DefectCode.PERSON_EXTRA_LEG, "limbs.third_leg")


def draw_foot(rng: np.random.Generator) -> Parameters:
    """How the extra foot is turned from the true one."""
    return {"yaw": float(rng.uniform(0.9, 2.2) * rng.choice([-1, 1])), "up": float(rng.uniform(-0.1, 0.5))}


def extra_foot(figure: Figure, side: Side, parameters: Parameters) -> Made:
    """Adds a foot at the ankle."""
    copy = copy_limb(figure, "foot", side)
    shift = np.array([0, parameters["up"], 0])
    move_copy(figure, copy, rotation=turn([0, 1.0, 0], parameters["yaw"]), shift=shift)
    close_root(figure, copy, depth=-0.3)  # inside the ankle, so that no ragged rim stands out of it
    return _made(copy, DefectCode.PERSON_EXTRA_FOOT, "limbs.extra_foot")


def draw_detached(rng: np.random.Generator) -> Parameters:
    """Which limb comes off, and how far."""
    limb = str(rng.choice(["forearm", "hand", "lower_leg", "foot"], p=[0.35, 0.25, 0.25, 0.15]))
    return {
        "limb": limb,
        "gap": float(rng.uniform(0.7, 1.8)),
        "aside": float(rng.uniform(-0.5, 0.5)),
        "turn": float(rng.uniform(-0.5, 0.5)),
    }


def detached_limb(figure: Figure, side: Side, parameters: Parameters) -> Made:
    """Takes a limb off and leaves it beside its stump."""
    limb = parameters["limb"]
    originals = [entry.id for entry in chain_of(figure, limb, side)]
    copy = copy_limb(figure, limb, side, fault="detached")
    axis = unit(figure.tails[copy.first_bone] - figure.heads[copy.first_bone])
    shift = axis * parameters["gap"] + np.array([parameters["aside"], 0, parameters["aside"] * 0.5])
    move_copy(figure, copy, rotation=turn([0, 0, 1.0], parameters["turn"]), shift=shift)
    close_root(figure, copy, depth=0.3)
    affected = remove_limb(figure, limb, side, stump=0.15)
    for entry in chain_of(figure, limb, side):  # what came off is still there, under the copy's ids
        entry.faults = tuple(fault for fault in entry.faults if fault != "missing")
    return Made(
        code=DefectCode.PERSON_DETACHED_LIMB, operator="limbs.detached_limb", instances=copy.ids,
        affected=tuple(sorted({*copy.ids, *originals, *affected})),
    )  # fmt: skip


def _made(copy: LimbCopy, code: DefectCode, operator: str) -> Made:
    owner = (copy.root.owner,) if copy.root.owner is not None else ()
    return Made(code=code, operator=operator, instances=copy.ids, affected=(*copy.ids, *owner))


def copied_in_place(limb: str):
    """Returns the twin of an extra limb: the limb's own mesh cut off and put back where it was."""

    def twin(figure: Figure, side: Side, parameters: Parameters) -> None:
        del parameters
        names = len(figure.components)
        chosen = limb_weight(figure, figure.body, limb, side) > 0.5
        vertices = np.zeros(len(figure.shaped), bool)
        vertices[figure.body.topology.vertex_ids[limb_weight(figure, figure.body, limb, side) > 0.12]] = True
        figure.copy_component(figure.body, vertices, {}, name="extra_skin", instances={})
        assert len(figure.components) == names + 1
        figure.body.hidden = chosen if figure.body.hidden is None else figure.body.hidden | chosen

    return twin


EXTRA_LIMBS: tuple[DefectOperator, ...] = (
    DefectOperator(name="limbs.third_arm", code=DefectCode.PERSON_EXTRA_ARM, weight=2.0, draw=draw_arm, harm=third_arm, twin=copied_in_place("arm")),
    DefectOperator(name="limbs.forearm_from_nowhere", code=DefectCode.PERSON_EXTRA_ARM, weight=1.0, draw=draw_forearm, harm=forearm_from_nowhere, twin=copied_in_place("forearm")),
    DefectOperator(name="limbs.third_leg", code=DefectCode.PERSON_EXTRA_LEG, weight=2.0, draw=draw_leg, harm=third_leg, twin=copied_in_place("leg")),
    DefectOperator(name="limbs.extra_foot", code=DefectCode.PERSON_EXTRA_FOOT, weight=1.0, draw=draw_foot, harm=extra_foot, twin=copied_in_place("foot")),
    DefectOperator(name="limbs.detached_limb", code=DefectCode.PERSON_DETACHED_LIMB, weight=1.0, draw=draw_detached, harm=detached_limb, twin=copied_in_place("forearm")),
)  # fmt: skip
"""Operators that add a limb or take one off."""
