"""A record that was in a ledger is drawn and read like the one that went in: numbers are numbers, and texts stay texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ledger_cases import judged

from limbfix.ledger.canonical import exact
from limbfix.ledger.numbers import with_numbers
from limbfix.records import record_schema

GOLDEN = Path(__file__).parents[1] / "golden"


def everything(schema: dict[str, Any], key: str = "") -> Any:
    """A value with every key that a schema knows: a float wherever it allows one, and texts that look like numbers."""
    if "$ref" in schema:
        return everything(record_schema()["$defs"][schema["$ref"].rpartition("/")[2]], key)
    if "anyOf" in schema:
        return everything(next(one for one in schema["anyOf"] if one.get("type") != "null"), key)
    if "enum" in schema or "const" in schema:
        return schema.get("const", next(iter(schema.get("enum", ())), None))
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "object" in types:
        known = {name: everything(one, name) for name, one in schema.get("properties", {}).items()}
        return known or {"7": everything(schema["additionalProperties"])}
    if "array" in types:
        return [everything(schema["items"], key) for _ in range(schema.get("minItems", 1))]
    if "number" in types:
        return 0.25
    if "integer" in types:
        return 3
    if "boolean" in types:
        return True
    pattern = schema.get("pattern", "")
    return "1" * 64 if "64" in pattern else f"1@{'2' * 12}" if pattern else "0.5"


def test_every_number_of_the_schema_comes_back_and_no_text_becomes_one():
    record = everything(record_schema())
    record |= {"verdict": "reject"}
    record["hands"][0]["digits"] |= {"cannot_tell": None}
    jsonschema.Draft202012Validator(record_schema()).validate(record | {"error": None})
    stored = exact(record)
    assert stored["people"][0]["limbs"]["items"][0]["chance"] == "0.25"
    assert with_numbers(stored) == record
    assert isinstance(with_numbers(exact(record | {"seconds": 2.0}))["seconds"], float)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_the_limbs_of_real_records_come_back(path):
    golden = json.loads(path.read_text(encoding="utf-8"))
    record = judged("a", path="12", source={"generator": "1.5", "prompt": "0.7", "seed": "42"})
    record |= {"people": golden["people"], "hands": golden["hands"]}
    assert with_numbers(exact(record)) == record


def test_what_the_schema_does_not_know_stays_as_it_is():
    stored = exact(judged("a")) | {"later": {"key": ["0.5"]}, "defect_score": "nan"}
    assert with_numbers(stored)["later"] == {"key": ["0.5"]}
    assert with_numbers(stored)["defect_score"] == "nan"
