"""Has this person a limb too many or too few? A network that looks at one person, with a trunk of its own that may learn.

The body parser's trunk is held, because taught on renders it forgot real people (`limbfix.nets.body_maps.HEAT_REACH`), and a held trunk did not
learn to see a third arm. Here a trunk learns: what it forgets harms nobody, for it only judges people whom the body parser found. It is EfficientNet-lite0,
which in 520 steps learnt more than a copy of the parser's MoveNet, which has no norms, in 5,000 (DESIGN.md).
Sources: J. Ilse et al., "Attention-based deep multiple instance learning", 2018 (a judgement that points); residual depthwise blocks as in A. Howard et
al., "MobileNets", 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from limbfix.nets.efficientnet_lite import EfficientNetLite
from limbfix.nets.limb_maps import JUDGED, MOST_COUNTED, PLACES
from limbfix.nets.lite_table import LITE0_LIMBS

_FIRST = -2.0
"""Logit before training: defects are seldom."""


@dataclass(frozen=True, slots=True)
class LimbOutput:
    """What the judge says of a batch of crops.

    Attributes:
        judged: (b, 6) logits of `limb_maps.JUDGED`.
        places: (b, 4, h / 8, w / 8) logits of `limb_maps.PLACES`.
        counts: (b, 2, 5) logits of the number of arms, and of legs, in view.
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


class LimbJudge(nn.Module):
    """The limb judge: a trunk, a tower at stride 8 that says what lies where, and one at stride 16 that judges.

    Args:
        near, far: channels of the towers.
    """

    def __init__(self, near: int = 128, far: int = 192):
        super().__init__()
        self.trunk = EfficientNetLite(LITE0_LIMBS)
        widths = [channels for *_, channels in LITE0_LIMBS.levels]
        self.lateral = nn.ModuleList(nn.Sequential(*_mixed(width, near)) for width in widths)
        self.near = nn.Sequential(*(SeparableBlock(near) for _ in range(3)))
        self.places = nn.Conv2d(near, len(PLACES), 1)
        self.join = nn.Sequential(*_mixed(near + len(PLACES) + widths[-1], far), nn.ReLU())
        self.far = nn.Sequential(*(SeparableBlock(far) for _ in range(3)))
        self.attention = nn.Conv2d(far, len(JUDGED), 1)
        self.evidence = nn.Conv2d(far, len(JUDGED), 1)
        self.whole = nn.Linear(2 * far, len(JUDGED))
        self.counts = nn.Linear(2 * far, 2 * (MOST_COUNTED + 1))
        assert self.places.bias is not None
        nn.init.constant_(self.places.bias, _FIRST)
        nn.init.constant_(self.whole.bias, _FIRST)

    def forward(self, x: torch.Tensor) -> LimbOutput:
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
        return LimbOutput(judged, places, self.counts(pooled).unflatten(1, (2, -1)))


def _enlarged(x: torch.Tensor, factor: int) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)
