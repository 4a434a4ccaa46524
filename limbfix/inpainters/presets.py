"""How does an ADetailer user ask? The arguments of `alwayson_scripts.ADetailer.args`, read as settings of a repair.

Written from ADetailer's public argument names; nothing of its code is used. An argument that limbfix cannot honour is named, never
silently dropped, and one that nobody knows is an error: a typing mistake would otherwise be a setting that is not set.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limbfix.errors import UsageError
from limbfix.printing import printable

_SENTINEL = "None"
"""What ADetailer writes for a model that is not set."""

PARTS = {"hand": "hand", "face": "face", "person": "person", "foot": "foot"}
"""Word in the name of an ADetailer model -> what it finds."""

UNUSED = {
    "ad_mask_filter_method": "limbfix chooses regions by what is wrong with them",
    "ad_mask_k": "limbfix repairs every region that is wrong",
    "ad_mask_k_largest": "limbfix repairs every region that is wrong",
    "ad_mask_min_ratio": "limbfix's policy says which hands are too small",
    "ad_mask_max_ratio": "limbfix's plan says which regions are too large",
    "ad_mask_merge_invert": "limbfix joins regions that are close by itself",
    "ad_x_offset": "limbfix masks are drawn along digits, not boxes",
    "ad_y_offset": "limbfix masks are drawn along digits, not boxes",
    "ad_model_classes": "limbfix brings its own detectors",
    "ad_inpaint_only_masked": "limbfix always works on the region alone",
    "ad_inpaint_width": "limbfix takes the model's own size",
    "ad_inpaint_height": "limbfix takes the model's own size",
    "ad_use_inpaint_width_height": "limbfix takes the model's own size",
    "ad_use_noise_multiplier": "diffusers has no such setting",
    "ad_noise_multiplier": "diffusers has no such setting",
    "ad_use_clip_skip": "not offered",
    "ad_clip_skip": "not offered",
    "ad_use_checkpoint": "name the model when the inpainter is opened",
    "ad_checkpoint": "name the model when the inpainter is opened",
    "ad_use_vae": "name a model with this VAE when the inpainter is opened",
    "ad_vae": "name a model with this VAE when the inpainter is opened",
    "ad_use_sampler": "the scheduler is the model's own",
    "ad_sampler": "the scheduler is the model's own",
    "ad_scheduler": "the scheduler is the model's own",
    "ad_restore_face": "give an upscaler or face restorer instead",
    "ad_controlnet_model": "name the ControlNet when the inpainter is opened",
    "ad_controlnet_module": "limbfix draws its own hints",
    "ad_controlnet_guidance_start": "not offered",
    "ad_controlnet_guidance_end": "not offered",
    "ad_tab_enable": "a preset that is read is used",
    "is_api": "",
}
"""Known arguments that have no effect here, each with the reason; warned of only where they were set to something."""

_SWITCHES = {"ad_use_steps": "steps", "ad_use_cfg_scale": "guidance"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Settings of a repair.

    Attributes:
        part: `hand`, `face`, `person` or `foot`, which the ADetailer model finds; "" where its name does not say.
        prompt, negative_prompt: "" = those of the picture.
        strength: 0-1.
        padding_px: px of the original that are shown around the region.
        feather_px: px over which the repair fades in.
        grow_px: px by which the mask is grown; negative shrinks it.
        confidence: 0-1, least score of a detection.
        steps, guidance, control_scale: or None for the inpainter's own.
        ignored: arguments that were set and have no effect here.
    """

    part: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    strength: float = 0.4
    padding_px: int = 32
    feather_px: int = 4
    grow_px: int = 4
    confidence: float = 0.3
    steps: int | None = None
    guidance: float | None = None
    control_scale: float | None = None
    ignored: tuple[str, ...] = ()

    @classmethod
    def from_adetailer(cls, arguments: Mapping[str, Any]) -> Preset:
        """Reads one dictionary of ADetailer's `args`.

        What is not in it has ADetailer's own default, so a preset does here what it did there.

        Raises:
            UsageError: an unknown argument, or a value of another kind or out of range.
        """
        if not isinstance(arguments, Mapping):
            raise UsageError(
                f"expected one dictionary of ADetailer arguments, got {type(arguments).__name__}; the two switches before them in "
                "`args` are not part of it"
            )
        known = {*_READERS, *_SWITCHES, *UNUSED, "ad_model"}
        unknown = sorted(printable(str(name)) for name in arguments if name not in known)
        if unknown:
            raise UsageError(
                f"expected ADetailer arguments, got unknown ones: {', '.join(unknown)}; known: {', '.join(sorted(_READERS))}"
            )
        values = {}
        for name, value in arguments.items():
            if name in _READERS:
                field, kind, low, high = _READERS[name]
                values[field] = _checked(name, value, kind, low, high)
        for switch, field in _SWITCHES.items():
            if arguments.get(switch) is False:  # a number beside a switch that is off is the panel's, not the user's
                values[field] = None
        ignored = tuple(
            sorted(name for name, value in arguments.items() if name in UNUSED and UNUSED[name] and _is_set(value))
        )
        if ignored:
            told = "; ".join(f"{name}: {UNUSED[name]}" for name in ignored)
            warnings.warn(f"ADetailer arguments without effect in limbfix: {told}", UserWarning, stacklevel=2)
        return cls(part=_part(arguments.get("ad_model", "")), ignored=ignored, **values)


_READERS: dict[str, tuple[str, type, float, float]] = {
    "ad_prompt": ("prompt", str, 0, 0),
    "ad_negative_prompt": ("negative_prompt", str, 0, 0),
    "ad_confidence": ("confidence", float, 0, 1),
    "ad_denoising_strength": ("strength", float, 0, 1),
    "ad_inpaint_only_masked_padding": ("padding_px", int, 0, 4096),
    "ad_mask_blur": ("feather_px", int, 0, 256),
    "ad_dilate_erode": ("grow_px", int, -512, 512),
    "ad_steps": ("steps", int, 1, 1000),
    "ad_cfg_scale": ("guidance", float, 0, 100),
    "ad_controlnet_weight": ("control_scale", float, 0, 2),
}
"""Argument -> field, kind, least and greatest value."""


def _checked(name: str, value: Any, kind: type, low: float, high: float) -> Any:
    if kind is str:
        if not isinstance(value, str):
            raise UsageError(f"expected a text for {name}, got {type(value).__name__}")
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not low <= value <= high or (kind is int and value != int(value)):
        raise UsageError(
            f"expected a {'whole ' if kind is int else ''}number from {low:g} to {high:g} for {name}, got {printable(repr(value))}"
        )
    return kind(value)


def _is_set(value: Any) -> bool:
    return value not in (None, False, 0, "", _SENTINEL) and value != "Use same checkpoint"


def _part(model: Any) -> str:
    name = str(model).lower()
    return next((part for word, part in PARTS.items() if word in name), "")
