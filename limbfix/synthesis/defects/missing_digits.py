"""How does a hand lose digits? They are cut off at the root or further out, and the skin closes over the place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.digit_bones import hold_flexed, rehang
from limbfix.synthesis.defects.digit_growth import flesh_of
from limbfix.synthesis.defects.digit_shapes import (
    FINGERS,
    chain_of,
    hand_ids,
    layers_of,
    space_fingers,
    stretch_digit,
)
from limbfix.synthesis.defects.digit_sites import donor_of
from limbfix.synthesis.defects.extra_digits import paste_in_place
from limbfix.synthesis.defects.hand_meshes import HandMesh, can_open
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.defects.seams import Cap, plan_cap, rim_of
from limbfix.synthesis.figures.anatomy import digit_bones
from limbfix.synthesis.figures.body_model import BodyModel
from limbfix.synthesis.figures.figure import Component, Figure, InstanceEntry
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import DIGITS, PART_ID, Side

CUTS = (0.22, 0.34, 0.46, 0.58, 0.7, 0.82)
"""Where stumps end, as shares of a digit's free length on the neutral body."""

TIP_DEPTH_DM = 0.04
"""A stump's tip joint lies so deep below the outermost vertex, as those of whole fingers do; smoothing takes some of it away."""


@lru_cache(maxsize=32)
def _root_cap(model: BodyModel, side: Side, digit: str) -> Cap:
    return plan_cap(model, f"root/{digit}", donor_of(model, digit, side))


@lru_cache(maxsize=128)
def _stump_cap(model: BodyModel, side: Side, digit: str, cut: float) -> Cap:
    figure = Figure(model, model.vertices)
    chain = chain_of(figure, figure.find("digit", side, digit))
    root = chain.stations[_first_bone(digit)]
    stations = chain.stations_of(model.vertices)
    own = (model.weight_of(digit_bones(digit, side)) > 0.9) & model.mask("body")
    best, least = None, np.inf
    for share in cut + np.linspace(-0.05, 0.05, 11):
        beyond = (own & (stations > root + share * (chain.length - root)))[model.faces]
        for removed in (np.flatnonzero(beyond.all(1)), np.flatnonzero(beyond.any(1))):
            rim = rim_of(model.faces[removed])
            if rim is not None and stations[rim].std() < least:
                best, least = removed, float(stations[rim].std())
    if best is None:
        raise ValueError(f"expected a simple cut through the {digit} near {cut}, found none")
    return plan_cap(model, f"stump/{digit}/{cut}", best)


def _first_bone(digit: str) -> int:
    """Returns the index of the first bone outside the palm."""
    return 1 if digit == "thumb" else 0


def _let_go(figure: Figure, side: Side, digit: InstanceEntry, from_bone: int) -> None:
    """Makes everything that follows a digit follow what the digit grows from, and takes its rings off."""
    parent = figure.parents[digit.bones[from_bone]]
    gone = digit.bones[from_bone:]
    for layer in layers_of(figure, side):
        share = layer.weight_of(gone)
        if layer.surface == "jewellery" and share.mean() > 0.5:
            figure.components.remove(layer)
            continue
        rehang(layer, dict.fromkeys(gone, parent), len(figure.bone_names))


def _opened(figure: Figure, layer: Component, side: Side, faces: np.ndarray) -> HandMesh | None:
    """Opens a layer that has all the faces; hides what a fingerless glove has of them."""
    if can_open(layer, figure, faces):
        return HandMesh(figure, layer, side, faces)
    if layer.surface == "glove":
        gone = np.isin(layer.topology.vertex_ids, figure.model.faces[faces])
        layer.hidden = gone | (layer.hidden if layer.hidden is not None else False)
    return None


def remove_digits(figure: Figure, side: Side, digits: Sequence[str]) -> list[InstanceEntry]:
    """Takes digits off at their roots; the skin closes over them."""
    hand = figure.find("hand", side)
    entries = [figure.find("digit", side, digit) for digit in digits]
    plans = [_root_cap(figure.model, side, digit) for digit in digits]
    bulge = 0.3 * hand_frame(figure, side).spacing
    removed = np.concatenate([plan.removed for plan in plans])
    for entry in entries:
        _let_go(figure, side, entry, _first_bone(entry.name))
        entry.present = False
        entry.add_fault("missing")
        entry.joints = ()
    for layer in flesh_of(figure):
        mesh = _opened(figure, layer, side, removed)
        if mesh is None:
            continue
        for plan in plans:
            mesh.close(plan, bulge=bulge, instance=hand.id, part=PART_ID["palm"], bone=None)
        lost = np.isin(mesh.instance, [entry.id for entry in entries])
        mesh.instance[lost], mesh.part[lost] = hand.id, PART_ID["palm"]
        mesh.sew(rings=2, passes=8)
    return entries


def close_row(figure: Figure, side: Side, gone: str, share: float, girth: float) -> None:
    """Moves the fingers beside a missing one together by a share of the finger spacing."""
    if gone == "thumb":
        return
    k, move = FINGERS.index(gone), share * hand_frame(figure, side).spacing
    pulls = {0: (0, -1, -1, -1), 3: (0.8, 0.8, 0.8, 0)}.get(k)
    signs = pulls or tuple(1 if j < k else -1 if j > k else 0 for j in range(4))
    space_fingers(figure, side, {finger: 0.5 * move * sign for finger, sign in zip(FINGERS, signs, strict=True)}, girth)


def _harm_missing(figure: Figure, side: Side, p: Parameters) -> Made:
    entries = remove_digits(figure, side, p["digits"])
    if p["close"] and len(entries) == 1:
        close_row(figure, side, p["digits"][0], p["close"], p["girth"])
    return Made(
        code=DefectCode.HAND_MISSING_DIGIT,
        operator="missing_digits.removed" if len(entries) == 1 else "missing_digits.several",
        instances=tuple(entry.id for entry in entries),
        affected=hand_ids(figure, side),
    )


def _twin_missing(figure: Figure, side: Side, p: Parameters) -> None:
    paste_in_place(figure, side, {"digit": p["digits"][0], "size": 1.0, "roll": 0.0, "lean": 0.0})


def _draw_missing(rng: np.random.Generator) -> Parameters:
    digit = str(rng.choice(DIGITS, p=(0.16, 0.2, 0.22, 0.22, 0.2)))
    close = float(rng.uniform(0.45, 0.8)) if rng.random() < 0.6 else 0.0
    return {"digits": [digit], "close": close, "girth": float(rng.uniform(1.0, 1.1))}


def _draw_several(rng: np.random.Generator) -> Parameters:
    digits = [str(digit) for digit in rng.choice(DIGITS, 2, replace=False)]
    return {"digits": sorted(digits, key=DIGITS.index), "close": 0.0, "girth": 1.0}


def _harm_stump(figure: Figure, side: Side, p: Parameters) -> Made:
    entry = figure.find("digit", side, p["digit"])
    chain, plan = chain_of(figure, entry), _stump_cap(figure.model, side, p["digit"], p["cut"])
    bulge, ends = 0.3 * hand_frame(figure, side).spacing, []
    for layer in flesh_of(figure):
        mesh = _opened(figure, layer, side, plan.removed)
        if mesh is None:
            continue
        rim = mesh.place[plan.loop]
        cut = float(chain.stations_of(mesh.rest[rim]).mean())
        mesh.close(plan, bulge=bulge, instance=entry.id, part=int(np.bincount(mesh.part[rim]).argmax()), bone=None)
        sewn = mesh.sew(rings=2, passes=8)
        ends.append((cut, float(chain.stations_of(sewn.rest[sewn.instance == entry.id]).max())))
    cut, tip = ends[0]  # of the skin
    _end_joints(figure, entry, cut, tip - TIP_DEPTH_DM)
    _drop_rings(figure, side, entry, cut)
    entry.add_fault("shortened")
    return Made(
        code=DefectCode.HAND_MALFORMED,
        operator="missing_digits.stump",
        instances=(entry.id,),
        affected=hand_ids(figure, side),
    )


def _end_joints(figure: Figure, entry: InstanceEntry, cut: float, tip: float) -> None:
    """Ends a digit's joints at its stump."""
    chain = chain_of(figure, entry)
    last = int(np.clip(np.searchsorted(chain.stations, cut, side="right") - 1, 0, 2))
    figure.tails[entry.bones[last]] = chain.at(tip).astype(np.float32)
    entry.joints = (*entry.joints[: last + 1], ("tip", entry.bones[last], "tail"))


def _drop_rings(figure: Figure, side: Side, entry: InstanceEntry, cut: float) -> None:
    chain = chain_of(figure, entry)
    for layer in layers_of(figure, side):
        on_digit = layer.surface == "jewellery" and layer.weight_of(entry.bones).mean() > 0.5
        if on_digit and chain.stations_of(layer.rest).mean() > cut:
            figure.components.remove(layer)


def _draw_stump(rng: np.random.Generator) -> Parameters:
    return {
        "digit": str(rng.choice(DIGITS)), "cut": float(rng.choice(CUTS)), "natural": float(rng.uniform(0.94, 1.03)),
    }  # fmt: skip


def _slightly_shorter(figure: Figure, side: Side, p: Parameters) -> None:
    stretch_digit(figure, side, figure.find("digit", side, p["digit"]), p["natural"])


def _harm_short(figure: Figure, side: Side, p: Parameters) -> Made:
    entry = figure.find("digit", side, p["digit"])
    stretch_digit(figure, side, entry, p["length"], p["girth"])
    entry.add_fault("shortened")
    return Made(
        code=DefectCode.HAND_MALFORMED,
        operator="missing_digits.short",
        instances=(entry.id,),
        affected=hand_ids(figure, side),
    )


def _draw_short(rng: np.random.Generator) -> Parameters:
    return {
        "digit": str(rng.choice(FINGERS)), "length": float(rng.uniform(0.32, 0.6)),
        "girth": float(rng.uniform(0.85, 1.1)), "natural": float(rng.uniform(0.94, 1.03)),
    }  # fmt: skip


MISSING_DIGITS: tuple[DefectOperator, ...] = (
    DefectOperator(
        name="missing_digits.removed", code=DefectCode.HAND_MISSING_DIGIT, weight=3.0,
        draw=_draw_missing, harm=_harm_missing, twin=_twin_missing,
    ),
    DefectOperator(
        name="missing_digits.several", code=DefectCode.HAND_MISSING_DIGIT, weight=0.8,
        draw=_draw_several, harm=_harm_missing, twin=_twin_missing,
    ),
    DefectOperator(
        name="missing_digits.stump", code=DefectCode.HAND_MALFORMED, weight=1.5,
        draw=_draw_stump, harm=_harm_stump, twin=_slightly_shorter,
    ),
    DefectOperator(
        name="missing_digits.short", code=DefectCode.HAND_MALFORMED, weight=0.8,
        draw=_draw_short, harm=_harm_short, twin=_slightly_shorter,
    ),
)  # fmt: skip


def _draw_fold(rng: np.random.Generator) -> Parameters:
    return {"digit": str(rng.choice(FINGERS)), "flexion": [float(x) for x in rng.normal((1.25, 1.6, 0.8), 0.08)]}


def _draw_natural(rng: np.random.Generator) -> Parameters:
    return {"digit": str(rng.choice(DIGITS)), "natural": float(rng.uniform(0.92, 1.07))}


MISSING_BENIGN: tuple[BenignOperator, ...] = (
    BenignOperator(
        name="missing_digits.folded", weight=1.2, draw=_draw_fold,
        handle=lambda figure, side, p: hold_flexed(
            figure, side, figure.find("digit", side, p["digit"]), 0, p["flexion"]
        ),
    ),
    BenignOperator(name="missing_digits.natural_length", weight=0.8, draw=_draw_natural, handle=_slightly_shorter),
)  # fmt: skip
