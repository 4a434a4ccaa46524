"""What lies at a place of the picture: background, an object, the same person, somebody else, or nothing, because the picture ends?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from limbfix.body_bones import CENTRE_CELLS, BodyMaps, values_at
from limbfix.nets.body_maps import PARTS

ROOT_GAP = 0.5
"""Of a person's size (neck to hips): pixels point at a neck that is at most this far away. Half a torso is nearer than the neighbour's
neck of all but hugging people, and the nearest neck wins."""


class What(IntEnum):
    """What lies at a place."""

    OUTSIDE = 0
    BACKGROUND = 1
    OBJECT = 2
    OWN = 3
    OTHER = 4


_BACKGROUND, _OBJECT = PARTS.index("background"), PARTS.index("object")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """The cells of a view.

    Attributes:
        classes: (h, w) uint8, the likeliest of `PARTS`.
        owners: (h, w) int, index of the person that a cell points at; -1 for nobody known, or no person's cell.
        room_xyxy: cells, where the picture lies in the view; beyond it is letterbox.
    """

    classes: np.ndarray
    owners: np.ndarray
    room_xyxy: tuple[float, float, float, float]

    @property
    def is_body(self) -> np.ndarray:
        """(h, w) bool: the cells that show somebody."""
        return (self.classes != _BACKGROUND) & (self.classes != _OBJECT)

    def at(self, points: np.ndarray, person: int | None) -> np.ndarray:
        """Returns `What` lies at points (n, 2), cells, seen by a person; int (n,).

        Args:
            points: cells.
            person: index of the person whose own pixels are `OWN`; None: every person's pixels are `OTHER`.
        """
        classes, owners = values_at(self.classes, points), values_at(self.owners, points)
        found = np.full(len(points), int(What.OTHER))
        if person is not None:
            found[owners == person] = What.OWN
        found[classes == _BACKGROUND] = What.BACKGROUND
        found[classes == _OBJECT] = What.OBJECT
        x0, y0, x1, y1 = self.room_xyxy
        is_out = (points[:, 0] < x0) | (points[:, 0] > x1) | (points[:, 1] < y0) | (points[:, 1] > y1)
        found[is_out] = What.OUTSIDE
        return found

    def near_edge(self, xy: np.ndarray, margin: float = 1.5) -> bool:
        """Tells whether a point lies within `margin` cells of the picture's frame."""
        x0, y0, x1, y1 = self.room_xyxy
        return bool(min(xy[0] - x0, xy[1] - y0, x1 - xy[0], y1 - xy[1]) < margin)


def ground_of(maps: BodyMaps, room_xyxy: tuple[float, float, float, float] | None = None) -> Ground:
    """Returns the ground of a view in which no person is known yet; see `owned`."""
    classes = maps.parts.argmax(0).astype(np.uint8)
    height, width = classes.shape
    room = (-0.5, -0.5, width - 0.5, height - 0.5) if room_xyxy is None else room_xyxy
    return Ground(classes=classes, owners=np.full(classes.shape, -1), room_xyxy=room)


def owned(ground: Ground, maps: BodyMaps, roots: Sequence[np.ndarray], sizes: Sequence[float]) -> Ground:
    """Returns the ground with every person's cells given to the person whose root they point at, by the `centre` map.

    Args:
        ground: see `ground_of`.
        maps: of the same view.
        roots: (2,) cells of each person.
        sizes: cells of each person, neck to hips.
    """
    owners = np.full(ground.classes.shape, -1)
    rows, columns = np.nonzero(ground.is_body)
    if len(rows) and len(roots):
        aimed = np.stack([columns, rows], 1) + maps.centre[:, rows, columns].T * CENTRE_CELLS
        best = np.full(len(rows), np.inf)
        nearest = np.full(len(rows), -1)
        for index, (root, size) in enumerate(zip(roots, sizes, strict=True)):
            gap = np.linalg.norm(aimed - root, axis=1) / max(size * ROOT_GAP, 1.0)
            nearest[gap < best] = index
            best = np.minimum(best, gap)
        owners[rows, columns] = np.where(best <= 1, nearest, -1)
    return Ground(classes=ground.classes, owners=owners, room_xyxy=ground.room_xyxy)


def fan(
    start: np.ndarray, direction: np.ndarray, reach: float, spread_deg: float, shares: Sequence[float]
) -> np.ndarray:
    """Returns points (n, 2) in a fan: 9 rays within `spread_deg` on both sides of a direction, at `shares` of the reach."""
    base = np.arctan2(direction[1], direction[0])
    angles = base + np.radians(np.linspace(-spread_deg, spread_deg, 9))
    rays = np.stack([np.cos(angles), np.sin(angles)], 1)
    return (start + np.multiply.outer(np.asarray(shares) * reach, rays)).reshape(-1, 2)
