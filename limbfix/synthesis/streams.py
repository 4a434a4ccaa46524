"""What is a stream of made pictures? The protocol that production, benchmarks and trainings rely on, and the table of streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from limbfix.errors import UsageError
from limbfix.synthesis.samples import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """What a user may choose about a stream.

    Attributes:
        seed: everything follows from it and from a group's index.
        size_px: side of the square pictures.
        backgrounds: folder of pictures without people; None for procedural backgrounds.
        photographs: folder (searched below too) of pictures of people with normal anatomy; streams `edits` and `failures` need it.
        degrade: whether pictures pass through the degradation stage.
        operators: only groups about operators whose names begin so (`limbs.third_`), defects and benign ones in the stream's own
            proportion; all of them if empty. Stream `bodies` alone knows it.
    """

    seed: int
    size_px: int = 256
    backgrounds: Path | None = None
    photographs: Path | None = None
    degrade: bool = True
    operators: tuple[str, ...] = ()


class Stream(Protocol):
    """Makes groups of pictures.

    Attributes:
        name: the stream's name.
        group_size: pictures of one group.
    """

    name: str
    group_size: int

    def group(self, index: int) -> tuple[Sample, ...]:
        """Returns the pictures of one group; the same for the same options and index, whatever was made before."""
        ...

    def close(self) -> None:
        """Releases graphics and model handles."""
        ...


_MODULES = {name: f"limbfix.synthesis.{name}" for name in ("hands", "bodies", "edits", "failures")}

STREAMS: tuple[str, ...] = tuple(_MODULES)

PHOTOGRAPHED = ("edits", "failures")
"""Streams made of photographs."""


def make_stream(name: str, options: StreamOptions) -> Stream:
    """Builds a stream in this process. Each stream's module has `open_stream(options)`.

    Raises:
        UsageError: no such stream, or the stream needs a folder that `options` does not give, or knows none of its operators.
        MissingExtra: the extra `synthesis` is not installed.
        SynthesisError: body data or a graphics library is missing; the message holds the command that mends it.
    """
    if name not in _MODULES:
        raise UsageError(f"expected a stream ({', '.join(STREAMS)}), got {name!r}")
    if options.operators and name != "bodies":
        raise UsageError(
            f"expected operators to be chosen for stream bodies alone, got them for {name}; leave them out"
        )
    open_stream = cast("Callable[[StreamOptions], Stream]", import_module(_MODULES[name]).open_stream)
    return open_stream(options)


def key_of(stream: str, seed: int, index: int, role: str) -> str:
    """Returns the key of a picture: `hands-7-000123-twin`."""
    return f"{stream}-{seed}-{index:06d}-{role}"
