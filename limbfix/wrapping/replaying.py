"""Can the same attempts be made again, pixel for pixel? A record of a wrapped call is replayed and the SHA-256 of the pixels compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from limbfix.errors import GeneratorError, UsageError
from limbfix.wrapping.attempts import pixels_sha256
from limbfix.wrapping.gate_reports import REPORT_VERSION
from limbfix.wrapping.seeds import attempt_seed

_MAX_LINE_CHARS = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replayed:
    """One attempt made again.

    Attributes:
        attempt: its number.
        seed: what it was made with.
        expected, actual: SHA-256 of the pixels; `actual` is None where it was not made again.
        pixels: uint8 (h, w, 3), or None likewise.
        note: why it was not made again, or empty.
    """

    attempt: int
    seed: int | None
    expected: str | None
    actual: str | None
    pixels: np.ndarray | None
    note: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether every pixel is the same."""
        return self.actual is not None and self.actual == self.expected


def find_record(path: Path, wanted: str) -> dict[str, Any]:
    """Returns the record with an id, or with the beginning of one.

    Raises:
        UsageError: the file cannot be read, or holds none or several such records.
    """
    found: dict[str, dict[str, Any]] = {}
    ids = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                record = _record(line, path, number)
                if record is None:
                    continue
                ids.append(record["id"])
                if record["id"].startswith(wanted):
                    found[record["id"]] = record
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"records {path}: expected a readable file of JSON lines, got: {error}") from error
    if len(found) != 1:
        listed = ", ".join(list(dict.fromkeys(ids))[:20]) or "no records"
        raise UsageError(
            f"records {path}: expected one record with the id {wanted!r}, got {len(found)}; it has {listed}"
        )
    return next(iter(found.values()))


def _record(line: str, path: Path, number: int) -> dict[str, Any] | None:
    if not line.strip():
        return None
    try:
        record = json.loads(line) if len(line) <= _MAX_LINE_CHARS else None
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict) and record.get("wrap_version") == REPORT_VERSION and isinstance(record.get("id"), str):
        return record
    raise UsageError(
        f"records {path}, line {number}: expected a record of limbfix.wrap (records=...), version {REPORT_VERSION}, got something else"
    )


def replay(record: dict[str, Any], generator: Any) -> Iterator[Replayed]:
    """Makes every attempt of a record again, one after the other.

    Args:
        record: of one image.
        generator: the pipeline or function that made it, not wrapped.

    Raises:
        GeneratorError: the record says that it cannot be made again.
    """
    if not record["reproducible"]:
        raise GeneratorError(f"record {record['id']}: not reproducible: {record['not_reproducible_because']}")
    again = _pipeline_again if record["generator"]["kind"] == "diffusers" else _function_again
    for attempt in record["attempts"]:
        note = _why_not(attempt)
        pixels = None if note else again(record, attempt, generator)
        yield Replayed(
            attempt=attempt["attempt"],
            seed=attempt["seed"],
            expected=attempt["pixels_sha256"],
            actual=None if pixels is None else pixels_sha256(pixels),
            pixels=pixels,
            note=note,
        )


def _why_not(attempt: dict[str, Any]) -> str:
    if attempt["kind"] == "repair":
        return "a repair, not a render; `limbfix fix` repeats it from its own record"
    if attempt["stopped_early"]:
        return "it was stopped early"
    return f"it failed: {attempt['error']}" if attempt["error"] else ""


def _pipeline_again(record: dict[str, Any], attempt: dict[str, Any], pipe: Any) -> np.ndarray:
    from limbfix.wrapping.pipeline_calls import read_pipeline_call
    from limbfix.wrapping.pipeline_outputs import picture_of, read_output

    call_record = record["call"]
    call = read_pipeline_call(pipe, (), call_record["arguments"])
    batch: Sequence[int] = attempt["batch"]
    seeds = [_seed_of(call_record, index, attempt["attempt"]) for index in batch]
    if attempt["attempt"] == 0:
        arguments = dict(call.arguments) | {"generator": _first_generator(call_record, seeds)}
    else:
        prompts = tuple(dict.fromkeys(index // call.per_prompt for index in batch))
        arguments = call.again(prompts, len(batch), [_generator(seed) for seed in seeds])
    images = read_output(pipe(**arguments)).images
    if len(images) != len(batch):
        raise GeneratorError(f"record {record['id']}: expected {len(batch)} images, got {len(images)}")
    return picture_of(images[list(batch).index(record["image_index"])], prompt="", seed=None).pixels


def _seed_of(call: dict[str, Any], image_index: int, attempt: int) -> int:
    users = call["user_seeds"]
    if users is not None and attempt == 0:
        return users[image_index]
    if "bases" in call:
        return attempt_seed(call["bases"][image_index], image_index, attempt)
    # Of limbfix 0.1.0, which mixed no seed of the caller's into one that `wrap` had.
    base = call["base_seed"] if users is None or call["has_own_base"] else users[image_index]
    return attempt_seed(base, image_index, attempt)


def _first_generator(call: dict[str, Any], seeds: Sequence[int]) -> Any:
    device = call["generator_device"]
    if call["seed_mode"] == "user_one" or len(seeds) == 1:
        return _generator(seeds[0], device)
    return [_generator(seed, device) for seed in seeds]


def _generator(seed: int, device: str = "cpu") -> Any:
    import torch

    try:
        return torch.Generator(device).manual_seed(seed)
    except RuntimeError as error:
        raise UsageError(
            f"replay: expected the device {device}, where the caller's generator was, got: {error}; replay there"
        ) from error


def _function_again(record: dict[str, Any], attempt: dict[str, Any], function: Any) -> np.ndarray:
    from limbfix.wrapping.function_calls import call_again
    from limbfix.wrapping.function_makers import pictures_of
    from limbfix.wrapping.values import hold

    call = record["call"]
    result = call_again(function, call["arguments"], call["seed_name"], attempt["seed"])
    place = record["image_index"]
    values = list(islice(result, place + 1)) if isinstance(result, Iterator) else pictures_of(result)
    if len(values) <= place:
        raise GeneratorError(f"record {record['id']}: expected more than {place} pictures, got {len(values)}")
    return hold(values[place], prompt="", seed=None).picture.pixels


def load_pipeline(record: dict[str, Any], folder: str | None, device: str | None) -> Any:
    """Loads the pipeline that a record names, from this machine only, safetensors only.

    Args:
        record: of one image.
        folder: instead of the one that the record names.
        device: of torch; None = the record's own.

    Raises:
        UsageError: it is not here, or its class is none of diffusers.
    """
    import diffusers
    import torch
    from diffusers import DiffusionPipeline  # pyright: ignore[reportPrivateImportUsage]

    made = record["generator"]
    source = folder or made["source"]
    kind = getattr(diffusers, str(made["class"]), None)
    if not (isinstance(kind, type) and issubclass(kind, DiffusionPipeline)):
        raise UsageError(
            f"record {record['id']}: expected a pipeline class of diffusers {diffusers.__version__}, got {made['class']!r}"
        )
    if not source:
        raise UsageError(
            f"record {record['id']}: expected the pipeline's folder, the record names none; give --pipeline DIR"
        )
    dtype = getattr(torch, str(made["dtype"]).removeprefix("torch."), None)
    try:
        pipe = kind.from_pretrained(source, torch_dtype=dtype, local_files_only=True, use_safetensors=True)
        return pipe.to(device or made["device"] or "cpu")
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"record {record['id']}: expected the pipeline {source} on this machine as safetensors, on {device or made['device']}, "
            f"got: {error}. Name it with --pipeline DIR, or a device with --device"
        ) from error
