"""How does a training picture of the finder come about? Grounds, people and hands pasted at any size, and the losses of a picture's life.

Grounds are places, photographs and rendered scenes. Pasted are whole renders, melted hands, and pieces of places that are no hands, so that
the edge of something pasted says nothing. What is pasted over a hand hides it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.geometry import sampling_matrix
from limbfix.training.finder_looks import dressed, relit
from limbfix.training.finder_stock import Stock

_SIZES_PX = (12.0, 115.0)
"""Longer side of hands in the training picture, log-uniform."""

_LEAST_PX = 9.0
_LEAST_INSIDE = 0.3
"""Smaller hands, and those that the picture's edge cuts more, are left open."""

_HIDDEN, _GONE = 0.45, 0.85
"""Shares of a hand's outline under something pasted from which it is left open, and from which it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """How often a training picture is what; the rest are bare places.

    Attributes:
        made: grounds that are renders; photographs: grounds that are photographs; pasted: places with cut-outs.
        visitors: chance that a render or photograph gets cut-outs on top. Many hands in a picture teach more in the same time.
    """

    made: float = 0.42
    photographs: float = 0.24
    pasted: float = 0.25
    visitors: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A finished training picture: pixels (s, s, 3) uint8, boxes of hands (n, 4) and of what is left open (m, 4), px."""

    pixels: np.ndarray
    hands: np.ndarray
    vague: np.ndarray


class SceneMaker:
    """Makes training pictures.

    Args:
        made: renders and melted photographs, with masks, by folder; each folder is drawn as often as its share says.
        photographs: whole photographs.
        places: pictures without people.
        size: side of the pictures, px.
        mixture: of kinds.
        shares: of the folders of `made`; all alike by default.
    """

    def __init__(
        self,
        made: Sequence[Sequence[Stock]],
        photographs: Sequence[Stock],
        places: Sequence[Stock],
        size: int,
        mixture: Mixture | None = None,
        shares: Sequence[float] = (),
    ) -> None:
        self.made, self.photographs, self.places = made, photographs, places
        self.size, self.mixture = size, mixture or Mixture()
        self.shares = tuple(shares) or (1.0,) * len(made)
        self.kept: dict[int, Scene] = {}

    def scene(self, rng: np.random.Generator) -> Scene:
        """Returns one picture; depends on nothing but the stock and `rng`."""
        mixture, kind = self.mixture, rng.random()
        canvas = _Canvas(_covered(_any(self.places, rng), self.size, rng))
        if kind < mixture.made:
            self._lay(canvas, self._made(rng), rng, whole=rng.random() < 0.5)
        elif kind < mixture.made + mixture.photographs:
            self._lay(canvas, _any(self.photographs, rng), rng, whole=True)
        pasted = kind - mixture.made - mixture.photographs
        guests = int(rng.integers(2, 6)) if 0 <= pasted < mixture.pasted else 0
        if pasted < 0 and rng.random() < mixture.visitors:
            guests = int(rng.integers(1, 3))
        for _ in range(guests):
            self._lay(canvas, self._made(rng), rng, whole=False)
        for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.35 else 0):
            canvas.lay(*_piece(_any(self.places, rng), self.size, rng))
        pixels = dressed(canvas.pixels, rng)
        return Scene(pixels=pixels, hands=_boxes(canvas.hands), vague=_boxes(canvas.vague))

    def _made(self, rng: np.random.Generator) -> Stock:
        shares = np.array(self.shares) * [len(stock) > 0 for stock in self.made]
        return _any(self.made[int(rng.choice(len(shares), p=shares / shares.sum()))], rng)

    def _lay(self, canvas: _Canvas, stock: Stock, rng: np.random.Generator, *, whole: bool) -> None:
        """Puts a picture, or what its mask cuts out of it, somewhere on the canvas, turned, scaled and mirrored."""
        matrix = _placing(stock, self.size, rng, whole=whole)
        size = (self.size, self.size)
        mask = np.ones(stock.pixels.shape[:2], np.uint8) if whole or stock.mask is None else stock.mask
        pixels, mask, reduced = _reduced(stock.pixels, mask, matrix)
        reduced = sampling_matrix(reduced)  # outlines count from the corner
        warped = cv2.warpAffine(pixels, reduced, size, flags=cv2.INTER_LINEAR)
        alpha = cv2.warpAffine(mask * 255, reduced, size, flags=cv2.INTER_LINEAR)
        if not whole:
            alpha = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.4, 1.2))
        move = lambda outlines: [xy @ matrix[:, :2].T + matrix[:, 2] for xy in outlines]  # noqa: E731
        canvas.lay(warped, alpha, move(stock.hands), move(stock.vague))


def seen_again(scene: Scene, rng: np.random.Generator) -> Scene:
    """Returns a scene mirrored and in another light."""
    size = scene.pixels.shape[1]
    hands, vague = (
        np.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], 1)
        for boxes in (scene.hands, scene.vague)
    )
    return Scene(pixels=relit(np.ascontiguousarray(scene.pixels[:, ::-1]), rng), hands=hands, vague=vague)


class _Canvas:
    """A picture in the making, with the outlines of its hands."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.hands, self.vague = pixels, [], []

    def lay(
        self,
        pixels: np.ndarray,
        alpha: np.ndarray,
        hands: Sequence[np.ndarray] = (),
        vague: Sequence[np.ndarray] = (),
    ) -> None:
        """Lays pixels over the picture where `alpha` (h, w) uint8 says so, and their hands over those below."""
        x, y, width, height = cv2.boundingRect(alpha)
        part = np.s_[y : y + height, x : x + width]
        share = alpha[part][..., None].astype(np.float32) * (1 / 255)
        here = self.pixels[part].astype(np.float32)
        self.pixels[part] = here + share * (pixels[part] - here) + 0.5
        below, self.hands = self.hands, []
        for outline in below:
            hidden = _hidden(outline, alpha)
            if hidden < _HIDDEN:
                self.hands.append(outline)
            elif hidden < _GONE:
                self.vague.append(outline)
        self.vague = [outline for outline in self.vague if _hidden(outline, alpha) < _GONE]
        size = len(self.pixels)
        for outline in hands:
            whole, cut = _box(outline), np.clip(_box(outline), 0, size)
            share = np.prod(cut[2:] - cut[:2]) / max(np.prod(whole[2:] - whole[:2]), 1e-6)
            good = share >= _LEAST_INSIDE and (cut[2:] - cut[:2]).max() >= _LEAST_PX
            (self.hands if good else self.vague).append(np.clip(outline, 0, size))
        self.vague += [np.clip(outline, 0, size) for outline in vague]


def _placing(stock: Stock, size: int, rng: np.random.Generator, *, whole: bool) -> np.ndarray:
    """Draws where a picture goes, (2, 3): one of its hands gets a drawn size and, mostly, a place inside."""
    height, width = stock.pixels.shape[:2]
    turn = np.deg2rad(rng.normal(0, 12) if whole or rng.random() < 0.4 else rng.uniform(-180, 180))
    stretch = np.exp(rng.normal(0, 0.08))
    mirror = -1 if rng.random() < 0.5 else 1
    if stock.hands:
        outline = stock.hands[int(rng.integers(len(stock.hands)))]
        box = _box(outline)
        extent, centre = float((box[2:] - box[:2]).max()), (box[:2] + box[2:]) / 2
        wanted = np.exp(rng.uniform(*np.log(_SIZES_PX)))
        scale = float(np.clip(wanted / extent, 0.06, 2.5))
    else:
        centre, scale = np.array([width, height]) * rng.random(2), np.exp(rng.uniform(np.log(0.25), np.log(1.5)))
    if whole:  # a ground should fill the picture where it can, and never be magnified to mush
        scale = min(max(scale, 0.6 * size / max(height, width) * rng.random()), 2.5)
    cosine, sine = np.cos(turn) * scale, np.sin(turn) * scale
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([mirror * stretch, 1 / stretch])
    target = size * rng.uniform(0.03, 0.97, 2)
    return np.column_stack([linear, target - linear @ centre])


def _reduced(pixels: np.ndarray, mask: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shrinks a picture and its mask before warping, which reads single pixels: small hands would be made of noise."""
    share = 1.2 * np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if share > 0.75:
        return pixels, mask, matrix
    height, width = mask.shape
    size = (max(1, round(width * share)), max(1, round(height * share)))
    shares = np.array([size[0] / width, size[1] / height])
    small, small_mask = (cv2.resize(array, size, interpolation=cv2.INTER_AREA) for array in (pixels, mask))
    return small, small_mask, np.column_stack([matrix[:, :2] / shares, matrix[:, 2]])


def _piece(place: Stock, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a smooth blob or a bar out of a place, sometimes in the colours of skin: something pasted that is no hand."""
    pixels = _covered(place, size, rng)
    alpha = np.zeros((size, size), np.uint8)
    reach = size * np.exp(rng.uniform(np.log(0.02), np.log(0.25)))
    turn = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 12))))
    radius = reach * rng.uniform(0.3, 1, len(turn))
    points = size * rng.random(2) + radius[:, None] * np.stack([np.cos(turn), rng.uniform(0.2, 1) * np.sin(turn)], 1)
    cv2.fillPoly(alpha, [np.rint(points).astype(np.int32)], 255, cv2.LINE_AA)
    if rng.random() < 0.4:
        skin = np.array([rng.uniform(90, 250), 0, 0])
        skin[1:] = skin[0] * rng.uniform((0.62, 0.45), (0.85, 0.75))
        grey = pixels.mean(2, keepdims=True)
        pixels = np.clip(skin * (0.7 + 0.6 * (grey / 255) ** 0.7), 0, 255).astype(np.uint8)
    return pixels, cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.4, 2.5))


def _covered(place: Stock, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns a crop of a place that fills the picture."""
    height, width = place.pixels.shape[:2]
    side = max(16, round(min(height, width) * np.exp(rng.uniform(np.log(0.35), 0))))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = place.pixels[top : top + side, left : left + side]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    return cv2.resize(np.ascontiguousarray(crop), (size, size), interpolation=cv2.INTER_LINEAR)


def _hidden(outline: np.ndarray, alpha: np.ndarray) -> float:
    """Returns the share of an outline that lies under `alpha`."""
    size = len(alpha)
    x0, y0 = np.clip(np.floor(outline.min(0)).astype(int), 0, size - 1)
    x1, y1 = np.clip(np.ceil(outline.max(0)).astype(int), 1, size)
    inside = np.zeros((max(y1 - y0, 1), max(x1 - x0, 1)), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(outline - (x0, y0)).astype(np.int32), 1)
    under = alpha[y0 : y0 + inside.shape[0], x0 : x0 + inside.shape[1]] > 127
    return float((under & (inside > 0)).sum() / max(inside.sum(), 1))


def _any(stock: Sequence[Stock], rng: np.random.Generator) -> Stock:
    return stock[int(rng.integers(len(stock)))]


def _box(outline: np.ndarray) -> np.ndarray:
    return np.concatenate([outline.min(0), outline.max(0)])


def _boxes(outlines: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([_box(xy) for xy in outlines], np.float32).reshape(-1, 4)
