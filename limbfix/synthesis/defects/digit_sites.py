"""Where on a hand may a digit grow that does not belong there? Sites, where a copy comes to lie, and the hole it grows from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from limbfix.synthesis.defects.digit_shapes import FINGERS, chain_of, space_fingers
from limbfix.synthesis.defects.operators import Parameters
from limbfix.synthesis.defects.seams import Graft, hole_at, plan_graft
from limbfix.synthesis.figures.anatomy import SIDES, digit_bones
from limbfix.synthesis.figures.body_model import BodyModel
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import HandFrame, hand_frame
from limbfix.synthesis.figures.rotations import turn_between, unit
from limbfix.synthesis.samples import Side

SITES = ("gap_index", "gap_middle", "gap_ring", "beyond_little", "beyond_index", "thumb_beside", "thumb_opposite")
"""Where a whole digit may grow: between a finger and its neighbour on the little finger's side, beyond the row, at the thumb, and
a thumb on the wrong side of the hand."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placement:
    """Where a copy of a digit goes: rest position -> new position, `turned @ (p - pivot) * scale + target`.

    Attributes:
        digit: the digit that is copied.
        pivot, target: (3,); the root of the digit and where it comes to lie.
        turned: (3, 3), a rotation, or with a reflection.
        scale: factor of the size.
    """

    digit: str
    pivot: np.ndarray
    target: np.ndarray
    turned: np.ndarray
    scale: float

    @property
    def mirrored(self) -> bool:
        """Whether it reflects."""
        return bool(np.linalg.det(self.turned) < 0)

    def of(self, points: np.ndarray) -> np.ndarray:
        """Places points (..., 3)."""
        return (points - self.pivot) @ self.turned.T * self.scale + self.target


def copied_digit(site: str, second: bool = False) -> str:
    """Returns the digit that a site's extra one is a copy of; in a gap, the first or the second neighbour."""
    if site.startswith("gap_"):
        return FINGERS[FINGERS.index(site.removeprefix("gap_")) + int(second)]
    return {"beyond_little": "little", "beyond_index": "index"}.get(site, "thumb")


def _gap(figure: Figure, side: Side, site: str, p: Parameters) -> Placement:
    digit = copied_digit(site, p["second"])
    first = FINGERS.index(site.removeprefix("gap_"))
    pair = [chain_of(figure, figure.find("digit", side, name)) for name in FINGERS[first : first + 2]]
    own = pair[FINGERS.index(digit) - first]
    direction = unit(pair[0].direction + pair[1].direction)
    length = (pair[0].length + pair[1].length) / 2 / own.length
    return Placement(
        digit=digit,
        pivot=own.points[0],
        target=(pair[0].points[0] + pair[1].points[0]) / 2,
        turned=turn_between(own.direction, direction),
        scale=float(np.clip(length, 0.8, 1.25) * p["size"]),
    )


def _beyond(figure: Figure, side: Side, site: str, p: Parameters) -> Placement:
    frame, digit = hand_frame(figure, side), copied_digit(site)
    own = chain_of(figure, figure.find("digit", side, digit))
    outwards = frame.across if digit == "little" else -frame.across
    lean = unit(np.cos(p["lean"]) * frame.along + np.sin(p["lean"]) * outwards)
    root = own.points[0] + frame.spacing * (p["out"] * outwards - p["down"] * frame.along)
    return Placement(
        digit=digit, pivot=own.points[0], target=root, turned=turn_between(frame.along, lean), scale=p["size"]
    )


def _thumb_beside(figure: Figure, side: Side, site: str, p: Parameters) -> Placement:
    frame = hand_frame(figure, side)
    own = chain_of(figure, figure.find("digit", side, "thumb"))
    line = unit(own.points[3] - own.points[1])
    outwards = unit(np.cross(frame.dorsal, line))
    outwards = outwards * np.sign(outwards @ -frame.across - outwards @ frame.along)  # away from the fingers
    lean = unit(np.cos(p["lean"]) * line + np.sin(p["lean"]) * outwards)
    root = own.points[1] + frame.spacing * (0.35 * outwards - p["down"] * line)
    return Placement(digit="thumb", pivot=own.points[1], target=root, turned=turn_between(line, lean), scale=p["size"])


def _thumb_opposite(figure: Figure, side: Side, site: str, p: Parameters) -> Placement:
    frame = hand_frame(figure, side)
    own = chain_of(figure, figure.find("digit", side, "thumb"))
    middle = frame.wrist + frame.across * ((frame.knuckles.mean(0) - frame.wrist) @ frame.across)
    reflected = np.eye(3) - 2 * np.outer(frame.across, frame.across)
    root = middle + reflected @ (own.points[1] - middle) - frame.spacing * p["out"] * frame.across
    return Placement(digit="thumb", pivot=own.points[1], target=root, turned=reflected, scale=p["size"])


PLACES: Mapping[str, Callable[[Figure, Side, str, Parameters], Placement]] = {
    **{site: _gap for site in SITES if site.startswith("gap_")},
    "beyond_little": _beyond,
    "beyond_index": _beyond,
    "thumb_beside": _thumb_beside,
    "thumb_opposite": _thumb_opposite,
}
"""Site -> (figure, side, site, parameters) -> placement."""

_USUAL: Mapping[str, Parameters] = {
    **{site: {"second": False, "size": 0.95} for site in SITES if site.startswith("gap_")},
    "beyond_little": {"lean": 0.45, "out": 0.75, "down": 0.3, "size": 0.85},
    "beyond_index": {"lean": 0.35, "out": 0.75, "down": 0.3, "size": 0.85},
    "thumb_beside": {"lean": 0.6, "down": 0.3, "size": 0.9},
    "thumb_opposite": {"out": 0.3, "size": 0.9},
}
"""The middle of the range of each site: for it the holes are planned."""


def rooms(frame: HandFrame, sites: tuple[str, ...], room: float, tightness: float) -> dict[str, float]:
    """Returns how far each finger moves so that digits fit into the gaps.

    Args:
        frame: of the hand.
        sites: of the extra digits.
        room: width of one gap, in finger spacings.
        tightness: 0-1, share of the widening that the row takes back by closing up.
    """
    gaps = np.array([f"gap_{finger}" in sites for finger in FINGERS[:-1]], float)
    shift = np.concatenate([[0.0], gaps.cumsum()]) * room * frame.spacing
    place = (frame.knuckles - frame.knuckles.mean(0)) @ frame.across
    wide = place + shift - shift.mean()
    narrowed = wide * (1 - tightness * shift[-1] / (shift[-1] + place[-1] - place[0]))
    return dict(zip(FINGERS, (narrowed - place).tolist(), strict=True))


def _rim_weight(model: BodyModel, digit: str, side: Side) -> np.ndarray:
    """Returns (n,) how much of each base vertex belongs to the free part of a digit: of a thumb, without its metacarpal."""
    bones = digit_bones(digit, side)
    return model.weight_of(tuple(bones[1:] if digit == "thumb" else bones))


def donor_of(model: BodyModel, digit: str, side: Side) -> np.ndarray:
    """Returns the faces of a free digit, rows of `model.faces`."""
    own = (_rim_weight(model, digit, side) > 0.5) & model.mask("body")
    return np.flatnonzero(own[model.faces].all(1))


@lru_cache(maxsize=64)
def site_graft(model: BodyModel, side: Side, site: str, second: bool) -> Graft:
    """Plans the hole and the strip of a site, on the neutral body."""
    figure = Figure(model, model.vertices)
    space_fingers(figure, side, rooms(hand_frame(figure, side), (site,), 0.9, 0.4))
    usual = {**_USUAL[site], "second": second}
    place = PLACES[site](figure, side, site, usual)
    positions = model.vertices.copy()
    positions[figure.body.topology.vertex_ids] = figure.body.rest
    donor = donor_of(model, place.digit, side)
    placed = place.of(positions)
    digits = np.max([model.weight_of(digit_bones(digit, side)) for digit in FINGERS], 0)
    free = _rim_weight(model, "thumb", side)
    in_hand = model.weight_of(("wrist", "metacarpal", "finger"), SIDES[side]) > 0.6
    allowed = in_hand & model.mask("body") & (digits < 0.75) & (free < 0.5)
    removed = hole_for(model, donor, positions, placed, allowed, unit(place.turned @ _line(figure, side, place.digit)))
    return plan_graft(
        model, f"{site}/{second}", removed=removed, donor=donor, positions=positions, placed=placed,
        mirrored=place.mirrored,
    )  # fmt: skip


def _line(figure: Figure, side: Side, digit: str) -> np.ndarray:
    chain = chain_of(figure, figure.find("digit", side, digit))
    return chain.points[3] - chain.points[1]


def hole_for(
    model: BodyModel,
    donor: np.ndarray,
    positions: np.ndarray,
    placed: np.ndarray,
    allowed: np.ndarray,
    axis: np.ndarray,
) -> np.ndarray:
    """Finds the hole where a placed donor's rim enters the skin.

    Args:
        model: the body model.
        donor: rows of `model.faces`.
        positions, placed: (n, 3) of the body, and of the donor in its place.
        allowed: (n,) bool, vertices whose faces may go.
        axis: (3,) unit, the placed donor's direction.
    """
    counts = np.bincount(model.faces[donor].ravel(), minlength=len(positions))
    rim = (counts > 0) & (counts < 4)
    centre = placed[rim].mean(0)
    apart = positions - centre
    along = apart @ axis
    across = np.linalg.norm(apart - along[:, None] * axis, axis=1)
    radius = float(np.linalg.norm(np.cross(placed[rim] - centre, axis), axis=1).mean())
    distance = np.maximum(across / (0.9 * radius), np.abs(along) / (1.6 * radius))
    return hole_at(model, allowed=allowed, distance=distance)
