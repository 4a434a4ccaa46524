"""How does a ledger's record become one of `limbfix check` again? Its decimals are texts there; which of them were numbers, the schema says.

A prompt or a seed may look like a number and stays the text that it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from limbfix.records import Record, record_schema

_DECIMAL = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def with_numbers(record: Mapping[str, Any]) -> Record:
    """Returns a record of a ledger entry with numbers where `exact` made texts of them."""
    return _restored(dict(record), record_schema())


def _restored(value: Any, schema: Mapping[str, Any]) -> Any:
    kinds = list(_kinds(schema))
    if isinstance(value, str):
        types = {name for kind in kinds for name in _types(kind)}
        is_number = "number" in types and "string" not in types and _DECIMAL.fullmatch(value)
        return float(value) if is_number else value
    if isinstance(value, list):
        item = next((kind["items"] for kind in kinds if "items" in kind), {})
        return [_restored(one, item) for one in value]
    if isinstance(value, dict):
        return {key: _restored(one, _schema_of(key, kinds)) for key, one in value.items()}
    return value


def _kinds(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yields a schema and everything that it refers to or chooses from."""
    yield schema
    if "$ref" in schema:
        yield from _kinds(record_schema()["$defs"][schema["$ref"].rpartition("/")[2]])
    for one in schema.get("anyOf", ()):
        yield from _kinds(one)


def _types(schema: Mapping[str, Any]) -> list[str]:
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else named


def _schema_of(key: str, kinds: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next((kind["properties"][key] for kind in kinds if key in kind.get("properties", ())), {})
