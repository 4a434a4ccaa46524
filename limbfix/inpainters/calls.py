"""How is a pipeline asked to paint? Its arguments, read off its signature; every number that matters is said, no default is relied on.

Defaults differ from class to class: strength is 1.0, 0.9999, 0.8 or 0.6, guidance anything from 3.5 to 30.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from limbfix.errors import RepairError
from limbfix.inpainting import InpaintRequest, Mask

BATCHED = frozenset(
    {
        "StableDiffusionInpaintPipeline",
        "StableDiffusionXLInpaintPipeline",
        "StableDiffusionControlNetInpaintPipeline",
        "FluxFillPipeline",
    }
)
"""Classes that take lists of pictures, masks and generators, and give each candidate what it gets alone; the tests hold them to it.
All others paint one candidate at a time: with `num_images_per_prompt` the first generator alone encodes the picture, so a candidate
of a batch is not the candidate of its seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Custom:
    """What a family of models is usually asked: the numbers of its model cards and of diffusers' own examples."""

    steps: int
    guidance: float


_CUSTOMS = (
    ("FluxFill", Custom(steps=50, guidance=30.0)),
    ("FluxKontext", Custom(steps=28, guidance=2.5)),
    ("Flux2Klein", Custom(steps=4, guidance=1.0)),  # distilled; the base model wants 50 and 4.0
    ("Flux", Custom(steps=28, guidance=7.0)),
    ("Chroma", Custom(steps=35, guidance=5.0)),
    ("QwenImage", Custom(steps=50, guidance=4.0)),
    ("ZImage", Custom(steps=9, guidance=0.0)),  # the turbo model
    ("StableDiffusion3", Custom(steps=28, guidance=7.0)),
    ("StableDiffusionXL", Custom(steps=30, guidance=7.5)),
)

_TRUE_GUIDANCE = ("QwenImage",)
"""Families whose guidance is `true_cfg_scale`, because `guidance_scale` means a distilled model's input there."""


def custom_of(name: str) -> Custom:
    """Returns the usual steps and guidance of a class, by the beginning of its name."""
    return next((custom for start, custom in _CUSTOMS if name.startswith(start)), Custom(steps=30, guidance=7.5))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """One candidate of one request: what it asks, and its seed."""

    request: InpaintRequest
    seed: int

    def kind(self) -> tuple[Any, ...]:
        """What jobs of one batch must share."""
        ask = self.request
        return (ask.pixels.shape, ask.strength, ask.steps, ask.control is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """What holds for every call.

    Attributes:
        steps, guidance: or None for the usual ones of the class.
        control_scale: 0-1, how far a ControlNet's hint decides.
        cell: px; see `cell_mask`.
        tokens: words of the user's embeddings, added to a prompt that lacks them.
        on_step: told (step, steps) after each step, from 1.
    """

    steps: int | None = None
    guidance: float | None = None
    control_scale: float = 0.8
    cell: int = 8
    tokens: tuple[str, ...] = ()
    on_step: Callable[[int, int], None] | None = None


@cache
def parameters_of(kind: type) -> frozenset[str]:
    """Returns the names of the arguments that a pipeline class takes when called."""
    return frozenset(inspect.signature(kind.__call__).parameters) - {"self"}


def takes_hint(kind: type) -> bool:
    """Says whether a class takes a pose or depth hint beside the picture and its mask."""
    return {"control_image", "mask_image"} <= parameters_of(kind)


def needs_hint(kind: type) -> bool:
    """Says whether a class paints nothing without a hint: there is no ControlNet that could be given no say."""
    return takes_hint(kind) and "controlnet_conditioning_scale" not in parameters_of(kind)


def hears_negative(kind: type, guidance: float | None) -> bool:
    """Says whether a class makes anything of a negative prompt at this guidance; None = the usual one of the class.

    FLUX is distilled: it takes one only with a second scale, which limbfix leaves at 1.
    """
    if "negative_prompt" not in parameters_of(kind) or kind.__name__.startswith("Flux"):
        return False
    scale = custom_of(kind.__name__).guidance if guidance is None else guidance
    return scale > (0 if kind.__name__.startswith("ZImage") else 1)


def cell_mask(mask: Mask, cell: int) -> np.ndarray:
    """Returns uint8 (h, w), 255 = edit: every cell of the model's grid that holds a pixel which may change.

    A pipeline thins the mask to one sample per latent pixel and asks only whether it is above one half. So the feathered border
    counts as edit, and a line that is thinner than a cell is not lost between two samples.
    """
    height, width = mask.edit.shape
    rows, columns = -(-height // cell), -(-width // cell)
    wide = np.zeros((rows * cell, columns * cell), bool)
    wide[:height, :width] = mask.edit > 0
    cells = wide.reshape(rows, cell, columns, cell).any(axis=(1, 3))
    return np.repeat(np.repeat(cells, cell, 0), cell, 1)[:height, :width].astype(np.uint8) * 255


def arguments_for(kind: type, jobs: Sequence[Job], settings: CallSettings) -> dict[str, Any]:
    """Returns the arguments with which a pipeline of class `kind` paints some jobs of one kind.

    Raises:
        RepairError: the strength is not above 0 and at most 1, or the class wants a hint that the request lacks.
    """
    known, first, custom = parameters_of(kind), jobs[0].request, custom_of(kind.__name__)
    height, width = first.pixels.shape[:2]
    guidance = custom.guidance if settings.guidance is None else settings.guidance
    steps = _steps(first, settings.steps or custom.steps)
    has_mask = "mask_image" in known
    values: dict[str, Any] = {
        "prompt": [_with_tokens(job.request, settings.tokens) for job in jobs],
        "negative_prompt": [job.request.negative_prompt for job in jobs],
        "image" if has_mask else "control_image": [_picture(job.request.pixels) for job in jobs],
        "mask_image" if has_mask else "control_mask": [
            _picture(cell_mask(job.request.mask, settings.cell)) for job in jobs
        ],
        "generator": [_generator(job.seed) for job in jobs],
        "strength": first.strength,
        "num_inference_steps": steps,
        "num_images_per_prompt": 1,
        "guidance_scale": guidance,
        "height": height,
        "width": width,
        "padding_mask_crop": None,
        "output_type": "np",
        "return_dict": True,
        "max_area": height * width,
        "_auto_resize": False,
        "callback_on_step_end": _callback(settings.on_step),
    }
    if kind.__name__.startswith(_TRUE_GUIDANCE):
        values["true_cfg_scale"] = values.pop("guidance_scale")
    if takes_hint(kind):
        values |= _hint(kind, jobs, settings.control_scale)
    chosen = {name: value for name, value in values.items() if name in known}
    if kind.__name__ not in BATCHED:
        chosen = {name: value[0] if isinstance(value, list) else value for name, value in chosen.items()}
    return chosen


def _hint(kind: type, jobs: Sequence[Job], scale: float) -> dict[str, Any]:
    """Returns the hint and how much it decides; without one, a black hint that decides nothing."""
    hints = [job.request.control for job in jobs]
    absent = any(hint is None for hint in hints)
    if absent and needs_hint(kind):
        raise RepairError(
            f"expected a hint (`control`) for {kind.__name__}, got none; give the request the depth map or the edges of its region, "
            "whichever the model was trained for"
        )
    pictures = [
        _picture(np.zeros_like(job.request.pixels) if job.request.control is None else job.request.control)
        for job in jobs
    ]
    modes = _modes_of(kind)
    values: dict[str, Any] = {"control_mode": [modes[_is_depth(hint)] for hint in hints]} if modes else {}
    return values | {
        "control_image": pictures,
        "controlnet_conditioning_scale": 0.0 if absent else float(scale),
        "control_guidance_start": 0.0,
        "control_guidance_end": 1.0,
    }


def _modes_of(kind: type) -> tuple[int, int] | None:
    """Returns the numbers by which ControlNets for many kinds of hints know a pose and depth; None where no number is asked for.

    FLUX has no class of its own for such nets; those for one kind pass the number over.
    """
    if kind.__name__.startswith("FluxControlNet"):
        return 4, 2
    return (0, 1) if "Union" in kind.__name__ else None


def _is_depth(hint: np.ndarray | None) -> bool:
    """Whether a hint shows depth, which is grey, and no pose."""
    return hint is not None and bool((hint == hint[..., :1]).all())


def _steps(request: InpaintRequest, usual: int) -> int:
    """Returns how many steps to ask for, so that at least one is left of them at this strength."""
    if not 0 < request.strength <= 1:
        raise RepairError(f"expected a strength above 0 and at most 1, got {request.strength}")
    return max(request.steps or usual, math.ceil(1 / request.strength + 1e-9))


def _with_tokens(request: InpaintRequest, tokens: Sequence[str]) -> str:
    """Returns the prompt with the embeddings' words that it lacks, in front: CLIP reads 77 tokens, and what is behind is cut off."""
    said = f"{request.prompt} {request.negative_prompt}"
    absent = [token for token in tokens if not re.search(rf"(?<!\w){re.escape(token)}(?!\w)", said)]
    return ", ".join(part for part in (*absent, request.prompt) if part)


def _picture(pixels: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(pixels))


def _generator(seed: int) -> Any:
    """Returns a generator on the CPU, where the same seed gives the same noise whatever device paints."""
    import torch

    return torch.Generator("cpu").manual_seed(seed % 2**63)


def _callback(on_step: Callable[[int, int], None] | None) -> Callable[..., dict[str, Any]] | None:
    if on_step is None:
        return None

    def tell(pipe: Any, step: int, _timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        on_step(step + 1, int(getattr(pipe, "num_timesteps", step + 1)))
        return values

    return tell
