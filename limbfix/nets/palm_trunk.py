"""Which features does the hand finder stand on? MediaPipe's palm detector without its heads, in plain torch.

It was taught to see hands in photographs, from stride 2 down to 32 and up again to one map at stride 8. It has no batch norms and no place
for a picture's size. Source: F. Zhang et al., "MediaPipe Hands: on-device real-time hand tracking", 2020; weights: Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from limbfix.nets.efficientnet_lite import SameConv
from limbfix.nets.lite_table import MEAN, STD
from limbfix.nets.palm_table import BLOCKS, DOWN, KERNEL, OLD_HEADS_AFTER, STEM, UP, UP_BLOCKS


class PalmBlock(nn.Module):
    """A residual: depthwise, pointwise; beside it the input, halved by its maxima and filled up with empty channels where needed."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1):
        super().__init__()
        self.depthwise = SameConv(channels_in, channels_in, KERNEL, stride, groups=channels_in)
        self.pointwise = SameConv(channels_in, channels_out, 1)
        self.prelu = nn.PReLU(channels_out)
        self.stride, self.more = stride, channels_out - channels_in

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, c, h, w) to (b, c', h / stride, w / stride)."""
        inner = self.pointwise(self.depthwise(x))
        beside = functional.max_pool2d(x, 2) if self.stride == 2 else x
        if self.more:
            beside = functional.pad(beside, (0, 0, 0, 0, 0, self.more))
        return self.prelu(inner + beside)


class PalmTrunk(nn.Module):
    """The trunk. Input: (b, 3, h, w) float, RGB, normalised as for the lite trunks, sides multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, KERNEL, 2)
        self.prelu = nn.PReLU(STEM)
        self.down = nn.ModuleList()
        width = STEM
        for stride, channels in DOWN:
            first = [PalmBlock(width, channels, stride)] if stride > 1 else []
            self.down.append(nn.Sequential(*first, *(PalmBlock(channels, channels) for _ in range(BLOCKS))))
            width = channels
        self.up = nn.ModuleList()
        for _, channels in UP:
            join = nn.Sequential(SameConv(width, channels, 1), nn.PReLU(channels))
            blocks = nn.Sequential(*(PalmBlock(channels, channels) for _ in range(UP_BLOCKS)))
            self.up.append(nn.ModuleDict({"join": join, "blocks": blocks}))
            width = channels
        self.channels = width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns (b, 128, h / 8, w / 8)."""
        x = self.prelu(self.stem(x))
        maps = []
        for stage in self.down:
            x = stage(x)
            maps.append(x)
        for (beside, _), stage in zip(UP, self.up, strict=True):
            larger = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = stage["blocks"](maps[beside] + stage["join"](larger))  # pyright: ignore[reportIndexIssue]
        return x


@torch.no_grad()
def load_palm(trunk: PalmTrunk, layers: Sequence[tuple[str, np.ndarray, np.ndarray | None]]) -> None:
    """Fills the trunk from the published network's layers; the stem is changed for an input of -1 to 1 instead of 0 to 1.

    Args:
        trunk: filled in place.
        layers: (kind, weight, bias) in the order of computation, see `limbfix.training.tflite_weights`.

    Raises:
        ValueError: a layer is missing or of another shape.
    """
    given = iter(layers)
    for module in _modules(trunk):
        weights = [parameter for name, parameter in module.named_parameters() if name == "weight"] if module else []
        _, weight, bias = next(given, ("", np.zeros(0), None))
        if module is None:
            continue
        if tuple(weights[0].shape) != weight.shape:
            raise ValueError(f"expected weights {tuple(weights[0].shape)}, got {weight.shape}: another palm detector?")
        values = torch.from_numpy(weight.copy())
        shift = None if bias is None else torch.from_numpy(bias.copy())
        if module is trunk.stem:
            assert shift is not None
            values, shift = STD * values, shift + MEAN * values.sum((1, 2, 3))
        weights[0].copy_(values)
        if shift is not None:
            module.bias.copy_(shift)  # pyright: ignore[reportCallIssue]


def _modules(trunk: PalmTrunk) -> Iterator[nn.Module | None]:
    """Yields the trunk's layers in the published order, None for each head that is left out."""
    yield from (trunk.stem, trunk.prelu)
    for stage in trunk.down:
        yield from _layers(stage)
    for number, stage in enumerate(trunk.up, 1):
        yield from _layers(stage)
        if number in OLD_HEADS_AFTER:
            yield from (None, None)


def _layers(stage: nn.Module) -> Iterator[nn.Module]:
    yield from (module for module in stage.modules() if isinstance(module, nn.Conv2d | nn.PReLU))
