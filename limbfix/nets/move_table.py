"""What are the numbers of the trunk of MoveNet MultiPose? Plain numbers, without torch, for the network and for the runtime.

MobileNetV2 of width 1.75 with a feature pyramid to stride 4. Source: TensorFlow's "Next-generation pose detection with MoveNet", 2021, and
the published MultiPose Lightning model (Apache-2.0).
"""

from __future__ import annotations

STEM, FIRST = 48, 24
"""Channels of the stem, whose stride is 2, and of the separable block after it."""

EXPANSION = 6

STAGES: tuple[tuple[tuple[int, int], ...], ...] = (
    ((40, 2), (40, 1)),
    ((48, 2), (48, 1), (48, 1)),
    ((96, 2), (96, 1), (96, 1), (96, 1)),
    ((144, 1), (144, 1), (144, 1), (240, 2), (240, 1), (240, 1), (480, 1)),
)
"""(channels, stride) of each block; stages end at strides 4, 8, 16 and 32, where the pyramid takes their maps."""

LEVELS: tuple[int, ...] = tuple(stage[-1][0] for stage in STAGES)
"""Channels of the stages' maps, finest first."""

WIDE = 1280
"""Channels of the layer that ends the way down."""

UP: tuple[tuple[int, int], ...] = ((64, 32), (32, 24), (24, 24))
"""(channels in, channels out) of each step up, coarsest first; each adds the next finer stage's map."""

HEAT = 96
"""Channels of the map from which the published network reads its heat; its layer takes the last of `UP`."""

POINTS = 17
"""Heatmaps of the published network: the points of COCO."""
