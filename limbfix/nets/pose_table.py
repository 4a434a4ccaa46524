"""What are the numbers of the pose trunk? Plain numbers, without torch, for the network and for the runtime."""

from __future__ import annotations

STEM, FIRST = 24, 16
"""Channels of the stem, whose stride is 2, and of the separable block after it."""

OUTSIDE = -1.0
"""What lies around the picture for the stem: black, as the published network has it."""

STAGES: tuple[tuple[tuple[int, int, int], ...], ...] = (
    ((3, 64, 24), (3, 144, 24)),
    ((5, 144, 32), (5, 192, 32)),
    ((3, 192, 64), (3, 384, 64), (3, 384, 64), (5, 384, 88), (5, 528, 88), (5, 528, 88)),
    ((5, 528, 144), (5, 864, 144), (5, 864, 144), (5, 864, 144)),
)
"""(kernel, wide channels, channels) of each block of each stage. The first block of a stage has stride 2: they end at 4, 8, 16 and 32."""

WIDE = 864
"""Channels of the two depthwise convolutions that end the way down."""

JOINED = 48
"""Channels of what comes from beside and from above; also those of the last map, at stride 4."""

LEVELS: tuple[int, ...] = tuple(stage[-1][2] for stage in STAGES)
"""Channels of the stages' maps, finest first."""

UNUSED_BEFORE = 0
"""Before the first stage's first depthwise convolution the published network has two layers of its mask, which are not used here."""

POINTS = 39
"""Heatmaps of the published network: 33 points of a body, and six helping ones."""
