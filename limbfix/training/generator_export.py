"""What does a training of the generator hand over? One file of half-precision weights, and the facts for its model card."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import save_file

from limbfix.synthesis.generator.networks import Autoencoder, Denoiser
from limbfix.training.checkpoints import halved
from limbfix.training.generator_settings import GeneratorTraining
from limbfix.training.hand_crops import HandCrops

WEIGHTS = "generator.safetensors"
FACTS = "generator.json"


def export_generator(
    out: Path,
    autoencoder: Autoencoder,
    denoiser: Denoiser,
    settings: GeneratorTraining,
    crops: HandCrops,
    steps: dict[str, int],
    minutes: float,
) -> None:
    """Writes `generator.safetensors` and `generator.json` below `out`."""
    tensors = {f"autoencoder.{name}": value for name, value in autoencoder.state_dict().items()}
    tensors |= {f"denoiser.{name}": value for name, value in denoiser.state_dict().items()}
    halves = halved(tensors)
    file = out / WEIGHTS
    save_file(halves, file, {"shape": json.dumps(asdict(settings.shape))})
    learnt = [source.split("/")[0] for source, kept in zip(crops.sources, ~crops.held_out, strict=True) if kept]
    facts = {
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "bytes": file.stat().st_size,
        "settings": asdict(settings),
        "steps": steps,
        "minutes": minutes,
        "device": str(next(autoencoder.parameters()).device),
        "hands": dict(Counter(learnt)),
        "held_out": int(crops.held_out.sum()),
    }
    (out / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
