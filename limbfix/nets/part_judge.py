"""What judges one crop of a person or a hand? A trunk that learns, a tower that says what lies where, and one that judges and points.

It finds nothing and reads nothing: others say where to look, so what its trunk forgets in training harms nobody. Two networks are made of it, `limb_judge` and
`hand_judge`. Its trunk is EfficientNet-lite0, whose norms learn too: in 520 steps it learnt more of third limbs than a copy of MoveNet's, which has no norms,
in 5,000 (DESIGN.md).
Sources: J. Ilse et al., "Attention-based deep multiple instance learning", 2018 (a judgement that points); residual depthwise blocks as in A. Howard et
al., "MobileNets", 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from limbfix.nets.efficientnet_lite import EfficientNetLite
from limbfix.nets.lite_table import LITE0_JUDGES

_FIRST = -2.0
"""Logit before training: defects are seldom."""


@dataclass(frozen=True, slots=True)
class JudgeOutput:
    """What a judge says of a batch of crops.

    Attributes:
        judged: (b, judged) logits of what it is asked.
        places: (b, places, h / 8, w / 8) logits of its maps.
        counts: (b, kinds, numbers) logits of how many there are of each kind: 0, 1, ..., numbers - 1 or more.
    """

    judged: torch.Tensor
    places: torch.Tensor
    counts: torch.Tensor


class SeparableBlock(nn.Module):
    """A residual of depthwise 5 x 5 and pointwise convolutions, each with its norm and ReLU."""

    def __init__(self, channels: int):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, c, h, w) to the same shape."""
        inner = functional.relu(self.norm1(self.depthwise(x)))
        return x + functional.relu(self.norm2(self.pointwise(inner)))


def _mixed(channels_in: int, channels_out: int) -> list[nn.Module]:
    return [nn.Conv2d(channels_in, channels_out, 1, bias=False), nn.BatchNorm2d(channels_out)]


class PartJudge(nn.Module):
    """A judge: a trunk, a tower at stride 8 that says what lies where, and one at stride 16 that judges.

    Args:
        judged: how many things it is asked.
        places: its maps.
        kinds, numbers: what it counts, and the classes of each count.
        near, far: channels of the towers.
    """

    def __init__(self, *, judged: int, places: int, kinds: int, numbers: int, near: int = 128, far: int = 192):
        super().__init__()
        self._counted = (kinds, numbers)
        self.trunk = EfficientNetLite(LITE0_JUDGES)
        widths = [channels for *_, channels in LITE0_JUDGES.levels]
        self.lateral = nn.ModuleList(nn.Sequential(*_mixed(width, near)) for width in widths)
        self.near = nn.Sequential(*(SeparableBlock(near) for _ in range(3)))
        self.places = nn.Conv2d(near, places, 1)
        self.join = nn.Sequential(*_mixed(near + places + widths[-1], far), nn.ReLU())
        self.far = nn.Sequential(*(SeparableBlock(far) for _ in range(3)))
        self.attention = nn.Conv2d(far, judged, 1)
        self.evidence = nn.Conv2d(far, judged, 1)
        self.whole = nn.Linear(2 * far, judged)
        self.counts = nn.Linear(2 * far, kinds * numbers)
        assert self.places.bias is not None
        nn.init.constant_(self.places.bias, _FIRST)
        nn.init.constant_(self.whole.bias, _FIRST)

    def forward(self, x: torch.Tensor) -> JudgeOutput:
        """Judges (b, 3, h, w) normalised crops; h and w are multiples of 32."""
        maps = self.trunk(x)
        levels = (functional.avg_pool2d(maps[0], 2), *maps[1:])
        mixed = [lateral(level) for lateral, level in zip(self.lateral, levels, strict=True)]
        near = mixed[0] + mixed[1] + _enlarged(mixed[2], 2) + _enlarged(mixed[3], 4)
        near = self.near(functional.relu(near))
        places = self.places(near)
        seen = [functional.max_pool2d(near, 2), functional.max_pool2d(torch.sigmoid(places), 2), _enlarged(maps[3], 2)]
        far = self.far(self.join(torch.cat(seen, 1)))
        share = torch.softmax(self.attention(far).flatten(2), -1)
        pooled = torch.cat([far.mean((2, 3)), far.amax((2, 3))], 1)
        judged = (share * self.evidence(far).flatten(2)).sum(-1) + self.whole(pooled)
        return JudgeOutput(judged, places, self.counts(pooled).unflatten(1, self._counted))


def _enlarged(x: torch.Tensor, factor: int) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)
