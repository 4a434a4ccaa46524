"""What does `limbfix serve` do at its capacity and at twice of it? Writes results/serve.csv.

    python benchmarks/serve_load.py                  # one worker, --search single, about a minute
    python benchmarks/serve_load.py --search full --jobs 2 --seconds 60

A server of its own on the loopback gets the example pictures. A few clients that each wait for their answer find the
capacity, then requests come by the clock, whether earlier ones are answered or not, at that rate; then the same again, at
twice the rate, because a busy machine has another capacity a minute later.
`lost` counts accepted requests without an answer: neither a record nor a 429 or 503 that says when to come again.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import httpx
from limbfix_bench.result_rows import RESULTS, ROOT, Provenance

PICTURES = ROOT / "examples" / "pictures"
SPARE_CLIENTS = 1
"""Clients beyond the workers while the capacity is measured, so that no worker waits for one."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the requests of one phase; seconds by outcome."""

    judged: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One phase as it stands in the CSV."""

    phase: str
    offered_per_s: float
    judged_per_s: float
    judged_p50_ms: float
    judged_p99_ms: float
    refused_p99_ms: float | None
    requests: int
    judged: int
    refused: int
    lost: int
    seconds: float
    jobs: int
    queue: int
    search: str
    detector: str
    load_average: float
    commit: str
    machine: str
    date: str


class Load:
    """Asks one server."""

    def __init__(self, client: httpx.AsyncClient, bodies: list[bytes]) -> None:
        self._client, self._bodies, self._next = client, bodies, 0
        self.last = ""

    async def ask(self, tally: Tally) -> None:
        """Sends the next picture and notes what becomes of it."""
        body = self._bodies[self._next % len(self._bodies)]
        self._next += 1
        began = time.perf_counter()
        try:
            answer = await self._client.post("/v1/inspect", content=body)
        except httpx.HTTPError:
            tally.lost += 1
            return
        seconds = time.perf_counter() - began
        if answer.status_code == 200:
            tally.judged.append(seconds)
        elif answer.status_code in (429, 503) and "retry-after" in answer.headers:
            tally.refused.append(seconds)
        else:
            tally.lost += 1
            self.last = answer.text[:500]

    async def closed(self, clients: int, seconds: float) -> tuple[Tally, float]:
        """Clients that wait for each answer; returns the tally and the seconds."""
        tally, began = Tally(), time.perf_counter()

        async def keep_asking() -> None:
            while time.perf_counter() - began < seconds:
                await self.ask(tally)

        await asyncio.gather(*(keep_asking() for _ in range(clients)))
        return tally, time.perf_counter() - began

    async def open(self, rate: float, seconds: float) -> tuple[Tally, float]:
        """Requests by the clock; returns the tally, and the seconds until the last answer."""
        tally, began = Tally(), time.perf_counter()
        asked = []
        for number in range(max(1, round(rate * seconds))):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            asked.append(asyncio.create_task(self.ask(tally)))
        await asyncio.gather(*asked)
        return tally, time.perf_counter() - began


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; returns 0 where nothing was lost, else 1."""
    options = _parser().parse_args(arguments)
    bodies = [file.read_bytes() for file in sorted(PICTURES.iterdir()) if file.suffix in (".jpg", ".png", ".webp")]
    with tempfile.TemporaryDirectory() as folder:
        process, url = _start(options, Path(folder))
        try:
            rows = asyncio.run(_phases(url, bodies, options))
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=120)
        finally:
            process.kill()
    _write(options.out, rows)
    lost = sum(row.lost for row in rows)
    print(f"{'PASS' if not lost and not code else 'FAIL'}: {lost} lost, exit code {code}; {options.out}")
    return 1 if lost or code else 0


async def _phases(url: str, bodies: list[bytes], options: argparse.Namespace) -> list[Row]:
    limits = httpx.Limits(max_connections=400, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=url, timeout=300, limits=limits, trust_env=False) as client:
        load = Load(client, bodies)
        await load.closed(1, 2)
        rows = []
        for phase, factor in (("capacity", 1), ("twice the capacity", 2)):
            tally, seconds = await load.closed(options.jobs + SPARE_CLIENTS, options.seconds / 2)
            if not tally.judged:
                raise SystemExit(
                    f"serve_load: expected judged pictures, got {tally.lost} without an answer; {load.last}"
                )
            capacity = len(tally.judged) / seconds
            rows.append(_row("waiting clients", capacity, tally, seconds, options))
            tally, seconds = await load.open(capacity * factor, options.seconds)
            rows.append(_row(phase, capacity * factor, tally, seconds, options))
        return rows


def _row(phase: str, offered: float, tally: Tally, seconds: float, options: argparse.Namespace) -> Row:
    origin = Provenance.of_now(options.search)
    row = Row(
        phase=phase,
        offered_per_s=round(offered, 3),
        judged_per_s=round(len(tally.judged) / seconds, 3),
        judged_p50_ms=round(1000 * _percentile(tally.judged, 0.5), 1),
        judged_p99_ms=round(1000 * _percentile(tally.judged, 0.99), 1),
        refused_p99_ms=round(1000 * _percentile(tally.refused, 0.99), 1) if tally.refused else None,
        requests=len(tally.judged) + len(tally.refused) + tally.lost,
        judged=len(tally.judged),
        refused=len(tally.refused),
        lost=tally.lost,
        seconds=round(seconds, 1),
        jobs=options.jobs,
        queue=options.queue,
        detector=options.detector,
        load_average=round(os.getloadavg()[0], 1),
        **asdict(origin),
    )
    print(row, flush=True)
    return row


def _percentile(values: list[float], share: float) -> float:
    """Returns the smallest value that is not below this share of all."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def _start(options: argparse.Namespace, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    words = ["--port", "0", "--jobs", str(options.jobs), "--queue", str(options.queue), "--search", options.search]
    words += ["--detector", options.detector]
    process = subprocess.Popen(
        [sys.executable, "-m", "limbfix", "serve", *words],
        stderr=subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    place = re.search(r"serving at (http://\S+),", line)
    if place is None:
        process.kill()
        raise SystemExit(f"serve_load: the server said: {line}{process.stderr.read().decode()}")
    return process, place[1]


def _write(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [item.name for item in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of load by the clock, twice [20]")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes [1]")
    parser.add_argument("--queue", type=int, default=8, help="pictures that may wait [8]")
    parser.add_argument("--search", choices=("single", "full"), default="single", help="of the gate [single]")
    parser.add_argument("--detector", default="limbfix", help="of the gate [limbfix]")
    parser.add_argument("--out", type=Path, default=RESULTS / "serve.csv", help="results file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
