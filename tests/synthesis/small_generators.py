"""A generator with tiny untrained networks, as a file: for what does not depend on what was learnt."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file

from limbfix.synthesis.generator.networks import Autoencoder, Denoiser, GeneratorShape

TINY = GeneratorShape(fine=8, coarse=8, denoiser=(16, 32))


def write_tiny(file: Path) -> Path:
    """Writes the file as the training's export does."""
    torch.manual_seed(0)
    tensors = {f"autoencoder.{name}": value for name, value in Autoencoder(TINY).state_dict().items()}
    tensors |= {f"denoiser.{name}": value for name, value in Denoiser(TINY).state_dict().items()}
    save_file(
        {name: value.half().contiguous() for name, value in tensors.items()}, file, {"shape": json.dumps(asdict(TINY))}
    )
    return file
