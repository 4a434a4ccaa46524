"""Which weights does limbfix bring along? Files trained by its own scripts, each with a model card beside it, checked by SHA-256.

What others published is fetched instead (`limbfix.weights`).
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from limbfix.errors import AssetMissing, ModelCorrupt

T = TypeVar("T")

FOLDER = Path(__file__).parent
MANIFEST = "manifest.json"

HAND_FINDER, DIGIT_PARSER = "hand_finder.safetensors", "digit_parser.safetensors"
"""Names of the hand networks."""

BODY_PARSER = "body_parser.safetensors"
"""Name of the network that reads bodies."""

LIMB_JUDGE = "limb_judge.safetensors"
"""Name of the network that judges the limbs of one person."""


@functools.cache
def shipped_file(name: str) -> Path:
    """Finds a shipped file and checks it, once per process.

    Args:
        name: of the file, e.g. `generator.safetensors`.

    Raises:
        AssetMissing: it is not in this installation, or not in the manifest.
        ModelCorrupt: its SHA-256 is not the one in the manifest.
    """
    remedy = "install limbfix again, or train it (python -m limbfix.training.generator --help)"
    file, manifest = FOLDER / name, FOLDER / MANIFEST
    if not file.is_file() or not manifest.is_file():
        raise AssetMissing(f"expected the weights {name} and {MANIFEST} in {FOLDER}, found them not; {remedy}")
    rows = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    if name not in rows:
        raise AssetMissing(f"expected a row for {name} in {manifest}, found {', '.join(sorted(rows))}; {remedy}")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != rows[name]["sha256"]:
        raise ModelCorrupt(f"expected SHA-256 {rows[name]['sha256']} of {file}, found {found}; {remedy}")
    return file


def read_model(path: Path, read: Callable[[Any], T], what: str) -> T:
    """Reads a small model that is kept as JSON.

    Args:
        path: see `shipped_file`.
        read: makes the model of the JSON value; raises KeyError, TypeError or ValueError where it is none.
        what: the file should hold, for the error.

    Raises:
        ModelCorrupt: the file holds something else.
    """
    try:
        return read(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelCorrupt(f"expected {what} in {path}, got: {error}; install limbfix again") from error


def shipped_rows() -> dict[str, dict[str, Any]]:
    """Returns `sha256`, `bytes`, `licence` and `card` of every file that the manifest lists, by name; empty without one."""
    manifest = FOLDER / MANIFEST
    return json.loads(manifest.read_text(encoding="utf-8"))["files"] if manifest.is_file() else {}


def shipped_hashes(*names: str) -> dict[str, str]:
    """Returns the SHA-256 that the manifest gives of those of these files that it lists, by name."""
    rows = shipped_rows()
    return {name: rows[name]["sha256"] for name in names if name in rows}


def finds_hands() -> bool:
    """Tells whether this installation lists a finder beside the network that reads hands: then MediaPipe is no must."""
    return {HAND_FINDER, DIGIT_PARSER} <= shipped_rows().keys()


def has_hand_networks() -> bool:
    """Tells whether this installation lists the network that reads hands; the finder may be missing."""
    return DIGIT_PARSER in shipped_rows()


def sees_bodies() -> bool:
    """Tells whether this installation lists the network that looks at bodies."""
    return BODY_PARSER in shipped_rows()


def reads_bodies() -> bool:
    """Tells whether people and limbs are read from what that network sees, and judged: `reads` in its row says no of one that was measured and
    found too poor for it, and only helps to find hands."""
    return sees_bodies() and shipped_rows()[BODY_PARSER].get("reads", "yes") != "no"
