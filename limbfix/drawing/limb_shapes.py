"""Which lines show the limbs of a reading, and the places where missing ones should have been?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from limbfix.bodies import LEAST_CHANCE
from limbfix.drawing.shapes import Bone, bones, point

Record = Mapping[str, Any]
Xy = tuple[float, float]

LIMB_OUTLINE = "limb_outline"
"""Layout of the entries among the keypoints that are outlines of limbs' masks."""

PLACE_WIDTH = 0.18
"""Half width of the outline of a missing limb's place, of its upper bone's length: that of an arm."""


def all_bones(record: Record, keypoints: Iterable[Record]) -> list[Bone]:
    """Returns the lines of skeletons, of the limbs that our network read, and the outlines of missing limbs' places, faint.

    Raises:
        ValueError: unknown layout.
    """
    skeletons = bones(record, (points for points in keypoints if points["layout"] != LIMB_OUTLINE))
    return [*skeletons, *limb_bones(record), *place_bones(record)]


def limb_bones(record: Record) -> list[Bone]:
    """Returns a line for each bone of each limb in the record, coloured by side; faint where the limb is not counted."""
    lines = []
    for limb in _limbs(record):
        points = [xy for value in limb["polyline"] if (xy := point(value))]
        side = limb["side"] if limb["side"] in ("left", "right") else "unknown"
        is_counted = limb.get("chance", 1.0) >= LEAST_CHANCE
        lines += [Bone(side=side, start=a, end=b, is_hand=False, is_sure=is_counted) for a, b in pairwise(points)]
    return lines


def place_bones(record: Record) -> list[Bone]:
    """Returns the outline of the place of each limb that is missing, as faint lines in the colour of its side."""
    lines = []
    for person in record.get("people") or ():
        for limb in person["limbs"].get("absent") or ():
            if limb["state"] != "missing" or limb["place"] is None:
                continue
            points = [xy for value in limb["place"] if (xy := point(value))]
            side = limb["side"] if limb["side"] in ("left", "right") else "unknown"
            ring = _outline(points)
            lines += [
                Bone(side=side, start=a, end=b, is_hand=False, is_sure=False)
                for a, b in zip(ring, [*ring[1:], *ring[:1]], strict=True)
            ]
    return lines


def limb_fills(record: Record, keypoints: Iterable[Record]) -> list[tuple[str, list[list[Xy]]]]:
    """Returns (colour, closed outlines) of each limb's mask, for filling by the even-odd rule; limbs too many are red."""
    outlines: dict[tuple[int | None, int], list[list[Xy]]] = {}
    for points in keypoints:
        if points["layout"] == LIMB_OUTLINE:
            key = (points.get("person_index"), points["limb_index"])
            outlines.setdefault(key, []).append([xy for value in points["xy"] if (xy := point(value))])
    fills = []
    for owner, limb in _owned_limbs(record):
        side = limb["side"] if limb["side"] in ("left", "right") else "unknown"
        if found := outlines.get((owner, limb["limb_index"])):
            fills.append(("error" if limb["extra"] else side, found))
    return fills


def _owned_limbs(record: Record) -> list[tuple[int | None, Record]]:
    owned = [
        (person["person_index"], limb)
        for person in record.get("people") or ()
        for limb in person["limbs"].get("items") or ()
    ]
    return [*owned, *((None, limb) for limb in record.get("loose_limbs") or ())]


def _limbs(record: Record) -> list[Record]:
    return [limb for _, limb in _owned_limbs(record)]


def _outline(line: list[Xy]) -> list[Xy]:
    """Returns a closed outline around a line of two or more points: both sides of it, the way there and the way back."""
    if len(line) < 2:
        return []
    half = PLACE_WIDTH * math.dist(line[0], line[1])
    there, back = [], []
    for k, (x, y) in enumerate(line):
        before, after = line[max(k - 1, 0)], line[min(k + 1, len(line) - 1)]
        length = math.dist(before, after) or 1.0
        nx, ny = -(after[1] - before[1]) / length * half, (after[0] - before[0]) / length * half
        there.append((x + nx, y + ny))
        back.append((x - nx, y - ny))
    return there + back[::-1]
