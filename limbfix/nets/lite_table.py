"""What are the numbers of the EfficientNet-lite0 trunk? Plain numbers, without torch, for the network and for the runtime."""

from __future__ import annotations

STEM_CHANNELS = 32
HEAD_CHANNELS = 1280

STAGES: tuple[tuple[int, int, int, int, int], ...] = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
"""(kernel, stride of the first block, expansion, channels, blocks) of each stage."""

LEVELS: tuple[tuple[int, int, int], ...] = ((1, 4, 24), (2, 8, 40), (4, 16, 112), (6, 32, 320))
"""(stage, stride, channels) of each feature map that the pyramid reads."""

TRUNK_EPSILON = 1e-3
"""Of the trunk's batch norms, as the published weights were trained."""

PYRAMID_EPSILON = 1e-5
"""Of the pyramid's and the heads' batch norms: torch's default."""

MEAN, STD = 0.5, 0.5
"""Of every channel, on values 0-1: how the published lite weights want their input."""
