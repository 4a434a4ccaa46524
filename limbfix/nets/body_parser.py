"""What does the body parser see in a whole picture? Joints with any number of peaks, bones as vector fields, parts, sides and ends.

Nothing in it holds a place for two arms, nor for one person: what the maps mean is in `body_maps`, assembly is elsewhere. Its trunk knows
real people already, and what the published network reads off it is where the heatmaps begin: the larger of both sides' answers.
Sources: Z. Cao et al., "Realtime multi-person 2D pose estimation using part affinity fields", 2017 (fields); G. Papandreou et al.,
"PersonLab", 2018 (a vector from every cell to its person).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from limbfix.nets.body_maps import JOINTS, OUTPUTS, SIDES, heat_bounds
from limbfix.nets.move_table import LEVELS, POINTS
from limbfix.nets.move_trunk import Guiding, MoveTrunk
from limbfix.nets.pyramid import Pyramid, smooth_block

_FIRST_HEAT = -4.6
"""Logit of a joint that the published network does not know, before training: one cell in a hundred."""


@dataclass(frozen=True, slots=True)
class BodyOutput:
    """What the parser says of a batch of pictures; maps at a quarter of the input's size, see `body_maps`.

    Attributes:
        heatmaps: (b, 10, h, w) logits of `JOINTS`.
        fields: (b, 18, h, w): x, y of each of `BONES`.
        centre: (b, 2, h, w): to the person's neck, in `CENTRE_UNIT`.
        side: (b, 1, h, w) logits of left; covered: (b, 1, h, w) logits.
        parts: (b, 10, h, w) logits of `PARTS`.
        ends: (b, 3, h, w) logits of `ENDS`.
        points, centres, reaches: (b, 17, h, w) logits, (b, 1, h, w) logits and (b, 34, h, w) cells: what MoveNet itself says, see
            `limbfix.body_guides.guides_from`.
    """

    heatmaps: torch.Tensor
    fields: torch.Tensor
    centre: torch.Tensor
    side: torch.Tensor
    covered: torch.Tensor
    parts: torch.Tensor
    ends: torch.Tensor
    points: torch.Tensor
    centres: torch.Tensor
    reaches: torch.Tensor


class BodyParser(nn.Module):
    """The body parser: MoveNet's trunk, a pyramid beside its own way up, and dense heads.

    Args:
        levels, channels: of the pyramid's maps, and of the heads' map.
    """

    def __init__(self, levels: int = 64, channels: int = 96):
        super().__init__()
        self.trunk = MoveTrunk()
        self.guiding = Guiding()
        self.known = nn.Conv2d(self.trunk.channels, POINTS + 1, 1)  # the last: what it does not know
        self.pyramid = Pyramid(LEVELS, levels)
        self.join = nn.Conv2d(levels + self.trunk.channels, channels, 1)
        self.refine = nn.Sequential(smooth_block(channels), smooth_block(channels))
        self.dense = nn.Conv2d(channels, sum(size for _, size in OUTPUTS), 1)
        nn.init.zeros_(self.known.weight)
        nn.init.normal_(self.dense.weight, std=0.01)
        nn.init.zeros_(self.dense.weight[: len(JOINTS)])  # the heat begins as the published network has it
        assert self.known.bias is not None and self.dense.bias is not None
        nn.init.constant_(self.known.bias, _FIRST_HEAT)
        nn.init.zeros_(self.dense.bias)
        nn.init.constant_(self.dense.bias[-OUTPUTS[-1][1] :], _FIRST_HEAT)

    def forward(self, x: torch.Tensor) -> BodyOutput:
        """Parses (b, 3, h, w) normalised pictures; h and w are multiples of 32."""
        published, maps = self.trunk.climb(x)
        joined = self.trunk.heat(published)
        fine = torch.cat([self.pyramid(tuple(maps))[0], joined], 1)
        fine = self.refine(functional.relu(self.join(fine)))
        heat, *rest = self.dense(fine).split([size for _, size in OUTPUTS], 1)
        points = self.known(joined)
        left, right = (points[:, list(side)] for side in SIDES)
        most = torch.from_numpy(heat_bounds()).to(heat)
        heat = torch.maximum(left, right) + most * torch.tanh(heat / most)
        centres, reaches = self.guiding(published)
        return BodyOutput(heat, *rest, points=points[:, :POINTS], centres=centres, reaches=reaches)


@torch.no_grad()
def begin_heat(network: BodyParser, weight: np.ndarray, bias: np.ndarray) -> None:
    """Starts the heatmaps from the published ones.

    Args:
        network: its `known` layer is filled in place; joints that the published network does not know stay as they are.
        weight, bias: (17, 96, 1, 1) and (17,), see `limbfix.nets.move_trunk.load_move`.
    """
    assert network.known.bias is not None
    network.known.weight[:POINTS] = torch.from_numpy(weight)
    network.known.bias[:POINTS] = torch.from_numpy(bias)
