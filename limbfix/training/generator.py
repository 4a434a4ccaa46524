"""How is the small generator of hands trained? First its autoencoder, then the denoiser of its latents, in one run.

    python -m limbfix.training.generator --photographs DIR [DIR ...] [--renders SHARDS ...] --out DIR --minutes N

Runs on a CPU or on CUDA. It may be stopped at any time: the same command goes on where the last checkpoint was (one every two
minutes). Minutes are training time over all runs, and the learning rate follows them; with more of them a finished training goes on with its
denoiser; batches, noise and weights follow the seed.
Writes `generator.safetensors` (half precision), `generator.json` (facts), `curve_*.png` and `samples.jpg` below --out.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from limbfix.synthesis.generator.networks import PICTURE_PX, Autoencoder, Denoiser
from limbfix.synthesis.seeds import rng_for
from limbfix.training.checkpoints import RunningMean, load_checkpoint, save_checkpoint
from limbfix.training.curves import draw_curve
from limbfix.training.generator_export import export_generator
from limbfix.training.generator_losses import as_pictures, autoencoder_loss, denoiser_loss
from limbfix.training.generator_settings import GeneratorTraining
from limbfix.training.hand_crops import Batch, HandCrops, draw_batch, load_crops

_SAVE_SECONDS = 120.0
_POINT_STEPS = 20
"""Steps of which the curve shows the mean."""

_MEASURED = 256
"""Hands whose latents give mean and deviation."""

Loss = Callable[["Phase", int], Tensor]


@dataclass(slots=True, kw_only=True)
class Phase:
    """The training of one network.

    Attributes:
        name: `autoencoder` or `denoiser`.
        network: in training; `mean` is its running mean.
        optimiser: AdamW.
        seconds: to train, over all runs.
        rate: highest learning rate.
        step, spent: so far; steps and seconds.
        curve: (step, loss) points.
    """

    name: str
    network: nn.Module
    mean: RunningMean
    optimiser: torch.optim.Optimizer
    seconds: float
    rate: float
    step: int = 0
    spent: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None, settings: GeneratorTraining | None = None) -> int:
    """Trains with the settings, the default ones unless given; returns the exit code."""
    options = _parser().parse_args(arguments)
    settings = settings or GeneratorTraining(seed=options.seed, denoiser_batch=options.batch)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    options.out.mkdir(parents=True, exist_ok=True)
    crops = load_crops(
        options.photographs, options.renders, options.out / "crops", lambda text: print(text, flush=True)
    )
    print(f"{len(crops)} hands, {int(crops.held_out.sum())} of them held out; {device}", flush=True)
    torch.manual_seed(settings.seed)
    autoencoder = Autoencoder(settings.shape).to(device).to(memory_format=torch.channels_last)
    denoiser = Denoiser(settings.shape).to(device).to(memory_format=torch.channels_last)
    share, seconds = settings.autoencoder_share, 60.0 * options.minutes
    first = _phase("autoencoder", autoencoder, share * seconds, settings.autoencoder_rate, settings)
    second = _phase("denoiser", denoiser, (1 - share) * seconds, settings.denoiser_rate, settings)
    drawer = _Drawer(crops, settings)
    if _checkpoint(options.out, second).is_file():  # its latents are learnt already: they must not move any more
        _resume(first, _checkpoint(options.out, first))
    else:
        train(first, lambda phase, step: _autoencoder_step(phase, step, drawer, settings), options.out, settings)
    autoencoder.load_state_dict(first.mean.weights)
    measure_latents(autoencoder, drawer)
    train(second, lambda phase, step: _denoiser_step(phase, step, autoencoder, drawer, settings), options.out, settings)
    denoiser.load_state_dict(second.mean.weights)
    steps = {phase.name: phase.step for phase in (first, second)}
    export_generator(options.out, autoencoder, denoiser, settings, crops, steps, options.minutes)
    return 0


def train(phase: Phase, loss: Loss, out: Path, settings: GeneratorTraining) -> None:
    """Trains one network until its seconds are spent; goes on from its checkpoint if there is one."""
    file = _checkpoint(out, phase)
    if file.is_file():
        _resume(phase, file)
    device_type = next(phase.network.parameters()).device.type
    began, saved, recent = time.monotonic() - phase.spent, time.monotonic(), []
    phase.network.train()
    while phase.spent < phase.seconds:
        for group in phase.optimiser.param_groups:
            group["lr"] = learning_rate(phase, settings) * group.get("share", 1.0)
        with torch.autocast(device_type, torch.bfloat16):
            error = loss(phase, phase.step)
        phase.optimiser.zero_grad(set_to_none=True)
        error.backward()
        nn.utils.clip_grad_norm_(phase.network.parameters(), 1.0)
        phase.optimiser.step()
        phase.mean.update(phase.network)
        phase.step, phase.spent = phase.step + 1, time.monotonic() - began
        recent.append(float(error.detach()))
        if len(recent) == _POINT_STEPS:
            phase.curve.append((phase.step, sum(recent) / len(recent)))
            recent = []
        if time.monotonic() - saved > _SAVE_SECONDS:
            _save(phase, file, out)
            saved = time.monotonic()
    _save(phase, file, out)


def learning_rate(phase: Phase, settings: GeneratorTraining) -> float:
    """Returns the rate at the phase's present time: a short rise by steps, then half a cosine over its seconds."""
    done = min(1.0, phase.spent / max(phase.seconds, 1e-9))
    rise = min(1.0, (phase.step + 1) / settings.warmup_steps)
    fall = settings.least_rate + (1 - settings.least_rate) * 0.5 * (1 + math.cos(math.pi * done))
    return phase.rate * rise * fall


@torch.no_grad()
def measure_latents(autoencoder: Autoencoder, drawer: _Drawer) -> None:
    """Sets the autoencoder's `latent_mean` and `latent_matrix` so that latents of hands have mean 0 and are white."""
    autoencoder.eval()
    batch = drawer.batch("latents", 0, _MEASURED)
    device = autoencoder.latent_mean.device
    raw = torch.cat([autoencoder.encode_raw(as_pictures(part, device)) for part in _sixteens(batch.pixels)])
    autoencoder.latent_mean.copy_(raw.mean(dim=(0, 2, 3), keepdim=True))
    values, axes = torch.linalg.eigh(torch.cov(raw.float().transpose(0, 1).flatten(1)))
    autoencoder.latent_matrix.copy_(axes @ torch.diag(values.clamp(min=1e-6).sqrt()) @ axes.T)


class _Drawer:
    """Draws batches of the hands that are not held out; a batch follows from the seed and its step alone."""

    def __init__(self, crops: HandCrops, settings: GeneratorTraining) -> None:
        self._crops, self._settings = crops, settings
        self._chosen = (~crops.held_out).nonzero()[0]

    def batch(self, purpose: str, step: int, size: int) -> Batch:
        """Returns the hands of one step."""
        rng = rng_for(self._settings.seed, purpose, step, "crops")
        return draw_batch(self._crops, rng.choice(self._chosen, size), rng, size_px=PICTURE_PX)


def _sixteens(pixels: np.ndarray) -> list[np.ndarray]:
    return [pixels[start : start + 16] for start in range(0, len(pixels), 16)]


def _autoencoder_step(phase: Phase, step: int, drawer: _Drawer, settings: GeneratorTraining) -> Tensor:
    assert isinstance(phase.network, Autoencoder)
    batch = drawer.batch(phase.name, step, settings.autoencoder_batch)
    return autoencoder_loss(phase.network, batch, settings, rng_for(settings.seed, phase.name, step, "noise"))


def _denoiser_step(
    phase: Phase, step: int, autoencoder: Autoencoder, drawer: _Drawer, settings: GeneratorTraining
) -> Tensor:
    assert isinstance(phase.network, Denoiser)
    batch = drawer.batch(phase.name, step, settings.denoiser_batch)
    rng = rng_for(settings.seed, phase.name, step, "noise")
    return denoiser_loss(phase.network, autoencoder, batch, settings, rng)


def _phase(name: str, network: nn.Module, seconds: float, rate: float, settings: GeneratorTraining) -> Phase:
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01)
    mean = RunningMean(network, settings.decay)
    return Phase(name=name, network=network, mean=mean, optimiser=optimiser, seconds=seconds, rate=rate)


def _checkpoint(out: Path, phase: Phase) -> Path:
    return out / f"{phase.name}.checkpoint.safetensors"


def _save(phase: Phase, file: Path, out: Path) -> None:
    facts: dict[str, object] = {"step": phase.step, "spent": phase.spent, "curve": phase.curve}
    save_checkpoint(file, phase.network, phase.mean, phase.optimiser, facts)
    draw_curve(out / f"curve_{phase.name}.png", phase.curve, phase.name)
    last = phase.curve[-1][1] if phase.curve else float("nan")
    print(f"{phase.name}: step {phase.step}, {phase.spent / 60:.1f} min, loss {last:.4f}", flush=True)


def _resume(phase: Phase, file: Path) -> None:
    facts = load_checkpoint(file, phase.network, phase.mean, phase.optimiser)
    phase.step, phase.spent = int(str(facts["step"])), float(str(facts["spent"]))
    phase.curve = [(int(step), float(loss)) for step, loss in cast("list[tuple[int, float]]", facts["curve"])]
    print(f"{phase.name}: goes on at step {phase.step}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.generator", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--photographs", type=Path, nargs="+", default=[], help="folders of normal hands, searched below too"
    )
    parser.add_argument(
        "--renders", type=Path, nargs="+", default=[], help="shards of the stream hands, or folders of them"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints, curves and weights")
    parser.add_argument("--minutes", type=float, required=True, help="training time over all runs")
    parser.add_argument("--seed", type=int, default=GeneratorTraining().seed)
    parser.add_argument("--batch", type=int, default=GeneratorTraining().denoiser_batch)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
