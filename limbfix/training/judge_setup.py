"""How is a judge's training set up? What of its trunk learns, how fast, and the pairs' part of the loss; the same for limbs and for hands."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from limbfix.nets.part_judge import PartJudge
from limbfix.training.checkpoints import RunningMean
from limbfix.training.generator import Phase

UNKNOWN = -1
"""A count that nobody knows."""

_STILL_STAGES = 2
"""Stages of the trunk, from the finest, that stay as published, the stem with them: edges are edges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeTraining:
    """Settings of one training.

    Attributes:
        seed: of weights and pictures.
        rate: AdamW's highest learning rate; decay: of the weights.
        trunk_share: of the rate, for the trunk, which is learnt already.
        mean_decay: of the running mean of the weights.
        apart: share of pairs whose two pictures have a view, light and ground of their own each. Seen alike, the defect is all that differs between them,
            and what is learnt first; but then nothing teaches that a wider crop is no defect (DESIGN.md, 2026-11-30).
    """

    seed: int = 7
    rate: float = 2e-3
    decay: float = 0.02
    trunk_share: float = 0.35
    mean_decay: float = 0.998
    apart: float = 0.6


def hold(network: PartJudge) -> None:
    """Stops the trunk's first layers from learning."""
    trunk = network.trunk
    for module in (trunk.stem, trunk.norm, *list(trunk.stages)[:_STILL_STAGES]):
        module.requires_grad_(False)


def judge_phase(name: str, network: PartJudge, seconds: float, settings: JudgeTraining) -> Phase:
    """Returns the training of a judge whose first layers are held."""
    learnt = [(name, one) for name, one in network.named_parameters() if one.requires_grad]
    groups = [
        {"params": [one for name, one in learnt if not name.startswith("trunk.")], "share": 1.0},
        {"params": [one for name, one in learnt if name.startswith("trunk.")], "share": settings.trunk_share},
    ]
    optimiser = torch.optim.AdamW(groups, lr=settings.rate, weight_decay=settings.decay)
    mean = RunningMean(network, settings.mean_decay)
    return Phase(name=name, network=network, mean=mean, optimiser=optimiser, seconds=seconds, rate=settings.rate)


def ranked_loss(judged: Tensor, wrong: Tensor, weights: Tensor | float = 1.0) -> Tensor:
    """Returns the logistic ranking loss of pairs: what is wrong must be judged worse than its twin, question by question.

    Args:
        judged: (2 n, questions) logits; rows 2 k and 2 k + 1 are a pair.
        wrong: likewise, 0 or 1.
        weights: of each pair, (n, 1), or of all.
    """
    more = wrong[0::2] - wrong[1::2]
    weighed = weights * more.abs()
    gap = (judged[0::2] - judged[1::2]) * more
    return (functional.softplus(-gap) * weighed).sum() / weighed.sum().clamp(min=1e-3)


def count_loss(counts: Tensor, truth: Tensor) -> Tensor:
    """Returns the cross entropy of counts (b, 2, numbers), logits, summed over both kinds; `truth` is (b, 2), `UNKNOWN` where nobody knows."""
    each = functional.cross_entropy(counts.flatten(0, 1), truth.flatten(), ignore_index=UNKNOWN, reduction="sum")
    return 2 * each / (truth != UNKNOWN).sum().clamp(min=1)
