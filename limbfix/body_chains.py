"""Which limbs do the bones make? Chains from a shoulder or hip outwards, as many as there are; a chain may begin at any joint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limbfix.bodies import LIMB_JOINTS, LimbKind
from limbfix.body_bones import CENTRE_CELLS, LEAST_BONE, BodyBone, BodyMaps, values_at
from limbfix.body_places import Ground, What, fan
from limbfix.digit_assembly import Peak
from limbfix.nets.body_maps import BONES, JOINTS

LONELY_LEAST = 0.5
"""Heat that a hand or foot needs when no bone leads to it: one that peeks out from behind something."""

OPEN_SHARE, BODY_SHARE = 0.6, 0.15
"""A chain begins in the open if at least this share of what lies before its beginning is background, and at most this share is somebody
or something: preliminary, read off drawn figures; to be fitted on rendered `detached_limb` and its twins."""

DOUBLE_GAP = 0.2
"""Two limbs of one person whose joints all lie within this share of their longest bone are one limb seen twice. Two fingers' width on an
arm: two arms that lie so close show one outline."""

BRIDGE, BONE_OF_SIZE = 1.6, 0.5
"""How many bone lengths may lie between two pieces of one limb whose middle is hidden; and the least length of a bone in sizes of its person
(neck to hips): half a forearm's, as foreshortening shows them, because a piece may be a hand alone."""

KIND_OF = {JOINTS.index(name): kind for kind, names in LIMB_JOINTS.items() for name in names}
"""Limb kind of each kind of peak that belongs to a limb."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """One limb, or a piece of one, in cells.

    Attributes:
        kind: arm or leg.
        peaks: indices of its peaks, from the trunk outwards.
        joints, xy, heat: their names, (k, 2) cells, and (k,) 0-1.
        score: 0-1, mean heat times mean agreement of its bones; half the heat where it has no bone.
        neck: index of the peak of the neck that a bone leads to from its beginning, or None.
        forked: whether it shares a joint with another chain.
        is_open: whether it begins in the open.
        aim: (2,) cells, the neck that its pixels point at.
    """

    kind: LimbKind
    peaks: tuple[int, ...]
    joints: tuple[str, ...]
    xy: np.ndarray
    heat: np.ndarray
    score: float
    neck: int | None
    forked: bool
    is_open: bool
    aim: np.ndarray

    @property
    def first(self) -> int:
        """Place of its first joint in `LIMB_JOINTS`."""
        return LIMB_JOINTS[self.kind].index(self.joints[0])

    @property
    def last(self) -> int:
        """Place of its last joint in `LIMB_JOINTS`."""
        return LIMB_JOINTS[self.kind].index(self.joints[-1])

    @property
    def longest_bone(self) -> float:
        """Cells; 0 without a bone."""
        steps = np.linalg.norm(np.diff(self.xy, axis=0), axis=1)
        return float(steps.max()) if len(steps) else 0.0


def find_chains(peaks: Sequence[Peak], bones: Sequence[BodyBone], maps: BodyMaps, ground: Ground) -> list[Chain]:
    """Returns a chain for every outer end, shoulders and hips without a limb among them; faint joints without a bone are left out.

    Args:
        peaks: see `limbfix.body_bones.body_peaks`.
        bones: between them.
        maps: of the same view.
        ground: of the same view; whose pixels are whose need not be known.
    """
    inward = {bone.outer: bone for bone in bones}
    outward = {bone.inner for bone in bones if BONES[bone.row][0] != "neck"}
    ends = [i for i, peak in enumerate(peaks) if peak.kind in KIND_OF and i not in outward]
    paths = [path for end in ends if _stands(path := _path(end, inward, peaks), inward, peaks)]
    uses = np.bincount([i for path in paths for i in path], minlength=len(peaks)) if paths else np.zeros(0, int)
    return [_chain(path, peaks, inward, maps, ground, forked=any(uses[i] > 1 for i in path)) for path in paths]


def _path(end: int, inward: dict[int, BodyBone], peaks: Sequence[Peak]) -> tuple[int, ...]:
    path = [end]
    while path[-1] in inward and peaks[inward[path[-1]].inner].kind in KIND_OF:
        path.append(inward[path[-1]].inner)
    return tuple(path[::-1])


def _stands(path: Sequence[int], inward: dict[int, BodyBone], peaks: Sequence[Peak]) -> bool:
    """Whether a path is more than a faint joint: it has a bone, or is a clear hand or foot, or a clear shoulder or hip."""
    first = path[0]
    return len(path) > 1 or first in inward or peaks[first].heat >= LONELY_LEAST


def _chain(
    path: tuple[int, ...],
    peaks: Sequence[Peak],
    inward: dict[int, BodyBone],
    maps: BodyMaps,
    ground: Ground,
    *,
    forked: bool,
) -> Chain:
    xy = np.array([peaks[i].xy for i in path])
    heat = np.array([peaks[i].heat for i in path])
    bones = [inward[i].agreement for i in path if i in inward]
    score = float(heat.mean()) * (float(np.mean(bones)) if bones else 0.5)
    neck = inward[path[0]].inner if path[0] in inward else None
    return Chain(
        kind=KIND_OF[peaks[path[0]].kind],
        peaks=path,
        joints=tuple(JOINTS[peaks[i].kind] for i in path),
        xy=xy,
        heat=heat,
        score=min(1.0, score),
        neck=neck,
        forked=forked,
        is_open=neck is None and _begins_in_the_open(xy, ground),
        aim=aim_of(xy, maps),
    )


def aim_of(xy: np.ndarray, maps: BodyMaps) -> np.ndarray:
    """Returns (2,) cells: the neck that the pixels at some points (n, 2) and between them point at, by the median."""
    between = (xy[1:] + xy[:-1]) / 2
    points = np.concatenate([xy, between])
    return np.median(points + values_at(maps.centre, points).T * CENTRE_CELLS, axis=0)


def _begins_in_the_open(xy: np.ndarray, ground: Ground) -> bool:
    """Whether background lies before a chain's beginning: no body, nothing that hides one, no frame."""
    if len(xy) < 2:
        return False  # where a single joint comes from, nobody knows
    back = xy[0] - xy[1]
    length = float(np.linalg.norm(back))
    if length <= LEAST_BONE:
        return False  # two joints at one place point nowhere
    lies = ground.at(fan(xy[0], back, length, 75, (0.4, 0.65, 0.9)), None)
    is_clear = np.isin(lies, (What.OBJECT, What.OTHER)).mean() <= BODY_SHARE
    return bool(is_clear and (lies == What.BACKGROUND).mean() >= OPEN_SHARE)


def bridged(chains: Sequence[Chain], size: float) -> list[Chain]:
    """Returns the chains of one person, pieces of one limb whose middle is hidden joined, nearest first.

    A piece joins a chain that ends further in, if a bone could reach, and if it does not begin in the open. A shoulder or hip
    alone may be the beginning.

    Args:
        chains: of one person.
        size: of that person, cells from neck to hips; 0 where it is not known.
    """
    left = list(chains)
    while pair := _nearest_pieces(left, BONE_OF_SIZE * size):
        _, i, j = pair
        joined = _joined(left[i], left[j])
        left = [chain for k, chain in enumerate(left) if k not in (i, j)] + [joined]
    return left


def _nearest_pieces(chains: list[Chain], least_bone: float) -> tuple[float, int, int] | None:
    found = []
    for j, piece in enumerate(chains):
        if piece.first == 0 or piece.is_open or piece.neck is not None:
            continue
        for i, root in enumerate(chains):
            if i == j or root.kind is not piece.kind or root.last >= piece.first:
                continue
            length = max(root.longest_bone, piece.longest_bone, least_bone)
            hidden = piece.first - root.last
            gap = float(np.linalg.norm(root.xy[-1] - piece.xy[0]))
            if length > 0 and gap <= BRIDGE * hidden * length:
                found.append((gap / (hidden * length), i, j))
    return min(found, default=None)


def _joined(inner: Chain, outer: Chain) -> Chain:
    count = len(inner.joints) + len(outer.joints)
    return Chain(
        kind=inner.kind,
        peaks=inner.peaks + outer.peaks,
        joints=inner.joints + outer.joints,
        xy=np.concatenate([inner.xy, outer.xy]),
        heat=np.concatenate([inner.heat, outer.heat]),
        score=(inner.score * len(inner.joints) + outer.score * len(outer.joints)) / count,
        neck=inner.neck,
        forked=inner.forked or outer.forked,
        is_open=inner.is_open,
        aim=inner.aim,
    )


def distinct(chains: Sequence[Chain]) -> list[Chain]:
    """Returns the chains of one person without limbs that are seen twice, surest first."""
    kept: list[Chain] = []
    for chain in sorted(chains, key=lambda chain: (-len(chain.joints), -chain.score)):
        if not any(_is_double(chain, other) for other in kept):
            kept.append(chain)
    return kept


def _is_double(chain: Chain, other: Chain) -> bool:
    if chain.kind is not other.kind or not set(chain.joints) <= set(other.joints) or len(chain.joints) < 2:
        return False
    length = max(chain.longest_bone, other.longest_bone)
    there = np.array([other.xy[other.joints.index(name)] for name in chain.joints])
    return bool(np.linalg.norm(chain.xy - there, axis=1).max() <= DOUBLE_GAP * length)
