"""How do samples lie in a shard? As WebDataset has it: a tar file in which the files of one sample follow each other.

`KEY.png` (or `KEY.jpg`) the picture, `KEY.json` the labels, `KEY.instances.png`, `KEY.parts.png`, `KEY.surfaces.png` the maps,
and `KEY.region.png` for a defect that has a twin (`region1.png` ... for further defects). Any reader of WebDataset takes it;
this module needs none. Owner, mode and date of the entries are fixed, so the same samples make the same bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from limbfix.errors import OutputError, SynthesisError
from limbfix.synthesis.sample_records import files_of, record_of, sample_of
from limbfix.synthesis.samples import Sample

LABELS = "json"
"""What follows the key in the name of the labels."""

_END_BYTES = 2 * tarfile.BLOCKSIZE
"""Zeros that end a tar file."""


class ShardWriter:
    """Writes one shard, sample after sample; holds one in memory.

    Args:
        path: the tar file; one that is there is replaced.
        picture: `png`, lossless, or `jpg`, quality 95.

    Raises:
        OutputError: the file cannot be written; the methods too.
    """

    def __init__(self, path: Path, picture: str = "png") -> None:
        self._path, self._picture = path, picture
        try:
            self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise self._cannot(error) from error

    def write(self, sample: Sample) -> dict[str, Any]:
        """Appends a sample and returns its record.

        Raises:
            SynthesisError: the sample breaks the contract; nothing of it is written.
        """
        record = record_of(sample)
        files = files_of(sample, self._picture)
        files[LABELS] = json.dumps(record, allow_nan=False, separators=(",", ":")).encode()
        try:
            for suffix in sorted(files):
                entry = tarfile.TarInfo(f"{sample.key}.{suffix}")  # its date is 0, its owner 0 without a name
                entry.size, entry.mode = len(files[suffix]), 0o444
                self._tar.addfile(entry, io.BytesIO(files[suffix]))
        except OSError as error:
            raise self._cannot(error) from error
        return record

    def close(self) -> None:
        """Writes the end of the tar file."""
        try:
            self._tar.close()
        except OSError as error:
            raise self._cannot(error) from error

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _cannot(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write {self._path}: {error.strerror or error}; free space or name another folder")


def read_entries(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, bytes]]]:
    """Yields (record, suffix -> bytes of the other files) of each sample of a shard, in order.

    Raises:
        SynthesisError: it is no tar file, is cut off or damaged, or a sample has no labels.
    """
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
            key, files = "", {}
            for entry in tar:
                stem, _, suffix = entry.name.partition(".")
                if files and stem != key:
                    yield _split(files, key, path)
                    files = {}
                stream = tar.extractfile(entry)
                if stream is not None:
                    key, files[suffix] = stem, stream.read()
            _require_end(file, tar.offset)
            if files:
                yield _split(files, key, path)
    except (OSError, tarfile.TarError, ValueError) as error:
        raise SynthesisError(f"{path}: expected a whole shard, got {error}; make it again") from error


def read_shard(path: Path) -> Iterator[Sample]:
    """Yields the samples of a shard, as they were written (exactly so where pictures are PNG).

    Raises:
        SynthesisError: the shard is broken or of another version.
    """
    for record, files in read_entries(path):
        yield sample_of(record, files.__getitem__)


def _require_end(file: IO[bytes], offset: int) -> None:
    """Checks that a tar file ends where its reader stopped, which takes a damaged or missing header for the end, without a word."""
    file.seek(offset)
    end = file.read(_END_BYTES)
    if len(end) < _END_BYTES or end.strip(b"\0"):
        raise tarfile.ReadError(f"no entry and no end at byte {offset:,}")


def _split(files: Mapping[str, bytes], key: str, path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    if LABELS not in files:
        raise SynthesisError(f"{path}: expected {key}.{LABELS} among the files of {key}, found none")
    return json.loads(files[LABELS]), {suffix: data for suffix, data in files.items() if suffix != LABELS}
