"""Which bytes stand for a value? One text per value, so that a hash of it means something.

Canonical JSON here: UTF-8 that is all ASCII (other characters as `\\uXXXX`), no spaces, keys in order of code points,
no floats at all. Whole numbers are JSON numbers; every other number is a text of decimals (`"0.85"`), because two
languages may print one float differently.
"""

from __future__ import annotations

import hashlib
import json
import math
from decimal import Decimal
from typing import Any


def canonical_json(value: Any) -> str:
    """Returns the one text of a value made of dicts, lists, texts, whole numbers, booleans and None.

    Raises:
        ValueError: there is a float in it, or a key that is no text.
    """
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def digest_of(value: Any) -> str:
    """Returns the SHA-256 of a value's canonical JSON, hex."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()


def exact(value: Any) -> Any:
    """Returns a JSON value with each float as its shortest decimal text.

    Raises:
        ValueError: NaN or an infinity.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"exact: expected finite numbers, got {value}")
        return decimal_text(Decimal(repr(value)))
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, dict):
        return {str(key): exact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    return value


def decimal_text(number: Decimal) -> str:
    """Returns a number without exponent and without zeros at its end: `0.85`, `3`."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("", "-0") else text


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError(f"canonical_json: expected no float, got {value}; pass it through exact()")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"canonical_json: expected keys that are texts, got {key!r}")
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
