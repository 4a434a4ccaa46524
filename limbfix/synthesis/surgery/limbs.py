"""Which wrong bodies are made from a photograph of a normal one? Arms and legs added; hands, forearms, feet and shins taken away.

As with fingers, a defect and its twin lift the same piece off the same plate; the twin lays it back a few degrees aside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.samples import Fault
from limbfix.synthesis.surgery.body_regions import BACKGROUND, FIRST_LIMB, LIMBS
from limbfix.synthesis.surgery.body_scene import (
    PIECES,
    BodyScene,
    BodyVersion,
    EditedLimb,
    lifted_piece,
    piece_mask,
    plate_without,
    relaid,
    segments_of,
)
from limbfix.synthesis.surgery.layers import dilated, map_points, soft, turn_about

_LEAST_PIECE = 0.008
"""Trunk lengths squared: the area of a small hand."""

_LEAST_CLEAR = 0.65
"""Share of a piece's outline on the background; a hand on the lap cannot be filled from the surroundings."""

_LEAST_CHANGE = 14.0
_LEAST_SHOWN = 0.01
"""Grey levels and trunk lengths squared that a change must reach to be seen."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyEdit:
    """A wrong body and its twin; fields as in `hand_edits.HandEdit`, `concerned` being indices into `defect.limbs`."""

    code: DefectCode
    operator: str
    defect: BodyVersion
    twin: BodyVersion
    concerned: tuple[int, ...]
    from_segment: int
    region: np.ndarray
    visible: bool


LimbOperator = Callable[[BodyScene, np.random.Generator], BodyEdit | None]


def add_limb(scene: BodyScene, rng: np.random.Generator, *, kind: str) -> BodyEdit | None:
    """Lays a copy of a free arm or leg behind the body, turned at shoulder or hip."""
    limb = _free_limb(scene, rng, kind)
    if limb is None:
        return None
    piece = PIECES[kind]
    twin = relaid(scene, limb, piece, rng)
    if twin is None:
        return None
    turn = float(rng.choice([-1, 1]) * rng.uniform(28, 75))
    matrix = turn_about(scene.regions.chains[limb][0], turn, float(rng.uniform(0.88, 1.0)))
    layer = lifted_piece(scene, limb, piece, root=0.45).moved(matrix).behind(soft(twin.body_map != BACKGROUND))
    pixels = np.clip(layer.on(twin.pixels.astype(np.float32)) + 0.5, 0, 255).astype(np.uint8)
    chain = map_points(matrix, scene.regions.chains[limb])
    shown = layer.alpha > 0.5
    if not _is_believable(scene, limb, shown, chain, twin):
        return None
    body_map = np.where(shown, segments_of(chain, shown.shape), twin.body_map).astype(np.uint8)
    extra = EditedLimb(limb=limb, chain=chain, faults=("extra",))
    defect = BodyVersion(pixels=pixels, body_map=body_map, limbs=(*twin.limbs, extra))
    code = DefectCode.PERSON_EXTRA_ARM if kind == "arm" else DefectCode.PERSON_EXTRA_LEG
    return _edit(f"extra_{kind}", code, scene, defect, twin, len(LIMBS), 0)


def remove_piece(scene: BodyScene, rng: np.random.Generator, *, name: str, code: DefectCode) -> BodyEdit | None:
    """Takes the end of a free limb away and fills the hole."""
    piece = PIECES[name]
    limb = _free_limb(scene, rng, piece.kind)
    if limb is None:
        return None
    mask = piece_mask(scene.regions, limb, piece)
    ring = dilated(mask, 2) & ~mask
    is_clear = (scene.regions.body_map[ring] == BACKGROUND).mean() > _LEAST_CLEAR
    if mask.sum() < _LEAST_PIECE * scene.regions.trunk_px**2 or not is_clear:
        return None
    plate, twin = plate_without(scene, limb, piece), relaid(scene, limb, piece, rng)
    if plate is None or twin is None:
        return None
    body_map = np.where(mask, BACKGROUND, scene.regions.body_map).astype(np.uint8)
    rest = scene.regions.limb_mask(limb, 2) & ~mask  # a rim of hand or foot before the cut goes to the stump
    body_map[rest] = FIRST_LIMB + 3 * limb + 1
    limbs = list(scene.untouched().limbs)
    faults: tuple[Fault, ...] = ("shortened",) if piece.segment == 1 else ()
    limbs[limb] = replace(limbs[limb], faults=faults, has_end=False)
    defect = BodyVersion(pixels=plate, body_map=body_map, limbs=tuple(limbs))
    return _edit(f"missing_{name}", code, scene, defect, twin, limb, piece.segment)


LIMB_OPERATORS: Mapping[str, LimbOperator] = MappingProxyType(
    {
        "extra_arm": partial(add_limb, kind="arm"),
        "extra_leg": partial(add_limb, kind="leg"),
        "missing_hand": partial(remove_piece, name="hand", code=DefectCode.PERSON_MISSING_HAND),
        "missing_forearm": partial(remove_piece, name="forearm", code=DefectCode.PERSON_MISSING_ARM),
        "missing_foot": partial(remove_piece, name="foot", code=DefectCode.PERSON_MISSING_FOOT),
        "missing_lower_leg": partial(remove_piece, name="lower_leg", code=DefectCode.PERSON_MISSING_LEG),
    }
)


def relaid_limb(scene: BodyScene, rng: np.random.Generator) -> BodyVersion | None:
    """A benign operation: a piece of a free limb lifted and laid back a few degrees aside."""
    name = list(PIECES)[int(rng.integers(len(PIECES)))]
    limb = _free_limb(scene, rng, PIECES[name].kind)
    return None if limb is None else relaid(scene, limb, PIECES[name], rng)


def _free_limb(scene: BodyScene, rng: np.random.Generator, kind: str) -> int | None:
    free = [k for k, limb in enumerate(LIMBS) if limb.kind == kind and scene.regions.free[k]]
    return int(rng.choice(free)) if free else None


def _is_believable(scene: BodyScene, limb: int, shown: np.ndarray, chain: np.ndarray, twin: BodyVersion) -> bool:
    """Whether an extra limb shows most of itself, touches the body and ends inside the picture."""
    limits = np.array(shown.shape[::-1])
    own = scene.regions.limb_mask(limb)
    touches = (dilated(shown, 2) & (twin.body_map != BACKGROUND)).sum()
    inside = ((chain > 3) & (chain < limits - 3)).all()
    return bool(inside and shown.sum() > 0.5 * own.sum() and touches > 0.15 * scene.regions.trunk_px)


def _edit(
    name: str, code: DefectCode, scene: BodyScene, defect: BodyVersion, twin: BodyVersion, concerned: int, segment: int
) -> BodyEdit:
    change = np.abs(defect.pixels.astype(np.float32) - twin.pixels)
    region = dilated(change.max(axis=2) > 0, 2)
    strong = change.mean(axis=2) > _LEAST_CHANGE
    return BodyEdit(
        code=code,
        operator=f"surgery.{name}",
        defect=defect,
        twin=twin,
        concerned=(concerned,),
        from_segment=segment,
        region=region,
        visible=bool(strong.sum() > _LEAST_SHOWN * scene.regions.trunk_px**2),
    )
