"""How is a stored hand melted while a batch is drawn? Six cheap operators on its digits, each with the same operation beside the hand.

The stream `failures` melts with care and moves the labels along; it makes a few pictures a second. These make a new pair for every step of a
training, in two milliseconds: variety instead of care. What the maps should say of such a hand nobody knows, so only its judgement counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.nets.digit_parser import JUDGEMENTS, PARTS
from limbfix.training.parser_targets import StoredHand

_DIGITS = [PARTS.index(name) for name in ("proximal", "middle", "distal", "thumb", "nail")]
_OUTSIDE = [PARTS.index(name) for name in ("background", "forearm", "object", "other_body")]
_LEAST_DIGIT_PX = 300
_SKIN_MARGIN = 3

_LEAST_CHANGE = 0.02
"""Share of the hand's pixels that must differ by `_CHANGED` levels, or nothing was melted."""
_CHANGED = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """Where an operator works: a soft spot of the picture.

    Attributes:
        soft: (h, w) float32 0-1.
        centre: x, y in px; radius: px.
        digits: (h, w) bool.
        unit: the hand's longer side, px.
    """

    soft: np.ndarray
    centre: np.ndarray
    radius: float
    digits: np.ndarray
    unit: float


def quick_melt(hand: StoredHand, rng: np.random.Generator) -> tuple[StoredHand, StoredHand] | None:
    """Returns a melted hand and its harmless twin; None where there is no place for it or nothing came of it.

    Args:
        hand: a normal one.
        rng: draws operator, place and numbers; both pictures get the same numbers at different places.
    """
    digits, outside = np.isin(hand.parts, _DIGITS), np.isin(hand.parts, _OUTSIDE)
    if digits.sum() < _LEAST_DIGIT_PX or outside.sum() < _LEAST_DIGIT_PX:
        return None
    name = _NAMES[int(rng.choice(len(_NAMES), p=_CHANCES))]
    radius = rng.uniform(0.1, 0.26) * hand.extent
    far = cv2.distanceTransform((~digits).astype(np.uint8), cv2.DIST_L2, 3) > 1.2 * radius
    here, beside = _point(digits, rng), _point(outside & far, rng)
    if here is None:
        return None
    seed = int(rng.integers(2**63))
    melted = _applied(hand, name, here, radius, digits, seed)
    sound = hand.pixels if beside is None else _applied(hand, name, beside, radius, digits, seed)
    changed = np.abs(melted.astype(np.int16) - hand.pixels).max(2) >= _CHANGED
    own = ~outside
    share = float((changed & own).sum() / own.sum())
    if share < _LEAST_CHANGE:
        return None
    judged = np.zeros(len(JUDGEMENTS), np.float32)
    judged[JUDGEMENTS.index("fused_digits" if name == "fuse" else "malformed")] = 1
    weight = float(np.clip(share / 0.06, 0.3, 1))
    return (
        _with(hand, pixels=melted, judgements=judged, weight=weight, dense=0.0, counts=np.full(2, -1)),
        _with(hand, pixels=sound),
    )


def _with(hand: StoredHand, **changes: object) -> StoredHand:
    fields = {name: getattr(hand, name) for name in StoredHand.__dataclass_fields__}
    return StoredHand(**(fields | changes))  # pyright: ignore[reportArgumentType]


def _point(where: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    found = np.flatnonzero(where)
    if not len(found):
        return None
    row, column = divmod(int(rng.choice(found)), where.shape[1])
    return np.array([column, row], np.float32)


def _applied(
    hand: StoredHand, name: str, centre: np.ndarray, radius: float, digits: np.ndarray, seed: int
) -> np.ndarray:
    rows, columns = np.mgrid[: digits.shape[0], : digits.shape[1]].astype(np.float32)
    square = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2
    soft = np.exp(-((square / radius**2) ** 2) / 2)  # flat in the middle, gone at twice the radius
    place = Place(soft=soft, centre=centre, radius=radius, digits=digits, unit=hand.extent)
    return _OPERATORS[name](hand.pixels, place, np.random.Generator(np.random.PCG64(seed)))


def _warped(pixels: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[: dx.shape[0], : dx.shape[1]].astype(np.float32)
    maps = (columns + dx).astype(np.float32), (rows + dy).astype(np.float32)
    return cv2.remap(pixels, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _elastic(pixels: np.ndarray, place: Place, rng: np.random.Generator) -> np.ndarray:
    sigma, far = rng.uniform(0.035, 0.09) * place.unit, rng.uniform(0.05, 0.12) * place.unit
    moves = []
    for _ in range(2):
        coarse = rng.normal(size=(32, 32)).astype(np.float32)
        noise = cv2.GaussianBlur(coarse, (0, 0), max(sigma * 32 / pixels.shape[0], 0.6))
        noise = cv2.resize(noise / (np.abs(noise).max() + 1e-6), pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        moves.append(noise * far * place.soft)
    return _warped(pixels, *moves)


def _swirl(pixels: np.ndarray, place: Place, rng: np.random.Generator) -> np.ndarray:
    angle = rng.choice([-1, 1]) * rng.uniform(0.7, 2.4) * place.soft
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]].astype(np.float32)
    x, y = columns - place.centre[0], rows - place.centre[1]
    return _warped(pixels, np.cos(angle) * x - np.sin(angle) * y - x, np.sin(angle) * x + np.cos(angle) * y - y)


def _bulge(pixels: np.ndarray, place: Place, rng: np.random.Generator) -> np.ndarray:
    factor = rng.choice([-0.55, 0.8]) * rng.uniform(0.6, 1.0) * place.soft
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]].astype(np.float32)
    return _warped(pixels, factor * (columns - place.centre[0]), factor * (rows - place.centre[1]))


def _smear(pixels: np.ndarray, place: Place, rng: np.random.Generator) -> np.ndarray:
    length, angle = max(3, round(rng.uniform(0.08, 0.22) * place.unit)), rng.uniform(0, np.pi)
    kernel = np.zeros((length, length), np.float32)
    middle, reach = (length - 1) / 2, (length - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(round(v) for v in (middle + sign * reach)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return _blended(pixels, cv2.filter2D(pixels, -1, kernel / kernel.sum()), place.soft)


def _double(pixels: np.ndarray, place: Place, rng: np.random.Generator) -> np.ndarray:
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.06, 0.2) * place.unit
    turn, scale = rng.uniform(-25, 25), rng.uniform(0.8, 1.15)
    matrix = cv2.getRotationMatrix2D(tuple(map(float, place.centre)), turn, scale)
    matrix[:, 2] += far * np.array([np.cos(angle), np.sin(angle)])
    size = pixels.shape[1::-1]
    moved = cv2.warpAffine(pixels, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    shape = place.digits if place.digits[int(place.centre[1]), int(place.centre[0])] else np.ones_like(place.digits)
    mask = cv2.warpAffine(shape.astype(np.float32) * place.soft, matrix, size)
    return _blended(pixels, moved, cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.8, 2)) * rng.uniform(0.8, 1.0))


def _fuse(pixels: np.ndarray, place: Place, rng: np.random.Generator) -> np.ndarray:
    """Fills the gaps between digits with the colour of the skin around them; beside the hand, smooths as much."""
    reach = 2 * round(rng.uniform(0.05, 0.11) * place.unit) + 1
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    digits = place.digits.astype(np.uint8)
    closed = cv2.morphologyEx(digits, cv2.MORPH_CLOSE, ball).astype(np.float32)
    if not place.digits[int(place.centre[1]), int(place.centre[0])]:
        return _blended(pixels, cv2.GaussianBlur(pixels, (0, 0), reach / 4), place.soft)
    inner = cv2.erode(digits, np.ones((_SKIN_MARGIN, _SKIN_MARGIN), np.uint8)).astype(np.float32)
    weights = cv2.GaussianBlur(inner, (0, 0), reach / 2) + 1e-4
    skin = cv2.GaussianBlur(pixels * inner[..., None], (0, 0), reach / 2) / weights[..., None]
    gap = cv2.GaussianBlur(np.clip(closed - inner, 0, 1), (0, 0), 1.2)
    wide = np.clip(place.soft * 3, 0, 1)
    return _blended(pixels, skin, gap * wide * rng.uniform(0.8, 1.0))


def _blended(pixels: np.ndarray, other: np.ndarray, weight: np.ndarray) -> np.ndarray:
    share = np.clip(weight, 0, 1)[..., None].astype(np.float32)
    return np.clip(pixels * (1 - share) + other * share + 0.5, 0, 255).astype(np.uint8)


_OPERATORS: dict[str, Callable[[np.ndarray, Place, np.random.Generator], np.ndarray]] = {
    "elastic": _elastic,
    "swirl": _swirl,
    "bulge": _bulge,
    "smear": _smear,
    "double": _double,
    "fuse": _fuse,
}
_NAMES = tuple(_OPERATORS)
_CHANCES = (0.3, 0.12, 0.1, 0.18, 0.15, 0.15)
