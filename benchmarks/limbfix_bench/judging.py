"""How do pictures become records? Gate in worker processes; what is done is kept, and a second run goes on from there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from limbfix_bench.result_rows import ROOT, Provenance

Record = dict[str, Any]
_gate: Any = None


def code_digest() -> str:
    """Returns the SHA-256 of the package's source and of its tables, among them the manifests that hold the hash of every model.

    Records are only reused for the code and the models that made them.
    """
    digest = hashlib.sha256()
    for path in sorted(path for ending in ("py", "json") for path in (ROOT / "limbfix").rglob(f"*.{ending}")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def default_folder(search: str) -> Path:
    """Returns the folder for records of this code."""
    return ROOT / "build" / "benchmarks" / f"{search}-{code_digest()}"


def records_file(records: Path, folder: str) -> Path:
    """Names the file for the records of a data folder."""
    return records / f"{folder.replace('/', '__')}.jsonl"


def open_records(records: Path, search: str) -> Provenance:
    """Prepares a folder for records and returns whose they are.

    Raises:
        SystemExit: the folder holds records of other code or of another search.
    """
    about = records / "run.json"
    origin = Provenance.of_now(search)
    wanted = {"code": code_digest(), **asdict(origin)}
    if about.is_file():
        known = json.loads(about.read_text(encoding="utf-8"))
        if (known["code"], known["search"]) != (wanted["code"], search):
            raise SystemExit(
                f"{records}: expected records of code {wanted['code']} with search {search}, got code {known['code']} with "
                f"{known['search']}. Name another folder, or re-read these with --from-records."
            )
        return read_origin(records)
    records.mkdir(parents=True, exist_ok=True)
    about.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
    return origin


def read_origin(records: Path) -> Provenance:
    """Returns which code, machine and day the records of a folder belong to."""
    about = records / "run.json"
    if not about.is_file():
        raise SystemExit(
            f"{records}: expected a folder with run.json, as `accuracy.py --records` leaves it; found none"
        )
    known = json.loads(about.read_text(encoding="utf-8"))
    return Provenance(**{name: known[name] for name in ("commit", "machine", "date", "search")})


def read_records(records: Path, folder: str) -> dict[str, Record]:
    """Returns the records of a data folder by path; a line that a kill cut short is judged again."""
    path = records_file(records, folder)
    found: dict[str, Record] = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            found[record["path"]] = record
    return found


def judge_folder(
    data: Path, folder: str, paths: list[str], *, records: Path, search: str, jobs: int
) -> dict[str, Record]:
    """Returns the records of pictures by path; only those that `records` lacks are judged, and added to it.

    Args:
        data: the data folder.
        folder: which part of it, for the name of the file.
        paths: relative to the data folder.
        records: where records are kept.
        search: setting of the gate.
        jobs: worker processes.
    """
    known = read_records(records, folder)
    missing = [path for path in paths if path not in known]
    print(f"{folder}: {len(paths)} pictures, {len(paths) - len(missing)} judged already", flush=True)
    if missing:
        file = records_file(records, folder)
        # A cut last line must not swallow the next record.
        start = "\n" if file.is_file() and not file.read_bytes().endswith(b"\n") and file.stat().st_size else ""
        with file.open("a", encoding="utf-8") as out:
            out.write(start)
            for record in _judge(data, missing, search=search, jobs=jobs):
                out.write(json.dumps(record, allow_nan=False) + "\n")
                out.flush()
                known[record["path"]] = record
    return {path: known[path] for path in paths}


def _judge(data: Path, paths: Iterable[str], *, search: str, jobs: int) -> Iterator[Record]:
    # spawn: MediaPipe's threads do not survive a fork. A worker that dies is an error, never a hang.
    pool = ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(str(data), search)
    )
    with closing(_Shutdown(pool)):
        for future in as_completed([pool.submit(_judge_one, path) for path in paths]):
            yield future.result()


class _Shutdown:
    """Ends a pool without starting what still waits, so that Ctrl-C ends the run."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(data: str, search: str) -> None:
    global _gate
    os.chdir(data)  # the records then hold paths relative to the data folder
    from limbfix.gate import Gate

    _gate = Gate(search=search)


def _judge_one(path: str) -> Record:
    return _gate.judge_path(path).record
