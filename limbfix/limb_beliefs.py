"""Which of the assembled lines are limbs? A logistic model of one line, kept as JSON, as `limbfix.digit_beliefs` is for digits.

Assembly is generous: it follows faint joints and fields too, and sees a leg twice where trousers are wide. What tells a limb from that is judged here,
line by line, from heat, fields, parts and neighbours; nothing in it knows how many limbs a person has. Lines that are hardly limbs are not counted
(`PersonGraph.counted`), but they stay: bodies that are tangled have many. The model is fitted on made people that the parser was not trained on
(`python -m limbfix.training.limb_lines`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from limbfix.bodies import LIMB_JOINTS, LimbKind
from limbfix.body_assembly import PersonTrace
from limbfix.body_bones import BodyMaps, agreements, values_at
from limbfix.body_chains import Chain
from limbfix.body_masks import PIECES
from limbfix.clipped_linear import ClippedLinear, numbers_from
from limbfix.geometry import line_distances
from limbfix.nets.body_maps import BONES, PARTS
from limbfix.nets.part_chances import part_chances
from limbfix.shipped import read_model, shipped_file

FILE = "limb_lines.json"

BESIDE = 0.25
"""Of a limb's longest bone, at least of a quarter of its person's size: points that lie nearer to another limb of the kind share its place."""

LIMB_FEATURES = (
    "heat", "least_heat", "end_heat", "joints", "agreement", "least_agreement", "least_part", "length", "shared", "fainter", "rank",
    "other_side", "size", "is_leg", "person",
)  # fmt: skip

_ROWS = {bone: row for row, bone in enumerate(BONES)}
_STEPS = 6
_LEAST_SCALE = 0.25


def model_from(data: Mapping) -> ClippedLinear:
    """Returns the model of a JSON value; its chances say how probably a line is a limb of its person, from its `LIMB_FEATURES`.

    Raises:
        KeyError, TypeError, ValueError: it is none, or one for other features.
    """
    return ClippedLinear(**numbers_from(data, LIMB_FEATURES))


@cache
def shipped_model() -> ClippedLinear:
    """Returns the model that comes with the package.

    Raises:
        AssetMissing, ModelCorrupt: see `limbfix.shipped.shipped_file`; ModelCorrupt also where the file holds something else.
    """
    return read_model(shipped_file(FILE), model_from, "a model of limbs")


def limb_features(people: Sequence[PersonTrace], maps: BodyMaps) -> np.ndarray:
    """Returns (n, k) float64: `LIMB_FEATURES` of each limb of each person, in their order.

    Args:
        people: as they were assembled.
        maps: of the same view.
    """
    parts = part_chances(maps.parts)
    left = 1 / (1 + np.exp(-maps.side[0]))
    rows = [_features(limb, person, maps, parts, left) for person in people for limb in person.limbs]
    return np.array(rows, np.float64).reshape(-1, len(LIMB_FEATURES))


def _features(limb: Chain, person: PersonTrace, maps: BodyMaps, parts: np.ndarray, left: np.ndarray) -> list[float]:
    agreed = _agreements(limb, maps) or [0.0]
    others = [other for other in person.limbs if other is not limb and other.kind is limb.kind]
    shared, fainter, other_side = _beside(limb, others, person.size, left)
    return [
        float(limb.heat.mean()), float(limb.heat.min()), float(limb.heat[-1]), len(limb.joints), float(np.mean(agreed)), min(agreed),
        _least_part(limb, parts), float(np.log(limb.longest_bone / person.size + 0.05)), shared, fainter,
        sum(other.score > limb.score for other in others), other_side, float(np.log(person.size)), limb.kind is LimbKind.LEG, person.score,
    ]  # fmt: skip


def _agreements(limb: Chain, maps: BodyMaps) -> list[float]:
    """Returns how well each of its bones follows its field, whatever a guide said; joints that were bridged have none."""
    found = []
    for (inner, start), (outer, end) in itertools.pairwise(zip(limb.joints, limb.xy, strict=True)):
        if (row := _ROWS.get((inner, outer))) is not None:
            field = maps.fields[2 * row : 2 * row + 2]
            found.append(float(agreements(field, start[None], end[None])[0][0]))
    return found


def _least_part(limb: Chain, parts: np.ndarray) -> float:
    """Returns the least chance, along its bones, of the class that should lie there; at a single joint, of any class of the kind."""
    names, order = PIECES[limb.kind], LIMB_JOINTS[limb.kind]
    seen = []
    for (inner, start), (outer, end) in itertools.pairwise(zip(limb.joints, limb.xy, strict=True)):
        own = [PARTS.index(name) for name in names[order.index(inner) : order.index(outer)]]
        seen += values_at(parts[own], np.linspace(start, end, _STEPS)).sum(0).tolist()
    return min(seen or values_at(parts[[PARTS.index(name) for name in names]], limb.xy).sum(0).tolist())


def _beside(limb: Chain, others: Sequence[Chain], size: float, left: np.ndarray) -> tuple[float, float, float]:
    """Returns the share of a limb that lies on another of its kind; how much surer the nearest one is; how far their sides differ, 0-1."""
    if not others:
        return 0.0, 1.0, 1.0
    points = _along(limb.xy)
    gaps = np.array([_distances(points, other.xy) for other in others]) / max(limb.longest_bone, _LEAST_SCALE * size)
    nearest = others[int(gaps.mean(1).argmin())]
    sides = float(values_at(left, limb.xy).mean() - values_at(left, nearest.xy).mean())
    return float((gaps.min(0) < BESIDE).mean()), nearest.score - limb.score, abs(sides)


def _along(xy: np.ndarray) -> np.ndarray:
    if len(xy) == 1:
        return xy
    return np.concatenate([np.linspace(start, end, _STEPS) for start, end in itertools.pairwise(xy)])


def _distances(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Returns (n,) cells: from points (n, 2) to a line of one point or more."""
    ends = line[1:] if len(line) > 1 else line
    return line_distances(points, line[: len(ends)], ends).min(1)
