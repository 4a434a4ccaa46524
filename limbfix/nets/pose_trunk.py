"""Which features does the body parser stand on? MediaPipe's pose network up to the map that its heatmaps are read from, in plain torch.

It was taught to see one person in the middle of a crop: down to stride 32 and up again to one map at stride 4. It has no batch norms and no
place for a picture's size. Source: V. Bazarevsky et al., "BlazePose: on-device real-time body pose tracking", 2020; weights: Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from limbfix.nets.lite_table import MEAN, STD
from limbfix.nets.pose_table import FIRST, JOINED, OUTSIDE, POINTS, STAGES, STEM, UNUSED_BEFORE, WIDE

Layers = Sequence[tuple[str, np.ndarray, np.ndarray | None]]
"""(kind, weight, bias) in the order of computation, see `limbfix.training.tflite_weights`."""


def _conv(channels_in: int, channels_out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups)


class PoseBlock(nn.Module):
    """An inverted residual without norms: expand, depthwise, project."""

    def __init__(self, channels_in: int, wide: int, channels_out: int, kernel: int, stride: int):
        super().__init__()
        self.expand = _conv(channels_in, wide)
        self.depthwise = _conv(wide, wide, kernel, stride, wide)
        self.project = _conv(wide, channels_out)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, c, h, w) to (b, c', h / stride, w / stride)."""
        inner = functional.relu6(self.depthwise(functional.relu6(self.expand(x))))
        inner = self.project(inner)
        return x + inner if self.residual else inner


class SideBlock(nn.Module):
    """What a stage hands across to the way up: depthwise, pointwise."""

    def __init__(self, channels: int):
        super().__init__()
        self.depthwise = _conv(channels, channels, 3, groups=channels)
        self.pointwise = _conv(channels, JOINED)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, c, h, w) to (b, 48, h, w)."""
        return functional.relu6(self.pointwise(functional.relu6(self.depthwise(x))))


class PoseTrunk(nn.Module):
    """The trunk. Input: (b, 3, h, w) float, RGB, normalised as for the lite trunks, sides multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 3, 2)
        self.depthwise = _conv(STEM, STEM, 3, groups=STEM)
        self.pointwise = _conv(STEM, FIRST)
        self.stages, self.sides = nn.ModuleList(), nn.ModuleList()
        width = FIRST
        for number, rows in enumerate(STAGES):
            blocks = nn.Sequential()
            for index, (kernel, wide, channels) in enumerate(rows):
                blocks.append(PoseBlock(width, wide, channels, kernel, 2 if index == 0 else 1))
                width = channels
            self.stages.append(blocks)
            if number < len(STAGES) - 1:
                self.sides.append(SideBlock(width))
        self.last = nn.ModuleList(
            [
                _conv(width, WIDE),
                _conv(WIDE, WIDE, 3, groups=WIDE),
                _conv(WIDE, WIDE, 3, groups=WIDE),
                _conv(WIDE, JOINED),
            ]
        )
        self.channels = JOINED

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Returns the joined map (b, 48, h / 4, w / 4), and the stages' maps at strides 4, 8, 16 and 32."""
        x = functional.relu6(self.stem(functional.pad(x, (1, 1, 1, 1), value=OUTSIDE)))
        x = self.pointwise(functional.relu6(self.depthwise(x)))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        for layer in self.last:
            x = functional.relu6(layer(x))
        for side, level in zip(reversed(self.sides), reversed(maps[:-1]), strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False) + side(level)
        return x, maps


@torch.no_grad()
def load_pose(trunk: PoseTrunk, layers: Layers) -> tuple[np.ndarray, np.ndarray]:
    """Fills the trunk from the published network's layers; the stem is changed for an input of -1 to 1 instead of 0 to 1.

    Args:
        trunk: filled in place.
        layers: of the published network.

    Returns:
        Weight (39, 48, 1, 1) and bias (39,) of the published heatmaps, which are read off the trunk's joined map.

    Raises:
        ValueError: a layer is missing or of another shape.
    """
    given = iter(layers)
    for module in _modules(trunk):
        _, weight, bias = next(given, ("", np.zeros(0), None))
        if module is None:
            continue
        if tuple(module.weight.shape) != weight.shape or bias is None:
            raise ValueError(
                f"expected weights {tuple(module.weight.shape)}, got {weight.shape}: another pose network?"
            )
        values, shift = torch.from_numpy(weight.copy()), torch.from_numpy(bias.copy())
        if module is trunk.stem:
            values, shift = STD * values, shift + MEAN * values.sum((1, 2, 3))
        module.weight.copy_(values)
        assert module.bias is not None
        module.bias.copy_(shift)
    for _, weight, bias in given:
        if weight.shape == (POINTS, JOINED, 1, 1) and bias is not None:
            return weight, bias
    raise ValueError(f"expected heatmaps of {POINTS} points, found none: another pose network?")


def _modules(trunk: PoseTrunk) -> Iterator[nn.Conv2d | None]:
    """Yields the trunk's layers in the published order, None for each that is left out: a stage's side comes after the next one's first layer."""
    yield from (trunk.stem, trunk.depthwise, trunk.pointwise)
    for number, stage in enumerate(trunk.stages):
        first, *rest = (module for module in stage.modules() if isinstance(module, nn.Conv2d))
        yield first
        if number == UNUSED_BEFORE:
            yield from (None, None)
        else:
            yield from _layers(trunk.sides[number - 1])
        yield from rest
    yield from _layers(trunk.last)


def _layers(stage: nn.Module) -> Iterator[nn.Conv2d]:
    yield from (module for module in stage.modules() if isinstance(module, nn.Conv2d))
