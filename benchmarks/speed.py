"""How fast is the gate beside a plain loop over MediaPipe? Writes results/speed.csv.

    python benchmarks/speed.py            # 100 pictures, three rounds, about 6 minutes on 2 cores
    python benchmarks/speed.py --full     # every picture of the folder

Whole processes are timed, start and model loading included, on the same files. The plain loop and `limbfix check
--search single` take turns (A B A B A B), so that a machine that slows down slows both. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from limbfix_bench import result_rows
from limbfix_bench.data_folders import SUFFIXES
from limbfix_bench.estimates import Estimate
from limbfix_bench.result_rows import RESULTS, ROOT, Measured, Provenance

PREFERRED = ROOT.parent / "shared" / "data" / "ai_images"
EXAMPLES = ROOT / "examples" / "pictures"
LIMIT = 100
FINE = (0, 1, 3)
"""Exit codes of `limbfix check` after a whole run: nothing rejected, something rejected, something not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """What a whole process took; its CPU time hardly feels what else runs on the machine."""

    wall_s: float
    cpu_s: float


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    options = _parser().parse_args(arguments)
    folder = (options.data or (PREFERRED if PREFERRED.is_dir() else EXAMPLES)).resolve()
    files = _files(folder, None if options.full else options.limit)
    if not files:
        print(f"speed: no pictures in {folder}; name a folder with --data. Nothing was measured.")
        return 0
    print(f"{len(files)} pictures of {folder}, {options.rounds} rounds", flush=True)
    for command in (_plain_command(), _check_command("single", 1)):
        _timed("warm-up", command, files[:2], fine=FINE)  # files and libraries get into the disk cache for both
    plain: list[Time] = []
    single: list[Time] = []
    for _ in range(options.rounds):
        plain.append(_timed("plain loop", _plain_command(), files, fine=(0,)))
        single.append(_timed("single, 1 job", _check_command("single", 1), files, fine=FINE))
    rows = [
        _speed_row("pictures_per_second_plain_loop", folder, len(files), plain),
        _speed_row("pictures_per_second_single_1_job", folder, len(files), single),
        _ratio_row("time_single_to_plain_loop", folder, len(files), plain, single, of=lambda time: time.wall_s),
        _ratio_row("cpu_time_single_to_plain_loop", folder, len(files), plain, single, of=lambda time: time.cpu_s),
    ]
    for jobs in options.full_search_jobs:
        times = [_timed(f"full, {jobs} job(s)", _check_command("full", jobs), files, fine=FINE)]
        rows.append(_speed_row(f"pictures_per_second_full_{jobs}_job{'s' * (jobs > 1)}", folder, len(files), times))
    origin = Provenance.of_now("single")
    table = [
        result_rows.make_row(
            row, replace(origin, search="full" if "_full_" in row.measure else "single"), _data(folder)
        )
        for row in rows
    ]
    result_rows.print_rows(table)
    result_rows.write_rows(options.out, table)
    print(f"{len(table)} rows in {options.out}")
    return 0


def _files(folder: Path, limit: int | None) -> list[str]:
    """Returns pictures of a folder, at most `limit`, spread evenly over the sorted names."""
    found = sorted(str(path) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if limit is None or len(found) <= limit:
        return found
    return [found[int((index + 0.5) * len(found) / limit)] for index in range(limit)]


def _plain_command() -> list[str]:
    from limbfix import weights
    from limbfix.detectors import mediapipe_hands, mediapipe_pose

    models = [str(weights.model_path(name)) for name in (mediapipe_hands.MODEL, mediapipe_pose.MODEL)]
    options = (mediapipe_hands.MAX_HANDS, mediapipe_hands.CONFIDENCE, mediapipe_pose.MAX_PEOPLE)
    return [sys.executable, str(Path(__file__).parent / "limbfix_bench" / "plain_loop.py"), *models, *map(str, options)]


def _check_command(search: str, jobs: int) -> list[str]:
    words = ["check", "-", "--search", search, "--jobs", str(jobs), "--format", "jsonl", "--no-progress"]
    return [sys.executable, "-m", "limbfix", *words]


def _timed(name: str, command: list[str], files: list[str], *, fine: tuple[int, ...]) -> Time:
    """Runs a command with the list of files on stdin and returns what it took.

    Raises:
        SystemExit: it failed, or did not print one JSON object per file: its time would mean nothing.
    """
    settings = {name: value for name, value in os.environ.items() if not name.startswith("LIMBFIX_")}
    if "LIMBFIX_MODELS" in os.environ:
        settings["LIMBFIX_MODELS"] = os.environ["LIMBFIX_MODELS"]
    before = os.times()
    done = subprocess.run(
        command, input="\n".join(files) + "\n", capture_output=True, text=True, cwd=ROOT, env=settings, check=False
    )
    after = os.times()
    seconds = after.elapsed - before.elapsed
    cpu_seconds = sum(after[2:4]) - sum(before[2:4])  # of children that have ended, workers of theirs included
    answers = [json.loads(line) for line in done.stdout.splitlines()] if done.returncode in fine else []
    if len(answers) != len(files):
        raise SystemExit(
            f"speed: {name}: expected exit code {fine} and {len(files)} JSON lines, got {done.returncode} and "
            f"{len(answers)}.\n{done.stderr[-2000:]}"
        )
    print(f"{name:<16} {seconds:7.2f} s {cpu_seconds:7.2f} s cpu {len(files) / seconds:7.2f} pictures/s", flush=True)
    return Time(wall_s=seconds, cpu_s=cpu_seconds)


def _speed_row(measure: str, folder: Path, n: int, times: list[Time]) -> Measured:
    speeds = [n / one.wall_s for one in times]
    estimate = Estimate(n=n, value=statistics.median(speeds), low=min(speeds), high=max(speeds))
    return Measured(measure=measure, source=folder.name, estimate=estimate, detail=_rounds(times))


def _ratio_row(
    measure: str, folder: Path, n: int, plain: list[Time], single: list[Time], *, of: Callable[[Time], float]
) -> Measured:
    """Relates the medians; low and high are the extremes of the pairs that ran one after the other."""
    ours, theirs = [of(time) for time in single], [of(time) for time in plain]
    pairs = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    value = statistics.median(ours) / statistics.median(theirs)
    estimate = Estimate(n=n, value=value, low=min(pairs), high=max(pairs))
    return Measured(measure=measure, source=folder.name, estimate=estimate, detail=_rounds(single))


def _rounds(times: list[Time]) -> str:
    return f"median of {len(times)}, low and high are extremes" if len(times) > 1 else "one run"


def _data(folder: Path) -> str:
    return f"{folder.name}: {len(_files(folder, None))} pictures there"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of pictures (ai_images, else examples/pictures)")
    parser.add_argument("--limit", type=int, default=LIMIT, help="pictures (%(default)s)")
    parser.add_argument("--full", action="store_true", help="every picture of the folder")
    parser.add_argument("--rounds", type=int, default=3, help="of plain loop and single search (%(default)s)")
    parser.add_argument(
        "--full-search-jobs", type=int, nargs="*", default=[1, 2], help="job counts to time the full search with"
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "speed.csv", help="results file (%(default)s)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
