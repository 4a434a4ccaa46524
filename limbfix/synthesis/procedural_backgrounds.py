"""What lies behind people when no folder of pictures was given? Scenes painted by rule: walls, rooms, leaves, lights, clutter.

They do not deceive anybody. They keep a network from learning that a hand is whatever differs from a plain ground, and they hold edges,
stripes and rounded things about as wide as fingers, so that neither is a sign of a hand.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Painter = Callable[[int, np.random.Generator], np.ndarray]


def paint_background(size_px: int, rng: np.random.Generator) -> np.ndarray:
    """Returns a procedural background, (size, size, 3) uint8 sRGB."""
    painter = PAINTERS[int(rng.integers(len(PAINTERS)))]
    picture = painter(size_px, rng) * _shading(size_px, rng)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def clouds(
    size_px: int, rng: np.random.Generator, coarsest: int = 2, octaves: int = 6, decay: float = 0.55
) -> np.ndarray:
    """Returns value noise, (size, size) float32 in 0-1: random grids, each twice as fine, scaled up and summed."""
    total, weight = np.zeros((size_px, size_px), np.float32), 1.0
    for octave in range(octaves):
        side = min(coarsest * 2**octave + 1, size_px)
        grid = rng.random((side, side), dtype=np.float32)
        total += weight * cv2.resize(grid, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
        weight *= decay
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Returns a colour in grey values; most are dull, as walls and clothes are, and a fifth are those of wood, sand and skin."""
    grey, tint = rng.uniform(25, 235), rng.normal(0, (12, 12, 30, 45)[int(rng.integers(4))], 3)
    if rng.random() < 0.2:
        tint = tint / 4 + grey * np.array([0.18, 0, -0.18])
    return np.clip(grey + tint, 5, 250).astype(np.float32)


def _mix(share: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first + share[..., None] * (second - first)


def _shading(size_px: int, rng: np.random.Generator) -> np.ndarray:
    """Returns slow light, (size, size, 1) around 1: a slope and a vignette."""
    y, x = np.mgrid[-1 : 1 : size_px * 1j, -1 : 1 : size_px * 1j].astype(np.float32)
    slope = 1 + rng.normal(0, 0.12) * x + rng.normal(0, 0.12) * y
    return (slope * (1 - rng.uniform(0, 0.2) * (x * x + y * y)))[..., None]


def _wall(size_px: int, rng: np.random.Generator) -> np.ndarray:
    """Plaster or paint: one colour, weak mottling, fine grain."""
    mottled = 1 + rng.uniform(0.02, 0.12) * (clouds(size_px, rng, 3) - 0.5)
    grain = rng.normal(0, rng.uniform(0, 3), (size_px, size_px, 1))
    return _colour(rng) * mottled[..., None] + grain


def _gradient(size_px: int, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-0.5 : 0.5 : size_px * 1j, -0.5 : 0.5 : size_px * 1j]
    share = np.clip(0.5 + (x * np.cos(angle) + y * np.sin(angle)) * rng.uniform(0.6, 1.5), 0, 1)
    return _mix(share, _colour(rng), _colour(rng))


def _cloudy(size_px: int, rng: np.random.Generator) -> np.ndarray:
    share = clouds(size_px, rng, int(rng.integers(2, 7)), decay=float(rng.uniform(0.4, 0.75)))
    return _mix(np.clip((share - 0.5) * rng.uniform(1, 3) + 0.5, 0, 1), _colour(rng), _colour(rng))


def _stripes(size_px: int, rng: np.random.Generator) -> np.ndarray:
    """Blinds, boards, corduroy: bands of any width, those of a finger too, with soft edges."""
    y, x = np.mgrid[:size_px, :size_px].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), size_px * np.exp(rng.uniform(np.log(0.03), np.log(0.25)))
    bent = size_px * rng.uniform(0, 0.06) * clouds(size_px, rng)
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle) + bent) / period)
    share = 0.5 + 0.5 * np.tanh(wave * np.exp(rng.uniform(-1, 2)))
    first = _wall(size_px, rng)
    return first + share[..., None] * rng.uniform(0.3, 1) * (_colour(rng) - first)


def _tiles(size_px: int, rng: np.random.Generator) -> np.ndarray:
    """Bricks and tiles with joints; every second row is shifted in brickwork."""
    wide = size_px * rng.uniform(0.08, 0.4)
    high = wide * rng.uniform(0.3, 1.1)
    y, x = np.mgrid[:size_px, :size_px].astype(np.float32)
    row = np.floor(y / high)
    column = np.floor((x + wide / 2 * (row % 2) * (rng.random() < 0.6)) / wide)
    u, v = (x + wide / 2 * (row % 2)) % wide, y % high
    joint = np.minimum(np.minimum(u, wide - u), np.minimum(v, high - v)) < size_px * rng.uniform(0.003, 0.015)
    tones = rng.normal(1, rng.uniform(0.02, 0.15), (64, 64)).astype(np.float32)
    picture = _wall(size_px, rng) * tones[row.astype(int) % 64, column.astype(int) % 64][..., None]
    return np.where(joint[..., None], _colour(rng), picture)


def _room(size_px: int, rng: np.random.Generator) -> np.ndarray:
    """A wall, a floor that runs away from the viewer, and some furniture: upright boxes, frames, a lamp."""
    picture, horizon = _wall(size_px, rng), int(size_px * rng.uniform(0.45, 0.9))
    floor = _tiles(size_px, rng) if rng.random() < 0.5 else _stripes(size_px, rng)
    lean = size_px * rng.uniform(0.3, 0.9)
    corners = np.array([[0, 0], [size_px, 0], [size_px, size_px], [0, size_px]], np.float32)
    ground = np.array([[0, horizon], [size_px, horizon], [size_px + lean, size_px], [-lean, size_px]], np.float32)
    laid = cv2.warpPerspective(
        floor.astype(np.float32), cv2.getPerspectiveTransform(corners, ground), (size_px, size_px)
    )
    picture[horizon:] = laid[horizon:]
    for _ in range(int(rng.integers(1, 6))):
        _put_box(picture, rng, foot=horizon if rng.random() < 0.6 else None)
    return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), size_px * rng.uniform(0.001, 0.012))


def _put_box(picture: np.ndarray, rng: np.random.Generator, foot: int | None) -> None:
    """Draws furniture that stands on `foot`, or a picture frame or window at any height."""
    size_px = len(picture)
    wide, high = (size_px * rng.uniform(0.06, 0.45, 2)).astype(int)
    left, top = int(rng.uniform(-0.1, 0.95) * size_px), int(rng.uniform(-0.05, 0.6) * size_px)
    top = top if foot is None else foot + int(0.04 * size_px) - high
    edge = (left, top, left + wide, top + high)
    cv2.rectangle(picture, edge[:2], edge[2:], _colour(rng).tolist(), -1)
    cv2.rectangle(picture, edge[:2], edge[2:], _colour(rng).tolist(), max(1, size_px // 90))
    if rng.random() < 0.5:
        shelf = top + int(high * rng.uniform(0.3, 0.7))
        cv2.line(picture, (left, shelf), (left + wide, shelf), _colour(rng).tolist(), max(1, size_px // 120))


def _bokeh(size_px: int, rng: np.random.Generator) -> np.ndarray:
    """Lights out of focus: bright discs on a dark, cloudy ground."""
    picture = 0.5 * _cloudy(size_px, rng)
    largest = rng.uniform(0.03, 0.12)
    for _ in range(int(rng.integers(15, 60))):
        centre, radius = tuple(rng.integers(0, size_px, 2).tolist()), int(size_px * largest * rng.uniform(0.4, 1)) + 1
        disc = cv2.circle(np.zeros((size_px, size_px), np.float32), centre, radius, 1.0, -1, cv2.LINE_AA)
        picture = picture + disc[..., None] * _colour(rng) * rng.uniform(0.15, 0.7)
    return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), size_px * rng.uniform(0.002, 0.01))


def _leaves(size_px: int, rng: np.random.Generator) -> np.ndarray:
    """Foliage, gravel, petals: many pointed or round shapes, each with its own tone, far ones blurred."""
    base, picture = _colour(rng), np.zeros((size_px, size_px, 3), np.float32)
    green = np.array([0.75, 1.1, 0.55]) if rng.random() < 0.6 else np.ones(3)
    picture[:] = base * 0.4
    length, slim = size_px * rng.uniform(0.02, 0.09), rng.uniform(0.2, 0.9)
    for layer in range(3):
        for _ in range(int(1.2 * (size_px / length) ** 2 * 0.4)):
            axes = (int(length * rng.uniform(0.5, 1.3)) + 1, int(length * slim * rng.uniform(0.5, 1)) + 1)
            tone = (base * green * (0.45 + 0.35 * layer) * rng.uniform(0.6, 1.3)).tolist()
            centre, turn = tuple(rng.integers(0, size_px, 2).tolist()), float(rng.uniform(0, 360))
            cv2.ellipse(picture, centre, axes, turn, 0, 360, tone, -1, cv2.LINE_AA)
        picture = cv2.GaussianBlur(picture, (0, 0), size_px * (0.006 if layer < 2 else 0.002))
    return picture


def _clutter(size_px: int, rng: np.random.Generator) -> np.ndarray:
    """Things on a shelf, clothes, a crowd far away: rounded shapes of all sizes, some as long and slim as digits."""
    picture = _cloudy(size_px, rng).astype(np.float32)
    for _ in range(int(rng.integers(10, 45))):
        start = rng.uniform(0, size_px, 2)
        reach = size_px * rng.uniform(0.03, 0.3) * np.array([np.cos(turn := rng.uniform(0, 2 * np.pi)), np.sin(turn)])
        ends = [tuple((start + step * reach).astype(int).tolist()) for step in (0, 1)]
        cv2.line(
            picture, ends[0], ends[1], _colour(rng).tolist(), int(size_px * rng.uniform(0.01, 0.09)) + 1, cv2.LINE_AA
        )
    picture *= (0.85 + 0.3 * clouds(size_px, rng, 5))[..., None]
    return cv2.GaussianBlur(picture, (0, 0), size_px * rng.uniform(0.002, 0.02))


PAINTERS: tuple[Painter, ...] = (
    _wall,
    _gradient,
    _cloudy,
    _stripes,
    _tiles,
    _room,
    _room,
    _bokeh,
    _leaves,
    _clutter,
)
"""One is drawn per picture; rooms twice, as most pictures are taken in them."""
