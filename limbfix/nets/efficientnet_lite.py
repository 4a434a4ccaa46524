"""Which trunk do the networks share? EfficientNet-lite as a pyramid of features, in plain torch.

Source: M. Tan, Q. Le, "EfficientNet", 2019, and Google's lite variant: no squeeze-and-excite, ReLU6, fixed stem and head. Layers,
their order and their TF-style padding equal timm's `tf_efficientnet_lite0`, so that published ImageNet weights fit tensor by tensor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from limbfix.nets.lite_table import LITE0, MEAN, STD, TRUNK_EPSILON, TrunkTable

__all__ = ["EfficientNetLite", "SameConv", "load_convolutions", "load_imagenet", "normalised"]


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=TRUNK_EPSILON, momentum=0.01)


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's `same` padding: an odd pixel of padding goes to the right and the bottom."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(b, c, h, w) to (b, c', ceil(h / stride), ceil(w / stride))."""
        if self.stride[0] == 1:
            half = self.kernel_size[0] // 2
            return functional.conv2d(input, self.weight, self.bias, 1, half, 1, self.groups)
        pads = [
            max((-(-size // s) - 1) * s + k - size, 0)
            for size, s, k in zip(input.shape[2:], self.stride, self.kernel_size, strict=True)
        ]
        top, left = pads[0] // 2, pads[1] // 2
        input = functional.pad(input, (left, pads[1] - left, top, pads[0] - top))
        return functional.conv2d(input, self.weight, self.bias, self.stride, 0, 1, self.groups)


class SeparableBlock(nn.Module):
    """The first stage's block: depthwise, then pointwise."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int):
        super().__init__()
        self.depthwise = SameConv(channels_in, channels_in, kernel, stride, groups=channels_in, bias=False)
        self.norm1 = _norm(channels_in)
        self.project = SameConv(channels_in, channels_out, 1, bias=False)
        self.norm2 = _norm(channels_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, c, h, w) to (b, c', h / stride, w / stride)."""
        return self.norm2(self.project(functional.relu6(self.norm1(self.depthwise(x)))))


class InvertedBlock(nn.Module):
    """An inverted residual: expand, depthwise, project."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = channels_in * expansion
        self.expand = SameConv(channels_in, wide, 1, bias=False)
        self.norm1 = _norm(wide)
        self.depthwise = SameConv(wide, wide, kernel, stride, groups=wide, bias=False)
        self.norm2 = _norm(wide)
        self.project = SameConv(wide, channels_out, 1, bias=False)
        self.norm3 = _norm(channels_out)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, c, h, w) to (b, c', h / stride, w / stride)."""
        inner = functional.relu6(self.norm1(self.expand(x)))
        inner = functional.relu6(self.norm2(self.depthwise(inner)))
        inner = self.norm3(self.project(inner))
        return x + inner if self.residual else inner


def _stage(channels_in: int, kernel: int, stride: int, expansions: tuple[int, ...], channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index, expansion in enumerate(expansions):
        step = stride if index == 0 else 1
        if expansion == 1:
            layers.append(SeparableBlock(channels_in, channels, kernel, step))
        else:
            layers.append(InvertedBlock(channels_in, channels, kernel, step, expansion))
        channels_in = channels
    return nn.Sequential(*layers)


class EfficientNetLite(nn.Module):
    """A trunk. Input: (b, 3, h, w) float, RGB, normalised by `normalised`.

    Args:
        table: its numbers.
    """

    def __init__(self, table: TrunkTable = LITE0) -> None:
        super().__init__()
        self.table = table
        self.stem = SameConv(3, table.stem, 3, 2, bias=False)
        self.norm = _norm(table.stem)
        widths = (table.stem, *(channels for *_, channels in table.stages))
        self.stages = nn.ModuleList(_stage(width, *row) for width, row in zip(widths, table.stages, strict=False))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Returns the feature maps of the table's levels, finest first."""
        x = functional.relu6(self.norm(self.stem(x)))
        wanted = {stage for stage, _, _ in self.table.levels}
        maps = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in wanted:
                maps.append(x)
        return tuple(maps)


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """(b, h, w, 3) uint8 to (b, 3, h, w) float32 in the trunk's range, channels last in memory."""
    x = pixels.permute(0, 3, 1, 2).float().div_(255).sub_(MEAN).div_(STD)
    return x.contiguous(memory_format=torch.channels_last)


def load_imagenet(trunk: EfficientNetLite, tensors: list[torch.Tensor]) -> None:
    """Fills a trunk from published weights, in their order; those of later stages and of the classifier are left over.

    Args:
        trunk: filled in place.
        tensors: as in the published state dict.

    Raises:
        ValueError: a tensor has another shape than the layer it is for.
    """
    own = list(trunk.state_dict().items())
    if len(tensors) < len(own):
        raise ValueError(f"expected at least {len(own)} tensors of efficientnet-lite0, got {len(tensors)}")
    state = {}
    for (name, mine), theirs in zip(own, tensors, strict=False):
        if mine.shape != theirs.shape:
            raise ValueError(f"expected {tuple(mine.shape)} for {name}, got {tuple(theirs.shape)}: other weights?")
        state[name] = theirs
    trunk.load_state_dict(state)


@torch.no_grad()
def load_convolutions(trunk: EfficientNetLite, layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Fills a trunk from convolutions whose batch norms were folded into them; its own norms then only add the biases.

    Args:
        trunk: filled in place. Its input is -1 to 1 (`normalised`); the published networks want 0 to 1, and the stem is changed for that.
            Padding then means grey where it meant black, in a border of one pixel.
        layers: (weight, bias) float32 in the order of computation; those after the trunk's last are left over.

    Raises:
        ValueError: a weight has another shape than the layer it is for.
    """
    pairs = _convolutions(trunk)
    if len(layers) < len(pairs):
        raise ValueError(f"expected at least {len(pairs)} convolutions, got {len(layers)}: other weights?")
    for number, ((conv, norm), (weight, bias)) in enumerate(zip(pairs, layers, strict=False)):
        if tuple(conv.weight.shape) != weight.shape:
            raise ValueError(f"convolution {number}: expected {tuple(conv.weight.shape)}, got {weight.shape}")
        kernel, shift = torch.from_numpy(weight.copy()), torch.from_numpy(bias.copy())
        if conv is trunk.stem:
            kernel, shift = STD * kernel, shift + MEAN * kernel.sum((1, 2, 3))
        conv.weight.copy_(kernel)
        for tensor, value in ((norm.weight, 1.0), (norm.running_var, 1.0 - norm.eps), (norm.running_mean, 0.0)):
            assert tensor is not None
            tensor.fill_(value)
        norm.bias.copy_(shift)


def _convolutions(trunk: EfficientNetLite) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Returns every convolution with the norm after it, in the order of computation: that in which they were registered."""
    layers = [module for module in trunk.modules() if isinstance(module, (nn.Conv2d, nn.BatchNorm2d))]
    return list(zip(layers[0::2], layers[1::2], strict=True))  # pyright: ignore[reportReturnType]
