"""Which bones do the body parser's maps show? Peaks of the heatmaps, joined along vector fields; no number of them is assumed.

Follows the greedy bipartite matching of Z. Cao et al., "Realtime multi-person 2D pose estimation using part affinity fields", 2017, with
two differences: a joint may have more than one outward bone (a third arm out of one shoulder) where both are clear, and a bone
needs no person to belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from limbfix.digit_assembly import Peak, find_peaks, follows
from limbfix.nets.body_maps import (
    BONES,
    CENTRE_CHANNELS,
    CENTRE_UNIT,
    COVERED_CHANNELS,
    ENDS,
    JOINTS,
    PARTS,
    SIDE_CHANNELS,
    STRIDE,
)

PEAK_LEAST = 0.2
"""Heat of a candidate joint; preliminary."""

LINK_LEAST = 0.35
"""Mean agreement of a bone with its field, -1 to 1; as for digits."""

LINK_SHARE, ALONG_LEAST = 0.7, 0.15
"""Share of a bone's samples that must agree with the field at all, and from which agreement: a bone that leaps over a gap between two
people has a fair mean and a hole. As in OpenPose, which asks for 0.8 of the samples at 0.05; our fields are coarser."""

FORK_LEAST = 0.7
"""Agreement that both bones out of one joint need; as for digits."""

SAME_AIM, STRANGERS_COST = 0.35, 0.2
"""Of a bone's length: how far apart the necks may lie that its two joints point at; and what a bone between joints that point at different
necks loses in the ranking. Such a bone never forks: where two people overlap, their fields do. Preliminary."""

LONGEST_BONE = 0.6
"""Of the longer side of the maps. Of somebody who fills the picture, neck to hip is about a third, a thigh a quarter."""

LEAST_BONE = 0.25
"""Cells. Nearer joints lie at one place: no field says anything between them. Guides may join them all the same."""

MOST_PEAKS = 512
"""Of one kind, the hottest ones: bounds memory and time on noise. People have two of a kind, so 256 people still fit."""

CENTRE_CELLS = CENTRE_UNIT / STRIDE
"""Cells in the unit of the `centre` map."""

_PAIRS = 16384
"""Candidate bones that are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyMaps:
    """What the body parser says of one view; cells of `STRIDE` px.

    Attributes:
        heat: (10, h, w) 0-1, see `JOINTS` of `limbfix.nets.body_maps`, as for all others.
        fields: (18, h, w), see `BONES`.
        centre: (2, h, w), from a cell to its person's neck, in `CENTRE_CELLS` cells.
        side: (1, h, w) logits; above 0 is the subject's left.
        covered: (1, h, w) logits; above 0 is covered by clothes.
        parts: (10, h, w) logits of `PARTS`.
        ends: (3, h, w) 0-1, see `ENDS`.
    """

    heat: np.ndarray
    fields: np.ndarray
    centre: np.ndarray
    side: np.ndarray
    covered: np.ndarray
    parts: np.ndarray
    ends: np.ndarray

    def __post_init__(self) -> None:
        channels = {
            "heat": len(JOINTS), "fields": 2 * len(BONES), "centre": CENTRE_CHANNELS, "side": SIDE_CHANNELS,
            "covered": COVERED_CHANNELS, "parts": len(PARTS), "ends": len(ENDS),
        }  # fmt: skip
        cells = self.heat.shape[1:]
        for name, count in channels.items():
            if getattr(self, name).shape != (count, *cells) or len(cells) != 2:
                raise ValueError(
                    f"BodyMaps.{name}: expected ({count}, h, w) like heat, got {getattr(self, name).shape}"
                )

    def mirrored(self) -> BodyMaps:
        """Returns the maps as they would be of the view seen in a mirror: x turns round, left becomes right."""
        turned = {name: getattr(self, name)[:, :, ::-1].copy() for name in BodyMaps.__slots__}
        turned["fields"][0::2] *= -1
        turned["centre"][0] *= -1
        turned["side"] *= -1
        return BodyMaps(**turned)

    @property
    def longest(self) -> int:
        """Cells along the longer side."""
        return max(self.heat.shape[1:])


def mean_maps(first: BodyMaps, second: BodyMaps) -> BodyMaps:
    """Returns the mean of two views of one picture."""
    return BodyMaps(**{name: (getattr(first, name) + getattr(second, name)) / 2 for name in BodyMaps.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyBone:
    """Two peaks that a field joins.

    Attributes:
        row: of `BONES`.
        inner, outer: indices into the list of peaks.
        agreement: 0-1.
        of_one: whether both joints point at one neck.
        guided: whether MoveNet joins them too, see `limbfix.body_guides`.
    """

    row: int
    inner: int
    outer: int
    agreement: float
    of_one: bool = True
    guided: bool = False


def body_peaks(heat: np.ndarray) -> list[Peak]:
    """Returns the candidate joints of (10, h, w) heatmaps, hottest first within a kind, at most `MOST_PEAKS` of each."""
    kept: list[Peak] = []
    for kind in range(len(heat)):
        kept += [replace(peak, kind=kind) for peak in find_peaks(heat[kind : kind + 1], PEAK_LEAST)[:MOST_PEAKS]]
    return kept


def values_at(values: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Returns the values (..., n) of maps (..., h, w) in the cells of points (n, 2), the nearest one for points outside."""
    height, width = values.shape[-2:]
    columns, rows = xy.round().astype(np.intp).clip(0, (width - 1, height - 1)).T
    return values[..., rows, columns]


def agreements(field: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns how well lines follow a field (2, h, w), and on which share of each they follow it at all; (n,) each.

    Args:
        field: unit vectors, 0 off the bones.
        starts, ends: (n, 2) cells.
    """
    along = follows(field, starts, ends)
    return along.mean(1), (along >= ALONG_LEAST).mean(1)


def join_bones(peaks: list[Peak], maps: BodyMaps, given: Sequence[BodyBone] = ()) -> list[BodyBone]:
    """Joins peaks along the fields: best bones first, one inward bone for each joint, forks only where both bones are clear.

    A neck is no limb's joint: any number of shoulders, hips and heads may hang on it.

    Args:
        peaks: of the maps.
        maps: with the fields.
        given: bones that guides show; they come before all others.
    """
    bones: list[BodyBone] = []
    for row, (inner_name, outer_name) in enumerate(BONES):
        inner = [i for i, peak in enumerate(peaks) if peak.kind == JOINTS.index(inner_name)]
        outer = [i for i, peak in enumerate(peaks) if peak.kind == JOINTS.index(outer_name)]
        if inner and outer:
            known = [bone for bone in given if bone.row == row]
            candidates = [*known, *_candidates(row, inner, outer, peaks, maps)]
            bones += _chosen(candidates, peaks, may_branch=inner_name == "neck")
    return bones


def _candidates(row: int, inner: list[int], outer: list[int], peaks: list[Peak], maps: BodyMaps) -> list[BodyBone]:
    field = maps.fields[2 * row : 2 * row + 2]
    a, b = (np.array([peaks[i].xy for i in indices]) for indices in (inner, outer))
    aims_a, aims_b = a + _offsets(a, maps), b + _offsets(b, maps)
    gaps = np.linalg.norm(a[:, None] - b[None], axis=2)
    pairs = np.argwhere((gaps <= LONGEST_BONE * maps.longest) & (gaps > LEAST_BONE))
    found = []
    for start in range(0, len(pairs), _PAIRS):
        i, o = pairs[start : start + _PAIRS].T
        mean, share = agreements(field, a[i], b[o])
        of_one = np.hypot(*(aims_a[i] - aims_b[o]).T) <= SAME_AIM * np.maximum(gaps[i, o], 4.0)
        for k in np.flatnonzero((mean >= LINK_LEAST) & (share >= LINK_SHARE)):
            value = min(1.0, float(mean[k]))
            found.append(
                BodyBone(row=row, inner=inner[i[k]], outer=outer[o[k]], agreement=value, of_one=bool(of_one[k]))
            )
    return found


def _offsets(xy: np.ndarray, maps: BodyMaps) -> np.ndarray:
    """Returns (n, 2) cells: the way from points (n, 2) to the necks that they point at."""
    return values_at(maps.centre, xy).T * CENTRE_CELLS


def _chosen(candidates: list[BodyBone], peaks: list[Peak], *, may_branch: bool) -> list[BodyBone]:
    # between equal agreements the hotter pair wins, and a joint that two want goes to the nearer one
    def rank(bone: BodyBone) -> tuple[float, float]:
        a, b = peaks[bone.inner], peaks[bone.outer]
        gap = float(np.hypot(a.xy[0] - b.xy[0], a.xy[1] - b.xy[1]))
        return -round(
            bone.guided + bone.agreement + 0.1 * (a.heat + b.heat) - STRANGERS_COST * (not bone.of_one), 2
        ), gap

    chosen: list[BodyBone] = []
    has_inward: set[int] = set()
    first: dict[int, float] = {}
    for bone in sorted(candidates, key=rank):
        is_fork = bone.inner in first and not may_branch
        is_clear = bone.of_one and min(bone.agreement, first.get(bone.inner, 0.0)) >= FORK_LEAST
        if bone.outer in has_inward or (is_fork and not is_clear and not bone.guided):
            continue
        chosen.append(bone)
        has_inward.add(bone.outer)
        first.setdefault(bone.inner, bone.agreement)
    return chosen
