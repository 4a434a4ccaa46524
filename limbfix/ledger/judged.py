"""Which lines of a file are records of `limbfix check`? Read strictly: what is not whole never becomes an entry."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limbfix.errors import UsageError
from limbfix.findings import CODES
from limbfix.records import SCHEMA_VERSION, Record, record_schema
from limbfix.verdicts import Outcome

_SHA256 = re.compile("[0-9a-f]{64}")
_VERDICTS = tuple(outcome.value for outcome in Outcome)


def read_records(path: str | Path) -> list[Record]:
    """Reads JSON Lines.

    Raises:
        UsageError: the file is missing, or a line is no record of this version; the message names the line.
    """
    path = Path(path)
    records = []
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    records.append(_record(line, f"records {path}, line {number}"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"records {path}: expected JSON Lines of `limbfix check --format jsonl`, got: {error}"
        ) from error
    return records


def _record(line: str, origin: str) -> Record:
    try:
        record = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{origin}: expected one JSON object, got: {error}") from error
    problem = _problem(record)
    if problem:
        raise UsageError(f"{origin}: expected a record of `limbfix check`, version {SCHEMA_VERSION}: {problem}")
    return record


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _problem(record: Any) -> str | None:
    if not isinstance(record, dict):
        return f"one JSON object, got {type(record).__name__}"
    schema = record_schema()
    missing, unknown = set(schema["required"]) - set(record), set(record) - set(schema["properties"])
    if missing or unknown:
        words = [
            f"{name} {', '.join(sorted(keys))}" for name, keys in (("without", missing), ("with", unknown)) if keys
        ]
        return f"its keys are not those of the schema: {' and '.join(words)}"
    if record["schema_version"] != SCHEMA_VERSION:
        return f"schema_version is {record['schema_version']!r}"
    if record["verdict"] not in _VERDICTS:
        return "unknown verdict"
    sha256, score = record["sha256"], record["defect_score"]
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        return "sha256 is no SHA-256"
    if record["verdict"] in ("pass", "flag", "reject") and not _is_score(score):
        return "a judged picture without a score from 0 to 1"
    texts = (record["path"], record["reason"], record["policy"])
    if not all(isinstance(text, str) and text for text in texts) or not isinstance(record["models"], dict):
        return "path, reason, policy or models is missing"
    if not isinstance(record["findings"], list) or not all(map(_is_finding, record["findings"])):
        return "a finding is not whole"
    hands, source = record["hands"], record["source"]
    if not isinstance(hands, list) or not all(_is_hand(hand) for hand in hands):
        return "a hand is not whole"
    if source is not None and not (
        isinstance(source, dict) and all(isinstance(v, str | None) for v in source.values())
    ):
        return "source is neither null nor texts"
    return None


def _is_hand(hand: Any) -> bool:
    return isinstance(hand, dict) and isinstance(hand.get("digits"), dict) and _is_box(hand.get("box_xyxy"))


def _is_box(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(isinstance(side, int | float) for side in box)


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_finding(finding: Any) -> bool:
    return (
        isinstance(finding, Mapping)
        and finding.get("code") in CODES
        and finding.get("severity") in ("info", "warning", "error")
        and _is_score(finding.get("defect_score"))
        and isinstance(finding.get("message"), str)
        and isinstance(finding.get("exception"), str | None)
        and _is_box(finding.get("box_xyxy"))
        and {"measured", "expected"} <= finding.keys()
    )
