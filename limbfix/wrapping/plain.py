"""Which arguments of a call can a record hold? Plain JSON values as they are, everything else by name and kind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

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
