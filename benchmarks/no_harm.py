"""Does `limbfix fix` leave alone what is right? Sends pictures labelled clean through it and writes results/no_harm.csv.

    python benchmarks/no_harm.py     # 302 pictures: 8 examples, 54 clean AI pictures, 240 photographs of hands; 10 minutes
    python benchmarks/no_harm.py --records ../build/benchmarks/full-0123456789ab    # only what an accuracy run flagged

The painter is the embedded filling: what a model would paint is not measured here. `edited` is the share of pictures of which a
repaired file was written (target: at most 2 %); `kept_with_worse_score` counts files whose defect score is above the original's
(target: none), judged anew from the written file. With `--records`, pictures in which `accuracy.py` found nothing that the
filling may take away (`limbfix.repair.plans`) are not judged a second time: `fix` has nothing to try on them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from limbfix_bench import data_folders, result_rows
from limbfix_bench.data_folders import AI, HANDS
from limbfix_bench.estimates import share
from limbfix_bench.result_rows import RESULTS, Measured, Provenance, Row

PICTURES = result_rows.ROOT / "examples" / "pictures"
DATA = result_rows.ROOT.parent / "shared" / "data"
LIMIT = 302
EXAMPLES = "examples"
SEARCH = "full"

Outcome = dict[str, Any]


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    options = _parser().parse_args(arguments)
    data = options.data.resolve()
    if not data.is_dir():
        print(f"no_harm: no pictures at {data}, so only the examples are measured; name a folder with --data.")
    origin = Provenance.of_now(SEARCH)
    paths = clean_pictures(data, options.limit)
    known = read_quiet(options.records)
    print(f"{len(paths)} pictures, {sum(path in known for path in paths)} of them known to be quiet")
    loud = {one["path"]: one for one in _fixed(data, [path for path in paths if path not in known], options.log)}
    rows = measure([loud.get(path) or known[path] for path in paths])
    result_rows.print_rows(made := [result_rows.make_row(row, origin, f"{len(paths)} pictures") for row in rows])
    _write(options.out, made)
    return 0


def clean_pictures(data: Path, limit: int) -> list[str]:
    """Returns pictures that are clean: examples, `ai_images` that people call so, photographs of hands, evenly from each folder."""
    examples = [f"{EXAMPLES}/{path.name}" for path in sorted(PICTURES.glob("clean_*"))]
    folders = [folder for folder in HANDS if (data / folder).is_dir()]
    ai = []
    if (data / AI / "labels.csv").is_file():
        labels = data_folders.read_picture_labels(data)
        ai = sorted(path for path, label in labels.items() if label.defective is False and (data / path).is_file())
    paths = [*examples, *ai][:limit]
    for number, folder in enumerate(folders):
        part = (limit - len(paths)) // (len(folders) - number)
        paths += data_folders.pictures_of(data, folder, part) if part else []
    return paths


def read_quiet(folders: list[Path]) -> dict[str, Outcome]:
    """Returns the outcomes of pictures in which an accuracy run found nothing that the filling may take away: no edit."""
    from limbfix.repair.plans import SURE, takes_away

    quiet: dict[str, Outcome] = {}
    for file in (file for folder in folders for file in sorted(folder.glob("*.jsonl"))):
        for record in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            counted = [one for one in record["findings"] if not one["exception"]]
            if not any(takes_away(one["code"]) and one["defect_score"] >= SURE for one in counted):
                quiet[record["path"]] = _outcome(record, None)
    return quiet


def measure(outcomes: list[Outcome]) -> list[Measured]:
    """Returns the rows: all pictures, and the AI pictures and photographs by themselves."""
    rows = []
    for source, some in (
        ("clean", outcomes),
        ("clean/ai_images", [one for one in outcomes if one["path"].startswith(f"{AI}/")]),
        ("clean/examples", [one for one in outcomes if one["path"].startswith(f"{EXAMPLES}/")]),
        ("clean/real_hands", [one for one in outcomes if one["path"].startswith("real_hands/")]),
    ):
        edited = [one for one in some if one["edited"]]
        worse = [one for one in edited if one["after"] is None or one["after"] > (one["before"] or 0.0)]
        flagged = sum(one["verdict"] in ("flag", "reject") for one in some)
        tried = sum(one["attempts"] > 0 for one in some)
        if not some:
            continue
        detail = f"{len(edited)} edited of {len(some)}; {flagged} flagged or rejected, {tried} tried"
        rows.append(Measured(measure="edited", source=source, estimate=share(len(edited), len(some)), detail=detail))
        detail = f"{len(worse)} of {len(edited)} files"
        rows.append(
            Measured(
                measure="kept_with_worse_score", source=source, estimate=share(len(worse), len(some)), detail=detail
            )
        )
    return rows


def _fixed(data: Path, paths: list[str], log: Path | None) -> Iterator[Outcome]:
    from limbfix.fixing import FixingJudge, FixOptions
    from limbfix.gate import Gate
    from limbfix.repair import RepairOptions
    from limbfix.workers import JudgingOptions, Task

    with tempfile.TemporaryDirectory() as folder, Gate(search=SEARCH) as gate:
        options = FixOptions(out=Path(folder), repair=RepairOptions(), flag_at=gate.policy.flag_at)
        judge = FixingJudge(gate, JudgingOptions(policy=gate.policy.label), options, tell=print)
        tasks = (Task(path=path, file=str(_file(data, path)), relative=path) for path in paths)
        for number, judged in enumerate(judge.judge(tasks, lambda _: None), start=1):
            outcome = _outcome(judged.record, gate)
            if log is not None:
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(outcome) + "\n")
            if outcome["edited"] or number % 25 == 0:
                print(f"{number} of {len(paths)}: {outcome}", flush=True)
            yield outcome


def _file(data: Path, path: str) -> Path:
    return PICTURES / Path(path).name if path.startswith(f"{EXAMPLES}/") else data / path


def _outcome(record: dict[str, Any], gate: Any) -> Outcome:
    repair = record.get("repair") or {"output": None, "attempts": []}
    after = gate.judge_path(repair["output"]).defect_score if repair["output"] else None
    return {
        "path": record["path"],
        "verdict": record["verdict"],
        "before": record["defect_score"],
        "edited": repair["output"] is not None,
        "after": after,
        "attempts": sum(attempt["seam"] is not None for attempt in repair["attempts"]),
    }


def _write(path: Path, rows: list[Row]) -> None:
    result_rows.replace_rows(path, rows, ["clean"])
    print(f"{len(rows)} rows in {path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help=f"folder with ai_images and real_hands [{DATA}]")
    parser.add_argument("--limit", type=int, default=LIMIT, help=f"pictures [{LIMIT}]")
    parser.add_argument("--out", type=Path, default=RESULTS / "no_harm.csv", help="results file")
    parser.add_argument(
        "--records", type=Path, nargs="*", default=[], help="folders with records of accuracy.py, same code"
    )
    parser.add_argument("--log", type=Path, help="also one JSON line for each picture, as they come")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
