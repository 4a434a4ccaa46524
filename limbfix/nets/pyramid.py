"""How do fine and coarse features come together? A light feature pyramid that ends at one fine map.

Source: T.-Y. Lin et al., "Feature pyramid networks for object detection", 2017; summed top-down as in A. Kirillov et al., "Panoptic
feature pyramid networks", 2019.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


def smooth_block(channels: int) -> nn.Sequential:
    """Returns depthwise 3 x 3, pointwise, batch norm, ReLU: a cheap 3 x 3 convolution."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


class Pyramid(nn.Module):
    """Joins the trunk's maps from coarse to fine.

    Args:
        widths: channels of the trunk's maps, finest first.
        channels: of every joined map.
    """

    def __init__(self, widths: Sequence[int], channels: int = 64):
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
        self.smooth = nn.ModuleList(smooth_block(channels) for _ in widths)

    def forward(self, maps: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Returns the joined maps, finest first, all of `channels`."""
        joined: list[torch.Tensor] = []
        above: torch.Tensor | None = None
        for lateral, smooth, level in reversed(list(zip(self.lateral, self.smooth, maps, strict=True))):
            here = lateral(level)
            if above is not None:
                here = here + functional.interpolate(above, size=here.shape[2:], mode="nearest")
            joined.append(smooth(here))
            above = joined[-1]
        return tuple(reversed(joined))
