"""Is a limb that is not seen missing, or hidden? It is missing only where its place is in plain view.

The place is the fan in which an upper arm or thigh could lie, around the torso's shoulder or hip. It is hidden by the frame, by objects, by
other people, and by the body itself seen from the side. `stump` in the network's own map overrules all of it. It cannot see an arm held
exactly behind the trunk from an arm that is not there, if the shoulder's outline is in the open; such an arm shows its upper end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limbfix.bodies import EXPECTED_LIMBS, Absence, LimbKind
from limbfix.body_assembly import PersonTrace
from limbfix.body_bones import BodyMaps, values_at
from limbfix.body_chains import Chain
from limbfix.body_places import Ground, What, fan
from limbfix.geometry import line_distances
from limbfix.limb_ends import END_LEAST, END_REACH, end_heat, side_of
from limbfix.nets.body_maps import ENDS, PARTS
from limbfix.parts import Side

BONES_OF_TORSO = {LimbKind.ARM: (0.58, 0.47), LimbKind.LEG: (0.73, 0.74)}
"""Upper and lower bone over neck to hips: ANSUR II men, acromion-radiale 33.7, radiale-stylion 27, hip-knee 42 and knee-ankle 43 cm over
58 cm."""

SPREAD_DEG = {LimbKind.ARM: 100.0, LimbKind.LEG: 50.0}
"""Around straight down and outwards (arms) or straight down (legs): where an upper arm or a thigh may point and be seen from the front."""

LEAST_WIDTH = {LimbKind.ARM: 0.4, LimbKind.LEG: 0.15}
"""Breadth of shoulders or hips over neck to hips, below which a body is seen from the side and hides its own limbs. Seen from the front:
0.72 and 0.31 (ANSUR II); 0.4 is a turn by 56 degrees. Preliminary, to be fitted on rendered poses."""

CLEAR_AT_JOINT, CLEAR_AT_GUESS = 0.5, 0.65
"""Share of the fan that must be background: where the joint itself is seen, and where it was mirrored from the other one. The trunk takes
a third of an arm's fan. Preliminary."""

MOST_BLOCKED, MOST_LIMB = 0.2, 0.07
"""Share of the fan that may be frame, object or somebody else; and that may show this person's own arm (leg) pixels: they may be the very
limb whose joints were not found (a hanging arm covers a tenth of its fan). Preliminary."""

OTHER_LIMB, MOST_BEHIND = 0.22, 0.45
"""Of neck to hips: what lies this near to the line of the limb that is there shows that limb and says nothing of the other; and the share
of the fan that it may take before it hides the other one (a leg behind a leg). Half a trouser leg is 0.2. Preliminary."""

LEAST_SIZE = 5.0
"""Cells from neck to hips; on smaller people a limb is a cell wide."""

_OWN_PARTS = {
    LimbKind.ARM: tuple(PARTS.index(name) for name in ("upper_arm", "forearm", "hand")),
    LimbKind.LEG: tuple(PARTS.index(name) for name in ("thigh", "shin", "foot")),
}
_START = {LimbKind.ARM: "shoulder", LimbKind.LEG: "hip"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AbsentTrace:
    """A limb that is not seen, in cells: see `limbfix.bodies.AbsentLimb`."""

    kind: LimbKind
    side: Side
    state: Absence
    clear: float
    place: np.ndarray | None


def absent_limbs(person: PersonTrace, index: int, maps: BodyMaps, ground: Ground) -> list[AbsentTrace]:
    """Returns an entry for each arm and leg that two of each lack.

    Args:
        person: index of the person in the ground's owners is `index`.
        maps: of the view.
        ground: of the view, with its owners.
    """
    found = []
    for kind in LimbKind:
        limbs = [chain for chain in person.limbs if chain.kind is kind]
        joints = _bare_joints(person, kind, limbs)
        for side in _lacking_sides(limbs, maps):
            found.append(_absent(person, index, kind, side, limbs, joints, maps, ground))
    return found


def _lacking_sides(limbs: Sequence[Chain], maps: BodyMaps) -> list[Side]:
    """Returns the sides of what two limbs lack; unknown where the limb that is there has none."""
    if len(limbs) >= EXPECTED_LIMBS:
        return []
    if not limbs:
        return [Side.LEFT, Side.RIGHT]
    other = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT, Side.UNKNOWN: Side.UNKNOWN}
    return [other[side_of(limbs[0].xy, maps)[0]]]


def _bare_joints(person: PersonTrace, kind: LimbKind, limbs: Sequence[Chain]) -> list[np.ndarray]:
    """Returns the shoulders or hips on which no limb hangs, each once: `_absent` takes from the list what it uses."""
    starts = person.shoulders if kind is LimbKind.ARM else person.hips
    return [xy for xy in starts if all(np.linalg.norm(xy - limb.xy[0]) > 1e-6 for limb in limbs)]


def _absent(
    person: PersonTrace,
    index: int,
    kind: LimbKind,
    side: Side,
    limbs: Sequence[Chain],
    joints: list[np.ndarray],
    maps: BodyMaps,
    ground: Ground,
) -> AbsentTrace:
    axis = _axis(person)
    start, is_seen = _start(person, kind, side, limbs, joints, axis, maps)
    if start is None or person.neck is None:
        return AbsentTrace(kind=kind, side=side, state=Absence.CANNOT_TELL, clear=float("nan"), place=None)
    outwards = _outwards(start, person.root, axis)
    place = _place(start, person, kind, limbs, axis, outwards)
    lies, own_share, behind = _around(start, axis, outwards, place, kind, index, ground, limbs, person.size)
    clear = float((lies == What.BACKGROUND).mean()) if len(lies) else 0.0
    blocked = float(np.isin(lies, (What.OUTSIDE, What.OBJECT, What.OTHER)).mean()) if len(lies) else 0.0
    leaves = ground.at(place[1:2], index)[0] == What.OUTSIDE  # without its middle joint no limb could have been found
    stump = float(end_heat(start, maps, END_REACH)[ENDS.index("stump")]) if is_seen else 0.0
    if stump >= END_LEAST:
        clear = max(clear, stump)
        state = Absence.MISSING
    elif leaves or blocked > MOST_BLOCKED or behind > MOST_BEHIND or _is_from_the_side(person, kind, start, limbs):
        state = Absence.HIDDEN
    elif person.size < LEAST_SIZE or own_share > MOST_LIMB or not _knows_its_size(person):
        state = Absence.CANNOT_TELL
    else:
        is_clear = clear >= (CLEAR_AT_JOINT if is_seen else CLEAR_AT_GUESS)
        state = Absence.MISSING if is_clear else Absence.CANNOT_TELL
    return AbsentTrace(kind=kind, side=side, state=state, clear=round(clear, 4), place=place)


def _axis(person: PersonTrace) -> np.ndarray:
    """Returns the unit vector down the trunk: to the hips, else away from the head, else straight down."""
    if len(person.hips):
        down = person.hips.mean(0) - person.root
    elif person.head is not None:
        down = person.root - person.head
    else:
        down = np.array([0.0, 1.0])
    return down / max(float(np.linalg.norm(down)), 1e-6)


def _start(
    person: PersonTrace,
    kind: LimbKind,
    side: Side,
    limbs: Sequence[Chain],
    joints: list[np.ndarray],
    axis: np.ndarray,
    maps: BodyMaps,
) -> tuple[np.ndarray | None, bool]:
    """Returns the shoulder or hip of an absent limb, and whether it is seen itself or mirrored from the other one."""
    if joints:
        fits = [abs(_is_left(xy, maps) - (side is Side.LEFT)) if side is not Side.UNKNOWN else 0.0 for xy in joints]
        return joints.pop(int(np.argmin(fits))), True
    others = [limb.xy[0] for limb in limbs if limb.joints[0] == _START[kind]]
    if not others:
        return None, False
    offset = others[0] - person.root
    return person.root + 2 * (offset @ axis) * axis - offset, False


def _is_left(xy: np.ndarray, maps: BodyMaps) -> float:
    rows, columns = (
        int(np.clip(round(xy[1]), 0, maps.side.shape[1] - 1)),
        int(np.clip(round(xy[0]), 0, maps.side.shape[2] - 1)),
    )
    return float(1 / (1 + np.exp(-float(maps.side[0, rows, columns]))))


def _outwards(start: np.ndarray, root: np.ndarray, axis: np.ndarray) -> np.ndarray:
    offset = start - root
    aside = offset - (offset @ axis) * axis
    return aside / max(float(np.linalg.norm(aside)), 1e-6)


def _place(
    start: np.ndarray,
    person: PersonTrace,
    kind: LimbKind,
    limbs: Sequence[Chain],
    axis: np.ndarray,
    outwards: np.ndarray,
) -> np.ndarray:
    """Returns (3, 2) cells: the mirror image of the other limb, or one that hangs down."""
    whole = [limb for limb in limbs if limb.joints[0] == _START[kind] and len(limb.xy) >= 3]
    if whole:
        steps = np.diff(whole[0].xy[:3], axis=0)
        steps = 2 * (steps @ axis)[:, None] * axis - steps
    else:
        ahead = axis + 0.25 * outwards
        steps = np.outer(np.array(BONES_OF_TORSO[kind]) * person.size, ahead / max(float(np.linalg.norm(ahead)), 1e-6))
    return np.concatenate([start[None], start + np.cumsum(steps, axis=0)])


def _around(
    start: np.ndarray,
    axis: np.ndarray,
    outwards: np.ndarray,
    place: np.ndarray,
    kind: LimbKind,
    index: int,
    ground: Ground,
    limbs: Sequence[Chain],
    size: float,
) -> tuple[np.ndarray, float, float]:
    """Returns what lies in the fan of the upper bone.

    Returns:
        `What` lies at its points, those on the limb that is there left out; the share of these that is the person's own arms (legs); and
        the share that was left out.
    """
    ahead = axis + outwards if kind is LimbKind.ARM else axis
    reach = float(np.linalg.norm(place[1] - place[0]))
    points = fan(start, ahead, reach, SPREAD_DEG[kind], (0.45, 0.65, 0.85))
    is_free = np.ones(len(points), bool)
    for limb in limbs:
        gaps = (
            line_distances(points, limb.xy[:-1], limb.xy[1:]) if len(limb.xy) > 1 else np.full((len(points), 1), np.inf)
        )
        is_free &= gaps.min(1) > OTHER_LIMB * size
    behind = 1 - float(is_free.mean())
    points = points[is_free]
    lies = ground.at(points, index)
    own = (lies == What.OWN) & np.isin(values_at(ground.classes, points), _OWN_PARTS[kind])
    return lies, float(own.mean()) if len(own) else 0.0, behind


def _is_from_the_side(person: PersonTrace, kind: LimbKind, start: np.ndarray, limbs: Sequence[Chain]) -> bool:
    starts = person.shoulders if kind is LimbKind.ARM else person.hips
    points = [start, *starts, *(limb.xy[0] for limb in limbs if limb.joints[0] == _START[kind])]
    breadth = max(float(np.linalg.norm(a - b)) for a in points for b in points)
    if breadth < 1e-6:
        breadth = 2 * float(np.linalg.norm(start - person.root)) if kind is LimbKind.ARM else 0.0
    return breadth < LEAST_WIDTH[kind] * person.size


def _knows_its_size(person: PersonTrace) -> bool:
    """Whether the size is measured and not guessed from the very limbs and shoulders that are judged by it."""
    return bool(len(person.hips)) or person.head is not None
