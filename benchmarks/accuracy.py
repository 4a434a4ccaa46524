"""How right is the gate? Judges the pictures of ../shared/data and writes results/accuracy.csv.

    python benchmarks/accuracy.py                     # 200 pictures of each folder, about 15 minutes on 2 cores
    python benchmarks/accuracy.py --full              # all of them
    python benchmarks/accuracy.py --from-records DIR  # the tables again, from records of an earlier run

A stopped run goes on where it was, as long as no line of limbfix/ has changed. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from limbfix_bench import data_folders, judging, measures, result_rows
from limbfix_bench.data_folders import AI, BACKGROUNDS, FOLDERS, HANDS
from limbfix_bench.measures import Records
from limbfix_bench.result_rows import RESULTS, Measured, Row

DATA = result_rows.ROOT.parent / "shared" / "data"
LIMIT = 200


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    options = _parser().parse_args(arguments)
    data = options.data.resolve()
    if not data.is_dir():
        print(f"accuracy: no pictures at {data}; name a folder with --data. Nothing was measured.")
        return 0
    folders = [folder for folder in options.folders if (data / folder).is_dir()]
    if missing := sorted(set(options.folders) - set(folders)):
        print(f"accuracy: not in {data}, so not measured: {', '.join(missing)}")
    store = options.from_records or options.records or judging.default_folder(options.search)
    store = store.resolve()
    origin = judging.read_origin(store) if options.from_records else judging.open_records(store, options.search)
    rows: list[Row] = []
    for folder in folders:
        limit = None if options.full else options.limit
        records = _records(options, data, folder, store, data_folders.pictures_of(data, folder, limit))
        if records:
            what = _data_label(data, folder, records)
            rows += [result_rows.make_row(row, origin, what) for row in measure(data, folder, records)]
    result_rows.print_rows(rows)
    result_rows.replace_rows(options.out, rows, folders)
    print(f"{len(rows)} rows in {options.out}; records in {store}")
    return 0


def measure(data: Path, folder: str, records: Records) -> list[Measured]:
    """Returns all results of one folder.

    Args:
        data: the data folder, for the labels.
        folder: one of FOLDERS.
        records: by path relative to the data folder.
    """
    from limbfix.records import record_schema

    rows = measures.measure_folder(records, folder, record_schema(), expects_hand=folder in HANDS)
    if folder == BACKGROUNDS:
        rows += measures.measure_backgrounds(records, folder)
    if folder == AI:
        labels, hands = data_folders.read_picture_labels(data), data_folders.read_hand_labels(data)
        rows += measures.measure_hands_visible(records, labels)
        rows += measures.measure_pictures(records, labels)
        rows += measures.measure_baseline(records, labels)
        rows += measures.measure_hands(records, hands, labels)
    return rows


def _records(options: argparse.Namespace, data: Path, folder: str, store: Path, paths: list[str]) -> Records:
    if not options.from_records:
        return judging.judge_folder(data, folder, paths, records=store, search=options.search, jobs=options.jobs)
    known = judging.read_records(store, folder)
    if options.limit_given or options.full:
        known = {path: known[path] for path in paths if path in known}
    print(f"{folder}: {len(known)} records" + ("" if known else ", so nothing to measure"))
    return dict(sorted(known.items()))


def _data_label(data: Path, folder: str, records: Records) -> str:
    """Says how many of the folder's pictures were judged, and which: a digest of their names and contents."""
    digest = hashlib.sha256()
    for path, record in sorted(records.items()):
        digest.update(f"{path}\0{record['sha256']}\0".encode())
    return f"{len(records)} of {len(data_folders.pictures_of(data, folder))} sha256:{digest.hexdigest()[:12]}"


class _Limit(argparse.Action):
    """Remembers that a limit was asked for: --from-records otherwise takes every record there is."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        namespace.limit, namespace.limit_given = values, True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the data folder (%(default)s)")
    parser.add_argument("--folders", nargs="+", choices=FOLDERS, default=FOLDERS, metavar="FOLDER")
    parser.add_argument("--limit", type=int, default=LIMIT, action=_Limit, help="pictures per folder (%(default)s)")
    parser.add_argument("--full", action="store_true", help="every picture")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes (%(default)s)")
    parser.add_argument("--search", choices=("full", "single"), default="full")
    parser.add_argument("--records", type=Path, help="keep records here (build/benchmarks/SEARCH-CODE)")
    parser.add_argument("--from-records", type=Path, help="judge nothing; read the records kept here")
    parser.add_argument("--out", type=Path, default=RESULTS / "accuracy.csv", help="results file (%(default)s)")
    parser.set_defaults(limit_given=False)
    return parser


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        print("accuracy: stopped; what is judged is kept, and the same command goes on from there")
        raise SystemExit(130) from None
