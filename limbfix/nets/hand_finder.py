"""Where are hands in a whole picture? A trunk that ends at stride 8, and two light towers: centres and boxes.

A box holds palm and digits without the forearm, whatever their number. What the maps mean, and how boxes are read off them, is in
`hand_boxes`. Source: Z. Liu et al., "Training-time-friendly network for real-time object detection", 2020 (centres and boxes).
"""

from __future__ import annotations

import torch
from torch import nn

from limbfix.nets.hand_boxes import CHANNELS, INPUT_MULTIPLE, STRIDE, decode
from limbfix.nets.palm_trunk import PalmTrunk
from limbfix.nets.pyramid import smooth_block

__all__ = ["CHANNELS", "INPUT_MULTIPLE", "STRIDE", "HandFinder", "decode"]

_FIRST_CENTRE = -4.6
"""Logit of a centre before training: hands are rare, one cell in a hundred."""

_FIRST_REACH = 0.7
"""Logarithm of the distances before training: two cells to each side."""


class HandFinder(nn.Module):
    """The hand finder. Its maps are those of `hand_boxes.CHANNELS`."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = PalmTrunk()
        channels = self.trunk.channels
        self.centre_tower = nn.Sequential(smooth_block(channels), smooth_block(channels))
        self.box_tower = nn.Sequential(smooth_block(channels), smooth_block(channels))
        self.centres = nn.Conv2d(channels, 1, 1)
        self.reaches = nn.Conv2d(channels, CHANNELS - 1, 1)
        nn.init.constant_(self.centres.bias, _FIRST_CENTRE)  # pyright: ignore[reportArgumentType]
        nn.init.constant_(self.reaches.bias, _FIRST_REACH)  # pyright: ignore[reportArgumentType]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Looks at (b, 3, h, w) pictures, `normalised`; h and w are multiples of 32. Returns (b, 5, h / 8, w / 8)."""
        fine = self.trunk(x)
        return torch.cat([self.centres(self.centre_tower(fine)), self.reaches(self.box_tower(fine))], 1)
