"""How long does it take to verify a ledger? Writes results/ledger.csv.

    python benchmarks/ledger.py                  # 100,000 entries, three rounds, one core; about a minute
    python benchmarks/ledger.py --entries 10000

The entries have the size of real ones: each body is that of a rejected picture with two findings, two kilobytes of JSON. One in
a hundred keeps a picture of 60 kB, as a seller with one reject in a hundred renders would have them. CPU time hardly feels
what else runs on the machine; wall time stands beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

from limbfix_bench import result_rows
from limbfix_bench.estimates import Estimate
from limbfix_bench.result_rows import RESULTS, Measured, Provenance

from limbfix.ledger.keys import load_key
from limbfix.ledger.store import Ledger, open_ledger
from limbfix.ledger.verifying import verify

ENTRIES = 100_000
_BATCH = 5000
_PICTURE_BYTES = 60_000


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    options = _parser().parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key.pem"
        with open_ledger(Path(folder) / "ledger.db", create=True, key=key) as ledger:
            began = time.perf_counter()
            _fill(ledger, options.entries)
            appended_per_s = options.entries / (time.perf_counter() - began)
            mebibytes = (Path(folder) / "ledger.db").stat().st_size / 2**20
            walls, cpus = [], []
            for _ in range(options.rounds):
                wall, cpu = time.perf_counter(), time.process_time()
                found = verify(ledger, trusted=[load_key(key).public_hex])
                walls.append(time.perf_counter() - wall)
                cpus.append(time.process_time() - cpu)
                if not found.is_trusted or found.entries != options.entries + 1:
                    raise SystemExit(f"ledger: expected a whole ledger, got {found}")
    numbers = {
        "verify_seconds_wall": walls,
        "verify_seconds_cpu": cpus,
        "entries_appended_per_second": [appended_per_s],
        "ledger_file_mebibytes": [mebibytes],
    }
    origin = Provenance.of_now("none")
    rows = [
        result_rows.make_row(_measured(name, values, options.entries), origin, "made")
        for name, values in numbers.items()
    ]
    result_rows.print_rows(rows)
    result_rows.write_rows(options.out, rows)
    print(f"{len(rows)} rows in {options.out}")
    return 0


def _fill(ledger: Ledger, count: int) -> None:
    rng = random.Random(0)
    for start in range(0, count, _BATCH):
        with ledger.writing() as writer:
            for index in range(start, min(start + _BATCH, count)):
                picture = rng.randbytes(_PICTURE_BYTES) if index % 100 == 0 else None
                kept = {} if picture is None else {hashlib.sha256(picture).hexdigest(): picture}
                digest = hashlib.sha256(str(index).encode()).hexdigest()
                writer.append(
                    kind="case",
                    case_id=digest,
                    body=_body(index, digest),
                    evidence=kept,
                    customer=f"customer-{index % 5000}",
                    order_id=f"order-{index}",
                    picture=digest,
                    likeness=digest,
                )


def _body(index: int, digest: str) -> dict[str, object]:
    finding = {
        "box_xyxy": ["278.5", "477.9", "350", "590.5"], "code": "hand.extra_digit", "defect_score": "0.93", "exception": None,
        "expected": "5", "hand_index": 0, "measured": "6", "message": "This hand has 6 digits; 5 are expected.",
        "person_index": 0, "severity": "error", "unit": "digits",
    }  # fmt: skip
    return {
        "attempts": 3, "check_policy": "default@4112244ac640", "input_sha256": digest, "input_key": digest,
        "models": {name: digest for name in ("digit_parser.safetensors", "hand_landmarker.task", "pose_landmarker.task")},
        "order": {"order_id": f"order-{index}", "customer": f"customer-{index % 5000}", "price": "12.50", "currency": "EUR"},
        "record": {"findings": [finding, finding], "path": f"renders/{index}.png", "reason": finding["message"], "width": 1024},
        "decision": {"amount": "12.50", "give": "full", "reasons": ["Rule 1 gives the full price back, 12.50 EUR."]},
        "version": "0.1.0", "thresholds": {"flag_at": "0.5", "reject_at": "0.8"}, "seeds": ["1", "2", "3"],
    }  # fmt: skip


def _measured(name: str, values: list[float], entries: int) -> Measured:
    estimate = Estimate(n=entries, value=statistics.median(values), low=min(values), high=max(values))
    return Measured(
        measure=name,
        source="ledger",
        estimate=estimate,
        detail=f"one core; median of {len(values)}, low and high are extremes",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--out", type=Path, default=RESULTS / "ledger.csv", help="the table's file [results/ledger.csv]"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
