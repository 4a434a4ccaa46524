"""How is a checked folder loaded? By diffusers' own classes, from safetensors, without the network and without the model's code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from limbfix.errors import LimbfixError, ModelError, ModelMissing, UsageError
from limbfix.inpainters.choices import inpaint_class
from limbfix.inpainters.memory import Placement, is_out_of_memory, release
from limbfix.inpainters.model_folders import ModelFolder, weight_files


def load_pipeline(folder: ModelFolder, inpainter: str, net_folder: Path | None, placement: Placement) -> Any:
    """Loads a checked folder as an inpainting pipeline, on the CPU and in the precision of its placement.

    Raises:
        ModelError: diffusers could not load it, or memory ran out.
    """
    import torch

    kind = inpaint_class(inpainter)
    options: dict[str, Any] = {
        _dtype_argument(): getattr(torch, placement.dtype),
        "use_safetensors": True,
        "local_files_only": True,
    }
    try:
        with quiet():
            if net_folder is not None:
                options["controlnet"] = _load_controlnet(net_folder, options)
            if folder.variant:
                options["variant"] = folder.variant
            loader = kind if net_folder is None else _controlled(kind)
            return loader.from_pretrained(folder.path, **options)
    except LimbfixError:
        raise
    except Exception as error:
        release()
        if is_out_of_memory(error):
            raise ModelError(
                f"expected memory for {folder.path}, ran out while loading ({placement.why}); use a smaller model"
            ) from error
        raise ModelError(
            f"expected a model that {inpainter} can load in {folder.path}, got {type(error).__name__}: {error}"
        ) from error


def _dtype_argument() -> str:
    """Returns how diffusers calls the precision: `torch_dtype` until 0.41."""
    import diffusers
    from packaging.version import Version

    return "dtype" if Version(diffusers.__version__) >= Version("0.42") else "torch_dtype"


def _controlled(kind: type) -> Any:
    """Returns the loader for a class with a ControlNet: diffusers' own choice by the class and the kind of ControlNet."""
    from diffusers.pipelines.auto_pipeline import AutoPipelineForInpainting

    return kind if "ControlNet" in kind.__name__ else AutoPipelineForInpainting


def _load_controlnet(folder: Path, options: dict[str, Any]) -> Any:
    import diffusers

    weight_files(folder)  # refuses pickles and names what is missing
    try:
        name = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("_class_name", "ControlNetModel")
    except FileNotFoundError as error:
        raise ModelMissing(f"expected {folder / 'config.json'} of a ControlNet, found no such file") from error
    kind = getattr(diffusers, name, None) if "ControlNet" in str(name) else None
    if kind is None:
        raise UsageError(f"expected a ControlNet in {folder}, got {name}")
    half = all(".fp16" in file.name for file in weight_files(folder))
    return kind.from_pretrained(folder, **options, **({"variant": "fp16"} if half else {}))


@contextmanager
def quiet() -> Iterator[None]:
    """Holds back the progress bars of diffusers and transformers while something is loaded."""
    from diffusers.utils import logging as diffusers_bars
    from transformers.utils import logging as transformers_bars

    shown = [bars for bars in (diffusers_bars, transformers_bars) if bars.is_progress_bar_enabled()]
    for bars in shown:
        bars.disable_progress_bar()
    try:
        yield
    finally:
        for bars in shown:
            bars.enable_progress_bar()
