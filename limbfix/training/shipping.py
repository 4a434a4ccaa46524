"""How do trained weights come into the package? Copied to `limbfix/shipped` with a row in its manifest; the model card is written by hand."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from limbfix.errors import AssetMissing
from limbfix.shipped import FOLDER, MANIFEST


def ship(file: Path, licence: str, folder: Path = FOLDER) -> None:
    """Copies a file of weights into the package and writes its row: SHA-256, bytes, licence and the name of its model card.

    Raises:
        AssetMissing: there is no such file, or no model card for it in the folder.
    """
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
    options = parser.parse_args(arguments)
    ship(options.file, options.licence)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
