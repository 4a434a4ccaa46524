"""How near do joints lie to labelled ones? PCK on pictures of one labelled person, of readings without sides and of a pose model with them.

PCK@0.2: the share of labelled joints within 0.2 of the torso's diagonal (left shoulder to right hip, the other diagonal, or their mean).
A joint that was not found is a miss. Of all people found the one whose joints lie nearest to the labels on the mean is measured, and of a
kind any two joints may be left and right, whichever costs least. That favours whoever gives several people or more than two joints of a
kind, and never asks for the side. `sided_points` keeps the pose model's own sides, `free_points` gives it the same freedom.

The labels end at the crown, our network at the skull's middle, the pose model at the ears: crowns are extrapolated from the neck for both,
and the pose model's neck is the middle of its shoulders. So the 12 joints of limbs are measured by themselves too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limbfix.bodies import PersonGraph
from limbfix.parts import Keypoints
from limbfix.training.body_targets import HEAD_UP
from limbfix_bench.estimates import ratio
from limbfix_bench.result_rows import Measured

REACH = 0.2
"""Of the torso."""

PAIRED = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
SINGLE = ("neck", "head_top")

FARTHEST = 1.0
"""Torsos; in the choice of a person a joint that is farther off, or absent, counts as this far."""

Points = Mapping[str, np.ndarray]
"""By kind: (n, 2) px of joints without a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPerson:
    """One labelled person.

    Attributes:
        name: of the picture's file.
        joints: by name such as `left_knee` or `neck`: (2,) px; only what was labelled.
        torso: px.
    """

    name: str
    joints: Mapping[str, np.ndarray]
    torso: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Labelled joints of one picture, and those that were hit, by name."""

    labelled: frozenset[str]
    hit: frozenset[str]


def read_labels(file: Path) -> list[LabelledPerson]:
    """Reads `lsp_extended.json`; people whose torso is not labelled are left out, for they have no ruler."""
    data = json.loads(file.read_text(encoding="utf-8"))
    people = []
    for name, rows in sorted(data["images"].items()):
        joints = {joint: np.array(row[:2]) for joint, row in zip(data["landmarks"], rows, strict=True) if row[2]}
        torso = torso_of(joints)
        if torso > 0:
            people.append(LabelledPerson(name=name, joints=joints, torso=torso))
    return people


def torso_of(joints: Mapping[str, np.ndarray]) -> float:
    """Returns the mean of the torso's labelled diagonals in px; 0 where none is labelled."""
    ends = [("left_shoulder", "right_hip"), ("right_shoulder", "left_hip")]
    lengths = [float(np.linalg.norm(joints[a] - joints[b])) for a, b in ends if a in joints and b in joints]
    return float(np.mean(lengths)) if lengths else 0.0


def graph_points(graph: PersonGraph) -> Points:
    """Returns the joints of one person of our reading, each once, however many limbs share it."""
    found: dict[str, list[np.ndarray]] = {kind: [] for kind in PAIRED}
    found["shoulder"] += list(graph.shoulders)
    found["hip"] += list(graph.hips)
    for limb in graph.limbs:
        for name, xy in zip(limb.joints, limb.polyline, strict=True):
            if name in found:
                found[name].append(xy)
    points = {kind: _distinct(places) for kind, places in found.items()}
    return points | _head(graph.neck, graph.head)


def free_points(keypoints: Keypoints) -> Points:
    """Returns a pose model's joints without their sides."""
    points = {kind: _distinct([keypoints.point(f"{side}_{kind}") for side in ("left", "right")]) for kind in PAIRED}
    return points | _pose_head(keypoints)


def sided_points(keypoints: Keypoints) -> dict[str, np.ndarray]:
    """Returns a pose model's joints by their sided names, (2,) each."""
    names = [f"{side}_{kind}" for kind in PAIRED for side in ("left", "right")]
    found = {name: keypoints.point(name) for name in names}
    return found | {name: xy[0] for name, xy in _pose_head(keypoints).items() if len(xy)}


def gaps_without_sides(points: Points, person: LabelledPerson) -> dict[str, float]:
    """Returns the distance of every labelled joint in torsos, inf where none is there; sides are given at least cost."""
    from scipy.optimize import linear_sum_assignment

    gaps = dict.fromkeys(person.joints, float("inf"))
    for kind in (*PAIRED, *SINGLE):
        names = [name for name in (kind, f"left_{kind}", f"right_{kind}") if name in person.joints]
        places = points.get(kind, np.zeros((0, 2)))
        if names and len(places):
            wanted = np.stack([person.joints[name] for name in names])
            costs = np.linalg.norm(wanted[:, None] - places[None], axis=2) / person.torso
            for row, column in zip(*linear_sum_assignment(costs), strict=True):
                gaps[names[row]] = float(costs[row, column])
    return gaps


def gaps_with_sides(points: Mapping[str, np.ndarray], person: LabelledPerson) -> dict[str, float]:
    """Returns the distance of every labelled joint from the one of its name in torsos, inf where it is absent."""
    gaps = {}
    for name, xy in person.joints.items():
        gap = float(np.linalg.norm(points[name] - xy)) / person.torso if name in points else float("inf")
        gaps[name] = gap if np.isfinite(gap) else float("inf")
    return gaps


def nearest(every: Sequence[Mapping[str, float]], person: LabelledPerson) -> Hits:
    """Returns the hits of the person, of all that were found, whose joints lie nearest on the mean; none where nobody was found."""
    labelled = frozenset(person.joints)
    if not every:
        return Hits(labelled=labelled, hit=frozenset())
    best = min(every, key=lambda gaps: sum(min(gap, FARTHEST) for gap in gaps.values()))
    return Hits(labelled=labelled, hit=frozenset(name for name, gap in best.items() if gap <= REACH))


def measure(hits: Sequence[Hits], source: str, detail: str) -> list[Measured]:
    """Returns PCK of limb joints, of all joints, and by kind; intervals hold joints of one picture together."""
    rows = [
        _row("pck_limb_joints", hits, PAIRED, source, detail),
        _row("pck_all_joints", hits, (*PAIRED, *SINGLE), source, detail),
    ]
    return rows + [_row(f"pck_{kind}", hits, (kind,), source, detail) for kind in (*PAIRED, *SINGLE)]


def _row(measure: str, hits: Sequence[Hits], kinds: Sequence[str], source: str, detail: str) -> Measured:
    def number(names: frozenset[str]) -> int:
        return sum(name.removeprefix("left_").removeprefix("right_") in kinds for name in names)

    estimate = ratio([number(one.hit) for one in hits], [number(one.labelled) for one in hits])
    return Measured(measure=measure, source=source, estimate=estimate, detail=detail)


def _distinct(places: Sequence[np.ndarray]) -> np.ndarray:
    points = {tuple(np.round(xy, 1).tolist()): xy for xy in places if np.isfinite(xy).all()}
    return np.array(list(points.values()), np.float64).reshape(-1, 2)


def _head(neck: np.ndarray | None, head: np.ndarray | None) -> dict[str, np.ndarray]:
    found = {} if neck is None else {"neck": _distinct([neck])}
    if neck is not None and head is not None:
        found["head_top"] = _distinct([neck + (head - neck) / HEAD_UP])
    return found


def _pose_head(keypoints: Keypoints) -> dict[str, np.ndarray]:
    neck, head = (
        np.mean([keypoints.point(f"{side}_{name}") for side in ("left", "right")], axis=0)
        for name in ("shoulder", "ear")
    )
    return _head(neck, head)
