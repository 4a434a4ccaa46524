"""Is it a diffusers pipeline? Told by the names of its base classes, so that nothing heavy is imported to ask."""

from __future__ import annotations

from typing import Any

_BASES = ("DiffusionPipeline",)


def is_pipeline(generator: Any) -> bool:
    """Whether something is a diffusers pipeline."""
    return any(base.__module__.startswith("diffusers.") and base.__name__ in _BASES for base in type(generator).__mro__)
