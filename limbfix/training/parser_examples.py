"""Where do the parser's training batches come from? Hands cut out of shards, kept in memory, turned, scaled and degraded as they are drawn.

A pair stays a pair: both hands of it pass the same turn, light and losses, with the same noise. What differs is the defect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from limbfix.nets.hand_maps import READ_VIEW
from limbfix.synthesis.degradation import sample_degradation
from limbfix.synthesis.samples import Sample
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.shards import read_shard
from limbfix.training.parser_targets import (
    HandCut,
    StoredHand,
    draw_fields,
    draw_heatmaps,
    main_hand,
    seen_through,
    store_pair,
)
from limbfix.training.quick_melts import quick_melt

LEAST_HAND_PX = 24
"""Smaller hands are left out: their digits are a pixel wide."""

LEAST_DIGITS = 3
"""Digits that the better hand must show: a sleeve or a limb of a body is not read as a hand."""

_VIEWS = (1.1, 1.9)
_NARROW = 2.0
"""Power of the evenly drawn number that says how wide a view is: half of them are narrower than 1.3, as the crops in which digits are read."""

_FREE = 0.2
"""Share of crops that may reach beyond the picture, as those of hands at its edge do."""

_SHIFT = 0.06
_LOSSES_AT = 1.5
"""Losses happen at 1.5 times the crop's size, before the last scaling: the files that are judged are larger than what the network sees."""

_CLEAN = 0.25
"""Share of pairs that only the degradation's own mood (`sample_degradation`) leaves alone or that skip it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParserBatch:
    """Tensors of b crops; pairs stand side by side: rows 2 k and 2 k + 1 are the worse and the better of one group.

    Attributes:
        pixels: (b, size, size, 3) uint8.
        heatmaps: (b, 5, h, w); fields: (b, 8, h, w); parts: (b, h, w) int64.
        judgements: (b, 6); counts: (b, 2) int64, -1 where nobody knows.
        weights: (b,) 0-1, how well a person could see what is judged.
        dense: (b,) 0-1, how much the maps are to be believed.
        worse: (b / 2,) the same for pairs: how surely row 2 k must be judged worse than row 2 k + 1; 0 where both are normal.
    """

    pixels: torch.Tensor
    heatmaps: torch.Tensor
    fields: torch.Tensor
    parts: torch.Tensor
    judgements: torch.Tensor
    counts: torch.Tensor
    weights: torch.Tensor
    dense: torch.Tensor
    worse: torch.Tensor


class ParserExamples:
    """Pairs of stored hands.

    Args:
        size: px of the crops.
        seed: of everything that is drawn.
        degrade: whether crops are degraded as they are drawn; False for shards that are degraded already.
        melts: share of drawn pairs that are a normal hand melted anew (`quick_melts`) instead of the stored pair.
    """

    def __init__(self, size: int, seed: int, *, degrade: bool = True, melts: float = 0.0) -> None:
        self.size, self.seed, self.degrade, self.melts = size, seed, degrade, melts
        self.pairs: list[tuple[StoredHand, StoredHand]] = []

    def add(self, samples: Iterable[Sample]) -> None:
        """Cuts hands out of samples, whose groups come one after the other."""
        group: list[Sample] = []
        for sample in samples:
            if group and sample.group != group[0].group:
                self._add_group(group)
                group = []
            group.append(sample)
        self._add_group(group)

    def _add_group(self, group: Sequence[Sample]) -> None:
        ordered = sorted(group, key=lambda sample: sample.order)
        for worse in ordered[1:]:
            hand, better = main_hand(worse), ordered[0]
            twin = next((item for item in better.instances if hand is not None and item.id == hand.id), None)
            if hand is None or twin is None or better.digits_visible(twin.id) < LEAST_DIGITS:
                continue
            pair = store_pair(worse, hand, better, twin)
            is_about_hand = not worse.defects or pair[0].judgements.any()
            if is_about_hand and pair[0].hand_px >= LEAST_HAND_PX:
                self.pairs.append(pair)

    def batch(self, step: int, pairs: int) -> ParserBatch:
        """Returns the batch of a step: the same for the same seed and step."""
        rng = rng_for(self.seed, "batch", step)
        chosen = [self._melted(self.pairs[i], rng) for i in rng.integers(len(self.pairs), size=pairs)]
        return collate([cut for pair in chosen for cut in drawn(pair, self.size, rng, degrade=self.degrade)])

    def _melted(self, pair: tuple[StoredHand, StoredHand], rng: np.random.Generator) -> tuple[StoredHand, StoredHand]:
        return (quick_melt(pair[1], rng) if rng.random() < self.melts else None) or pair

    def plain(self, start: int, stop: int) -> ParserBatch:
        """Returns pairs as a user's picture would show them: upright, in the middle, nothing added."""
        chosen = self.pairs[start:stop]
        return collate(
            [seen_through(hand, plain_matrix(hand, self.size), self.size) for pair in chosen for hand in pair]
        )


class ShardReader:
    """Reads shards below some folders into examples, each once; asked again, it reads those that were added since.

    Args:
        folders: searched below too; unfinished shards (`.scratch`) are left alone.
        examples: what the pairs are added to.
        say: told about each shard.
    """

    def __init__(self, folders: Sequence[Path], examples: ParserExamples, say: Callable[[str], None]) -> None:
        self._folders, self.examples, self._say = folders, examples, say
        self._read: set[Path] = set()

    def read_new(self, most: int | None = None) -> int:
        """Reads at most so many new shards, all of them by default; returns how many it read."""
        found = {path for folder in self._folders for path in folder.rglob("*.tar") if ".scratch" not in path.parts}
        chosen = sorted(found - self._read)[:most]
        for shard in chosen:
            self.examples.add(read_shard(shard))
            self._say(f"{shard}: {len(self.examples.pairs)} pairs so far")
        self._read.update(chosen)
        return len(chosen)


def load_examples(
    folders: Sequence[Path], size: int, seed: int, say: Callable[[str], None], *, degrade: bool = True
) -> ParserExamples:
    """Reads all shards below some folders."""
    examples = ParserExamples(size, seed, degrade=degrade)
    ShardReader(folders, examples, say).read_new()
    return examples


def plain_matrix(hand: StoredHand, size: int, view: float = READ_VIEW) -> np.ndarray:
    """Returns the (2, 3) matrix from stored px to the px of a plain crop, `view` hand sizes wide."""
    scale = size / (view * hand.extent)
    offset = size / 2 - scale * hand.pixels.shape[0] / 2
    return np.array([[scale, 0, offset], [0, scale, offset]])


def drawn_matrix(hand: StoredHand, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns a (2, 3) matrix that turns, scales, shifts and perhaps mirrors.

    Mostly the crop stays inside the picture that the hand came from, as crops of large pictures do; made pictures are small.
    """
    angle = rng.normal(0, 0.35) if rng.random() < 0.7 else rng.uniform(-np.pi, np.pi)
    view = _VIEWS[0] + (_VIEWS[1] - _VIEWS[0]) * rng.random() ** _NARROW
    mirror, free = rng.choice([-1.0, 1.0]), rng.random() < _FREE
    low, high = np.array(hand.room[:2]), np.array(hand.room[2:])
    if not free:
        view = max(_VIEWS[0], min(view, float((high - low).min()) / hand.extent))
    half = view * hand.extent / 2
    centre = hand.pixels.shape[0] / 2 + rng.normal(0, _SHIFT, 2) * hand.extent
    if not free:
        fits = high - low >= 2 * half
        centre = np.where(fits, np.clip(centre, low + half, np.maximum(high - half, low + half)), centre)
    scale = size / (2 * half)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[mirror * cosine, -sine], [mirror * sine, cosine]])
    return np.column_stack([linear, size / 2 - linear @ centre])


def drawn(
    pair: tuple[StoredHand, StoredHand], size: int, rng: np.random.Generator, *, degrade: bool
) -> tuple[HandCut, HandCut]:
    """Draws one view of a pair, the same for both: place, light, colours and losses."""
    matrix, curve = drawn_matrix(pair[0], size, rng), light_curve(rng)
    chain = sample_degradation(rng) if degrade and rng.random() >= _CLEAN else None
    seed = int(rng.integers(2**63))

    def lossy(pixels: np.ndarray) -> np.ndarray:
        if chain is not None:
            pixels = chain.apply(pixels, np.random.Generator(np.random.PCG64(seed)))
        small = np.asarray(cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
        return lit(small, curve)

    large = round(_LOSSES_AT * size) if chain is not None else size
    first, second = (seen_through(hand, matrix, size, large=large, change=lossy) for hand in pair)
    return first, second


def light_curve(rng: np.random.Generator) -> np.ndarray:
    """Returns (256, 3) uint8: brightness, colour and contrast as a table."""
    gain = rng.uniform(0.75, 1.25) * rng.uniform(0.92, 1.08, 3)
    lift, gamma = rng.uniform(-18, 18), rng.uniform(0.8, 1.25)
    return ((np.clip(np.arange(256)[:, None] * gain + lift, 0, 255) / 255) ** gamma * 255).astype(np.uint8)


def lit(pixels: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Returns (h, w, 3) uint8 pixels in the light of a curve; see `light_curve`."""
    return np.stack([curve[:, k][pixels[..., k]] for k in range(3)], -1)


def collate(cuts: Sequence[HandCut]) -> ParserBatch:
    """Draws the maps of cut hands and stacks everything."""
    side = cuts[0].parts.shape[0]

    def stacked(arrays: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(arrays))

    wrong = np.array([bool(cut.judgements.any()) for cut in cuts])
    weights = np.array([cut.weight for cut in cuts], np.float32)
    return ParserBatch(
        pixels=stacked([np.ascontiguousarray(cut.pixels) for cut in cuts]),
        heatmaps=stacked([draw_heatmaps(cut.joints, side) for cut in cuts]),
        fields=stacked([draw_fields(cut.bones, side) for cut in cuts]),
        parts=stacked([cut.parts.astype(np.int64) for cut in cuts]),
        judgements=stacked([cut.judgements for cut in cuts]),
        counts=stacked([np.asarray(cut.counts, np.int64) for cut in cuts]),
        weights=torch.from_numpy(weights),
        dense=torch.tensor([cut.dense for cut in cuts]),
        worse=torch.from_numpy((wrong[0::2] & ~wrong[1::2]) * weights[0::2]),
    )
