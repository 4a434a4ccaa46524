"""What can a record hold? Arguments of a call that are plain JSON values as they are, the others by name; whatever else is told, made plain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_MAX_ITEMS = 10_000


def plain_values(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Returns (arguments that JSON can hold, names of those that it cannot)."""
    plain = {name: value for name, value in arguments.items() if is_plain(value)}
    missing = [name for name in arguments if name not in plain]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}, missing


def is_plain(value: object) -> bool:
    """Whether a value comes back from JSON as it was."""
    if value is None or isinstance(value, str | bool | int):
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list | tuple):
        return len(value) <= _MAX_ITEMS and all(is_plain(item) for item in value)
    if isinstance(value, dict):
        return len(value) <= _MAX_ITEMS and all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return False


def made_plain(value: Any) -> Any:
    """Returns what a foreign repairer or gate tells as plain JSON values: NumPy's numbers and arrays become numbers and lists, what is no
    finite number None, and everything that JSON does not know its text."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): made_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [made_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | bool | int) else str(value)
