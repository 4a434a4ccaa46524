"""Where do the parser's training batches come from? Hands cut out of shards, kept in memory, mirrored and recoloured as they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from limbfix.synthesis.samples import Sample
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.shards import read_shard
from limbfix.training.parser_targets import (
    HandCut,
    crop_matrix,
    cut_along,
    draw_fields,
    draw_heatmaps,
    main_hand,
)

LEAST_HAND_PX = 24
"""Smaller hands are left out: their digits are a pixel wide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParserBatch:
    """Tensors of b crops; pairs stand side by side: rows 2 k and 2 k + 1 are the worse and the better of one group.

    Attributes:
        pixels: (b, size, size, 3) uint8.
        heatmaps: (b, 5, h, w); fields: (b, 8, h, w); parts: (b, h, w) int64.
        judgements: (b, 6); counts: (b, 2) int64.
        worse: (b / 2,) bool: whether row 2 k must be judged worse than row 2 k + 1; False where both are normal.
    """

    pixels: torch.Tensor
    heatmaps: torch.Tensor
    fields: torch.Tensor
    parts: torch.Tensor
    judgements: torch.Tensor
    counts: torch.Tensor
    worse: torch.Tensor


class ParserExamples:
    """Pairs of cut hands.

    Args:
        size: px of the crops.
        seed: of the crops' jitter.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self.pairs: list[tuple[HandCut, HandCut]] = []

    def add(self, samples: Iterable[Sample], views: int = 1) -> None:
        """Cuts hands out of samples, whose groups come one after the other; `views` jittered crops of each pair."""
        group: list[Sample] = []
        for sample in samples:
            if group and sample.group != group[0].group:
                self._add_group(group, views)
                group = []
            group.append(sample)
        self._add_group(group, views)

    def _add_group(self, group: Sequence[Sample], views: int) -> None:
        ordered = sorted(group, key=lambda sample: sample.order)
        for worse in ordered[1:]:
            hand = main_hand(worse)
            better = ordered[0]
            if hand is None or hand.id not in {item.id for item in better.instances if item.kind == "hand"}:
                continue
            for view in range(views):
                rng = rng_for(self.seed, worse.key, view)
                matrix = crop_matrix(worse, hand, self.size, rng)
                extent = self.size / np.sqrt(abs(np.linalg.det(matrix[:, :2])))
                if extent < LEAST_HAND_PX:
                    continue
                twin = next(item for item in better.instances if item.id == hand.id)
                self.pairs.append(
                    (cut_along(worse, hand, self.size, matrix), cut_along(better, twin, self.size, matrix))
                )

    def batch(self, step: int, pairs: int) -> ParserBatch:
        """Returns the batch of a step: the same for the same seed and step."""
        rng = rng_for(self.seed, "batch", step)
        chosen = [self.pairs[i] for i in rng.integers(len(self.pairs), size=pairs)]
        return collate([dressed for pair in chosen for dressed in _augmented(pair, rng)])


def load_examples(
    folders: Sequence[Path], size: int, seed: int, say: Callable[[str], None], views: int = 1
) -> ParserExamples:
    """Reads all shards below some folders."""
    examples = ParserExamples(size, seed)
    for shard in sorted(path for folder in folders for path in folder.rglob("*.tar")):
        examples.add(read_shard(shard), views)
        say(f"{shard}: {len(examples.pairs)} pairs so far")
    return examples


def _augmented(pair: tuple[HandCut, HandCut], rng: np.random.Generator) -> tuple[HandCut, HandCut]:
    """Mirrors and recolours both of a pair alike."""
    mirror = rng.random() < 0.5
    gain = rng.uniform(0.75, 1.25) * rng.uniform(0.92, 1.08, 3)
    lift = rng.uniform(-18, 18)
    gamma = rng.uniform(0.8, 1.25)
    curve = (np.clip(np.arange(256)[:, None] * gain + lift, 0, 255) / 255) ** gamma * 255

    def apply(cut: HandCut) -> HandCut:
        pixels = np.stack([curve[:, k].astype(np.uint8)[cut.pixels[..., k]] for k in range(3)], -1)
        joints, bones, parts = cut.joints, cut.bones, cut.parts
        if mirror:
            last = parts.shape[1] - 1
            pixels, parts = pixels[:, ::-1], parts[:, ::-1]
            joints, bones = joints.copy(), bones.copy()
            joints[:, 1] = last - joints[:, 1]
            bones[:, [1, 3]] = last - bones[:, [1, 3]]
        return HandCut(
            pixels=pixels, parts=parts, joints=joints, bones=bones, judgements=cut.judgements, counts=cut.counts,
            group=cut.group, order=cut.order,
        )  # fmt: skip

    return apply(pair[0]), apply(pair[1])


def collate(cuts: Sequence[HandCut]) -> ParserBatch:
    """Draws the maps of cut hands and stacks everything."""
    side = cuts[0].parts.shape[0]

    def stacked(arrays: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(arrays))

    wrong = np.array([cut.judgements.any() for cut in cuts])
    return ParserBatch(
        pixels=stacked([np.ascontiguousarray(cut.pixels) for cut in cuts]),
        heatmaps=stacked([draw_heatmaps(cut.joints, side) for cut in cuts]),
        fields=stacked([draw_fields(cut.bones, side) for cut in cuts]),
        parts=stacked([cut.parts.astype(np.int64) for cut in cuts]),
        judgements=stacked([cut.judgements for cut in cuts]),
        counts=stacked([np.asarray(cut.counts, np.int64) for cut in cuts]),
        worse=torch.from_numpy(wrong[0::2] & ~wrong[1::2]),
    )
