"""A vanished hand, forearm, arm, foot, lower leg or leg: how is it taken away so that a plausible stump is left?"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.sparse.csgraph import connected_components

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.limb_copies import COPIED_SURFACES, chain_of, limb_weight
from limbfix.synthesis.defects.membranes import close_with_membrane, hang_on
from limbfix.synthesis.defects.operators import DefectOperator, Parameters
from limbfix.synthesis.figures.anatomy import limb_bones
from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import Side

STUMP_RANGE: dict[str, tuple[float, float]] = {
    "hand": (-0.1, 0.25), "forearm": (0.15, 1.2), "arm": (0.4, 1.4),
    "foot": (-0.1, 0.2), "lower_leg": (0.15, 1.5), "leg": (1.0, 2.4),
}  # fmt: skip
"""Decimetres that are left beyond the joint at which the limb begins. Less at a shoulder or hip would cut into the trunk."""

CODES: dict[str, DefectCode] = {
    "hand": DefectCode.PERSON_MISSING_HAND, "forearm": DefectCode.PERSON_MISSING_ARM, "arm": DefectCode.PERSON_MISSING_ARM,
    "foot": DefectCode.PERSON_MISSING_FOOT, "lower_leg": DefectCode.PERSON_MISSING_LEG, "leg": DefectCode.PERSON_MISSING_LEG,
}  # fmt: skip

WORN_AWAY = ("glove", "jewellery")
"""What goes with a limb, whole: half a glove or a ring in the air would tell of the limb that is gone."""


def remove_limb(figure: Figure, limb: str, side: Side, *, stump: float) -> set[int]:
    """Takes a limb away and closes skin and sleeves over the stump.

    Args:
        figure: changed.
        limb: a name of `anatomy.LIMBS`.
        side: of the limb.
        stump: decimetres left beyond the limb's first joint.

    Returns:
        ids of the instances that lost something, the one that carries the stump included.
    """
    root = figure.bone(limb_bones(figure.model, limb, side)[0])
    origin = figure.heads[root]
    axis = _cut_axis(figure, limb, root)
    chain = chain_of(figure, limb, side)
    begins_there = limb in ("hand", "foot", "arm", "leg")
    gone = chain if begins_there else chain[1:]
    carrier = _carrier(figure, limb, side) if begins_there else chain[0].id
    for component in [c for c in figure.components if c.surface in COPIED_SURFACES and c.surface != "glove"]:
        _cut(figure, component, limb, side, origin, axis, stump, root)
    for component in figure.components:
        if component.surface in WORN_AWAY:
            worn = limb_weight(figure, component, limb, side) > 0.3
            component.hidden = worn if component.hidden is None else component.hidden | worn
    for entry in gone:
        entry.present = False
        entry.add_fault("missing")
    if not begins_there:
        chain[0].add_fault("shortened")
        chain[0].joints = chain[0].joints[:2]
    lost = [entry.id for entry in gone]
    for component in figure.components:  # what is left of it, the stump, belongs to what carries it
        component.instance[np.isin(component.instance, lost)] = carrier
    return {*(entry.id for entry in chain), carrier}


def _cut_axis(figure: Figure, limb: str, root: int) -> np.ndarray:
    """Returns the (3,) direction across which a limb is cut: its own, but of a foot the shin's, or the heel would stay."""
    if limb == "foot":
        return unit(figure.heads[root] - figure.heads[figure.parents[root]])
    return unit(figure.tails[root] - figure.heads[root])


def _carrier(figure: Figure, limb: str, side: Side) -> int:
    """Returns the id of what a limb hangs on: the torso has arms and legs, although people own them."""
    owners = {"hand": ("arm", side), "foot": ("leg", side)}
    kind, owner_side = owners.get(limb, ("torso", None))
    return figure.find(kind, owner_side).id  # pyright: ignore[reportArgumentType]


def _cut(
    figure: Figure, component: Component, limb: str, side: Side, origin: np.ndarray, axis: np.ndarray, stump: float, root: int
) -> None:  # fmt: skip
    # Across the shin, shoe and skin must end in one plane; the foot's own weights fade out over the ankle.
    weight = limb_weight(figure, component, "lower_leg" if limb == "foot" else limb, side)
    along = (component.rest - origin) @ axis
    beyond = (weight > 0.5) & (along > stump)
    if not beyond.any():
        return
    _, piece = connected_components(component.topology.neighbours, directed=False)
    lost = ~np.isin(piece, piece[~beyond])  # a low shoe, a sock: nothing is left to close it over
    if lost.any():
        component.hidden = lost if component.hidden is None else component.hidden | lost
    free = beyond & ~lost
    if not free.any():
        return
    rim = (weight > 0.3) & (np.abs(along - stump) < 0.5)
    radius = np.linalg.norm(np.cross(component.rest[rim] - origin, axis), axis=1).mean() if rim.any() else 0.4
    loose = 0.7 if component.surface == "skin" else 0.35  # an empty sleeve hangs flatter than flesh
    close_with_membrane(component, free, bulge=float(loose * radius), axis=axis)
    hang_on(component, free, root if stump > 0.05 else figure.parents[root])


def _draw(rng: np.random.Generator, limb: str) -> Parameters:
    low, high = STUMP_RANGE[limb]
    return {"stump": float(rng.uniform(low, high))}


def _harm(figure: Figure, side: Side, parameters: Parameters, limb: str) -> Made:
    gone = [entry.id for entry in chain_of(figure, limb, side)]
    affected = remove_limb(figure, limb, side, stump=parameters["stump"])
    return Made(
        code=CODES[limb],
        operator=f"limbs.missing_{limb}",
        instances=tuple(gone),
        affected=tuple(sorted({*gone, *affected})),
    )


def _untouched(figure: Figure, side: Side, parameters: Parameters) -> None:
    """The twin of a vanished limb is the limb: a mesh that was opened and filled with what was there is the same mesh."""


MISSING_LIMBS: tuple[DefectOperator, ...] = tuple(
    DefectOperator(
        name=f"limbs.missing_{limb}",
        code=CODES[limb],
        weight=1.0,
        draw=partial(_draw, limb=limb),
        harm=partial(_harm, limb=limb),
        twin=_untouched,
    )
    for limb in ("hand", "forearm", "arm", "foot", "lower_leg", "leg")
)
"""Operators that take a limb away."""
