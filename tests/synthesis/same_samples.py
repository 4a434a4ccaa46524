"""Are two samples the same, field by field and pixel by pixel?"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from limbfix.synthesis.sample_records import plain


def differences(one: Any, other: Any, place: str = "sample") -> list[str]:
    """Names every place where two values differ; nan equals nan, and a recipe counts as JSON has it."""
    if place.endswith(".recipe"):
        return [] if plain(one, place) == plain(other, place) else [place]
    if isinstance(one, np.ndarray):
        same = isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
        return [] if same else [place]
    if type(one) is not type(other):
        return [f"{place}: {type(one).__name__} and {type(other).__name__}"]
    if is_dataclass(one):
        pairs = ((f.name, getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
        return [d for name, a, b in pairs for d in differences(a, b, f"{place}.{name}")]
    if isinstance(one, tuple):
        if len(one) != len(other):
            return [f"{place}: {len(one)} and {len(other)}"]
        return [d for i, (a, b) in enumerate(zip(one, other, strict=True)) for d in differences(a, b, f"{place}[{i}]")]
    same = one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))
    return [] if same else [f"{place}: {one} and {other}"]
