"""Which digits do the parser's maps show? Peaks are joined along vector fields into as many digits as there are; no number is assumed.

Follows the greedy assembly of Z. Cao et al., "Realtime multi-person 2D pose estimation using part affinity fields", 2017, with two
differences: a joint may have more than one outward bone (a forked digit has two tips), and a digit may begin at any joint (its root
may be hidden). Counting is counting of outer ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

JOINTS = ("wrist", "mcp", "pip", "dip", "tip")
"""Joint kinds from the wrist outwards; one heatmap each. A thumb's CMC, MCP, IP and tip count as mcp, pip, dip and tip."""

PHALANGES = ((0, 1), (1, 2), (2, 3), (3, 4))
"""(inner, outer) joint kinds; two field channels each."""

PEAK_LEAST = 0.15
"""Heat of a candidate joint. Low on purpose: which lines are digits is judged later, by `limbfix.digit_beliefs`."""

LONELY_LEAST = 0.35
"""Heat that a tip needs when no bone leads to it: a fingertip that peeks out from behind something."""

LINK_LEAST = 0.3
"""Mean agreement of a bone with its field, -1 to 1. 0.3 is the cosine of about 72 degrees, as noisy fields of true bones have."""

FORK_LEAST = 0.7
"""Agreement that a second bone out of one joint needs. A true fork has two clear bones; a crossing has one clear and one faint."""

SAMPLES = 10
"""Points along a candidate bone at which the field is read."""

LONGEST_BONE = 0.6
"""Of the crop's side. A phalanx is seldom longer than a quarter, a metacarpal than half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """A candidate joint.

    Attributes:
        kind: index in `JOINTS`.
        xy: cells of the map, from the centre of its first cell; sub-cell.
        heat: 0-1.
    """

    kind: int
    xy: tuple[float, float]
    heat: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bone:
    """Two peaks that a field joins: indices into the list of peaks, and the agreement."""

    inner: int
    outer: int
    agreement: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitLine:
    """One digit.

    Attributes:
        joints: joint name -> (x, y) in cells, from the innermost that was found outwards.
        score: 0-1, mean heat of its joints times mean agreement of its bones; a lonely tip has its heat alone, halved.
        forked: whether it shares an inner joint with another digit.
    """

    joints: Mapping[str, tuple[float, float]]
    score: float
    forked: bool

    @property
    def polyline(self) -> np.ndarray:
        """(k, 2) float64 cells, from the palm outwards."""
        return np.array(list(self.joints.values()), np.float64).reshape(-1, 2)


def find_peaks(heatmaps: np.ndarray, least: float = PEAK_LEAST) -> list[Peak]:
    """Returns all local maxima of the heatmaps (5, h, w), hottest first within a kind.

    A plateau gives one peak. Positions are refined by a parabola through the neighbours along each axis.
    """
    peaks = []
    for kind, heat in enumerate(heatmaps):
        padded = np.pad(heat, 1, constant_values=-np.inf)
        around = [padded[1 + dy : 1 + dy + heat.shape[0], 1 + dx : 1 + dx + heat.shape[1]] for dy, dx in _NEIGHBOURS]
        # strictly above the neighbours that come before it, so that of two equal cells one is taken
        above = [heat > n if before else heat >= n for before, n in zip(_BEFORE, around, strict=True)]
        is_peak = np.all(above, axis=0)
        rows, columns = np.nonzero(is_peak & (heat >= least))
        found = [
            Peak(kind=kind, xy=_refined(heat, int(r), int(c)), heat=float(heat[r, c]))
            for r, c in zip(rows, columns, strict=True)
        ]
        peaks += sorted(found, key=lambda peak: -peak.heat)
    return peaks


_NEIGHBOURS = tuple((dy, dx) for dy, dx in product((-1, 0, 1), repeat=2) if (dy, dx) != (0, 0))
_BEFORE = tuple(offset < (0, 0) for offset in _NEIGHBOURS)


def _refined(heat: np.ndarray, row: int, column: int) -> tuple[float, float]:
    def offset(low: float, middle: float, high: float) -> float:
        curve = low - 2 * middle + high
        return 0.0 if curve >= 0 else float(np.clip((low - high) / (2 * curve), -0.5, 0.5))

    height, width = heat.shape
    x = offset(*heat[row, column - 1 : column + 2]) if 0 < column < width - 1 else 0.0
    y = offset(*heat[row - 1 : row + 2, column]) if 0 < row < height - 1 else 0.0
    return float(column + x), float(row + y)


def agreement(field: np.ndarray, start: tuple[float, float], end: tuple[float, float]) -> float:
    """Returns the mean of a field (2, h, w) along a line, projected on the line's direction; -1 to 1."""
    return float(agreements(field, np.array([start]), np.array([end]))[0, 0])


def agreements(field: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Returns (n, m): the mean of a field (2, h, w) along the line from each of n starts to each of m ends; 0 for a line without length."""
    return follows(field, starts[:, None], ends[None]).mean(-1)


def follows(field: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Returns (..., `SAMPLES`): a field (2, h, w) at points along lines, projected on each line's direction; 0 for a line without length.

    Args:
        field: unit vectors, 0 off the bones.
        starts, ends: (..., 2) cells; they broadcast.
    """
    way = ends - starts
    length = np.linalg.norm(way, axis=-1, keepdims=True)
    unit = way / np.maximum(length, 1e-6)
    points = starts[..., None, :] + np.linspace(0, 1, SAMPLES)[:, None] * way[..., None, :]
    columns = points[..., 0].round().astype(np.intp).clip(0, field.shape[2] - 1)
    rows = points[..., 1].round().astype(np.intp).clip(0, field.shape[1] - 1)
    along = field[0][rows, columns] * unit[..., :1] + field[1][rows, columns] * unit[..., 1:]
    return np.where(length < 1e-6, 0.0, along)


def join_bones(peaks: list[Peak], fields: np.ndarray) -> list[Bone]:
    """Joins peaks along the fields (8, h, w): best bones first, one inward bone for each joint, forks only where both are clear."""
    longest = LONGEST_BONE * max(fields.shape[1:])
    bones: list[Bone] = []
    for row, (inner_kind, outer_kind) in enumerate(PHALANGES):
        field = fields[2 * row : 2 * row + 2]
        inner = [i for i, peak in enumerate(peaks) if peak.kind == inner_kind]
        outer = [i for i, peak in enumerate(peaks) if peak.kind == outer_kind]
        if not inner or not outer:
            continue
        starts, ends = (np.array([peaks[i].xy for i in chosen]) for chosen in (inner, outer))
        agreed = agreements(field, starts, ends)
        near = np.linalg.norm(ends[None] - starts[:, None], axis=2) <= longest
        candidates = [
            Bone(inner=inner[i], outer=outer[o], agreement=float(agreed[i, o]))
            for i, o in zip(*np.nonzero(near & (agreed >= LINK_LEAST)), strict=True)
        ]
        # between equal agreements the hotter pair wins
        candidates.sort(key=lambda bone: -(bone.agreement + 0.1 * (peaks[bone.inner].heat + peaks[bone.outer].heat)))
        has_inward: set[int] = set()
        has_outward: set[int] = set()
        for bone in candidates:
            taken = bone.inner in has_outward and inner_kind != 0
            if bone.outer in has_inward or (taken and bone.agreement < FORK_LEAST):
                continue
            bones.append(bone)
            has_inward.add(bone.outer)
            has_outward.add(bone.inner)
    return bones


def assemble_digits(heatmaps: np.ndarray, fields: np.ndarray) -> tuple[DigitLine, ...]:
    """Returns every digit that the maps show, in the order of their outer ends around the wrist (or by position without one).

    Args:
        heatmaps: (5, h, w) 0-1, see `JOINTS`.
        fields: (8, h, w), see `PHALANGES`.

    Raises:
        ValueError: the maps do not have these shapes.
    """
    if heatmaps.ndim != 3 or len(heatmaps) != len(JOINTS) or fields.shape != (2 * len(PHALANGES), *heatmaps.shape[1:]):
        raise ValueError(f"expected maps (5, h, w) and (8, h, w), got {heatmaps.shape} and {fields.shape}")
    peaks = find_peaks(heatmaps)
    bones = join_bones(peaks, fields)
    inward = {bone.outer: bone for bone in bones}
    outward = {bone.inner for bone in bones}
    ends = [i for i, peak in enumerate(peaks) if peak.kind >= 2 and i not in outward]
    chains = [_chain(end, inward) for end in ends]
    kept = [chain for chain in chains if len(chain) > 1 or _may_stand_alone(peaks[chain[0]])]
    uses = np.bincount([i for chain in kept for i in chain if peaks[i].kind > 0], minlength=len(peaks)) if kept else []
    digits = [_digit(chain, peaks, inward, uses) for chain in kept]
    return _in_order(digits, peaks)


def _may_stand_alone(peak: Peak) -> bool:
    return JOINTS[peak.kind] == "tip" and peak.heat >= LONELY_LEAST


def _chain(end: int, inward: Mapping[int, Bone]) -> list[int]:
    """Returns the peaks from the innermost joint to an outer end, the wrist left out by `_digit`."""
    chain = [end]
    while chain[-1] in inward:
        chain.append(inward[chain[-1]].inner)
    return chain[::-1]


def _digit(chain: list[int], peaks: list[Peak], inward: Mapping[int, Bone], uses: np.ndarray | list) -> DigitLine:
    own = [i for i in chain if peaks[i].kind > 0]
    bones = [inward[i].agreement for i in own if i in inward]
    heat = float(np.mean([peaks[i].heat for i in own]))
    score = heat * float(np.clip(np.mean(bones), 0, 1)) if bones else heat / 2
    joints = {JOINTS[peaks[i].kind]: peaks[i].xy for i in own}
    return DigitLine(joints=joints, score=score, forked=any(uses[i] > 1 for i in own))


def _in_order(digits: list[DigitLine], peaks: list[Peak]) -> tuple[DigitLine, ...]:
    wrists = [peak for peak in peaks if peak.kind == 0]
    if not wrists or not digits:
        return tuple(sorted(digits, key=lambda digit: tuple(digit.polyline[-1])))
    centre = np.array(wrists[0].xy)
    ends = np.array([digit.polyline[-1] for digit in digits]) - centre
    ahead = np.arctan2(*ends.mean(0)[::-1])
    angles = (np.arctan2(ends[:, 1], ends[:, 0]) - ahead + np.pi) % (2 * np.pi)
    return tuple(digits[i] for i in np.argsort(angles, kind="stable"))
