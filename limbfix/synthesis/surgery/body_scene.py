"""How does a body look with a limb cut off or laid anew? A clean plate, and pieces of limbs as layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from limbfix.filling import MOST_MISFIT, fill_and_judge
from limbfix.synthesis.samples import Fault
from limbfix.synthesis.surgery.body_regions import BACKGROUND, FIRST_LIMB, LIMBS, BodyRegions, along_bone
from limbfix.synthesis.surgery.layers import Layer, dilated, lift, map_points, turn_about

EXTRA_LIMB = FIRST_LIMB + 3 * len(LIMBS)
"""First of the three values of an extra limb in a body map."""

_MARGIN = 0.04
"""How far a hole reaches beyond the piece, trunk lengths."""


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
class BodyScene:
    """A body to be cut: pixels (h, w, 3) uint8 and its regions."""

    pixels: np.ndarray
    regions: BodyRegions

    def untouched(self) -> BodyVersion:
        """Returns the body as it is."""
        limbs = tuple(EditedLimb(limb=k, chain=self.regions.chains[k]) for k in range(len(LIMBS)))
        return BodyVersion(pixels=self.pixels, body_map=self.regions.body_map, limbs=limbs)


def piece_mask(regions: BodyRegions, limb: int, piece: Piece) -> np.ndarray:
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


def plate_without(scene: BodyScene, limb: int, piece: Piece) -> np.ndarray | None:
    """Returns the picture without a piece, or None where the hole cannot be filled well."""
    regions = scene.regions
    mask = piece_mask(regions, limb, piece)
    person = regions.body_map != BACKGROUND
    hole = dilated(mask, _MARGIN * regions.trunk_px) & (~person | mask)
    plate, misfit = fill_and_judge(scene.pixels, hole, dilated(person, _MARGIN * regions.trunk_px))
    return plate if misfit <= MOST_MISFIT else None


def lifted_piece(scene: BodyScene, limb: int, piece: Piece, *, root: float) -> Layer:
    """Lifts a piece; it passes into what it grows from over the length `root` of its bone."""
    regions = scene.regions
    mask = piece_mask(regions, limb, piece)
    start, end = _cut_bone(regions, limb, piece)
    along = along_bone(start, end, mask.shape)
    cut = piece.cut if piece.segment < 2 else 1 + piece.cut
    reach = dilated(mask, 0.5 * root * float(np.linalg.norm(end - start)))
    faded = (regions.body_map != BACKGROUND) & ~mask & reach & (along > cut - root) & (along <= cut + 0.1)
    fade = np.clip((along - (cut - root)) / root, 0, 1)
    fade = np.where(regions.limb_mask(limb, min(piece.segment + 1, 2)), 1.0, fade)
    return lift(scene.pixels, mask, fade, faded)


def relaid(scene: BodyScene, limb: int, piece: Piece, rng: np.random.Generator) -> BodyVersion | None:
    """Lays a piece back, turned by up to 4 degrees about its joint; None where its hole cannot be filled well."""
    regions = scene.regions
    chain = regions.chains[limb]
    matrix = turn_about(chain[piece.segment], float(rng.uniform(-4, 4)))
    layer = lifted_piece(scene, limb, piece, root=0.25).moved(matrix)
    plate = plate_without(scene, limb, piece)
    if plate is None:
        return None
    pixels = np.clip(layer.on(plate.astype(np.float32)) + 0.5, 0, 255).astype(np.uint8)
    body_map = np.where(piece_mask(regions, limb, piece), BACKGROUND, regions.body_map)
    moved = chain.copy()
    moved[piece.segment + 1 :] = map_points(matrix, chain[piece.segment + 1 :])
    shown = (layer.alpha > 0.5) & (body_map == BACKGROUND)
    body_map = np.where(shown, segments_of(moved, shown.shape) - EXTRA_LIMB + FIRST_LIMB + 3 * limb, body_map)
    limbs = list(scene.untouched().limbs)
    limbs[limb] = replace(limbs[limb], chain=moved)
    return BodyVersion(pixels=pixels, body_map=body_map.astype(np.uint8), limbs=tuple(limbs))


def segments_of(chain: np.ndarray, shape_hw: tuple[int, ...]) -> np.ndarray:
    """Returns (h, w) uint8: EXTRA_LIMB + the segment nearest to each pixel."""
    y, x = np.indices(shape_hw[:2], dtype=np.float32)
    distances = []
    for start, end in pairwise(chain):
        share = np.clip(along_bone(start, end, shape_hw), 0, 1)
        distances.append(
            np.hypot(x - start[0] - share * (end[0] - start[0]), y - start[1] - share * (end[1] - start[1]))
        )
    return (np.argmin(np.stack(distances), axis=0) + EXTRA_LIMB).astype(np.uint8)
