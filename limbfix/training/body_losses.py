"""What is wrong with the body parser's answer? One loss for each output, each where somebody knows what is right."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from limbfix.nets.body_maps import PARTS
from limbfix.nets.body_parser import BodyOutput
from limbfix.training.body_examples import BodyBatch

WEIGHTS = {"heat": 1.0, "fields": 2.0, "centre": 4.0, "side": 0.5, "covered": 0.5, "parts": 1.0, "ends": 0.25}
"""Chosen so that no term outweighs the heat by more than three times at the beginning."""

BACKGROUND_FIELD = 0.03
"""Weight of field cells that lie on no bone: there are fifty times as many of them."""

BACKGROUND_PART = 0.4
"""Weight of background cells, of which a part map mostly consists."""


def heat_loss(logits: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Focal loss that forgives heat near a joint (X. Zhou et al., "Objects as points", 2019), per joint."""
    logits = logits.float()
    chance = torch.sigmoid(logits)
    at_joint = (truth == functional.max_pool2d(truth, 3, 1, 1)) & (truth > 0.6)  # the cell nearest to the joint
    hits = torch.where(at_joint, (1 - chance) ** 2 * functional.logsigmoid(logits), 0.0)
    misses = torch.where(at_joint, 0.0, (1 - truth) ** 4 * chance**2 * functional.logsigmoid(-logits))
    return -((hits + misses) * weights).sum() / (at_joint * weights).sum().clamp(min=1)


def field_loss(fields: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Smooth L1 on bones, and little of it elsewhere; per bone cell. `weights`: (b, 9, h, w)."""
    on_bone = truth.unflatten(1, (-1, 2)).norm(dim=2) > 0
    error = functional.smooth_l1_loss(fields.float(), truth, reduction="none", beta=0.2).unflatten(1, (-1, 2)).sum(2)
    weight = torch.where(on_bone, 1.0, BACKGROUND_FIELD) * weights
    return (error * weight).sum() / (on_bone * weights).sum().clamp(min=1)


def centre_loss(centre: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Smooth L1 of the way to the neck, over cells of people."""
    error = functional.smooth_l1_loss(centre.float(), truth, reduction="none", beta=0.05).sum(1, keepdim=True)
    return (error * weights).sum() / weights.sum().clamp(min=1)


def yes_no_loss(logits: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy over the cells that count."""
    error = functional.binary_cross_entropy_with_logits(logits.float(), truth, reduction="none")
    return (error * weights).sum() / weights.sum().clamp(min=1)


def part_loss(parts: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy of the part map, background counting less. `truth`, `weights`: (b, 1, h, w)."""
    classes = torch.ones(len(PARTS), device=parts.device)
    classes[PARTS.index("background")] = BACKGROUND_PART
    wanted = truth[:, 0].long()
    error = functional.cross_entropy(parts.float(), wanted, classes, reduction="none")
    return (error * weights[:, 0]).sum() / (classes[wanted] * weights[:, 0]).sum().clamp(min=1)


def body_loss(output: BodyOutput, batch: BodyBatch) -> dict[str, Tensor]:
    """Returns the weighted terms by name; their sum is what is minimised."""
    maps = batch.maps
    terms = {
        "heat": heat_loss(output.heatmaps, maps["heat"], maps["heat_weights"]),
        "fields": field_loss(output.fields, maps["fields"], maps["field_weights"]),
        "centre": centre_loss(output.centre, maps["centre"], maps["centre_weights"]),
        "side": yes_no_loss(output.side, maps["side"], maps["side_weights"]),
        "covered": yes_no_loss(output.covered, maps["covered"], maps["covered_weights"]),
        "parts": part_loss(output.parts, maps["parts"], maps["part_weights"]),
        "ends": heat_loss(output.ends, maps["ends"], maps["end_weights"]),
    }
    return {name: WEIGHTS[name] * value for name, value in terms.items()}
