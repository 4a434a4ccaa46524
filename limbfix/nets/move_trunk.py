"""Which features does the body parser stand on? MoveNet MultiPose up to the map from which it reads its heat, in plain torch.

It was taught on pictures of several people at once, bottom-up, so that its heat rises at every knee and not at the one of the person in the
middle. Its batch norms are folded into its convolutions. Source and weights: see `limbfix.nets.move_table`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from limbfix.nets.efficientnet_lite import SameConv
from limbfix.nets.move_table import (
    EXPANSION,
    FIRST,
    HEAT,
    LEVELS,
    POINTS,
    STAGES,
    STEM,
    UP,
    WIDE,
)


def _depthwise(channels: int, stride: int = 1, *, bias: bool = True) -> SameConv:
    return SameConv(channels, channels, 3, stride, groups=channels, bias=bias)


class MoveBlock(nn.Module):
    """An inverted residual without norms: expand, depthwise, project."""

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        wide = EXPANSION * channels_in
        self.expand = nn.Conv2d(channels_in, wide, 1)
        self.depthwise = _depthwise(wide, stride)
        self.project = nn.Conv2d(wide, channels_out, 1)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, c, h, w) to (b, c', h / stride, w / stride)."""
        inner = functional.relu6(self.depthwise(functional.relu6(self.expand(x))))
        inner = self.project(inner)
        return x + inner if self.residual else inner


class Separable(nn.Module):
    """Depthwise without a bias, pointwise, ReLU."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.depthwise = _depthwise(channels_in, bias=False)
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, c, h, w) to (b, c', h, w)."""
        return functional.relu(self.pointwise(self.depthwise(x)))


class MoveTrunk(nn.Module):
    """The trunk. Input: (b, 3, h, w) float, RGB, normalised as for the lite trunks, sides multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, 3, 2)
        self.depthwise = _depthwise(STEM)
        self.pointwise = nn.Conv2d(STEM, FIRST, 1)
        self.stages = nn.ModuleList()
        width = FIRST
        for rows in STAGES:
            blocks = nn.Sequential()
            for channels, stride in rows:
                blocks.append(MoveBlock(width, channels, stride))
                width = channels
            self.stages.append(blocks)
        self.last = nn.Conv2d(width, WIDE, 1)
        self.top = nn.Conv2d(WIDE, UP[0][0], 1)
        self.sides = nn.ModuleList(
            nn.Conv2d(level, channels, 1) for level, (channels, _) in zip(LEVELS[-2::-1], UP, strict=True)
        )
        self.ups = nn.ModuleList(Separable(*row) for row in UP)
        self.heat = Separable(UP[-1][1], HEAT)
        self.channels = HEAT

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Returns the map of the heat (b, `HEAT`, h / 4, w / 4), and the stages' maps at strides 4, 8, 16 and 32."""
        fine, maps = self.climb(x)
        return self.heat(fine), maps

    def climb(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Does the same up to the map (b, 24, h / 4, w / 4) that all published heads read."""
        maps = self.maps(x, len(self.stages))
        x = self.top(functional.relu6(self.last(maps[-1])))
        for side, up, level in zip(self.sides, self.ups, maps[-2::-1], strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False) + side(level)
            x = up(x)
        return x, maps

    def maps(self, x: torch.Tensor, stages: int) -> list[torch.Tensor]:
        """Returns the maps of the first stages, finest first, and computes no more than these need."""
        x = functional.relu6(self.stem(x))
        x = self.pointwise(functional.relu6(self.depthwise(x)))
        found = []
        for stage in self.stages[:stages]:
            x = stage(x)
            found.append(x)
        return found


class Guiding(nn.Module):
    """The published heads that find everybody's middle, and reach from there to the points."""

    def __init__(self) -> None:
        super().__init__()
        width = UP[-1][1]
        self.centre, self.centres = Separable(width, HEAT), nn.Conv2d(HEAT, 1, 1)
        self.reach, self.reaches = Separable(width, HEAT), nn.Conv2d(HEAT, 2 * POINTS, 1)

    def forward(self, fine: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(b, 24, h, w) of `MoveTrunk.climb` to logits of middles (b, 1, h, w), and y, x in cells to each point (b, 34, h, w)."""
        return self.centres(self.centre(fine)), self.reaches(self.reach(fine))


@torch.no_grad()
def load_guiding(guiding: Guiding, given: Mapping[str, np.ndarray]) -> None:
    """Fills the heads from the published network.

    Raises:
        ValueError: a weight is missing or of another shape.
    """
    _fill(_head(guiding.centre, guiding.centres, "center_0", 3), given)
    _fill(_head(guiding.reach, guiding.reaches, "kpt_regress_0", 7), given)


def _head(block: Separable, last: nn.Conv2d, name: str, number: int) -> Iterator[tuple[nn.Conv2d, tuple[str, str]]]:
    place = f"{_ALL}/{name}/separable_conv2d_{number}"
    yield block.depthwise, (f"{place}/separable_conv2d/ReadVariableOp", "")
    yield block.pointwise, (f"{place}/separable_conv2d/ReadVariableOp_1", f"{place}/{_BIAS}")
    place = f"{_ALL}/{name}/conv2d_{number + 1}"
    yield last, (f"{place}/Conv2D/ReadVariableOp", f"{place}/{_BIAS}")


def _fill(layers: Iterable[tuple[nn.Conv2d, tuple[str, str]]], given: Mapping[str, np.ndarray]) -> None:
    for module, names in layers:
        for parameter, name in zip((module.weight, module.bias), names, strict=True):
            if parameter is None:
                continue
            value = _taken(given, name, module.groups > 1)
            if tuple(parameter.shape) != value.shape:
                raise ValueError(f"expected {name} of {tuple(parameter.shape)}, got {value.shape}: another MoveNet?")
            parameter.copy_(torch.from_numpy(value))


@torch.no_grad()
def load_move(trunk: MoveTrunk, given: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Fills the trunk from the published network, whose pixels have the same range as our normalised ones.

    Args:
        trunk: filled in place.
        given: the published weights by name, see `limbfix.training.tfjs_weights.read_weights`.

    Returns:
        Weight (17, 96, 1, 1) and bias (17,) of the published heat, which is read off the trunk's first map.

    Raises:
        ValueError: a weight is missing or of another shape.
    """
    _fill(_modules(trunk), given)
    heat = (_taken(given, f"{_HEAT}/conv2d_7/{part}", False) for part in ("Conv2D/ReadVariableOp", _BIAS))
    known_weight, known_bias = heat
    if known_weight.shape != (POINTS, HEAT, 1, 1):
        raise ValueError(f"expected heat of {POINTS} points, got {known_weight.shape}: another MoveNet?")
    if known_bias.shape != (POINTS,):
        raise ValueError(f"expected {POINTS} biases of the heat, got {known_bias.shape}: another MoveNet?")
    return known_weight, known_bias


_ALL = "StatefulPartitionedCall"
_PYRAMID = f"{_ALL}/center_net_mobile_net_v2fpn_feature_extractor/model_1"
_BODY = f"{_PYRAMID}/model"
_HEAT = f"{_ALL}/kpt_heatmap_0"
_BIAS = "BiasAdd/ReadVariableOp"


def _taken(given: Mapping[str, np.ndarray], name: str, depthwise: bool) -> np.ndarray:
    """Returns a published weight in torch's order."""
    if name not in given:
        raise ValueError(f"expected {name}, found none: another MoveNet?")
    value = given[name]
    if value.ndim == 4:
        value = value.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    return np.ascontiguousarray(value, np.float32)


def _folded(name: str, kind: str) -> tuple[str, str]:
    return f"{name}/{kind}_weights", f"{name}/{kind}_bn_offset"


def _modules(trunk: MoveTrunk) -> Iterator[tuple[nn.Conv2d, tuple[str, str]]]:
    """Yields the trunk's layers with the published names of their weight and bias."""
    yield trunk.stem, _folded(f"{_BODY}/Conv1", "Conv2D")
    yield trunk.depthwise, _folded(f"{_BODY}/expanded_conv_depthwise", "depthwise")
    yield trunk.pointwise, _folded(f"{_BODY}/expanded_conv_project", "Conv2D")
    number = 0
    for stage in trunk.stages:
        for block in stage.children():
            number += 1
            place = f"{_BODY}/block_{number}"
            assert isinstance(block, MoveBlock)
            yield block.expand, _folded(f"{place}_expand", "Conv2D")
            yield block.depthwise, _folded(f"{place}_depthwise", "depthwise")
            yield block.project, _folded(f"{place}_project", "Conv2D")
    yield trunk.last, _folded(f"{_BODY}/Conv_1", "Conv2D")
    for index, layer in enumerate((trunk.top, *trunk.sides)):
        assert isinstance(layer, nn.Conv2d)
        place = f"{_PYRAMID}/conv2d{_number(index)}"
        yield layer, (f"{place}/Conv2D/ReadVariableOp", f"{place}/{_BIAS}")
    for index, up in enumerate(trunk.ups):
        assert isinstance(up, Separable)
        place = f"{_PYRAMID}/separable_conv2d{_number(index)}/separable_conv2d"
        yield up.depthwise, (f"{place}/ReadVariableOp", "")
        yield up.pointwise, (f"{place}_weights", f"{place}_bn_offset")
    place = f"{_HEAT}/separable_conv2d_6"
    yield trunk.heat.depthwise, (f"{place}/separable_conv2d/ReadVariableOp", "")
    yield trunk.heat.pointwise, (f"{place}/separable_conv2d/ReadVariableOp_1", f"{place}/{_BIAS}")


def _number(index: int) -> str:
    return f"_{index}" if index else ""
