"""On which side is a limb, how much of it is covered, and how does it end? What the maps say along one chain."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from limbfix.bodies import LIMB_JOINTS, LimbEnd, LimbKind
from limbfix.body_bones import BodyMaps, values_at
from limbfix.body_chains import Chain
from limbfix.body_places import Ground, What, fan
from limbfix.nets.body_maps import ENDS, PARTS
from limbfix.parts import Side

SIDE_LEAST = 0.65
"""Mean chance of a side from which it is named; between this and its complement nobody can say. Preliminary: real people seen from
behind are what a side head gets wrong, and none was measured yet."""

END_LEAST = 0.35
"""Heat in the `ends` map from which the network's own word on an end counts. Preliminary; above the heat of a peak's foot two cells off."""

END_REACH = 2.0
"""Cells around the last joint in which the `ends` map is read, at least; a quarter of the last bone on large people."""

BLOCKED_SHARE = 0.4
"""Share of what lies beyond an end that must hide it, where the network has no word on the end."""

END_OF_PART = 0.25
"""Share of what lies beyond a wrist or ankle that must be a hand's or foot's pixels for the end to be seen without a joint."""

_END_PART = {LimbKind.ARM: PARTS.index("hand"), LimbKind.LEG: PARTS.index("foot")}


def line_cells(xy: np.ndarray, maps: BodyMaps) -> tuple[np.ndarray, np.ndarray]:
    """Returns (rows, columns) of cells along a polyline (k, 2), five for each bone and one for a point."""
    steps = np.linspace(0, 1, 5)[:, None]
    points = np.concatenate([xy[:1], *(a + steps[1:] * (b - a) for a, b in pairwise(xy))])
    height, width = maps.heat.shape[1:]
    return points[:, 1].round().astype(np.intp).clip(0, height - 1), points[:, 0].round().astype(np.intp).clip(
        0, width - 1
    )


def side_of(xy: np.ndarray, maps: BodyMaps) -> tuple[Side, float]:
    """Returns the subject's own side of what lies along a polyline (k, 2), and how surely, 0-1."""
    rows, columns = line_cells(xy, maps)
    chance = float(np.mean(1 / (1 + np.exp(-maps.side[0, rows, columns].astype(np.float64)))))
    side = Side.LEFT if chance >= SIDE_LEAST else Side.RIGHT if chance <= 1 - SIDE_LEAST else Side.UNKNOWN
    return side, round(abs(2 * chance - 1), 4)


def covered_share(xy: np.ndarray, maps: BodyMaps) -> float:
    """Returns the share, 0-1, of a polyline that clothes cover."""
    rows, columns = line_cells(xy, maps)
    return round(float((maps.covered[0, rows, columns] > 0).mean()), 4)


def end_of(chain: Chain, maps: BodyMaps, ground: Ground, person: int | None) -> tuple[LimbEnd, float]:
    """Returns how a limb ends, and how surely, 0-1; the network's own word first, then what lies beyond.

    Args:
        chain: the limb.
        maps: of the view.
        ground: of the view, with its owners.
        person: index of the person whose limb it is, or None.
    """
    names = LIMB_JOINTS[chain.kind]
    if chain.joints[-1] == names[-1]:
        return LimbEnd.SEEN, round(float(chain.heat[-1]), 4)
    beyond = _beyond(chain)
    if chain.joints[-1] == names[-2] and (share := _share_of_part(beyond, chain.kind, ground)) >= END_OF_PART:
        return LimbEnd.SEEN, round(share, 4)
    heat = end_heat(chain.xy[-1], maps, END_REACH + 0.25 * chain.longest_bone)
    best = int(heat.argmax())
    if heat[best] >= END_LEAST:
        return LimbEnd(ENDS[best]), round(float(heat[best]), 4)
    lies = ground.at(beyond, person)
    if ground.near_edge(chain.xy[-1]) or (lies == What.OUTSIDE).mean() >= BLOCKED_SHARE:
        return LimbEnd.OUTSIDE, 0.5
    blocked = float(np.isin(lies, (What.OBJECT, What.OTHER, What.OWN)).mean())
    return (LimbEnd.BEHIND, round(blocked, 4)) if blocked >= BLOCKED_SHARE else (LimbEnd.CANNOT_TELL, 0.0)


def end_heat(xy: np.ndarray, maps: BodyMaps, reach: float) -> np.ndarray:
    """Returns (3,) the largest heat of each kind of end within `reach` cells of a point."""
    height, width = maps.heat.shape[1:]
    x0, y0 = (max(0, int(np.floor(value - reach))) for value in xy)
    x1, y1 = min(width, int(xy[0] + reach) + 2), min(height, int(xy[1] + reach) + 2)
    return maps.ends[:, y0:y1, x0:x1].max(axis=(1, 2), initial=0.0)


def _beyond(chain: Chain) -> np.ndarray:
    """Returns points (n, 2), cells, that lie where the limb would go on."""
    if len(chain.xy) < 2:
        return chain.xy
    ahead = chain.xy[-1] - chain.xy[-2]
    return fan(chain.xy[-1], ahead, float(np.linalg.norm(ahead)), 50, (0.3, 0.5, 0.7))


def _share_of_part(points: np.ndarray, kind: LimbKind, ground: Ground) -> float:
    return float((values_at(ground.classes, points) == _END_PART[kind]).mean())
