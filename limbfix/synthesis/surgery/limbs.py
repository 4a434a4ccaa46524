"""Which wrong bodies are made from a photograph of a normal one? Arms and legs added; hands, forearms, feet and shins taken away.

As with fingers, a defect and its twin lift the same piece off the same plate; the twin lays it back a few degrees aside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.samples import Fault
from limbfix.synthesis.surgery.body_regions import BACKGROUND, FIRST_LIMB, LIMBS, BodyRegions, along_bone
from limbfix.synthesis.surgery.filling import fill_hole
from limbfix.synthesis.surgery.layers import Layer, dilated, lift, map_points, soft, turn_about

EXTRA_LIMB = FIRST_LIMB + 3 * len(LIMBS)
"""First of the three values of an extra limb in a body map."""

_MARGIN = 0.04
"""How far a hole reaches beyond the piece, trunk lengths."""

_LEAST_PIECE = 0.008
"""Trunk lengths squared: the area of a small hand."""

_LEAST_CLEAR = 0.65
"""Share of a piece's outline on the background; a hand on the lap cannot be filled from the surroundings."""

_LEAST_CHANGE = 14.0
_LEAST_SHOWN = 0.01
"""Grey levels and trunk lengths squared that a change must reach to be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What is cut off a limb.

    Attributes:
        kind: arm or leg.
        segment: the first of the limb's segments that goes, 0 upper, 1 lower, 2 end.
        cut: where along that segment the cut lies; less than 0 is above its joint.
    """

    kind: str
    segment: int
    cut: float


PIECES: Mapping[str, Piece] = MappingProxyType(
    {
        "arm": Piece(kind="arm", segment=0, cut=0.2),
        "forearm": Piece(kind="arm", segment=1, cut=0.15),
        "hand": Piece(kind="arm", segment=2, cut=0.0),
        "leg": Piece(kind="leg", segment=0, cut=0.2),
        "lower_leg": Piece(kind="leg", segment=1, cut=0.12),
        "foot": Piece(kind="leg", segment=2, cut=-0.2),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EditedLimb:
    """A limb of an edited body, for the labels.

    Attributes:
        limb: index into `LIMBS`, of what it is or is a copy of.
        chain: float (4, 2) px: three joints and the end of hand or foot.
        faults: of the arm or leg.
        has_end: whether hand or foot is there.
    """

    limb: int
    chain: np.ndarray
    faults: tuple[Fault, ...] = ()
    has_end: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyVersion:
    """One state of a body: pixels (h, w, 3) uint8, body map (h, w) uint8, limbs (the four, then an extra one)."""

    pixels: np.ndarray
    body_map: np.ndarray
    limbs: tuple[EditedLimb, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyScene:
    """A body to be cut: pixels (h, w, 3) uint8 and its regions."""

    pixels: np.ndarray
    regions: BodyRegions

    def untouched(self) -> BodyVersion:
        """Returns the body as it is."""
        limbs = tuple(EditedLimb(limb=k, chain=self.regions.chains[k]) for k in range(len(LIMBS)))
        return BodyVersion(pixels=self.pixels, body_map=self.regions.body_map, limbs=limbs)


LimbOperator = Callable[[BodyScene, np.random.Generator], BodyEdit | None]


def add_limb(scene: BodyScene, rng: np.random.Generator, *, kind: str) -> BodyEdit | None:
    """Lays a copy of a free arm or leg behind the body, turned at shoulder or hip."""
    limb = _free_limb(scene, rng, kind)
    if limb is None:
        return None
    piece = PIECES[kind]
    twin = _relaid(scene, limb, piece, rng)
    turn = float(rng.choice([-1, 1]) * rng.uniform(28, 75))
    matrix = turn_about(scene.regions.chains[limb][0], turn, float(rng.uniform(0.88, 1.0)))
    layer = _layer(scene, limb, piece, root=0.45).moved(matrix).behind(soft(twin.body_map != BACKGROUND))
    pixels = np.clip(layer.on(twin.pixels.astype(np.float32)) + 0.5, 0, 255).astype(np.uint8)
    chain = map_points(matrix, scene.regions.chains[limb])
    shown = layer.alpha > 0.5
    if not _is_believable(scene, limb, shown, chain, twin):
        return None
    body_map = np.where(shown, _segments_of(chain, shown.shape), twin.body_map).astype(np.uint8)
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
    mask = _piece_mask(scene.regions, limb, piece)
    ring = dilated(mask, 2) & ~mask
    is_clear = (scene.regions.body_map[ring] == BACKGROUND).mean() > _LEAST_CLEAR
    if mask.sum() < _LEAST_PIECE * scene.regions.trunk_px**2 or not is_clear:
        return None
    plate = _plate(scene, limb, piece)
    body_map = np.where(mask, BACKGROUND, scene.regions.body_map).astype(np.uint8)
    rest = scene.regions.limb_mask(limb, 2) & ~mask  # a rim of hand or foot before the cut goes to the stump
    body_map[rest] = FIRST_LIMB + 3 * limb + 1
    limbs = list(scene.untouched().limbs)
    faults: tuple[Fault, ...] = ("shortened",) if piece.segment == 1 else ()
    limbs[limb] = replace(limbs[limb], faults=faults, has_end=False)
    defect = BodyVersion(pixels=plate, body_map=body_map, limbs=tuple(limbs))
    return _edit(f"missing_{name}", code, scene, defect, _relaid(scene, limb, piece, rng), limb, piece.segment)


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
    return None if limb is None else _relaid(scene, limb, PIECES[name], rng)


def _free_limb(scene: BodyScene, rng: np.random.Generator, kind: str) -> int | None:
    free = [k for k, limb in enumerate(LIMBS) if limb.kind == kind and scene.regions.free[k]]
    return int(rng.choice(free)) if free else None


def _piece_mask(regions: BodyRegions, limb: int, piece: Piece) -> np.ndarray:
    """Returns (h, w) bool: the limb's pixels beyond the cut."""
    start, end = _cut_bone(regions, limb, piece)
    own = regions.limb_mask(limb, max(piece.segment - 1, 0))
    beyond = along_bone(start, end, own.shape) > (piece.cut if piece.segment < 2 else 1 + piece.cut)
    lower = regions.limb_mask(limb, piece.segment) if piece.segment < 2 else own
    return lower & (beyond | regions.limb_mask(limb, piece.segment + 1)) if piece.segment < 2 else own & beyond


def _cut_bone(regions: BodyRegions, limb: int, piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Returns the bone along which a cut is measured: hands and feet are cut along forearm and shin."""
    first = min(piece.segment, 1)
    return regions.chains[limb][first], regions.chains[limb][first + 1]


def _plate(scene: BodyScene, limb: int, piece: Piece) -> np.ndarray:
    regions = scene.regions
    mask = _piece_mask(regions, limb, piece)
    person = regions.body_map != BACKGROUND
    hole = dilated(mask, _MARGIN * regions.trunk_px) & (~person | mask)
    return fill_hole(scene.pixels, hole, dilated(person, _MARGIN * regions.trunk_px))


def _layer(scene: BodyScene, limb: int, piece: Piece, *, root: float) -> Layer:
    """Lifts a piece; it passes into what it grows from over the length `root` of its bone."""
    regions = scene.regions
    mask = _piece_mask(regions, limb, piece)
    start, end = _cut_bone(regions, limb, piece)
    along = along_bone(start, end, mask.shape)
    cut = piece.cut if piece.segment < 2 else 1 + piece.cut
    reach = dilated(mask, 0.5 * root * float(np.linalg.norm(end - start)))
    faded = (regions.body_map != BACKGROUND) & ~mask & reach & (along > cut - root) & (along <= cut + 0.1)
    fade = np.clip((along - (cut - root)) / root, 0, 1)
    fade = np.where(regions.limb_mask(limb, min(piece.segment + 1, 2)), 1.0, fade)
    return lift(scene.pixels, mask, fade, faded)


def _relaid(scene: BodyScene, limb: int, piece: Piece, rng: np.random.Generator) -> BodyVersion:
    """Lays a piece back, turned by up to 4 degrees about its joint."""
    regions = scene.regions
    chain = regions.chains[limb]
    matrix = turn_about(chain[piece.segment], float(rng.uniform(-4, 4)))
    layer = _layer(scene, limb, piece, root=0.25).moved(matrix)
    pixels = np.clip(layer.on(_plate(scene, limb, piece).astype(np.float32)) + 0.5, 0, 255).astype(np.uint8)
    body_map = np.where(_piece_mask(regions, limb, piece), BACKGROUND, regions.body_map)
    moved = chain.copy()
    moved[piece.segment + 1 :] = map_points(matrix, chain[piece.segment + 1 :])
    shown = (layer.alpha > 0.5) & (body_map == BACKGROUND)
    body_map = np.where(shown, _segments_of(moved, shown.shape) - EXTRA_LIMB + FIRST_LIMB + 3 * limb, body_map)
    limbs = list(scene.untouched().limbs)
    limbs[limb] = replace(limbs[limb], chain=moved)
    return BodyVersion(pixels=pixels, body_map=body_map.astype(np.uint8), limbs=tuple(limbs))


def _segments_of(chain: np.ndarray, shape_hw: tuple[int, ...]) -> np.ndarray:
    """Returns (h, w) uint8: EXTRA_LIMB + the segment nearest to each pixel."""
    y, x = np.indices(shape_hw[:2], dtype=np.float32)
    distances = []
    for start, end in pairwise(chain):
        share = np.clip(along_bone(start, end, shape_hw), 0, 1)
        distances.append(
            np.hypot(x - start[0] - share * (end[0] - start[0]), y - start[1] - share * (end[1] - start[1]))
        )
    return (np.argmin(np.stack(distances), axis=0) + EXTRA_LIMB).astype(np.uint8)


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
