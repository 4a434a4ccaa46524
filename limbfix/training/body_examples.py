"""Where do the body parser's training batches come from? Made pairs, photographs, places and collages, in a new view and light each time.

A pair stays a pair: both pictures of it pass the same view, light and losses. What differs is the defect. Two pictures side by side
are a collage: more people than any picture that MediaPipe was taught with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch

from limbfix.nets.body_maps import STRIDE
from limbfix.synthesis.samples import Sample
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.shards import read_shard
from limbfix.training.body_drawing import BodyTargets, joined, seen_pixels, seen_targets
from limbfix.training.body_storage import SEEN, STORED_PX, StoredBody, unpacked
from limbfix.training.body_targets import store_body
from limbfix.training.parser_examples import light_curve, lit

T = TypeVar("T")

Light = Callable[[np.ndarray], np.ndarray]

_ZOOMS = (0.6, 1.9)
"""Size of the stored picture in sizes of the training picture: from small people in a grey frame to people cut by the frame."""

_UPRIGHT, _TURN = 0.85, 0.12
"""Share of views that are about upright, within so many radians (standard deviation); the others are turned at will."""

_SEAM = (0.35, 0.65)
_BLUR, _NOISE, _JPEG = 0.25, 0.25, 0.35
"""Shares of views that are softened, noisy, or saved as a small JPEG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyBatch:
    """Tensors of b pictures.

    Attributes:
        pixels: (b, size, size, 3) uint8.
        maps: by name of `BodyTargets`, each (b, c, h, w) float32.
    """

    pixels: torch.Tensor
    maps: dict[str, torch.Tensor]

    def on(self, device: torch.device) -> BodyBatch:
        """Returns the batch on a device."""
        return BodyBatch(pixels=self.pixels.to(device), maps={name: one.to(device) for name, one in self.maps.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyMixture:
    """How many pictures of each kind are in a batch; pairs count double."""

    pairs: int = 2
    photographs: int = 2
    places: int = 1
    collages: int = 1


@dataclass(slots=True, kw_only=True)
class BodyStock:
    """All stored pictures.

    Attributes:
        groups: made pictures that belong together: a defect and its twin, or a normal pair.
        photographs, places: of real people, and of nobody.
    """

    groups: list[tuple[StoredBody, ...]] = field(default_factory=list)
    photographs: list[StoredBody] = field(default_factory=list)
    places: list[StoredBody] = field(default_factory=list)

    def add(self, samples: Iterable[Sample]) -> None:
        """Stores made pictures, whose groups come one after the other."""
        name, group = "", []
        for sample in samples:
            if group and sample.group != name:
                self.groups.append(tuple(group))
                group = []
            name = sample.group
            group.append(store_body(sample))
        if group:
            self.groups.append(tuple(group))


class BodyShards:
    """Reads shards below some folders into a stock, each once; asked again, it reads those that were added since."""

    def __init__(self, folders: Sequence[Path], stock: BodyStock, say: Callable[[str], None]) -> None:
        self._folders, self._stock, self._say = folders, stock, say
        self._read: set[Path] = set()

    def read_new(self, most: int | None = None) -> int:
        """Reads at most so many new shards, all of them by default; returns how many it read."""
        found = {path for folder in self._folders for path in folder.rglob("*.tar") if ".scratch" not in path.parts}
        chosen = sorted(found - self._read)[:most]
        for shard in chosen:
            self._stock.add(read_shard(shard))
            self._say(f"{shard}: {len(self._stock.groups)} groups so far")
        self._read.update(chosen)
        return len(chosen)


class BodyExamples:
    """Draws batches: the same for the same seed, step and stock.

    Args:
        stock: what is drawn from; kinds of which it has none are replaced by made pairs.
        size: px of the training pictures; a multiple of 32.
        seed: of everything that is drawn.
        mixture: of kinds.
    """

    def __init__(self, stock: BodyStock, size: int, seed: int, mixture: BodyMixture) -> None:
        self.stock, self.size, self.seed, self.mixture = stock, size, seed, mixture

    def batch(self, step: int) -> BodyBatch:
        """Returns the batch of a step."""
        rng = rng_for(self.seed, "bodies", step)
        drawn: list[tuple[np.ndarray, BodyTargets]] = []
        for _ in range(self.mixture.pairs):
            group = self._one(self.stock.groups, rng)
            view, light = drawn_view(group[0], self.size, rng), drawn_light(rng)
            drawn += [self._seen(body, view, light) for body in group[:2]]
        for bodies, count in (
            (self.stock.photographs, self.mixture.photographs),
            (self.stock.places, self.mixture.places),
        ):
            for _ in range(count):
                drawn.append(self._drawn(self._one(bodies, rng) if bodies else self._any(rng), rng))
        for _ in range(self.mixture.collages):
            drawn.append(self._collage(rng))
        return collate(drawn)

    def plain(self, bodies: Sequence[StoredBody]) -> BodyBatch:
        """Returns pictures as they are, letterboxed into the training size."""
        return collate([self._seen(body, plain_view(body, self.size), lambda pixels: pixels) for body in bodies])

    def _one(self, items: Sequence[T], rng: np.random.Generator) -> T:
        return items[int(rng.integers(len(items)))]

    def _any(self, rng: np.random.Generator) -> StoredBody:
        stock = self.stock
        if stock.photographs and rng.random() < 0.5:
            return self._one(stock.photographs, rng)
        if stock.places and rng.random() < 0.15:
            return self._one(stock.places, rng)
        return self._one(self._one(stock.groups, rng), rng)

    def _seen(self, body: StoredBody, view: np.ndarray, light: Light) -> tuple[np.ndarray, BodyTargets]:
        frame = (0.0, 0.0, float(self.size), float(self.size))
        return light(seen_pixels(body, view, self.size)), seen_targets(body, view, self.size, frame)

    def _drawn(self, body: StoredBody, rng: np.random.Generator) -> tuple[np.ndarray, BodyTargets]:
        return self._seen(body, drawn_view(body, self.size, rng), drawn_light(rng))

    def _collage(self, rng: np.random.Generator) -> tuple[np.ndarray, BodyTargets]:
        """Two pictures beside or above each other; limbs at the seam leave their picture."""
        size, axis = self.size, int(rng.integers(2))
        seam = STRIDE * round(rng.uniform(*_SEAM) * size / STRIDE)
        seen: list[tuple[np.ndarray, BodyTargets]] = []
        for start, stop in ((0, seam), (seam, size)):
            low, high = np.zeros(2), np.full(2, float(size))
            low[1 - axis], high[1 - axis] = start, stop
            body, light = self._any(rng), drawn_light(rng)
            view = drawn_view(body, size, rng, centre=(low + high) / 2)
            frame = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
            seen.append((light(seen_pixels(body, view, size)), seen_targets(body, view, size, frame)))
        (first, one), (second, two) = seen
        first, second = (np.moveaxis(pixels, axis, 0) for pixels in (first, second))
        pixels = np.moveaxis(np.concatenate([first[:seam], second[seam:]]), 0, axis)
        return np.ascontiguousarray(pixels), joined(one, two, seam // STRIDE, axis + 1)


def _size_wh(body: StoredBody) -> np.ndarray:
    height, width = unpacked(body.jpeg, cv2.IMREAD_REDUCED_GRAYSCALE_8).shape
    return np.array([width, height]) * 8.0


def plain_view(body: StoredBody, size: int) -> np.ndarray:
    """Returns the (2, 3) matrix that letterboxes a stored picture."""
    wide = _size_wh(body)
    scale = size / wide.max()
    return np.column_stack([scale * np.eye(2), size / 2 - scale * wide / 2])


def drawn_view(
    body: StoredBody, size: int, rng: np.random.Generator, *, centre: np.ndarray | None = None
) -> np.ndarray:
    """Returns a (2, 3) matrix that scales, turns, shifts and perhaps mirrors; a close view looks at a joint.

    Args:
        body: what is looked at.
        size: px of the training picture.
        rng: decides.
        centre: px to which what is looked at comes; None for the middle.
    """
    zoom = float(np.exp(rng.uniform(*np.log(_ZOOMS))))
    angle = rng.normal(0, _TURN) if rng.random() < _UPRIGHT else rng.uniform(-np.pi, np.pi)
    mirror, pick, shift = rng.choice([-1.0, 1.0]), rng.random(), rng.normal(0, 0.1, 2)
    seen = body.joints[body.joints[:, 3] == SEEN, 1:3]
    middle = _size_wh(body) / 2
    if zoom > 1 and len(seen):
        share = min(1.0, zoom - 1)  # the closer, the more it is about somebody
        middle = middle + share * (seen[int(pick * len(seen))] - middle)
    scale = zoom * size / STORED_PX
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[mirror * cosine, -sine], [mirror * sine, cosine]])
    target = (np.full(2, size / 2) if centre is None else centre) + shift * size
    return np.column_stack([linear, target - linear @ middle])


def drawn_light(rng: np.random.Generator) -> Light:
    """Returns a change of light, colours, focus, noise and losses; the same every time it is applied."""
    curve, chances = light_curve(rng), rng.random(3)
    sigma, strength, quality = rng.uniform(0.4, 1.4), rng.uniform(2, 10), int(rng.integers(25, 85))
    seed = int(rng.integers(2**63))

    def change(pixels: np.ndarray) -> np.ndarray:
        pixels = lit(pixels, curve)
        if chances[0] < _BLUR:
            pixels = cv2.GaussianBlur(pixels, (0, 0), sigma)
        if chances[1] < _NOISE:
            noise = np.random.Generator(np.random.PCG64(seed)).normal(0, strength, pixels.shape)
            pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
        if chances[2] < _JPEG:
            data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            pixels = unpacked(data.tobytes())[..., ::-1]
        return np.ascontiguousarray(pixels)

    return change


def collate(drawn: Sequence[tuple[np.ndarray, BodyTargets]]) -> BodyBatch:
    """Stacks pictures and what is true of them."""
    maps = {
        each.name: torch.from_numpy(np.stack([getattr(targets, each.name) for _, targets in drawn]).astype(np.float32))
        for each in fields(BodyTargets)
    }
    return BodyBatch(pixels=torch.from_numpy(np.stack([pixels for pixels, _ in drawn])), maps=maps)
