"""Where does a piece of somebody lie in whom nobody was made out? Legs under a table edge, a trunk without a head: too little for a person, enough to look at.

Such pieces make no person and no count: only the limb judge looks at them (`limbfix.detectors.limb_looker`).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from limbfix.body_masks import BodyPlace
from limbfix.body_places import Ground
from limbfix.geometry import Box
from limbfix.nets.body_maps import PARTS

LEAST_SHARE = 0.05
"""Of the picture, that a piece covers at least. Of 37 wrong people of unseen renders in whom nobody was made out, all but two show a piece of 0.02."""

LEAST_LIMBS = 0.4
"""Share of a piece that trunk, upper arms, thighs and shins make up. Of a hand that is held into the picture hand and forearm are all there is, of a portrait the head
is most, and both have nothing to count."""

MOST_KNOWN = 0.5
"""Share of a piece that may lie in the boxes of people who were made out."""

MOST_PIECES = 2
"""The largest ones are looked at."""

_LIMBS = [PARTS.index(name) for name in ("torso", "upper_arm", "thigh", "shin")]


def body_pieces(ground: Ground, people: Sequence[Box], place: BodyPlace) -> tuple[Box, ...]:
    """Returns boxes, px, around pieces of somebody who is none of the people, largest first.

    Args:
        ground: what lies where, in cells.
        people: boxes of everybody who was made out, px.
        place: of the view.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ground.is_body.astype(np.uint8))
    x0, y0, x1, y1 = ground.room_xyxy
    least = LEAST_SHARE * (x1 - x0) * (y1 - y0)
    found: list[tuple[int, Box]] = []
    for number in range(1, count):
        left, top, across, down, area = stats[number].tolist()
        if area < least:
            continue
        rows, columns = np.nonzero(labels == number)
        limbs = np.isin(ground.classes[rows, columns], _LIMBS).mean()
        if limbs >= LEAST_LIMBS and _known(place.to_picture(np.stack([columns, rows], 1)), people) <= MOST_KNOWN:
            corners = np.array([(left, top), (left + across, top + down)]) - 0.5
            found.append((area, Box.around(place.to_picture(corners)).clipped(place.width, place.height)))
    return tuple(box for _, box in sorted(found, key=lambda one: (-one[0], one[1].xyxy))[:MOST_PIECES])


def _known(points: np.ndarray, people: Sequence[Box]) -> float:
    """Returns the share of points (n, 2), px, that lie in the boxes of people."""
    inside = np.zeros(len(points), bool)
    for box in people:
        inside |= ((points >= box.xyxy[:2]) & (points <= box.xyxy[2:])).all(1)
    return float(inside.mean())
