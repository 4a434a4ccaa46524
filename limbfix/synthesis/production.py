"""How are many pictures made? Groups are cut into shards, shards are made in processes, and what is finished stays finished.

A run that was interrupted, killed or extended (`n` larger) goes on where it was. The same options make the same shards, byte
for byte, whatever the number of processes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib import metadata
from math import ceil
from pathlib import Path
from typing import Any

from limbfix import __version__
from limbfix.errors import UsageError
from limbfix.interruption import Interruption
from limbfix.synthesis.coco import require_pycocotools, write_coco
from limbfix.synthesis.photograph_joints import look_at
from limbfix.synthesis.production_folder import SHARDS, ProductionFolder, Row, fingerprint
from limbfix.synthesis.shard_making import OpenStream, ShardJob
from limbfix.synthesis.shard_workers import ShardWorkers
from limbfix.synthesis.streams import PHOTOGRAPHED, STREAMS, Stream, StreamOptions, make_stream

SHARD_PICTURES = 256
"""Pictures per shard: some 30 MB at 256 px, and half a minute of work that an interruption can cost each process."""

_LEAST_PX, _MOST_PX = 32, 4096
_PACKAGES = ("numpy", "scipy", "pillow", "opencv-contrib-python", "moderngl", "mediapipe", "torch", "diffusers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """What to make.

    Attributes:
        stream: name of the stream.
        options: of the stream.
        n: pictures, rounded up to whole groups.
        out: the folder.
        jobs: processes.
        shard_size: pictures per shard, rounded down to whole groups, at least one.
        picture: `png`, lossless, or `jpg`.
        coco: whether to write the COCO folder (`images`, `masks`, `annotations.json`) beside the shards.
    """

    stream: str
    options: StreamOptions
    n: int
    out: Path
    jobs: int = 1
    shard_size: int = SHARD_PICTURES
    picture: str = "png"
    coco: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionOutcome:
    """How a run went.

    Attributes:
        pictures: that the folder holds now.
        failed_groups: that could not be made.
        manifest: what `manifest.json` holds; None where the run was interrupted, and can be resumed.
    """

    pictures: int
    failed_groups: int
    manifest: Row | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenNamed:
    """Opens a stream by its name. Picklable."""

    stream: str
    options: StreamOptions

    def __call__(self) -> Stream:
        """Opens it, as `make_stream`."""
        return make_stream(self.stream, self.options)


def produce(
    production: Production,
    *,
    open_stream: OpenStream | None = None,
    on_pictures: Callable[[int, int], None] = lambda done, wanted: None,
) -> ProductionOutcome:
    """Makes the pictures that are not there yet.

    Args:
        production: what to make.
        open_stream: opens the stream in each process; None opens `production.stream`.
        on_pictures: told (pictures done, pictures wanted) as they come.

    Raises:
        UsageError: impossible options, or the folder holds pictures made with others; nothing was overwritten.
        ReportExists, OutputLocked, OutputError: as `ProductionFolder.opened`.
        SynthesisError, MissingExtra, ModelError: this machine lacks something; the message holds the command.
    """
    _check(production)
    folder = ProductionFolder(production.out)
    run = _Run(production, folder, open_stream or OpenNamed(stream=production.stream, options=production.options))
    manifest = None
    with ExitStack() as stack:
        interruption = stack.enter_context(Interruption().installed())
        stack.enter_context(folder.opened())
        stack.callback(run.close)
        with suppress(KeyboardInterrupt):
            run.plan(interruption)
            run.make_all(interruption, on_pictures)
            manifest = run.finish(interruption)
    return run.outcome(manifest)


def _look_ahead(production: Production) -> None:
    """Looks at the photographs, once for all processes: thousands of them take longer than a process may take to open."""
    photographs = production.options.photographs
    if production.stream in PHOTOGRAPHED and photographs is not None:
        look_at(photographs)


class _Run:
    def __init__(self, production: Production, folder: ProductionFolder, open_stream: OpenStream) -> None:
        self._production, self._folder = production, folder
        self._open_shards: dict[int, int] = {}
        self._workers = ShardWorkers(open_stream, production.jobs)
        self._options: dict[str, Any] = _identity(production)
        self._jobs: list[ShardJob] = []
        self._rows: dict[int, Row] = {}

    def plan(self, interruption: Interruption) -> None:
        """Finds out which shards are missing; a stream is asked for the size of its groups only in a new folder."""
        before = self._folder.options()
        if before is not None:
            self._folder.note_options(self._options)
            group_size = int(before["group_size"])
        else:
            with interruption.allowed():
                _look_ahead(self._production)
                group_size = self._workers.start()
        self._options |= {
            "group_size": group_size,
            "groups_per_shard": max(1, self._production.shard_size // group_size),
        }
        self._folder.note_options(self._options)
        wanted = _cut(self._production, self._options, self._folder.scratch)
        finished = self._folder.finished()
        self._require_no_more(finished, len(wanted))
        self._folder.begin()
        spans = {number: (row["first"], row["last"]) for number, row in finished.items()}
        self._jobs = [job for job in wanted if spans.get(job.number) != (job.first, job.last)]
        self._rows = {
            number: row for number, row in finished.items() if number not in {job.number for job in self._jobs}
        }

    def make_all(self, interruption: Interruption, on_pictures: Callable[[int, int], None]) -> None:
        """Makes the missing shards."""
        wanted = ceil(self._production.n / self._options["group_size"]) * self._options["group_size"]

        def advance(shard: int, pictures: int) -> None:
            self._open_shards[shard] = pictures
            on_pictures(self._done() + sum(self._open_shards.values()), wanted)

        self._workers.on_pictures = advance
        if self._jobs:
            with interruption.allowed():
                _look_ahead(self._production)
        made = self._workers.make(self._jobs)
        while True:
            with interruption.allowed():
                job, tally = next(made, (None, None))
            if job is None or tally is None:
                break
            self._rows[job.number] = self._folder.place(job, tally)
            self._open_shards.pop(job.number, None)
            on_pictures(self._done() + sum(self._open_shards.values()), wanted)

    def finish(self, interruption: Interruption) -> Row:
        """Writes the COCO folder, where it is wanted, and the manifest."""
        self.close()
        files = [self._folder.path / SHARDS / self._rows[number]["file"] for number in sorted(self._rows)]
        if self._production.coco:
            with interruption.allowed():
                write_coco(files, self._folder.path)
        return self._folder.write_manifest(self._options, _versions(), self._rows.values())

    def outcome(self, manifest: Row | None) -> ProductionOutcome:
        """Returns how it went."""
        failed = sum(len(row["failed"]) for row in self._rows.values())
        return ProductionOutcome(pictures=self._done(), failed_groups=failed, manifest=manifest)

    def close(self) -> None:
        """Ends the processes."""
        self._workers.close()

    def _done(self) -> int:
        return sum(row["pictures"] for row in self._rows.values())

    def _require_no_more(self, finished: dict[int, Row], shards: int) -> None:
        groups = max((row["last"] for row in finished.values()), default=0)
        if groups > ceil(self._production.n / self._options["group_size"]):
            pictures = groups * self._options["group_size"]
            raise UsageError(
                f"{self._folder.path} holds {pictures} pictures, expected at most {self._production.n}; "
                f"ask for at least {pictures} with --n, or name another folder with --out"
            )


def _check(production: Production) -> None:
    size = production.options.size_px
    if production.stream not in STREAMS:
        raise UsageError(f"expected a stream ({', '.join(STREAMS)}), got {production.stream!r}")
    if min(production.n, production.jobs, production.shard_size) < 1:
        raise UsageError("expected --n, --jobs and --shard-size of at least 1")
    if not _LEAST_PX <= size <= _MOST_PX:
        raise UsageError(f"expected --size from {_LEAST_PX} to {_MOST_PX} px, got {size}")
    if production.picture not in ("png", "jpg"):
        raise UsageError(f"expected --picture png or jpg, got {production.picture!r}")
    if production.coco:
        require_pycocotools()


def _identity(production: Production) -> dict[str, Any]:
    """Returns what must be the same in a folder; the number of pictures and of processes need not."""
    options = production.options
    chosen = {"operators": list(options.operators)} if options.operators else {}  # folders made before go on
    return {
        "limbfix": __version__,
        "stream": production.stream,
        "seed": options.seed,
        "size_px": options.size_px,
        "degrade": options.degrade,
        "backgrounds": fingerprint(options.backgrounds),
        "photographs": fingerprint(options.photographs),
        "picture": production.picture,
        "shard_size": production.shard_size,
        **chosen,
    }


def _cut(production: Production, options: dict[str, Any], scratch: Path) -> list[ShardJob]:
    """Cuts the groups into shards of the same number of groups; the last one has the rest."""
    groups, step = ceil(production.n / options["group_size"]), options["groups_per_shard"]
    return [
        ShardJob(
            number=number,
            first=first,
            last=min(first + step, groups),
            path=scratch / f"{production.stream}-{number:06d}.tar",
            picture=production.picture,
        )
        for number, first in enumerate(range(0, groups, step))
    ]


def _versions() -> dict[str, str]:
    found = {"limbfix": __version__, "python": ".".join(map(str, sys.version_info[:3]))}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
