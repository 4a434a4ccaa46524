"""A report as a folder: complete or absent, written as records come, flat in memory."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

from limbfix.errors import OutputError, ReportExists, UsageError
from limbfix.records import standing
from limbfix.reports import site
from limbfix.reports.csv_rows import COLUMNS, csv_cells, csv_line
from limbfix.reports.evidence import Evidence
from limbfix.reports.json_lines import json_line
from limbfix.reports.manifest import Manifest, json_document
from limbfix.reports.page import Card, page_blocks
from limbfix.reports.part_file import PartFile, sync_folder
from limbfix.reports.ranking import Ranked, WorstFirst
from limbfix.reports.summary import RunSummary

SHOWN_PICTURES = 400
"""Pictures inside index.html, worst first; the records hold all. More would not open on a phone."""

_CODE = re.compile(r"[a-z]+\.[a-z_]+")
_MARKER_TEXT = b"A limbfix report. Without manifest.json beside this file it was never finished.\n"


class ReportFolder:
    """Builds a report folder; use it as a context manager.

    Leaving the block without `finish` removes what was built; an older report is then still there, untouched. Only what
    limbfix wrote is ever deleted: a folder into which somebody put a file meanwhile is left, and `warn` is told where.

    Args:
        directory: where the report appears; parents are made.
        force: replace a finished report that lies there. Foreign files are never replaced.
        title: heading of the page.
        shown: most pictures on the page.
        warn: told one line about each folder that was left.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        force: bool = False,
        title: str = "Anatomy report",
        shown: int = SHOWN_PICTURES,
        warn: Callable[[str], None] = logging.getLogger("limbfix").warning,
    ) -> None:
        self._target = Path(os.path.realpath(directory))
        self._force, self._title, self._warn = force, title, warn
        self._ranking = WorstFirst(shown)
        self._pictures = 0
        self._is_finished = False

    def __enter__(self) -> ReportFolder:
        """Locks the folder and begins to build.

        Raises:
            ReportExists: the folder holds a report and `force` is False, or foreign files; nothing was touched.
            OutputLocked: another process is building a report there.
            OutputError: the folder cannot be written.
        """
        if not self._target.name:
            raise UsageError(f"report folder: expected a folder with a name, got {self._target}")
        with self._writing():
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._lock = site.lock(self._target)
        try:
            with self._writing():
                self._had_target = self._target.exists()
                self._build = site.build_folder(self._target, force=self._force)
                self._begin()
        except BaseException:
            site.unlock(self._lock)
            raise
        return self

    def add(self, record: Mapping[str, Any], evidence: Evidence | None) -> None:
        """Writes one record and its pictures.

        Args:
            record: as in the published schema.
            evidence: None where there is no picture to show.

        Raises:
            OutputError: the disk is full or the folder went away.
            ValueError: the record holds NaN.
        """
        offset = self._records.size
        with self._writing():
            thumbnail, crops = self._add_evidence(record, evidence) if evidence else (None, ())
            repaired = self._add_repaired(evidence) if evidence else None
            self._records.write(json_line(record).encode("ascii") + b"\n")
            self._rows.write(csv_line(csv_cells(record)).encode("utf-8"))
        verdict, score = standing(record)
        ranked = Ranked(
            index=self._pictures,
            offset=offset,
            verdict=verdict,
            score=score,
            thumbnail=thumbnail,
            crops=crops,
            keypoints=json.dumps(evidence.keypoints if evidence else [], allow_nan=False).encode("ascii"),
            repaired=repaired,
        )
        self._ranking.add(ranked)
        self._pictures += 1

    def finish(self, summary: RunSummary, provenance: Mapping[str, Any]) -> Path:
        """Completes the report and puts it in place; after this nothing can be added.

        Args:
            summary: the run's counts.
            provenance: what else a reader needs to judge or repeat the run, JSON-safe; shown on the page. Known keys:
                `created` (ISO date), `command`, `device`. No clock is read here, so equal input gives equal bytes.

        Returns:
            The path of index.html.
        """
        provenance = {"limbfix": limbfix_version(), **provenance}
        with self._writing():
            ranked = self._ranking.by_score()
            page = page_blocks(
                title=self._title,
                summary=summary,
                provenance=provenance,
                shown_count=len(ranked),
                cards=map(self._card, ranked),
            )
            self._add_file("index.html", (block.encode("utf-8") for block in page))
            self._commit(self._records)
            self._commit(self._rows)
            self._add_file("summary.json", [json_document(summary.to_json() | {"provenance": provenance}).encode()])
            sync_folder(self._build / site.EVIDENCE)
            sync_folder(self._build)
            head = {
                "schema_version": 1,
                "kind": "limbfix-report",
                "limbfix": provenance["limbfix"],
                "counts": {"pictures": self._pictures, "shown": len(ranked), **summary.verdicts},
                "provenance": provenance,
            }
            self._manifest.write(self._build, head)
            self._is_finished = True
            sync_folder(self._build)
            old = site.publish(self._build, self._target)
            sync_folder(self._target.parent)
        if old is not None:
            self._delete(old)
        return self._target / "index.html"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unlocks; drops what was built if it was not finished."""
        try:
            for file in (self._records, self._rows, self._manifest):
                file.close()
            if not self._is_finished:
                self._delete(self._build)
        finally:
            site.unlock(self._lock)

    def _delete(self, folder: Path) -> None:
        """Deletes what is ours in a folder, and the folder unless it stood there before; leaves it where a file is not ours."""
        is_kept = folder == self._target and self._had_target
        try:
            with self._writing():
                (site.empty if is_kept else site.discard)(folder)
        except ReportExists as error:
            self._warn(f"report {self._target}: a folder was not deleted. {error}")

    def _begin(self) -> None:
        self._manifest = Manifest()
        self._add_file(site.MARKER, [_MARKER_TEXT])
        (self._build / site.EVIDENCE).mkdir()
        self._records = PartFile(self._build / "records.jsonl")
        self._rows = PartFile(self._build / "records.csv")
        self._rows.write(csv_line(COLUMNS).encode())

    def _add_evidence(
        self, record: Mapping[str, Any], evidence: Evidence
    ) -> tuple[str, tuple[tuple[tuple[int, ...], str], ...]]:
        stem = f"{self._pictures:06d}"
        thumbnail = f"{stem}.jpg"
        self._add_file(f"{site.EVIDENCE}/{thumbnail}", [evidence.thumbnail], is_durable=False)
        shared: dict[tuple[float, ...], list[int]] = {}
        names: dict[tuple[float, ...], str] = {}
        for crop in evidence.crops:
            shared.setdefault(crop.region_xyxy, []).append(crop.finding_index)
            if crop.region_xyxy in names:
                continue
            code = record["findings"][crop.finding_index]["code"]
            safe_code = code if _CODE.fullmatch(code) else "finding"
            names[crop.region_xyxy] = name = f"{stem}-{crop.finding_index:02d}-{safe_code}.jpg"
            self._add_file(f"{site.EVIDENCE}/{name}", [crop.jpeg], is_durable=False)
        return thumbnail, tuple((tuple(indices), names[region]) for region, indices in shared.items())

    def _add_repaired(self, evidence: Evidence) -> str | None:
        if evidence.repaired is None:
            return None
        name = f"{self._pictures:06d}-after.jpg"
        self._add_file(f"{site.EVIDENCE}/{name}", [evidence.repaired], is_durable=False)
        return name

    def _add_file(self, name: str, blocks: Iterable[bytes], *, is_durable: bool = True) -> None:
        file = PartFile(self._build / name)
        try:
            for block in blocks:
                file.write(block)
            self._commit(file, is_durable=is_durable)
        finally:
            file.close()

    def _commit(self, file: PartFile, *, is_durable: bool = True) -> None:
        file.commit(is_durable=is_durable)
        self._manifest.add(file.path.relative_to(self._build).as_posix(), file)

    def _card(self, ranked: Ranked) -> Card:
        evidence = self._build / site.EVIDENCE
        return Card(
            index=ranked.index,
            record=json.loads(self._records.line_at(ranked.offset)),
            keypoints=json.loads(ranked.keypoints),
            thumbnail=(evidence / ranked.thumbnail).read_bytes() if ranked.thumbnail else None,
            repaired=(evidence / ranked.repaired).read_bytes() if ranked.repaired else None,
            crops=tuple((indices, (evidence / name).read_bytes()) for indices, name in ranked.crops),
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(
                f"report {self._target}: could not be written ({reason}); free space or choose another folder"
            ) from error


def limbfix_version() -> str:
    """Returns the installed version, or `unknown` in a checkout that was never installed."""
    try:
        return metadata.version("limbfix")
    except metadata.PackageNotFoundError:
        return "unknown"
