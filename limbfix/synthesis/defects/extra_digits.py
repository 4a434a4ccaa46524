"""How does a hand get too many digits? Between the others, beyond them, at the thumb, or several at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.digit_growth import Growth, grow_digits, sew_in
from limbfix.synthesis.defects.digit_shapes import FINGERS, chain_of, hand_ids, space_fingers
from limbfix.synthesis.defects.digit_sites import SITES, Placement, donor_of, rooms
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.defects.seams import Graft, plan_graft
from limbfix.synthesis.figures.body_model import BodyModel
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import turn
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import DIGITS, Side

GAPS = tuple(site for site in SITES if site.startswith("gap_"))


def _draw_site(rng: np.random.Generator, site: str) -> dict[str, float | bool]:
    if site.startswith("gap_"):
        return {"second": bool(rng.random() < 0.5), "size": float(rng.uniform(0.9, 1.06))}
    if site.startswith("beyond_"):
        return {
            "lean": float(rng.uniform(0.15, 0.6)), "out": float(rng.uniform(0.7, 0.95)),
            "down": float(rng.uniform(0.05, 0.5)), "size": float(rng.uniform(0.7, 1.0)),
        }  # fmt: skip
    if site == "thumb_beside":
        return {
            "lean": float(rng.uniform(0.4, 0.8)), "down": float(rng.uniform(0.1, 0.5)),
            "size": float(rng.uniform(0.7, 1.0)),
        }  # fmt: skip
    return {"out": float(rng.uniform(0.1, 0.5)), "size": float(rng.uniform(0.75, 1.0))}


def _draw(*choices: tuple[str, ...]) -> Callable[[np.random.Generator], Parameters]:
    """Returns a drawer: one of the choices of sites, and the parameters of each site."""

    def draw(rng: np.random.Generator) -> Parameters:
        sites = choices[int(rng.integers(len(choices)))]
        return {
            "sites": {site: _draw_site(rng, site) for site in sites},
            "room": float(rng.uniform(0.75, 1.0)),
            "tightness": float(rng.uniform(0.2, 0.65)),
            "girth": float(rng.uniform(0.86, 0.97)),
        }

    return draw


def make_room(figure: Figure, side: Side, p: Parameters) -> None:
    """Spreads the row for digits in its gaps; fingers grow thinner as they would have to. Without gaps the row stays."""
    sites = tuple(p["sites"])
    if set(sites) & set(GAPS):
        shifts = rooms(hand_frame(figure, side), sites, p["room"], p["tightness"])
        space_fingers(figure, side, shifts, p["girth"])


TWIN_SHARE = 0.35
"""Share of the room that the twin's row gets: more would look as if a digit were gone."""


def make_some_room(figure: Figure, side: Side, p: Parameters) -> None:
    """Spreads the row of the twin: the same stretch of skin and the same thin fingers, as wide as hands spread of themselves."""
    make_room(figure, side, {**p, "room": TWIN_SHARE * p["room"]})


def _harm(operator: str) -> Callable[[Figure, Side, Parameters], Made]:
    def harm(figure: Figure, side: Side, p: Parameters) -> Made:
        make_room(figure, side, p)
        added = grow_digits(figure, side, p["sites"])
        return Made(
            code=DefectCode.HAND_EXTRA_DIGIT,
            operator=operator,
            instances=tuple(entry.id for entry in added),
            affected=hand_ids(figure, side),
        )

    return harm


_SEVERAL = (
    ("gap_index", "gap_ring"),
    ("gap_middle", "beyond_little"),
    ("gap_index", "thumb_opposite"),
    ("gap_ring", "thumb_beside"),
    ("beyond_index", "gap_ring"),
    ("gap_index", "gap_middle", "gap_ring"),
    ("gap_index", "gap_ring", "thumb_beside"),
    ("gap_index", "gap_ring", "beyond_little"),
)
"""Hands of seven and eight digits."""


def _operator(name: str, weight: float, *choices: tuple[str, ...]) -> DefectOperator:
    return DefectOperator(
        name=f"extra_digits.{name}",
        code=DefectCode.HAND_EXTRA_DIGIT,
        weight=weight,
        draw=_draw(*choices),
        harm=_harm(f"extra_digits.{name}"),
        twin=make_some_room,
    )


EXTRA_DIGITS: tuple[DefectOperator, ...] = (
    _operator("between", 3.0, *((gap,) for gap in GAPS)),
    _operator("beyond_little", 1.2, ("beyond_little",)),
    _operator("beyond_index", 0.8, ("beyond_index",)),
    _operator("second_thumb", 1.0, ("thumb_beside",)),
    _operator("opposite_thumb", 0.8, ("thumb_opposite",)),
    _operator("several", 1.4, *_SEVERAL),
)


@lru_cache(maxsize=32)
def _replacement(model: BodyModel, side: Side, digit: str) -> Graft:
    """Plans to cut a digit off and to sew it, or another digit's copy, on again."""
    donor = donor_of(model, digit, side)
    own = np.zeros(len(model.vertices), bool)
    own[model.faces[donor]] = True
    removed = np.flatnonzero((own[model.faces].any(1)) & model.mask("body")[model.faces].all(1))
    place = model.vertices
    return plan_graft(model, f"replaced/{digit}", removed=removed, donor=donor, positions=place, placed=place)


def paste_in_place(figure: Figure, side: Side, p: Parameters) -> None:
    """Cuts a digit off and sews it on again where it was, by a hair larger or smaller and turned."""
    entry = figure.find("digit", side, p["digit"])
    chain = chain_of(figure, entry)
    turned = turn(chain.direction, p["roll"]) @ turn(hand_frame(figure, side).dorsal, p["lean"])
    root = chain.points[1 if p["digit"] == "thumb" else 0]
    place = Placement(digit=p["digit"], pivot=root, target=root, turned=turned, scale=p["size"])
    for bone in entry.bones[1 if p["digit"] == "thumb" else 0 :]:
        figure.heads[bone] = place.of(figure.heads[bone]).astype(np.float32)
        figure.tails[bone] = place.of(figure.tails[bone]).astype(np.float32)
    plan = _replacement(figure.model, side, p["digit"])
    sew_in(figure, side, [Growth(plan=plan, place=place, bones={}, instances={})], passes=2)


def _draw_paste(rng: np.random.Generator) -> Parameters:
    return {
        "digit": str(rng.choice(DIGITS)), "size": float(rng.uniform(0.94, 1.05)),
        "roll": float(rng.normal(0, 0.08)), "lean": float(rng.normal(0, 0.05)),
    }  # fmt: skip


def _draw_spread(rng: np.random.Generator) -> Parameters:
    gap = str(rng.choice(GAPS))
    return {
        "sites": {gap: {}}, "room": float(rng.uniform(0.1, 0.45)), "tightness": float(rng.uniform(0.2, 0.65)),
        "girth": float(rng.uniform(0.94, 1.04)),
    }  # fmt: skip


EXTRA_BENIGN: tuple[BenignOperator, ...] = (
    BenignOperator(name="extra_digits.pasted_in_place", weight=1.5, draw=_draw_paste, handle=paste_in_place),
    BenignOperator(name="extra_digits.row_spread", weight=1.0, draw=_draw_spread, handle=make_room),
)

assert set(FINGERS) | {"thumb"} == set(DIGITS)
