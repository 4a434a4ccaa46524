"""How does a line lie beside the other lines of its hand? A bent thumb and a finger seen twice end, begin or run where another line does."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from limbfix.digit_assembly import JOINTS, DigitLine
from limbfix.geometry import line_distances

NEIGHBOUR_FEATURES = (
    "end_to_line", "start_to_outer", "end_to_start", "overlap", "rank_of_inner", "straight", "relative_length", "last_bone",
)  # fmt: skip
"""Distances in sides of the crop, 1 where there is no other line: from the line's end to the nearest other line, from its beginning to the nearest
outermost bone of a line that it does not share it with, from its end to the nearest beginning. Then the share of it that runs along a line of a
higher score, which joint it begins with (mcp 0), how straight it is (1), its length beside the others' median, and the length of its last bone."""

ALONG = 0.035
"""Of the crop's side: points so near another line run along it. A little less than half a finger's breadth."""

_STEPS = 4
_MOST_RELATIVE = 3.0


def neighbour_features(lines: Sequence[DigitLine], side: int) -> np.ndarray:
    """Returns (n, k) float64: `NEIGHBOUR_FEATURES` of each line; `side`: of the maps, cells."""
    if not lines:
        return np.zeros((0, len(NEIGHBOUR_FEATURES)))
    polylines = [line.polyline for line in lines]
    starts, ends = (np.array([polyline[at] for polyline in polylines]) for at in (0, -1))
    own = np.eye(len(lines), dtype=bool)
    end_gaps = _to_lines(ends, polylines)
    is_shared = _to_lines(starts, polylines) < 1e-3
    outer_gaps = _to_lines(starts, [polyline[-2:] for polyline in polylines])
    start_gaps = np.linalg.norm(ends[:, None] - starts[None], axis=2)
    bones = [np.linalg.norm(np.diff(polyline, axis=0), axis=1) for polyline in polylines]
    lengths = np.array([one.sum() for one in bones])
    spans = np.linalg.norm(ends - starts, axis=1)
    columns = [
        _nearest(end_gaps, own, side),
        _nearest(outer_gaps, own | is_shared, side),
        _nearest(start_gaps, own, side),
        _overlaps(lines, polylines, side),
        [JOINTS.index(next(iter(line.joints))) - 1 for line in lines],
        np.where(lengths > 0, spans / np.maximum(lengths, 1e-6), 1.0),
        [_relative(lengths, index) for index in range(len(lines))],
        [one[-1] / side if len(one) else 0.0 for one in bones],
    ]
    return np.array(columns, np.float64).T


def _nearest(gaps: np.ndarray, left_out: np.ndarray, side: int) -> np.ndarray:
    return np.minimum(np.where(left_out, np.inf, gaps).min(1) / side, 1.0)


def _relative(lengths: np.ndarray, index: int) -> float:
    others = np.delete(lengths, index)
    usual = float(np.median(others)) if len(others) else float(lengths[index])
    return min(float(lengths[index]) / max(usual, 1e-6), _MOST_RELATIVE)


def _overlaps(lines: Sequence[DigitLine], polylines: Sequence[np.ndarray], side: int) -> list[float]:
    scores = np.array([line.score for line in lines])
    found = []
    for index, polyline in enumerate(polylines):
        runs = (_to_lines(_points(polyline), polylines) < ALONG * side).mean(0)
        found.append(float(runs[scores > scores[index]].max(initial=0.0)))
    return found


def _points(polyline: np.ndarray) -> np.ndarray:
    steps = np.linspace(0, 1, _STEPS, endpoint=False)[:, None]
    between = [a + steps * (b - a) for a, b in itertools.pairwise(polyline)]
    return np.concatenate([*between, polyline[-1:]])


def _to_lines(points: np.ndarray, polylines: Sequence[np.ndarray]) -> np.ndarray:
    """Returns (q, n): the distance of each of the points (q, 2) to each line, cells."""
    starts = np.concatenate([line[: max(len(line) - 1, 1)] for line in polylines])
    ends = np.concatenate([line[min(1, len(line) - 1) :] for line in polylines])
    first = np.cumsum([0, *(max(len(line) - 1, 1) for line in polylines[:-1])])
    return np.minimum.reduceat(line_distances(points, starts, ends), first, axis=1)
