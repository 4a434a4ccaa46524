"""Is this folder a pipeline that can be loaded safely and whole? Asked before anything of it is loaded.

Weights are safetensors or nothing: a pickle runs whatever its author wrote, and no scanner is a gate. Code in a model's folder is
never run either.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbfix.errors import ModelCorrupt, ModelError, ModelMissing
from limbfix.printing import printable

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")

_CONFIGS = ("config.json", "scheduler_config.json", "tokenizer_config.json", "preprocessor_config.json")
_WORDS = ("tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model")
_MOST_HEADER = 100_000_000  # bytes; safetensors' own limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """What a folder says of itself.

    Attributes:
        path: the folder.
        pipeline: name of the class in `model_index.json`.
        variant: `fp16` where a part has its weights in that variant only, else None; diffusers then takes the other parts' as they are.
        parameters: numbers in each component that has weights.
    """

    path: Path
    pipeline: str
    variant: str | None
    parameters: Mapping[str, int]


def read_model_folder(path: Path) -> ModelFolder:
    """Checks a pipeline's folder.

    Raises:
        ModelMissing: it, or a file in it, is not there; the message names the file.
        ModelCorrupt: a file is not what its name says.
        ModelError: it holds pickles only, or code of its own.
    """
    if not (path / "model_index.json").is_file() and (instead := _other_kind(path)):
        raise ModelMissing(f"expected {path / 'model_index.json'} (the list of a pipeline's parts), found {instead}")
    index = _read_json(path / "model_index.json", "the list of a pipeline's parts")
    pipeline = index.get("_class_name")
    if not isinstance(pipeline, str):
        raise ModelError(
            f"expected the name of a diffusers class in {path / 'model_index.json'}, got {printable(str(pipeline))}: "
            "pipelines with code of their own are not run; use a model of a class that diffusers has"
        )
    rows = {name: row for name, row in index.items() if isinstance(row, list) and row and row[0] is not None}
    for name, row in rows.items():
        _check_library(path, name, row)
        _check_part(path / name)
    files = {name: weight_files(path / name) for name in rows}
    files = {name: found for name, found in files.items() if found}
    is_half = any(all(".fp16" in file.name for file in found) for found in files.values())
    return ModelFolder(
        path=path,
        pipeline=pipeline,
        variant="fp16" if is_half else None,
        parameters={name: sum(parameters_in(file) for file in found) for name, found in files.items()},
    )


def _other_kind(path: Path) -> str | None:
    """Says what a folder is that is no pipeline's, and what to do; None where it shows nothing that is known."""
    if (path / "snapshots").is_dir():
        return "the hub's cache of a model; name the model as OWNER/NAME, or the folder below snapshots"
    if (path / "config.json").is_file():
        kind = printable(str(_read_json(path / "config.json", "the settings of a model").get("_class_name", "model")))
        hint = "name it with --controlnet" if "ControlNet" in kind else "name the folder of the whole pipeline"
        return f"a single part of one, a {kind}; {hint}"
    singles = sorted(file.name for file in path.iterdir() if file.suffix == ".safetensors")
    if singles:
        return f"single files such as {printable(singles[0])}; convert a checkpoint with diffusers' from_single_file and save_pretrained"
    return None


def weight_files(folder: Path) -> list[Path]:
    """Returns the weights of one part, those without a variant where there are both; empty for a part without weights.

    Raises:
        ModelMissing: a shard that the index names is not there, or a part with a config has no weights at all.
        ModelError: pickles only.
    """
    if not (folder / "config.json").is_file():
        return []
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        pickles = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLES)
        if pickles:
            raise refuse_pickle(folder / pickles[0])
        raise ModelMissing(f"expected weights (*.safetensors) in {folder}, found none; download the model again")
    for listing in folder.glob("*.safetensors.index*.json"):
        shards = set(_read_json(listing, "an index of shards").get("weight_map", {}).values())
        for shard in sorted(shards):
            if not (folder / shard).is_file():
                raise ModelMissing(f"expected {folder / shard}, found no such file; download the model again")
    plain = [file for file in found if ".fp16" not in file.name]
    return plain or found


def refuse_pickle(path: Path) -> ModelError:
    """Returns the error for a file that could run code when it is loaded."""
    return ModelError(
        f"expected safetensors, got {path}: files of the kind {path.suffix} can run code when they are loaded, so limbfix "
        "loads none; take the model's safetensors version, or convert it on a machine that you can lose"
    )


def parameters_in(path: Path) -> int:
    """Returns how many numbers a safetensors file holds, by its header alone.

    Raises:
        ModelCorrupt: it is no safetensors file, or it is truncated.
    """
    return sum(math.prod(row["shape"]) for row in safetensors_header(path).values())


def safetensors_header(path: Path) -> dict[str, Any]:
    """Returns name -> dtype, shape and offsets of each tensor of a safetensors file.

    Raises:
        ModelCorrupt: it is no safetensors file, or it is truncated.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MOST_HEADER:
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        ends = [row["data_offsets"][1] for row in header.values()]
        missing = 8 + length + max(ends, default=0) - path.stat().st_size
        if missing > 0:
            raise ValueError(f"{missing} bytes are missing at its end")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ModelCorrupt(f"expected a safetensors file, got {path} ({error}); download it again") from error
    return header


def _check_library(path: Path, name: str, row: list[Any]) -> None:
    """A part comes from diffusers or transformers; anything else would be the model's own code."""
    from diffusers import pipelines

    library = str(row[0])
    known = library in ("diffusers", "transformers") or (library.isidentifier() and hasattr(pipelines, library))
    code = next(_code_in(path / name), None)
    if not known or code is not None:
        what = f"the module {printable(library)}" if not known else str(code)
        raise ModelError(
            f"expected parts of diffusers and transformers in {path}, got {what} for {printable(name)}: code that comes with a "
            "model is not run; use a model without it"
        )


def _code_in(folder: Path) -> Iterator[Path]:
    return folder.glob("*.py") if folder.is_dir() else iter(())


def _check_part(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelMissing(f"expected the folder {folder}, found none; download the model again")
    if not any((folder / name).is_file() for name in _CONFIGS):
        raise ModelMissing(f"expected one of {', '.join(_CONFIGS)} in {folder}, found none; download the model again")
    is_tokenizer = (folder / "tokenizer_config.json").is_file() and not (folder / "config.json").is_file()
    if is_tokenizer and not any((folder / name).is_file() for name in _WORDS):
        raise ModelMissing(f"expected the words of a tokenizer ({', '.join(_WORDS)}) in {folder}, found none")


def _read_json(path: Path, what: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelMissing(f"expected {path} ({what}), found no such file; download the model again") from error
    except (OSError, ValueError) as error:
        raise ModelCorrupt(
            f"expected {what} in {path}, could not read it ({error}); download the model again"
        ) from error
    if not isinstance(value, dict):
        raise ModelCorrupt(f"expected {what} in {path}, got {type(value).__name__}; download the model again")
    return value
