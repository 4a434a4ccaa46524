"""What are the numbers of the EfficientNet-lite trunks? Plain numbers, without torch, for the networks and for the runtime."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkTable:
    """A trunk's numbers.

    Attributes:
        stem: channels of the stem.
        stages: (kernel, stride of the first block, expansion of each block, channels) of each stage.
        levels: (stage, stride, channels) of each feature map that a pyramid reads.
    """

    stem: int
    stages: tuple[tuple[int, int, tuple[int, ...], int], ...]
    levels: tuple[tuple[int, int, int], ...]


LITE0 = TrunkTable(
    stem=32,
    stages=(
        (3, 1, (1,), 16), (3, 2, (6, 6), 24), (5, 2, (6, 6), 40), (3, 2, (6, 6, 6), 80),
        (5, 1, (6, 6, 6), 112), (5, 2, (6, 6, 6, 6), 192), (3, 1, (6,), 320),
    ),
    levels=((1, 4, 24), (2, 8, 40), (4, 16, 112), (6, 32, 320)),
)  # fmt: skip
"""EfficientNet-lite0, as published for ImageNet."""

LITE0_LOOKS = TrunkTable(stem=32, stages=LITE0.stages[:5], levels=LITE0.levels[:3])
"""Its first five stages: what the appearance score reads."""

LITE0_JUDGES = TrunkTable(stem=32, stages=LITE0.stages[:6], levels=(*LITE0.levels[:3], (5, 32, 192)))
"""Its first six stages: what the judges of limbs and of hands read."""

HAND = TrunkTable(
    stem=24,
    stages=(
        (3, 1, (1,), 16), (3, 2, (4, 6), 24), (5, 2, (6, 6), 40), (3, 2, (6, 6, 6), 80),
        (5, 1, (6, 6, 6), 112), (5, 2, (6, 6, 6, 6), 192),
    ),
    levels=((1, 4, 24), (2, 8, 40), (4, 16, 112), (5, 32, 192)),
)  # fmt: skip
"""The trunk of MediaPipe's hand landmark network: lite0's blocks, slightly narrower, and taught on hands."""

TRUNK_EPSILON = 1e-3
"""Of the trunks' batch norms, as the published weights were trained."""

PYRAMID_EPSILON = 1e-5
"""Of the pyramid's and the heads' batch norms: torch's default."""

MEAN, STD = 0.5, 0.5
"""Of every channel, on values 0-1: how the published lite weights want their input."""
