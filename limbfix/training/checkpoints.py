"""How does a training go on where it stopped? Weights, their running mean and the optimiser's moments as safetensors; no pickles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


class RunningMean:
    """An exponential mean of a network's weights; what is shipped.

    The first steps count more: the decay grows as (1 + n) / (10 + n), up to `decay`.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.weights = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Takes the network's present weights in."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)  # a counter of batch normalisation has no mean


def halved(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns weights in half precision, as they are shipped; whole numbers stay as they are.

    Raises:
        ValueError: one of them is not finite, or is not any more in half precision: a network would load from such a file and say nothing but nan.
    """
    halves = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    wrong = sorted(name for name, value in halves.items() if not value.isfinite().all())
    if wrong:
        raise ValueError(
            f"expected weights that are finite in half precision, got others in {', '.join(wrong)}; the checkpoint is kept: "
            "train again with a lower rate, or hold the layer before"
        )
    return {name: value.contiguous().cpu() for name, value in halves.items()}


def export(
    file: Path, weights: Mapping[str, Tensor], facts: Mapping[str, object], metadata: dict[str, str] | None = None
) -> None:
    """Writes weights in half precision, and what is known of them, with their SHA-256, as JSON beside them; raises as `halved`."""
    save_file(halved(weights), file, metadata)
    told = {**facts, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    file.with_suffix(".json").write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def save_checkpoint(
    file: Path, network: nn.Module, mean: RunningMean, optimiser: torch.optim.Optimizer, facts: dict[str, object]
) -> None:
    """Writes a training's whole state, at once or not at all. `facts` are plain JSON values."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"mean.{name}": value for name, value in mean.weights.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    facts = facts | {"mean_steps": mean.steps}
    scratch = file.with_suffix(".part")
    save_file({name: value.contiguous() for name, value in tensors.items()}, scratch, {"facts": json.dumps(facts)})
    scratch.replace(file)


def load_checkpoint(
    file: Path, network: nn.Module, mean: RunningMean, optimiser: torch.optim.Optimizer
) -> dict[str, object]:
    """Puts a training's state back; returns its facts."""
    with safe_open(file, framework="pt") as data:
        tensors = {name: data.get_tensor(name) for name in data.keys()}  # noqa: SIM118 - no mapping, only keys()
        facts = json.loads(data.metadata()["facts"])
    network.load_state_dict(_below(tensors, "network."))
    for name, value in _below(tensors, "mean.").items():
        mean.weights[name].copy_(value)
    mean.steps = int(facts.pop("mean_steps"))
    whole = optimiser.state_dict()
    for name, value in _below(tensors, "optimiser.").items():
        index, _, key = name.partition(".")
        whole["state"].setdefault(int(index), {})[key] = value
    optimiser.load_state_dict(whole)
    return facts


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
