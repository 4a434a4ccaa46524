"""How is one shard made? Group by group in one process; a group that fails is tried once more with a fresh stream.

What comes out depends on the job alone: not on the process, nor on what it made before.
"""

from __future__ import annotations

import hashlib
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limbfix.errors import (
    AssetMissing,
    GraphicsMissing,
    LimbfixError,
    MissingExtra,
    ModelError,
    SynthesisError,
    UsageError,
)
from limbfix.synthesis.sample_records import require_sound
from limbfix.synthesis.samples import Sample
from limbfix.synthesis.shards import ShardWriter
from limbfix.synthesis.streams import Stream

OpenStream = Callable[[], Stream]
"""Opens the stream of a run; picklable, since every process opens its own."""

_FATAL = (AssetMissing, GraphicsMissing, MissingExtra, ModelError, UsageError)
"""What one group lacks, all of them lack: the run ends with the remedy instead of a failure for each group."""

_TRACE_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardJob:
    """One shard to make. Picklable.

    Attributes:
        number: its place among the shards.
        first, last: its groups, the last one excluded.
        path: where it is written.
        picture: `png` or `jpg`.
        given_up: groups that are not tried any more -> why.
    """

    number: int
    first: int
    last: int
    path: Path
    picture: str
    given_up: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTally:
    """What a shard holds. Picklable, and plain JSON by `dataclasses.asdict`.

    Attributes:
        pictures: how many.
        roles, operators: pictures by role and by operator.
        codes: pictures with a defect of a code; visible_codes: those that show it.
        failed: groups that could not be made -> why.
    """

    pictures: int
    roles: dict[str, int]
    operators: dict[str, int]
    codes: dict[str, int]
    visible_codes: dict[str, int]
    failed: dict[int, str]
    bytes: int = 0
    sha256: str = ""


class ShardMaker:
    """Makes shards with one stream.

    Raises:
        LimbfixError: the stream cannot be opened.
    """

    def __init__(self, open_stream: OpenStream) -> None:
        self._open_stream = open_stream
        self.stream = open_stream()

    def make(self, job: ShardJob, on_group: Callable[[int, int], None]) -> ShardTally:
        """Writes the shard.

        Args:
            job: what to make.
            on_group: told (group, pictures so far) before each group.

        Raises:
            OutputError: the shard cannot be written.
            LimbfixError: this machine lacks something that every group needs.
        """
        failed, counts, keys = dict(job.given_up), _Counts(), set()
        with ShardWriter(job.path, job.picture) as writer:
            for index in range(job.first, job.last):
                if index in failed:
                    continue
                on_group(index, counts.pictures)
                try:
                    samples = self._group(index, keys)
                except _FATAL:
                    raise
                except Exception as error:
                    failed[index] = _words(error)
                    continue
                for sample in samples:
                    writer.write(sample)
                    keys.add(sample.key)
                    counts.add(sample)
        with job.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return counts.tally(failed, bytes=job.path.stat().st_size, sha256=sha256)

    def close(self) -> None:
        """Closes the stream."""
        self.stream.close()

    def _group(self, index: int, keys: set[str]) -> Sequence[Sample]:
        """Returns a sound group; a failure is met once with a fresh stream, in case the old one is broken."""
        try:
            return self._sound_group(index, keys)
        except _FATAL:
            raise
        except Exception:
            with suppress(Exception):
                self.stream.close()
            self.stream = self._open_stream()
            return self._sound_group(index, keys)

    def _sound_group(self, index: int, keys: set[str]) -> Sequence[Sample]:
        samples = self.stream.group(index)
        if not samples:
            raise SynthesisError(f"group {index}: expected pictures, got none")
        taken = [one.key for one in samples if one.key in keys]
        if taken or len({one.key for one in samples}) < len(samples):
            raise SynthesisError(f"group {index}: expected new keys, got {sorted(one.key for one in samples)} again")
        for sample in samples:
            require_sound(sample)
        return samples


class _Counts:
    def __init__(self) -> None:
        self.pictures = 0
        self._roles, self._operators, self._codes, self._visible = (Counter[str]() for _ in range(4))

    def add(self, sample: Sample) -> None:
        self.pictures += 1
        self._roles[sample.role] += 1
        if sample.operator:
            self._operators[sample.operator] += 1
        self._codes.update({str(defect.code) for defect in sample.defects})
        self._visible.update({str(defect.code) for defect in sample.defects if defect.visible})

    def tally(self, failed: dict[int, str], **more: Any) -> ShardTally:
        return ShardTally(
            pictures=self.pictures,
            roles=_sorted(self._roles),
            operators=_sorted(self._operators),
            codes=_sorted(self._codes),
            visible_codes=_sorted(self._visible),
            failed=failed,
            **more,
        )


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _words(error: Exception) -> str:
    """Returns an error as text; with the end of its traceback where nobody foresaw it."""
    if isinstance(error, LimbfixError):
        return str(error)
    return "".join(traceback.format_exception(error)[-_TRACE_LINES:]).strip()
