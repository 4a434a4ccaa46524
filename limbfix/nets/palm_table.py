"""What are the numbers of the palm trunk? Plain numbers, without torch, for the network and for the runtime."""

from __future__ import annotations

KERNEL = 5
"""Of the stem and of every depthwise convolution."""

STEM = 32
"""Channels of the stem, whose stride is 2."""

DOWN: tuple[tuple[int, int], ...] = ((1, 32), (2, 64), (2, 128), (2, 256), (2, 256))
"""(stride of the first block, channels) of each stage downwards. A stage of stride 1 has `BLOCKS` blocks, any other one more."""

BLOCKS = 4

UP: tuple[tuple[int, int], ...] = ((3, 256), (2, 128))
"""(stage downwards whose map is added, channels) of each stage upwards; they end at stride 8."""

UP_BLOCKS = 2

OLD_HEADS_AFTER = (1,)
"""After the first stage upwards the published network has two heads of its own, which are not used here."""
