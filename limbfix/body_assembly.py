"""Who is there, and whose is which limb? Chains are given to people: by bones to a neck, else by where their pixels point.

The first rule is OpenPose's (bones along part affinity fields, `limbfix.body_bones`). The second follows X. Nie et al., "Single-stage
multi-person pose machines", 2019 (SPM): every pixel of a person points at one root, here the neck. SPM was taken and not associative
embedding or PifPaf, because an offset to one root is one map of two channels, can be read at any piece of a limb, and tells
by itself how far off it is. A person is a graph in which any limb may occur 0, 1, 2, 3 ... times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from limbfix.body_bones import BodyBone, BodyMaps, body_peaks, join_bones
from limbfix.body_chains import Chain, bridged, distinct, find_chains
from limbfix.body_guides import Guide, guidance
from limbfix.body_places import Ground, ground_of, owned
from limbfix.digit_assembly import Peak
from limbfix.nets.body_maps import BONES, JOINTS

NECK_LEAST = 0.5
"""Heat of a neck on which no bone hangs."""

SAME_NECK = 0.25
"""Of a person's size: two necks that lie nearer are one, seen twice, if one of them has no limb's bone."""

AIM_GAP = 0.5
"""Of a person's size, or of the way from a chain to the neck it points at: how far its aim may miss. See `ROOT_GAP`."""

LEAST_PIECES = 2
"""Chains that must point at one place where no neck is seen before they are taken for a person: two legs below a wall. One alone is an arm
that reaches in."""

SIZE_OF_BONE, SIZE_OF_HEAD, SIZE_OF_SHOULDER = 1.4, 2.2, 2.6
"""Neck to hips over the longest bone of a limb (a thigh), over neck to the head's middle, and over neck to a shoulder; for people whose
hips are not seen. ANSUR II men: 58 cm over 42, 25 and 21, rounded."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PersonTrace:
    """One person in cells.

    Attributes:
        neck, head: (2,), or None where they are not seen.
        root: (2,), the neck, or where its pixels point to.
        shoulders, hips: (n, 2), as many as are seen.
        limbs: chains with a bone or a clear end.
        score: 0-1, mean of what was joined, or the evidence of a guide if that is more.
        size: neck to the middle of the hips, or an estimate.
    """

    neck: np.ndarray | None
    head: np.ndarray | None
    root: np.ndarray
    shoulders: np.ndarray
    hips: np.ndarray
    limbs: tuple[Chain, ...]
    score: float
    size: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyTraces:
    """Everybody in one view, from left to right; chains that are nobody's; and the ground with its owners."""

    people: tuple[PersonTrace, ...]
    loose: tuple[Chain, ...]
    ground: Ground


@dataclass(slots=True, kw_only=True)
class _Group:
    """A person in the making."""

    neck: int | None
    root: np.ndarray
    head: np.ndarray | None
    size: float
    scores: list[float]
    chains: list[Chain]
    evidence: float = 0.0


def assemble_bodies(
    maps: BodyMaps, room_xyxy: tuple[float, float, float, float] | None = None, guides: Sequence[Guide] = ()
) -> BodyTraces:
    """Returns everybody that the maps show.

    Args:
        maps: of one view.
        room_xyxy: cells, where the picture lies in the view; None: everywhere.
        guides: people whom MoveNet sees in it.
    """
    ground = ground_of(maps, room_xyxy)
    guide = guidance(body_peaks(maps.heat), guides, maps)
    peaks = guide.peaks
    bones = join_bones(peaks, maps, guide.bones)
    chains = find_chains(peaks, bones, maps, ground)
    groups = _distinct_necks(_groups_by_neck(peaks, bones, chains, guide.evidence))
    rest = _give_by_aim(groups, [chain for chain in chains if chain.neck is None])
    hidden, loose = _groups_by_aim(rest)
    people = sorted((_person(group) for group in (*groups, *hidden)), key=lambda one: float(one.root[0]))
    loose = [chain for chain in loose if len(chain.joints) > 1]
    ground = owned(ground, maps, [one.root for one in people], [one.size for one in people])
    return BodyTraces(people=tuple(people), loose=tuple(distinct(loose)), ground=ground)


def _groups_by_neck(
    peaks: Sequence[Peak], bones: Sequence[BodyBone], chains: Sequence[Chain], evidence: Mapping[int, float]
) -> list[_Group]:
    on_neck: dict[int, list[BodyBone]] = {}
    for bone in bones:
        if BONES[bone.row][0] == "neck":
            on_neck.setdefault(bone.inner, []).append(bone)
    own: dict[int, list[Chain]] = {}
    for chain in chains:
        if chain.neck is not None:
            own.setdefault(chain.neck, []).append(chain)
    groups = []
    for index, peak in enumerate(peaks):
        if JOINTS[peak.kind] != "neck" or (index not in on_neck and peak.heat < NECK_LEAST):
            continue
        hung = on_neck.get(index, [])
        root = np.array(peak.xy)
        heads = [np.array(peaks[bone.outer].xy) for bone in hung if JOINTS[peaks[bone.outer].kind] == "head"]
        mine = own.get(index, [])
        scores = [peak.heat, *(bone.agreement * peaks[bone.outer].heat for bone in hung)]
        head = heads[0] if heads else None
        size, seen = _size(root, head, mine), evidence.get(index, 0.0)
        groups.append(_Group(neck=index, root=root, head=head, size=size, scores=scores, chains=mine, evidence=seen))
    return groups


def _size(root: np.ndarray, head: np.ndarray | None, chains: Sequence[Chain]) -> float:
    """Returns neck to hips in cells, or the best estimate from what is there; 0 where there is nothing."""
    hips = [chain.xy[0] for chain in chains if chain.joints[0] == "hip"]
    if hips:
        return float(np.linalg.norm(np.mean(hips, 0) - root))
    shoulders = [float(np.linalg.norm(chain.xy[0] - root)) for chain in chains if chain.joints[0] == "shoulder"]
    estimates = [SIZE_OF_BONE * max((chain.longest_bone for chain in chains), default=0.0)]
    estimates += [SIZE_OF_SHOULDER * max(shoulders, default=0.0)]
    estimates += [SIZE_OF_HEAD * float(np.linalg.norm(head - root))] if head is not None else []
    return max(estimates)


def _distinct_necks(groups: list[_Group]) -> list[_Group]:
    """Drops necks that are another's, seen twice: they hold no limb and lie next to one that does."""
    kept: list[_Group] = []
    for group in sorted(groups, key=lambda group: (-len(group.chains), -sum(group.scores))):
        near = (np.linalg.norm(group.root - one.root) <= max(SAME_NECK * one.size, 1.5) for one in kept)
        if group.chains or not any(near):
            kept.append(group)
    return kept


def _give_by_aim(groups: Sequence[_Group], chains: Sequence[Chain]) -> list[Chain]:
    """Gives chains to the person they point at; returns those that point at nobody, or begin in the open."""
    if not groups or not chains:
        return list(chains)
    roots, sizes = np.array([group.root for group in groups]), np.array([group.size for group in groups])
    rest = []
    for chain in chains:
        misses = _misses(chain, roots, sizes)
        best = int(misses.argmin())
        if chain.is_open or misses[best] > 1:
            rest.append(chain)
            continue
        groups[best].chains.append(chain)
        groups[best].scores.append(chain.score)
    return rest


def _misses(chain: Chain, roots: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns how far a chain's aim misses roots (n, 2) of people of some sizes (n,); 1 = as far as it may."""
    way = np.hypot(*(chain.aim - chain.xy.mean(0)))
    allowed = np.maximum(AIM_GAP * np.where(sizes > 0, sizes, way), 1.5)
    return np.hypot(*(chain.aim - roots).T) / allowed


def _groups_by_aim(chains: Sequence[Chain]) -> tuple[list[_Group], list[Chain]]:
    """Returns people whose neck is not seen, from chains that point at one place, and the chains that are nobody's."""
    waiting = sorted((chain for chain in chains if not chain.is_open), key=lambda chain: -len(chain.joints))
    groups: list[_Group] = []
    loose = [chain for chain in chains if chain.is_open]
    while waiting:
        first = waiting[0]
        allowed = max(AIM_GAP * float(np.hypot(*(first.aim - first.xy.mean(0)))), 1.5)
        gaps = np.hypot(*(np.array([chain.aim for chain in waiting]) - first.aim).T)
        near = [chain for chain, gap in zip(waiting, gaps, strict=True) if gap <= allowed]
        if len(bridged(near, 0.0)) < LEAST_PIECES or not any(chain.longest_bone for chain in near):
            loose.append(first)
            waiting = waiting[1:]
            continue
        root = np.mean([chain.aim for chain in near], 0)
        scores = [chain.score for chain in near]
        groups.append(_Group(neck=None, root=root, head=None, size=_size(root, None, near), scores=scores, chains=near))
        waiting = [chain for chain in waiting if all(chain is not one for one in near)]
    return groups, loose


def _person(group: _Group) -> PersonTrace:
    ends = ("hand", "foot")
    chains = distinct(bridged(group.chains, group.size))
    limbs = [chain for chain in chains if chain.joints[-1] in ends or len(chain.joints) > 1]
    return PersonTrace(
        neck=group.root if group.neck is not None else None,
        head=group.head,
        root=group.root,
        shoulders=_starts(chains, "shoulder"),
        hips=_starts(chains, "hip"),
        limbs=tuple(sorted(limbs, key=lambda chain: (chain.kind.value, float(chain.xy[0][0]), float(chain.xy[-1][0])))),
        score=min(1.0, max(float(np.mean(group.scores)), group.evidence)),
        size=max(group.size, 1.0),
    )


def _starts(chains: Sequence[Chain], joint: str) -> np.ndarray:
    """Returns (n, 2) cells: the shoulders, or hips, each once, however many limbs fork there."""
    points = {chain.peaks[0]: chain.xy[0] for chain in chains if chain.joints[0] == joint}
    return np.array(sorted(map(tuple, points.values())), np.float64).reshape(-1, 2)
