"""Whom does MoveNet see, and where would it put their joints? Guides that help to join peaks, and never decide how many there are.

The published network finds the middle of everybody and reaches from there to 17 points. Each point is drawn to the heat near it; bones between
them are candidates beside those that fields show. A third arm is nobody's point: it comes from heat and fields alone.
Source: TensorFlow's "Next-generation pose detection with MoveNet", 2021 (centres, reaches, heat weighted by distance).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from limbfix.body_bones import BodyBone, BodyMaps, agreements, values_at
from limbfix.digit_assembly import Peak, find_peaks
from limbfix.nets.body_maps import BONES, EARS, FACE, JOINTS, PARTS, PUBLISHED

CENTRE_LEAST = 0.15
"""Heat of somebody's middle. MoveNet's own examples ask for 0.2 to 0.3; here a guide without peaks claims nothing."""

MOST_GUIDES = 40

POINT_LEAST = 0.1
"""Heat of a point that counts as seen."""

DRAWN = 0.08
"""Of a person's extent: standard deviation of the weight with which heat draws a point."""

SAME_PERSON = 0.12
"""Of the extent: two guides whose points lie nearer on the mean are one person."""

GUIDED = 0.6
"""Agreement of a bone that a guide shows, where its field says less."""

HOTTEST = 8
"""Points whose heat tells how surely there is somebody: about half, for the other half may be hidden."""

NEAR_PEAK, NEAR_ROOT = 1.5, 4.0
"""Cells within which a guide's joint is a peak that is there already; a neck and a head, which MoveNet does not know, are only guessed at."""

NEAR_SHARE = 0.06
"""The same in the extent of the person, if that is more: half the width of a trunk's limb. What is nearer is one joint seen twice."""

ROOT_SHARE = 0.12
"""The same for neck and head: half the breadth of the shoulders (41.6 cm of 176, ANSUR II men). The middle of the shoulders is not the neck, and a
second neck would be a second person, with the legs of the first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guide:
    """One person.

    Attributes:
        xy: (17, 2) cells of the points of COCO.
        heat: (17,) 0-1, of each.
        extent: cells, longer side of the box around the points.
        score: 0-1, of the middle.
    """

    xy: np.ndarray
    heat: np.ndarray
    extent: float
    score: float


def guides_from(points: np.ndarray, centres: np.ndarray, reaches: np.ndarray) -> tuple[Guide, ...]:
    """Returns everybody that MoveNet sees, surest first.

    Args:
        points: (17, h, w) logits of its heat.
        centres: (1, h, w) logits of middles.
        reaches: (34, h, w) cells, y and x from a middle to each point.
    """
    heat, middle = (1 / (1 + np.exp(-np.clip(logits, -60, 60))) for logits in (points, centres))
    found = []
    for peak in find_peaks(middle, CENTRE_LEAST)[:MOST_GUIDES]:
        column, row = (round(value) for value in peak.xy)
        way = reaches[:, row, column].reshape(-1, 2)[:, ::-1]
        found.append(_drawn(np.array([column, row]) + way, heat, peak.heat))
    return apart(found)


def apart(guides: Sequence[Guide]) -> tuple[Guide, ...]:
    """Returns the guides without those of a person whom an earlier one shows."""
    kept: list[Guide] = []
    for guide in guides:
        if not any(_is_same(guide, other) for other in kept):
            kept.append(guide)
    return tuple(kept)


def scaled(guide: Guide, step_xy: np.ndarray) -> Guide:
    """Returns a guide of another view of the picture, whose cells are `step_xy` (2,) as many along each axis."""
    xy = (guide.xy + 0.5) * step_xy - 0.5
    return replace(guide, xy=xy, extent=guide.extent * float(np.max(step_xy)))


def _drawn(xy: np.ndarray, heat: np.ndarray, score: float) -> Guide:
    """Draws each point to the heat near it."""
    extent = float(max(*np.ptp(xy, axis=0), 1.0))
    sigma = max(DRAWN * extent, 1.0)
    height, width = heat.shape[1:]
    placed, warm = xy.copy(), np.zeros(len(xy))
    for index, (x, y) in enumerate(xy):
        x0, x1 = (int(np.clip(x + side * 3 * sigma, 0, width - 1)) for side in (-1, 1))
        y0, y1 = (int(np.clip(y + side * 3 * sigma, 0, height - 1)) for side in (-1, 1))
        rows, columns = np.mgrid[y0 : y1 + 1, x0 : x1 + 1]
        region = heat[index, y0 : y1 + 1, x0 : x1 + 1]
        weighted = region * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
        best = np.unravel_index(int(weighted.argmax()), weighted.shape)
        placed[index] = columns[best], rows[best]
        warm[index] = region[best]
    return Guide(xy=placed, heat=warm, extent=extent, score=score)


def _is_same(one: Guide, other: Guide) -> bool:
    seen = (one.heat >= POINT_LEAST) & (other.heat >= POINT_LEAST)
    if not seen.any():
        return bool(np.linalg.norm(one.xy.mean(0) - other.xy.mean(0)) < SAME_PERSON * one.extent)
    return bool(np.linalg.norm(one.xy - other.xy, axis=1)[seen].mean() < SAME_PERSON * min(one.extent, other.extent))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guidance:
    """What guides add.

    Attributes:
        peaks: all peaks, with those that only guides show.
        bones: between the joints of each guide.
        evidence: 0-1, how surely there is somebody, by the peak of the neck.
    """

    peaks: list[Peak]
    bones: list[BodyBone]
    evidence: dict[int, float]


def guidance(peaks: Sequence[Peak], guides: Sequence[Guide], maps: BodyMaps) -> Guidance:
    """Returns the peaks with those that only guides show, and the bones between the joints of each guide.

    Args:
        peaks: see `limbfix.body_bones.body_peaks`.
        guides: of the same view.
        maps: of the same view.
    """
    every = list(peaks)
    bones: dict[tuple[int, int, int], BodyBone] = {}
    evidence: dict[int, float] = {}
    for guide in guides:
        joints = _placed(guide, every)
        neck, _ = joints.get("neck", (None, None))
        if neck is not None:
            evidence[neck] = max(evidence.get(neck, 0.0), evidence_of(guide, maps))
        for row, (inner, outer) in enumerate(BONES):
            for pair in _pairs(inner, outer, joints):
                bones[(row, *pair)] = BodyBone(row=row, inner=pair[0], outer=pair[1], agreement=0.0, guided=True)
    agreed = [_agreed(bone, every, maps) for bone in bones.values()]
    return Guidance(peaks=every, bones=agreed, evidence=evidence)


def evidence_of(guide: Guide, maps: BodyMaps) -> float:
    """Returns how surely a guide is somebody, 0-1: the heat of its hottest points, times how surely our own part map shows a body at them.

    An animal has MoveNet's heat, and our parts, taught on places without people, say no.
    """
    seen = guide.xy[guide.heat >= POINT_LEAST]
    if not len(seen):
        return 0.0
    logits = values_at(maps.parts, seen)
    chances = np.exp(logits - logits.max(0))
    chances /= chances.sum(0)
    nobody = [PARTS.index(name) for name in ("background", "object")]
    return float(np.sort(guide.heat)[-HOTTEST:].mean() * (1 - chances[nobody].sum(0)).mean())


def _agreed(bone: BodyBone, peaks: Sequence[Peak], maps: BodyMaps) -> BodyBone:
    start, end = (np.array([peaks[index].xy]) for index in (bone.inner, bone.outer))
    mean, _ = agreements(maps.fields[2 * bone.row : 2 * bone.row + 2], start, end)
    return replace(bone, agreement=float(np.clip(mean[0], GUIDED, 1.0)))


def _placed(guide: Guide, peaks: list[Peak]) -> dict[str, tuple[int | None, int | None]]:
    """Returns the peaks of a guide's joints, left and right (both the same for neck and head); adds those that are not there."""
    found: dict[str, tuple[int | None, int | None]] = {}
    near, near_root = max(NEAR_PEAK, NEAR_SHARE * guide.extent), max(NEAR_ROOT, ROOT_SHARE * guide.extent)
    for name, sides in PUBLISHED.items():
        left, right = (_peak(name, guide.xy[p], guide.heat[p], peaks, near) for p in sides)
        found[name] = (left, right)
    for name, points in (("neck", PUBLISHED["shoulder"]), ("head", EARS), ("head", FACE)):
        heat = guide.heat[list(points)]
        if name in found or heat.min() < POINT_LEAST:
            continue
        one = _peak(name, guide.xy[list(points)].mean(0), float(heat.mean()), peaks, near_root)
        found[name] = (one, one)
    return found


def _peak(name: str, xy: np.ndarray, heat: float, peaks: list[Peak], near: float) -> int | None:
    """Returns the index of the peak of a kind that lies nearest to a place; a new one where none is near, and None where it is cold."""
    if heat < POINT_LEAST:
        return None
    kind = JOINTS.index(name)
    gaps = [(float(np.hypot(*(np.array(peak.xy) - xy))), i) for i, peak in enumerate(peaks) if peak.kind == kind]
    if gaps and min(gaps)[0] <= near:
        return min(gaps)[1]
    peaks.append(Peak(kind=kind, xy=(float(xy[0]), float(xy[1])), heat=float(heat)))
    return len(peaks) - 1


def _pairs(inner: str, outer: str, joints: dict[str, tuple[int | None, int | None]]) -> list[tuple[int, int]]:
    """Returns the pairs of peaks that a bone may join, side by side."""
    pairs = itertools.zip_longest(joints.get(inner, ()), joints.get(outer, ()))
    return sorted({(a, b) for a, b in pairs if a is not None and b is not None})
