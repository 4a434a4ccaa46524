"""Where do labels stand, so that they hide neither each other nor what they speak of?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from limbfix.drawing.shapes import LAYOUTS, SURE_SCORE, Xyxy, point, score_at

Xy = tuple[float, float]

CLEAR = 0.1
"""Share of the marks that a label may hide, summed over them, and still be where it is no harm."""

_STACK_COST = 0.03
"""What each height of a label between it and its box weighs, beside shares hidden: a label three heights off is not sought any more."""

_HEAD = 2.0
"""Side of a head, in sides of the square around eyes, ears and nose."""


def label_corners(
    boxes: Sequence[Xyxy],
    sizes_wh: Sequence[tuple[float, float]],
    frame_wh: tuple[float, float],
    taken: Sequence[Xyxy] = (),
) -> list[Xy]:
    """Returns the top-left corner of each label: stacked above its box, or below where there is no room above.

    Args:
        boxes, sizes_wh: of each label.
        frame_wh: of the picture.
        taken: places that no label may cover.
    """
    placed: list[Xyxy] = list(taken)
    for box, size in zip(boxes, sizes_wh, strict=True):
        placed.append(_at(_stacked(box, size, frame_wh, placed), size))
    return [(x, y) for x, y, _, _ in placed[len(taken) :]]


def clear_corners(
    boxes: Sequence[Xyxy],
    sizes_wh: Sequence[tuple[float, float]],
    frame_wh: tuple[float, float],
    *,
    taken: Sequence[Xyxy] = (),
    shown: Sequence[Xyxy] = (),
    needed: Sequence[bool] | None = None,
) -> list[Xy | None]:
    """Returns the top-left corner of each label, the first of them placed first; None for one that is not needed and would hide something.

    Tried are a place stacked above the box, its right end above, both below, and beside it. The first that hides nearly nothing is
    taken, else the one that hides least.

    Args:
        boxes, sizes_wh: of each label, the most important first.
        frame_wh: of the picture.
        taken: places that no label may cover.
        shown: boxes of hands, heads and findings, which labels should not hide; the smaller, the more of it a label hides.
        needed: whether each label must stand somewhere; all must where it is None.
    """
    placed, corners = list(taken), list[Xy | None]()
    for box, size, must in zip(boxes, sizes_wh, needed or [True] * len(boxes), strict=True):
        best, least = None, float("inf")
        for corner in _candidates(box, size, frame_wh, placed):
            harm = _harm(_at(corner, size), box, shown)
            if harm < least:
                best, least = corner, harm
            if harm < CLEAR:
                break
        if not must and least >= CLEAR:
            best = None
        corners.append(best)
        placed += [] if best is None else [_at(best, size)]
    return corners


def heads(keypoints: Iterable[Mapping[str, Any]]) -> list[Xyxy]:
    """Returns a square around each head whose face a pose model saw, px of the picture."""
    found = []
    for points in keypoints:
        layout = LAYOUTS.get(points["layout"])
        if layout is None or "nose" not in layout.landmarks:
            continue
        seen = [
            place
            for index, name in enumerate(layout.landmarks)
            if name == "nose" or "_eye" in name or "_ear" in name
            if score_at(points, index) >= SURE_SCORE and (place := point(points["xy"][index]))
        ]
        if len(seen) > 1:
            xs, ys = zip(*seen, strict=True)
            half = _HEAD * max(max(xs) - min(xs), max(ys) - min(ys)) / 2
            x, y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
            found.append((x - half, y - half, x + half, y + half))
    return found


def _candidates(box: Xyxy, size_wh: Xy, frame_wh: Xy, placed: Sequence[Xyxy]) -> Iterator[Xy]:
    """Yields places for a label that no other label holds, the usual one first, which always is one."""
    (x0, y0, x1, y1), (width, height) = box, size_wh
    yield _stacked(box, size_wh, frame_wh, placed)
    right = x1 - width
    for x, y in (
        (right, y0 - height),
        (x0, y1),
        (right, y1),
        (x1, y0),
        (x0 - width, y0),
        (x1, y1 - height),
        (x0 - width, y1 - height),
    ):
        x = max(0.0, min(x, frame_wh[0] - width)) if y in (y0 - height, y1) else x
        place = _at((x, y), size_wh)
        is_inside = x >= 0 and y >= 0 and place[2] <= frame_wh[0] and place[3] <= frame_wh[1]
        if is_inside and not any(_overlap(place, other) for other in placed):
            yield x, y


def _stacked(box: Xyxy, size_wh: Xy, frame_wh: Xy, placed: Sequence[Xyxy]) -> Xy:
    (x0, y0, _, y1), (width, height) = box, size_wh
    x = max(0.0, min(x0, frame_wh[0] - width))
    near = [other for other in placed if x < other[2] and other[0] < x + width]
    y = y0 - height
    while hit := next((other for other in near if y < other[3] and other[1] < y + height), None):
        y = hit[1] - height
    if y < 0:
        y = max(0.0, min(y1, frame_wh[1] - height)) if y0 >= height else 0.0
        while hit := next((other for other in near if y < other[3] and other[1] < y + height), None):
            y = hit[3]
    return x, y


def _harm(place: Xyxy, box: Xyxy, shown: Sequence[Xyxy]) -> float:
    """Returns the shares of what is shown that a label would hide, and a little for its distance."""
    hidden = sum(_overlap(place, one) / max(1.0, (one[2] - one[0]) * (one[3] - one[1])) for one in shown)
    gap = max(0.0, box[1] - place[3], place[1] - box[3])
    return hidden + _STACK_COST * gap / (place[3] - place[1])


def _overlap(a: Xyxy, b: Xyxy) -> float:
    """Returns the area that two boxes share, px²."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _at(corner: Xy, size_wh: Xy) -> Xyxy:
    return (*corner, corner[0] + size_wh[0], corner[1] + size_wh[1])
