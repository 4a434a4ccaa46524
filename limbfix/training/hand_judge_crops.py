"""What does a stored hand look like to the hand judge, and what is true of it there? A view, light, losses and perhaps another ground, drawn anew for every step.

Hands of renders are put before other places, so that a place says nothing of a hand; what stands around it, sleeves and things that it holds, stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.nets.hand_maps import BORDER, JUDGE_PLACES, JUDGE_SIDE, JUDGE_STRIDE, JUDGEMENTS, PARTS
from limbfix.synthesis.degradation import Degradation, sample_degradation
from limbfix.training.body_storage import unpacked
from limbfix.training.parser_examples import light_curve, lit
from limbfix.training.parser_targets import CHANGED_LEVELS, StoredHand

_VIEWS, _NARROW = (1.0, 1.6), 1.5
"""Sides of a view in hand sizes, and the power of the evenly drawn number that says how wide: most are narrow."""

_UPRIGHT, _TURN, _SHIFT, _STRETCH = 0.75, 0.3, 0.05, 0.05
"""Share of views that are about upright, within so many radians; shift in hand sizes; logarithm of how much wider than high (standard deviations)."""

_OTHER_PLACE = 0.55
"""Share of rendered hands that are put before another place."""

_CLEAN = 0.25
"""Share of crops that lose nothing."""

_LOSSES_AT = 1.25
"""Losses happen at so many times the crop's size: files that are judged are larger than what the network sees."""

_EDGE_PX = 0.7
"""Softness of the edge between a hand and its new ground."""

_DIGITS = tuple(PARTS.index(name) for name in ("proximal", "middle", "distal", "nail"))
_NOWHERE = 255


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """How a hand is seen.

    Attributes:
        matrix: (2, 3), from stored px to crop px.
        losses: what happened to the file; None for nothing; seed: of their noise.
        curve: (256, 3) uint8, light and colours.
        ground: (JUDGE_SIDE, JUDGE_SIDE, 3) uint8, shown where the hand's picture has neither bodies nor things; None for its own.
    """

    matrix: np.ndarray
    losses: Degradation | None
    seed: int
    curve: np.ndarray
    ground: np.ndarray | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedCrop:
    """One crop and what is true of it.

    Attributes:
        pixels: (JUDGE_SIDE, JUDGE_SIDE, 3) uint8.
        places: (4, cells, cells) float32, share of each cell that is one of `JUDGE_PLACES`.
        judged: (6,) float32, 0 or 1, see `JUDGEMENTS`.
        counts: (2,) int64, digits present and visible; -1 where nobody knows.
        weight, dense: 0-1, as in `StoredHand`.
    """

    pixels: np.ndarray
    places: np.ndarray
    judged: np.ndarray
    counts: np.ndarray
    weight: float
    dense: float


def drawn_way(hand: StoredHand, places: Sequence[bytes], rng: np.random.Generator) -> Way:
    """Draws how a hand is seen; `places`: JPEGs of places without people."""
    losses = sample_degradation(rng) if rng.random() >= _CLEAN else None
    seed, curve = int(rng.integers(2**63)), light_curve(rng)
    is_rendered = hand.counts[0] >= 0  # of a photograph nobody knows exactly where the hand ends
    ground = _ground(places, rng) if is_rendered and places and rng.random() < _OTHER_PLACE else None
    return Way(matrix=_matrix(hand, rng), losses=losses, seed=seed, curve=curve, ground=ground)


def wrong_pixels(worse: StoredHand, better: StoredHand) -> np.ndarray | None:
    """Returns (s, s) uint8, 1 where a wrong hand differs from its twin; None of a hand of which nothing is wrong."""
    if not worse.judgements.any():
        return None
    changed = (np.abs(worse.pixels.astype(np.int16) - better.pixels).max(2) >= CHANGED_LEVELS).astype(np.uint8)
    changed = cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))


def seen(hand: StoredHand, wrong: np.ndarray | None, way: Way) -> JudgedCrop:
    """Returns the crop of a hand; `wrong`: see `wrong_pixels`."""
    parts = _warped(hand.parts, way.matrix, _NOWHERE)
    shown = np.zeros(parts.shape, bool) if wrong is None else _warped(wrong, way.matrix, 0) > 0
    masks = (np.isin(parts, _DIGITS), parts == PARTS.index("thumb"), parts == PARTS.index("palm"), shown)
    assert len(masks) == len(JUDGE_PLACES) and len(hand.judgements) == len(JUDGEMENTS)
    cells = (JUDGE_SIDE // JUDGE_STRIDE,) * 2
    return JudgedCrop(
        pixels=_lossy(_pixels(hand, parts, way), way),
        places=np.stack([cv2.resize(mask.astype(np.float32), cells, interpolation=cv2.INTER_AREA) for mask in masks]),
        judged=hand.judgements,
        counts=np.asarray(hand.counts, np.int64),
        weight=hand.weight,
        dense=hand.dense,
    )


def _matrix(hand: StoredHand, rng: np.random.Generator) -> np.ndarray:
    angle = rng.normal(0, _TURN) if rng.random() < _UPRIGHT else rng.uniform(-np.pi, np.pi)
    view = _VIEWS[0] + (_VIEWS[1] - _VIEWS[0]) * rng.random() ** _NARROW
    mirror, stretch = rng.choice([-1.0, 1.0]), np.exp(rng.normal(0, _STRETCH))
    centre = hand.pixels.shape[0] / 2 + rng.normal(0, _SHIFT, 2) * hand.extent
    scale = JUDGE_SIDE / (view * hand.extent)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[mirror * cosine * stretch, -sine], [mirror * sine * stretch, cosine]])
    return np.column_stack([linear, JUDGE_SIDE / 2 - linear @ centre])


def _ground(places: Sequence[bytes], rng: np.random.Generator) -> np.ndarray:
    """Returns a part of a place that fills a crop."""
    pixels = unpacked(places[int(rng.integers(len(places)))])[..., ::-1]
    height, width = pixels.shape[:2]
    scale = JUDGE_SIDE / min(height, width) * float(rng.uniform(1.0, 3.0))
    x, y = (rng.uniform(JUDGE_SIDE / 2, scale * side - JUDGE_SIDE / 2) for side in (width, height))
    matrix = np.array([[scale, 0, JUDGE_SIDE / 2 - x], [0, scale, JUDGE_SIDE / 2 - y]])
    size = (JUDGE_SIDE, JUDGE_SIDE)
    return cv2.warpAffine(np.ascontiguousarray(pixels), matrix, size, borderMode=cv2.BORDER_REFLECT)


def _pixels(hand: StoredHand, parts: np.ndarray, way: Way) -> np.ndarray:
    size = (JUDGE_SIDE, JUDGE_SIDE)
    pixels = cv2.warpAffine(hand.pixels, way.matrix, size, flags=cv2.INTER_LINEAR, borderValue=BORDER)
    if way.ground is None:
        return pixels
    frame = np.zeros(hand.parts.shape, np.uint8)
    x0, y0, x1, y1 = (round(value) for value in hand.room)
    frame[y0:y1, x0:x1] = 1  # beyond the frame there is nothing
    empty = (parts == PARTS.index("background")) & (_warped(frame, way.matrix, 0) > 0)
    soft = cv2.GaussianBlur(empty.astype(np.float32), (0, 0), _EDGE_PX)[..., None]
    return (pixels * (1 - soft) + way.ground * soft + 0.5).astype(np.uint8)


def _lossy(pixels: np.ndarray, way: Way) -> np.ndarray:
    if way.losses is not None:
        large = cv2.resize(pixels, None, fx=_LOSSES_AT, fy=_LOSSES_AT, interpolation=cv2.INTER_CUBIC)
        large = way.losses.apply(large, np.random.Generator(np.random.PCG64(way.seed)))
        pixels = np.asarray(cv2.resize(large, (JUDGE_SIDE, JUDGE_SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    return lit(pixels, way.curve)


def _warped(values: np.ndarray, matrix: np.ndarray, beyond: int) -> np.ndarray:
    return cv2.warpAffine(values, matrix, (JUDGE_SIDE, JUDGE_SIDE), flags=cv2.INTER_NEAREST, borderValue=(beyond,) * 3)
