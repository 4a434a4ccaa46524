"""How do trained weights come into the package? Copied to `limbfix/shipped` with a row in its manifest; the model card is written by hand."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from limbfix.errors import AssetMissing, UsageError
from limbfix.shipped import FOLDER, MANIFEST

FACTS = frozenset({"sha256", "bytes", "licence", "card"})
"""Keys of a row that are read off the file; no note may take their place."""


def ship(file: Path, licence: str, folder: Path = FOLDER, notes: Mapping[str, str] | None = None) -> None:
    """Copies a file of weights into the package and writes its row: SHA-256, bytes, licence and the name of its model card.

    Args:
        file: the weights.
        licence: SPDX expression.
        folder: of the package.
        notes: more for the row, such as `reads: no`; see `limbfix.shipped`. Notes of an earlier row of the same name are not kept.

    Raises:
        UsageError: a note would take the place of a fact.
        AssetMissing: there is no such file, or no model card for it in the folder.
    """
    if taken := sorted(FACTS & (notes or {}).keys()):
        raise UsageError(
            f"notes: expected other keys than {', '.join(sorted(FACTS))}, got {', '.join(taken)}; rename it"
        )
    if not file.is_file():
        raise AssetMissing(f"expected weights at {file}, found none; name what a training wrote")
    card = folder / f"{file.stem}.md"
    if not card.is_file():
        raise AssetMissing(f"expected a model card at {card}, found none; write what the network is, learnt and cannot")
    data = file.read_bytes()
    manifest = folder / MANIFEST
    facts = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {"files": {}}
    facts["files"][file.name] = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "licence": licence,
        "card": card.name,
        **(notes or {}),
    }
    facts["files"] = dict(sorted(facts["files"].items()))
    (folder / file.name).write_bytes(data)
    manifest.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Ships one file; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.shipping", description="Puts weights into the package."
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--licence", required=True, help="SPDX expression of the weights")
    parser.add_argument(
        "--note",
        type=_note,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="more for its row, such as reads=no",
    )
    options = parser.parse_args(arguments)
    keys = [key for key, _ in options.note]
    if twice := sorted({key for key in keys if key in FACTS or keys.count(key) > 1}):
        parser.error(f"--note: expected each key once and none of {', '.join(sorted(FACTS))}, got {', '.join(twice)}")
    ship(options.file, options.licence, FOLDER, dict(options.note))
    return 0


def _note(text: str) -> tuple[str, str]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals and value):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, such as reads=no, got {text!r}")
    return key, value


if __name__ == "__main__":
    raise SystemExit(main())
