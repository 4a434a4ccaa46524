"""What does a person of the stock look like in a new view, and what is true of it there?

A pair stays a pair: a defect and its twin pass the same view, light and ground, so that what differs is the limb.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.nets.hand_maps import BORDER
from limbfix.nets.limb_maps import JUDGED, PLACES, SIDE, STRIDE
from limbfix.training.body_storage import unpacked
from limbfix.training.judge_setup import UNKNOWN
from limbfix.training.limb_stock import EXTRA, LimbStock, StoredPicture

_ZOOMS = (1.0, 1.6)
"""Side of a view in longer sides of the person's box."""

_UPRIGHT, _TURN, _SHIFT = 0.85, 0.12, 0.06
"""Share of views that are about upright, within so many radians (standard deviation); shift in sides of the crop."""

_OTHER_PEOPLE, _OTHER_PLACE = 0.3, 0.35
"""Share of made people who are put before another made picture, and before another place."""

_SOFT_BELOW = 0.6
"""Scale from which on downwards a picture is softened before it is sampled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LimbCut:
    """One crop and what is true of it.

    Attributes:
        pixels: (SIDE, SIDE, 3) uint8.
        places: (4, cells, cells) float32, share of each cell; weight of them: 0 where nobody knows.
        wrong, known: (6,) float32.
        counts: (2,) int64.
    """

    pixels: np.ndarray
    places: np.ndarray
    place_weight: float
    wrong: np.ndarray
    known: np.ndarray
    counts: np.ndarray


def drawn_ground(stock: LimbStock, rng: np.random.Generator) -> np.ndarray | None:
    """Returns what a person of a made picture is put before, (SIDE, SIDE, 3) uint8: a place, another picture with its people, or None for its own ground.

    Other people behind teach that their limbs are nobody else's; other places, that a place says nothing of limbs.
    """
    which = rng.random()
    if which < _OTHER_PEOPLE:
        kind = stock.wrong if rng.random() < 0.5 or not stock.usual else stock.usual
        one, other, _ = kind[int(rng.integers(len(kind)))]
        return _covering((one if rng.random() < 0.5 else other).jpeg, rng)
    if which < _OTHER_PEOPLE + _OTHER_PLACE and stock.places:
        return _covering(stock.places[int(rng.integers(len(stock.places)))], rng)
    return None


def _covering(jpeg: bytes, rng: np.random.Generator) -> np.ndarray:
    """Returns a part of a picture that fills a crop."""
    pixels = unpacked(jpeg)[..., ::-1]
    height, width = pixels.shape[:2]
    scale = SIDE / min(height, width) * float(rng.uniform(1.0, 1.6))
    mirror = rng.choice([-1.0, 1.0])
    x, y = (rng.uniform(SIDE / 2, scale * side - SIDE / 2) for side in (width, height))
    view = np.array([[mirror * scale, 0, SIDE / 2 - mirror * x], [0, scale, SIDE / 2 - y]])
    return _warped(pixels, view, border=cv2.BORDER_REFLECT)


def drawn_view(box: tuple[float, float, float, float], rng: np.random.Generator) -> np.ndarray:
    """Returns the (2, 3) matrix of a square around a person that scales, turns, shifts and perhaps mirrors."""
    x0, y0, x1, y1 = box
    zoom = float(np.exp(rng.uniform(*np.log(_ZOOMS))))
    angle = rng.normal(0, _TURN) if rng.random() < _UPRIGHT else rng.uniform(-np.pi, np.pi)
    mirror, shift = rng.choice([-1.0, 1.0]), rng.normal(0, _SHIFT, 2)
    scale = SIDE / (max(x1 - x0, y1 - y0, 1.0) * zoom)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[mirror * cosine, -sine], [mirror * sine, cosine]])
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return np.column_stack([linear, SIDE / 2 + shift * SIDE - linear @ middle])


def cut_person(
    picture: StoredPicture,
    person: int,
    view: np.ndarray,
    light: Callable[[np.ndarray], np.ndarray],
    ground: np.ndarray | None = None,
) -> LimbCut:
    """Returns a person of a made picture, seen through a view.

    Args:
        picture, person: who.
        view: (2, 3) matrix.
        light: changes the pixels.
        ground: (SIDE, SIDE, 3) uint8, shown where the picture has neither people nor things; None for its own.
    """
    seen = picture.people[person]
    stored_ids = unpacked_ids(picture.ids)
    ids = _warped(stored_ids, view, cv2.INTER_NEAREST)
    pixels = _warped(unpacked(picture.jpeg)[..., ::-1], view)
    if ground is not None:
        whole = np.ones(stored_ids.shape, np.uint8)
        is_ground = (ids == 0) & (_warped(whole, view, cv2.INTER_NEAREST) > 0)  # beyond the frame there is nothing
        pixels = np.where(is_ground[..., None], ground, pixels)
    places = np.zeros((len(PLACES), SIDE // STRIDE, SIDE // STRIDE), np.float32)
    for row, numbers in enumerate(seen.limbs):
        if numbers:
            places[row] = _shares(np.isin(ids, numbers))
    if picture.gone is not None and seen.wrong[len(EXTRA) :].any():
        places[-1] = _shares(_warped(unpacked_ids(picture.gone), view, cv2.INTER_NEAREST) > 0)
    return LimbCut(
        pixels=light(pixels),
        places=places,
        place_weight=1.0,
        wrong=seen.wrong.astype(np.float32),
        known=seen.known.astype(np.float32),
        counts=np.array(seen.counts, np.int64),
    )


def cut_photograph(jpeg: bytes, view: np.ndarray, light: Callable[[np.ndarray], np.ndarray]) -> LimbCut:
    """Returns a real person with sound limbs, of whom nobody knows what lies where."""
    cells = SIDE // STRIDE
    return LimbCut(
        pixels=light(_warped(unpacked(jpeg)[..., ::-1], view)),
        places=np.zeros((len(PLACES), cells, cells), np.float32),
        place_weight=0.0,
        wrong=np.zeros(len(JUDGED), np.float32),
        known=np.ones(len(JUDGED), np.float32),
        counts=np.full(2, UNKNOWN, np.int64),
    )


def unpacked_ids(data: bytes) -> np.ndarray:
    """Returns a map of ids as it was stored, uint8 or uint16."""
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))


def _warped(
    pixels: np.ndarray, view: np.ndarray, how: int = cv2.INTER_LINEAR, border: int = cv2.BORDER_CONSTANT
) -> np.ndarray:
    pixels = np.ascontiguousarray(pixels)
    scale = float(np.sqrt(abs(np.linalg.det(view[:, :2]))))
    is_picture = how == cv2.INTER_LINEAR
    if is_picture and scale < _SOFT_BELOW:
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.5 / scale)
    beyond = BORDER if is_picture else 0
    return cv2.warpAffine(pixels, view, (SIDE, SIDE), flags=how, borderMode=border, borderValue=beyond)


def _shares(mask: np.ndarray) -> np.ndarray:
    return cv2.resize(mask.astype(np.float32), (SIDE // STRIDE,) * 2, interpolation=cv2.INTER_AREA)
