"""What does the digit parser see in a hand crop? Joints with any number of peaks, phalanges as vector fields, parts, and a judgement.

Nothing in it holds a place for five digits: joints of one kind share one heatmap, whoever they belong to. Assembly is elsewhere.
Sources: Z. Cao et al., "Realtime multi-person 2D pose estimation using part affinity fields", 2017 (fields and greedy assembly).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from limbfix.nets.efficientnet_lite import EfficientNetLite
from limbfix.nets.hand_maps import (
    APPEARANCE_LEVELS,
    BORDER,
    JOINTS,
    JUDGEMENTS,
    MOST_DIGITS,
    MOVED_LEVELS,
    PARTS,
    PHALANGES,
    STRIDE,
    centre_weights,
)
from limbfix.nets.lite_table import HAND, LITE0_LOOKS
from limbfix.nets.move_table import LEVELS
from limbfix.nets.move_trunk import MoveTrunk
from limbfix.nets.pyramid import Pyramid, smooth_block

__all__ = [
    "BORDER",
    "JOINTS",
    "JUDGEMENTS",
    "MOST_DIGITS",
    "PARTS",
    "PHALANGES",
    "STRIDE",
    "DigitParser",
    "ParserOutput",
]


@dataclass(frozen=True, slots=True)
class ParserOutput:
    """What the parser says of a batch of crops; maps at a quarter of the input's size.

    Attributes:
        heatmaps: (b, 5, h, w) logits, one channel for each of `JOINTS`.
        fields: (b, 8, h, w): x, y of each of `PHALANGES`.
        parts: (b, 11, h, w) logits of `PARTS`.
        judgements: (b, 6) logits of `JUDGEMENTS`.
        counts: (b, 2, MOST_DIGITS + 1) logits of the number of digits present, and visible.
        appearance: (b,), larger = looks more melted; no logit, its zero means nothing. What `moved` says is to be added.
        presence: (b,), larger = more surely a hand at all; the finder's logit is to be added.
    """

    heatmaps: torch.Tensor
    fields: torch.Tensor
    parts: torch.Tensor
    judgements: torch.Tensor
    counts: torch.Tensor
    appearance: torch.Tensor
    presence: torch.Tensor


def pooled(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Returns weighted mean and spread of every channel of the maps, side by side, (b, 2 c); square crops only."""
    parts = []
    for x in (one.float() for one in maps):
        weights = torch.from_numpy(centre_weights(x.shape[2])).to(x.device)
        mean = (x * weights).sum((2, 3))
        parts += [mean, ((x - mean[..., None, None]).square() * weights).sum((2, 3)).sqrt()]
    return torch.cat(parts, 1)


def moved_look(trunk: MoveTrunk, x: torch.Tensor, levels: Sequence[int] = MOVED_LEVELS) -> torch.Tensor:
    """Returns what `DigitParser.moved` reads of (b, 3, s, s) normalised crops, (b, 288); the trunk is the body parser's.

    With `hand_maps.CLOSE_LEVELS` it is what tells hands from other proposals, (b, 1248), see `limbfix.detectors.belief_model`.
    """
    maps = trunk.maps(x, levels[-1] + 1)
    return pooled([maps[level] for level in levels])


class DigitParser(nn.Module):
    """The digit parser: a trunk taught on hands, pyramid, dense heads, and a judgement; beside it the look of the hand.

    The look is read off a second trunk that stays as ImageNet left it: one that learns from made defects forgets what real ones look like.
    `moved` adds what the body parser's trunk sees; that trunk lies in another file, so that the layer is run by itself (`moved_look`).
    """

    def __init__(self, channels: int = 64):
        super().__init__()
        widths = [width for _, _, width in HAND.levels]
        self.trunk = EfficientNetLite(HAND)
        self.pyramid = Pyramid(widths, channels)
        self.refine = nn.Sequential(smooth_block(channels), smooth_block(channels))
        self.dense = nn.Conv2d(channels, len(JOINTS) + 2 * len(PHALANGES) + len(PARTS), 1)
        self.judge = nn.Sequential(
            nn.Linear(widths[-1] + 2 * channels, 128), nn.ReLU(inplace=True), nn.Dropout(0.2),
            nn.Linear(128, len(JUDGEMENTS) + 2 * (MOST_DIGITS + 1)),
        )  # fmt: skip
        self.looks = EfficientNetLite(LITE0_LOOKS)
        looks = 2 * sum(LITE0_LOOKS.levels[level][2] for level in APPEARANCE_LEVELS)
        self.appearance = nn.Linear(looks, 1)
        self.presence = nn.Linear(looks + 2 * widths[-1], 1)
        self.moved = nn.Linear(2 * sum(LEVELS[level] for level in MOVED_LEVELS), 1)
        for parameter in self.moved.parameters():
            nn.init.zeros_(parameter)
        nn.init.constant_(self.dense.bias[: len(JOINTS)], -4.0)  # pyright: ignore[reportOptionalSubscript]

    def forward(self, x: torch.Tensor) -> ParserOutput:
        """Parses (b, 3, h, w) normalised crops; h and w are multiples of 32."""
        looks, maps = self.look(x), self.trunk(x)
        presence = self.presence(torch.cat([looks, pooled(maps[-1:])], 1))[:, 0]
        return self._parse(maps, self.appearance(looks)[:, 0], presence)

    def parse(self, x: torch.Tensor) -> ParserOutput:
        """Does the same without appearance and presence, whose places are taken by zeros: what a training asks for."""
        nothing = x.new_zeros(len(x))
        return self._parse(self.trunk(x), nothing, nothing)

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """Returns what `presence` reads, (b, 688): the look, and the trunk's coarsest map pooled."""
        return torch.cat([self.look(x), pooled(self.trunk(x)[-1:])], 1)

    def look(self, x: torch.Tensor) -> torch.Tensor:
        """Returns what `appearance` reads, (b, 304)."""
        maps = self.looks(x)
        return pooled([maps[level] for level in APPEARANCE_LEVELS])

    def _load_from_state_dict(  # pyright: ignore[reportIncompatibleMethodOverride] - the rest is handed on as it is
        self, state_dict: dict[str, Any], prefix: str, *rest: Any
    ) -> None:
        # weights from before `moved` hold none of it, and say nothing with it; half of it is no such file, and an error
        place = f"{prefix}moved."
        if not any(name.startswith(place) for name in state_dict):
            own = self.moved.state_dict(prefix=place)
            state_dict.update({name: torch.zeros_like(value) for name, value in own.items()})
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _parse(self, maps: Sequence[torch.Tensor], appearance: torch.Tensor, presence: torch.Tensor) -> ParserOutput:
        fine = self.refine(self.pyramid(tuple(maps))[0])
        joints, fields, parts = self.dense(fine).split((len(JOINTS), 2 * len(PHALANGES), len(PARTS)), 1)
        # The mean says what the hand is like on the whole, the maximum keeps one small wrong finger from being averaged away.
        seen = torch.cat([maps[-1].mean((2, 3)), fine.mean((2, 3)), fine.amax((2, 3))], 1)
        judged = self.judge(seen)
        counts = judged[:, len(JUDGEMENTS) :].view(len(judged), 2, MOST_DIGITS + 1)
        return ParserOutput(joints, fields, parts, judged[:, : len(JUDGEMENTS)], counts, appearance, presence)
