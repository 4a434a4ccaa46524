"""Tiny pipelines of diffusers' real classes, saved and loaded again offline: the example's builder, and its kin for other tasks."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "wrap_diffusers.py"


def example_module() -> Any:
    spec = importlib.util.spec_from_file_location("wrap_diffusers_example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_tiny(folder: Path, kind: str = "StableDiffusionPipeline") -> Any:
    """Loads the saved pipeline as another class of the same parts; quiet."""
    import diffusers

    diffusers.utils.logging.set_verbosity_error()
    pipe = getattr(diffusers, kind).from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def with_flags(pipe: Any, flagged: list[list[bool]]) -> Any:
    """Gives a pipeline a safety checker that flags and blackens as told, call by call."""
    import torch

    class Checker(torch.nn.Module):
        device, dtype = torch.device("cpu"), torch.float32

        def forward(self, images: Any, clip_input: Any) -> Any:
            flags = flagged.pop(0) if flagged else [False] * len(images)
            images = images.clone()
            for place, is_flagged in enumerate(flags):
                if is_flagged:
                    images[place] = 0
            return images, flags

    class Extractor:
        def __call__(self, images: Any, return_tensors: str) -> Any:
            class Answer(dict):
                pixel_values = torch.zeros(len(images), 3, 8, 8)

                def to(self, device: Any) -> Any:
                    return self

            return Answer()

    pipe.safety_checker, pipe.feature_extractor = Checker(), Extractor()
    return pipe
