"""Does a long run come through? Makes 2,000 hands and 1,000 bodies in one go and writes rows of results/synthesis.csv.

    python benchmarks/synthesis_run.py --out DIR            # about 20 minutes on 2 cores; goes on where it was stopped
    python benchmarks/synthesis_run.py --out DIR --hands 200 --bodies 100

Without --out the pictures go to build/synthesis and are left there. Errors are groups that could not be made.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from limbfix_bench import result_rows
from limbfix_bench.estimates import Estimate
from limbfix_bench.result_rows import RESULTS, ROOT, Measured, Provenance

from limbfix.errors import SynthesisError
from limbfix.synthesis.production import Production, produce
from limbfix.synthesis.streams import StreamOptions

SIZES = {"hands": 256, "bodies": 512}
SEED = 20261124


def run(stream: str, n: int, out: Path, backgrounds: Path | None, jobs: int) -> list[Measured]:
    """Makes one stream's pictures; returns how many there are, how many groups failed, and the seconds it took."""
    options = StreamOptions(seed=SEED, size_px=SIZES[stream], backgrounds=backgrounds)
    start = time.perf_counter()
    outcome = produce(
        Production(stream=stream, options=options, n=n, out=out / stream, jobs=jobs, picture="jpg"),
        on_pictures=lambda done, wanted: print(f"\r{stream}: {done} of {wanted}", end="", flush=True),
    )
    seconds = time.perf_counter() - start
    print(f"  {seconds:.0f} s")
    source, detail = f"{stream}/run", f"{SIZES[stream]} px, {jobs} processes, {seconds:.0f} s, seed {SEED}"

    def number(measure: str, value: float) -> Measured:
        return Measured(
            measure=measure, source=source, estimate=Estimate(n=n, value=value, low=None, high=None), detail=detail
        )

    return [number("pictures_made", outcome.pictures), number("groups_failed", outcome.failed_groups)]


def main(arguments: list[str] | None = None) -> int:
    """Runs and writes; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "synthesis")
    parser.add_argument("--hands", type=int, default=2000)
    parser.add_argument("--bodies", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--backgrounds", type=Path, help="folder of pictures without people; painted ones without it")
    options = parser.parse_args(arguments)
    found: list[Measured] = []
    try:
        for stream, n in (("hands", options.hands), ("bodies", options.bodies)):
            if n:
                found += run(stream, n, options.out, options.backgrounds, options.jobs)
    except SynthesisError as error:
        print(f"synthesis_run: nothing measured: {error}")
        return 0
    origin = Provenance.of_now("run")
    rows = [
        result_rows.make_row(item, origin, "painted backgrounds" if options.backgrounds is None else "folder")
        for item in found
    ]
    result_rows.replace_rows(RESULTS / "synthesis.csv", rows, [item.source for item in found])
    result_rows.print_rows(rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
