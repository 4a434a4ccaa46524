"""What is wrong with the parser's answer? One loss for each output, and one for pairs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from limbfix.nets.digit_parser import ParserOutput
from limbfix.training.parser_examples import ParserBatch

WEIGHTS = {"heat": 1.0, "fields": 2.0, "parts": 0.5, "judgements": 1.0, "counts": 0.25, "pairs": 0.5}
"""Chosen so that all terms begin within a factor of three of each other."""

BACKGROUND_FIELD = 0.05
"""Weight of field cells that lie on no bone: there are thirty times as many of them."""


def heat_loss(logits: Tensor, truth: Tensor, dense: Tensor) -> Tensor:
    """Focal loss that forgives heat near a joint (X. Zhou et al., "Objects as points", 2019), per joint; `dense` (b,) weighs hands."""
    chance = torch.sigmoid(logits.float()).clamp(1e-5, 1 - 1e-5)
    at_joint = (truth == functional.max_pool2d(truth, 3, 1, 1)) & (truth > 0.6)  # the cell nearest to the joint
    hits = torch.where(at_joint, (1 - chance) ** 2 * chance.log(), 0.0)
    misses = torch.where(at_joint, 0.0, (1 - truth) ** 4 * chance**2 * (1 - chance).log())
    believed = dense.view(-1, 1, 1, 1)
    return -((hits + misses) * believed).sum() / (at_joint * believed).sum().clamp(min=1)


def field_loss(fields: Tensor, truth: Tensor, dense: Tensor) -> Tensor:
    """Smooth L1 on bones, and little of it elsewhere; per bone cell."""
    on_bone = truth.view(len(truth), -1, 2, *truth.shape[2:]).norm(dim=2, keepdim=True).expand(-1, -1, 2, -1, -1)
    on_bone = (on_bone > 0).reshape(truth.shape)
    error = functional.smooth_l1_loss(fields.float(), truth, reduction="none", beta=0.2)
    believed = dense.view(-1, 1, 1, 1)
    weight = torch.where(on_bone, 1.0, BACKGROUND_FIELD) * believed
    return (error * weight).sum() / (on_bone * believed).sum().clamp(min=1)


def part_loss(parts: Tensor, truth: Tensor, dense: Tensor) -> Tensor:
    """Cross entropy of the part map, each hand weighted by `dense` (b,)."""
    error = functional.cross_entropy(parts.float(), truth, reduction="none").mean((1, 2))
    return (error * dense).sum() / dense.sum().clamp(min=1)


def defect_logit(judgements: Tensor) -> Tensor:
    """One number for a hand from its judgements (b, 6): a soft maximum."""
    return torch.logsumexp(judgements.float(), 1)


def judgement_loss(judgements: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy of every judgement (b, 6), each hand weighted by how well its defect is seen, (b,)."""
    error = functional.binary_cross_entropy_with_logits(judgements.float(), truth, reduction="none")
    return (error.mean(1) * weights).sum() / weights.sum().clamp(min=1)


def pair_loss(judgements: Tensor, worse: Tensor) -> Tensor:
    """A defect must be judged worse than its twin: logistic ranking loss over the pairs, weighted by `worse` (b / 2,)."""
    score = defect_logit(judgements)
    margin = score[0::2] - score[1::2]
    return (functional.softplus(-margin) * worse).sum() / worse.sum().clamp(min=1e-3)


def count_loss(counts: Tensor, truth: Tensor) -> Tensor:
    """Cross entropy of the numbers that are known (`truth` from 0 on); 0 where a batch knows none, as one of edited photographs."""
    error = functional.cross_entropy(counts.float().flatten(0, 1), truth.flatten(), ignore_index=-1, reduction="sum")
    return error / (truth >= 0).sum().clamp(min=1)


def parser_loss(output: ParserOutput, batch: ParserBatch) -> dict[str, Tensor]:
    """Returns the weighted terms by name; their sum is what is minimised."""
    terms = {
        "heat": heat_loss(output.heatmaps, batch.heatmaps, batch.dense),
        "fields": field_loss(output.fields, batch.fields, batch.dense),
        "parts": part_loss(output.parts, batch.parts, batch.dense),
        "judgements": judgement_loss(output.judgements, batch.judgements, batch.weights),
        "counts": count_loss(output.counts, batch.counts),
        "pairs": pair_loss(output.judgements, batch.worse),
    }
    return {name: WEIGHTS[name] * value for name, value in terms.items()}
