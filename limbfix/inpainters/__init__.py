"""Who paints a region anew? Pipelines of diffusers, with their hints, additions and presets. Nothing heavy is loaded before it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limbfix.inpainters.choices import Choice, all_choices, choice_for
    from limbfix.inpainters.focus_areas import FocusRegion, focus_regions
    from limbfix.inpainters.hints import openpose_hint
    from limbfix.inpainters.opening import inpainter_from_pipe, open_inpainter
    from limbfix.inpainters.pipelines import Candidates, PipelineInpainter
    from limbfix.inpainters.plausible_hands import plausible_hand
    from limbfix.inpainters.posed_depth import depth_hint
    from limbfix.inpainters.presets import Preset
    from limbfix.inpainters.upscaling import Upscaler, open_upscaler

_HOMES = {
    "Candidates": "pipelines",
    "Choice": "choices",
    "FocusRegion": "focus_areas",
    "PipelineInpainter": "pipelines",
    "Preset": "presets",
    "Upscaler": "upscaling",
    "all_choices": "choices",
    "choice_for": "choices",
    "depth_hint": "posed_depth",
    "focus_regions": "focus_areas",
    "inpainter_from_pipe": "opening",
    "open_inpainter": "opening",
    "open_upscaler": "upscaling",
    "openpose_hint": "hints",
    "plausible_hand": "plausible_hands",
}

__all__ = [
    "Candidates",
    "Choice",
    "FocusRegion",
    "PipelineInpainter",
    "Preset",
    "Upscaler",
    "all_choices",
    "choice_for",
    "depth_hint",
    "focus_regions",
    "inpainter_from_pipe",
    "open_inpainter",
    "open_upscaler",
    "openpose_hint",
    "plausible_hand",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'limbfix.inpainters' has no attribute {name!r}")
    return getattr(import_module(f"limbfix.inpainters.{_HOMES[name]}"), name)
