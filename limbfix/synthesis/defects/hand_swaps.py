"""How is a whole hand wrong? From the other side, too large or too small, with scrambled fingers, or with a second hand beside it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.digit_growth import Growth, sew_in
from limbfix.synthesis.defects.digit_shapes import (
    hand_ids,
    layers_of,
    stretch_digit,
)
from limbfix.synthesis.defects.digit_sites import Placement, hole_for
from limbfix.synthesis.defects.hand_meshes import hand_bones
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.defects.seams import Graft, plan_graft
from limbfix.synthesis.figures.anatomy import SIDES, limb_bones
from limbfix.synthesis.figures.body_model import BodyModel
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import turn_between, unit
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import DIGITS, Side

_HAND_PREFIXES = ("wrist", "metacarpal", "finger")


def _hand_weight(model: BodyModel, side: Side) -> np.ndarray:
    return model.weight_of(_HAND_PREFIXES, SIDES[side]) * model.mask("body")


def _mirror(figure: Figure, side: Side) -> Placement:
    """Reflects a hand across its own length, so that the thumb comes to lie at the little finger's side."""
    frame = hand_frame(figure, side)
    reflected = np.eye(3) - 2 * np.outer(frame.across, frame.across)
    middle = frame.wrist + 0.5 * frame.across * ((frame.knuckles.mean(0) - frame.wrist) @ frame.across)
    return Placement(digit="", pivot=middle, target=middle, turned=reflected, scale=1.0)


def _same(figure: Figure, side: Side) -> Placement:
    wrist = hand_frame(figure, side).wrist
    return Placement(digit="", pivot=wrist, target=wrist, turned=np.eye(3), scale=1.0)


@lru_cache(maxsize=8)
def _hand_graft(model: BodyModel, side: Side, mirrored: bool) -> Graft:
    """Plans to cut a hand off at the wrist and to sew it, or its mirror image, on again."""
    figure = Figure(model, model.vertices)
    weight = _hand_weight(model, side)
    donor = np.flatnonzero((weight > 0.8)[model.faces].all(1))
    own = np.zeros(len(weight), bool)
    own[model.faces[donor]] = True
    removed = np.flatnonzero(own[model.faces].any(1) & model.mask("body")[model.faces].all(1))
    place = _mirror(figure, side) if mirrored else _same(figure, side)
    return plan_graft(
        model, f"hand/{mirrored}", removed=removed, donor=donor, positions=model.vertices,
        placed=place.of(model.vertices), mirrored=mirrored,
    )  # fmt: skip


def _sew_hand(figure: Figure, side: Side, *, mirrored: bool) -> None:
    place = _mirror(figure, side) if mirrored else _same(figure, side)
    for bone in hand_bones(figure, side):
        if not figure.bone_names[bone].startswith("wrist"):
            figure.heads[bone] = place.of(figure.heads[bone]).astype(np.float32)
        figure.tails[bone] = place.of(figure.tails[bone]).astype(np.float32)
    plan = _hand_graft(figure.model, side, mirrored)
    sew_in(figure, side, [Growth(plan=plan, place=place, bones={}, instances={})], passes=3)


def _harm_swapped(figure: Figure, side: Side, p: Parameters) -> Made:
    _sew_hand(figure, side, mirrored=True)
    hand = figure.find("hand", side)
    hand.add_fault("wrong_side")
    return Made(
        code=DefectCode.HAND_WRONG_SIDE,
        operator="hand_swaps.other_side",
        instances=(hand.id,),
        affected=(*hand_ids(figure, side), figure.find("arm", side).id),
    )


def scale_hand(figure: Figure, side: Side, factor: float) -> None:
    """Scales a hand about its wrist, with all that is on it."""
    wrist, bones = hand_frame(figure, side).wrist, hand_bones(figure, side)
    for layer in layers_of(figure, side):
        weight = layer.weight_of(bones)
        layer.rest = (layer.rest + ((factor - 1) * weight[:, None] * (layer.rest - wrist))).astype(np.float32)
    for bone in bones:
        figure.heads[bone] = (wrist + factor * (figure.heads[bone] - wrist)).astype(np.float32)
        figure.tails[bone] = (wrist + factor * (figure.tails[bone] - wrist)).astype(np.float32)


def _harm_scaled(figure: Figure, side: Side, p: Parameters) -> Made:
    scale_hand(figure, side, p["factor"])
    hand = figure.find("hand", side)
    hand.add_fault("wrong_size")
    return Made(
        code=DefectCode.HAND_PROPORTION,
        operator="hand_swaps.wrong_size",
        instances=(hand.id,),
        affected=(*hand_ids(figure, side), figure.find("arm", side).id),
    )


def _draw_scaled(rng: np.random.Generator) -> Parameters:
    factor = rng.uniform(1.5, 1.95) if rng.random() < 0.5 else rng.uniform(0.42, 0.62)
    return {"factor": float(factor), "natural": float(rng.uniform(0.94, 1.07))}


def _scramble(figure: Figure, side: Side, lengths: dict[str, float], girths: dict[str, float]) -> None:
    for digit, length in lengths.items():
        stretch_digit(figure, side, figure.find("digit", side, digit), length, girths[digit])


def _harm_scrambled(figure: Figure, side: Side, p: Parameters) -> Made:
    _scramble(figure, side, p["lengths"], p["girths"])
    hand = figure.find("hand", side)
    hand.add_fault("malformed")
    for digit, length in p["lengths"].items():
        if abs(length - 1) > 0.2:
            figure.find("digit", side, digit).add_fault("malformed")
    return Made(
        code=DefectCode.HAND_MALFORMED,
        operator="hand_swaps.scrambled",
        instances=hand_ids(figure, side),
        affected=hand_ids(figure, side),
    )


def _draw_scrambled(rng: np.random.Generator) -> Parameters:
    factors = rng.permutation(np.array([0.5, 0.72, 1.0, 1.3, 1.5]) * rng.uniform(0.93, 1.07, 5))
    factors[0] = np.clip(factors[0], 0.7, 1.5)  # a thumb moves its whole ball along
    return {
        "lengths": {d: float(f) for d, f in zip(DIGITS, factors, strict=True)},
        "girths": {d: float(g) for d, g in zip(DIGITS, rng.uniform(0.8, 1.25, 5), strict=True)},
        "natural": {d: float(f) for d, f in zip(DIGITS, rng.uniform(0.96, 1.04, 5), strict=True)},
    }


def _twin_scrambled(figure: Figure, side: Side, p: Parameters) -> None:
    _scramble(figure, side, p["natural"], dict.fromkeys(DIGITS, 1.0))


FORK = 1.6
"""Finger spacings below the wrist (about 35 mm) where a second hand's forearm begins: round there, so that it grows out well."""


def _second_place(figure: Figure, side: Side, p: Parameters) -> Placement:
    frame = hand_frame(figure, side)
    outwards = frame.across * p["towards"]
    lean = unit(np.cos(p["lean"]) * frame.along + np.sin(p["lean"]) * outwards)
    fork = frame.wrist - FORK * frame.spacing * frame.along
    return Placement(
        digit="", pivot=fork, target=fork + frame.spacing * p["out"] * outwards,
        turned=turn_between(frame.along, lean), scale=p["size"],
    )  # fmt: skip


@lru_cache(maxsize=8)
def _second_graft(model: BodyModel, side: Side, towards: int) -> Graft:
    figure = Figure(model, model.vertices)
    place = _second_place(figure, side, {"towards": towards, "lean": 0.65, "out": 0.5, "size": 0.88})
    frame, body = hand_frame(figure, side), model.mask("body")
    apart = model.vertices - frame.wrist
    height = apart @ frame.along / frame.spacing
    own = body & (model.weight_of(("lowerarm", *_HAND_PREFIXES), SIDES[side]) > 0.7)
    donor = np.flatnonzero((own & (height > -FORK))[model.faces].all(1))
    allowed = own & (apart @ frame.across * towards > 0.1 * frame.spacing) & (height < 0) & (height > -6)
    placed = place.of(model.vertices)
    removed = hole_for(model, donor, model.vertices, placed, allowed, place.turned @ frame.along)
    return plan_graft(model, f"second/{towards}", removed=removed, donor=donor, positions=model.vertices, placed=placed)


def _copy_glove(figure: Figure, side: Side, place: Placement, bones: dict[int, int], ids: dict[int, int]) -> None:
    """Puts a copy of the glove, if there is one, on a second hand."""
    worn = _hand_weight(figure.model, side) > 0.3
    for layer in [c for c in figure.components if c.surface == "glove"]:
        if layer.weight_of(bones).any():
            copy = figure.copy_component(layer, worn, bones, name=layer.name, instances=ids)
            copy.rest = place.of(copy.rest).astype(np.float32)


def _harm_second(figure: Figure, side: Side, p: Parameters) -> Made:
    place = _second_place(figure, side, p)
    originals = [figure.instance(id) for id in hand_ids(figure, side)]
    bones = figure.clone_bones(limb_bones(figure.model, "hand", side), f"#second{side}")
    for new in bones.values():
        figure.heads[new] = place.of(figure.heads[new]).astype(np.float32)
        figure.tails[new] = place.of(figure.tails[new]).astype(np.float32)
    ids: dict[int, int] = {}
    for original in originals:
        entry = figure.add_instance(
            original.kind, original.name, side, ids.get(original.owner or 0, original.owner),
            faults=("extra",), pose_like=original.pose_like, copy_of=original.id,
            bones=tuple(bones[bone] for bone in original.bones),
            joints=tuple((name, bones[bone], end) for name, bone, end in original.joints),
        )  # fmt: skip
        ids[original.id] = entry.id
    plan = _second_graft(figure.model, side, p["towards"])
    sew_in(figure, side, [Growth(plan=plan, place=place, bones=bones, instances=ids)], rings=3, passes=8)
    _copy_glove(figure, side, place, bones, ids)
    return Made(
        code=DefectCode.PERSON_EXTRA_HAND,
        operator="hand_swaps.second_hand",
        instances=tuple(ids.values()),
        affected=(*ids, *ids.values(), figure.find("arm", side).id),
    )


def _draw_second(rng: np.random.Generator) -> Parameters:
    return {
        "towards": int(rng.choice([-1, 1])), "lean": float(rng.uniform(0.5, 0.85)),
        "out": float(rng.uniform(0.4, 0.7)),
        "size": float(rng.uniform(0.8, 0.95)),
    }  # fmt: skip


def _sewn_on_again(figure: Figure, side: Side, p: Parameters) -> None:
    _sew_hand(figure, side, mirrored=False)


HAND_SWAPS: tuple[DefectOperator, ...] = (
    DefectOperator(
        name="hand_swaps.other_side", code=DefectCode.HAND_WRONG_SIDE, weight=1.2,
        draw=lambda rng: {}, harm=_harm_swapped, twin=_sewn_on_again,
    ),
    DefectOperator(
        name="hand_swaps.wrong_size", code=DefectCode.HAND_PROPORTION, weight=1.0, draw=_draw_scaled,
        harm=_harm_scaled, twin=lambda figure, side, p: scale_hand(figure, side, p["natural"]),
    ),
    DefectOperator(
        name="hand_swaps.scrambled", code=DefectCode.HAND_MALFORMED, weight=0.8,
        draw=_draw_scrambled, harm=_harm_scrambled, twin=_twin_scrambled,
    ),
    DefectOperator(
        name="hand_swaps.second_hand", code=DefectCode.PERSON_EXTRA_HAND, weight=0.8,
        draw=_draw_second, harm=_harm_second, twin=_sewn_on_again,
    ),
)  # fmt: skip

HAND_BENIGN: tuple[BenignOperator, ...] = (
    BenignOperator(
        name="hand_swaps.sewn_on_again", weight=0.6, draw=lambda rng: {}, handle=_sewn_on_again
    ),
    BenignOperator(
        name="hand_swaps.natural_size", weight=0.8,
        draw=lambda rng: {"factor": float(rng.uniform(0.92, 1.08))},
        handle=lambda figure, side, p: scale_hand(figure, side, p["factor"]),
    ),
)  # fmt: skip
