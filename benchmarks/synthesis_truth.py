"""Do labels and pixels of rendered pictures agree? Writes rows of results/synthesis.csv.

    python benchmarks/synthesis_truth.py              # 500 random scenes of hands and of bodies, about 4 minutes on 2 cores
    python benchmarks/synthesis_truth.py --scenes 50  # a quick look

Pictures are not degraded here: the question is what the renderer and the labels say, not what a JPEG file leaves of it.
"""

from __future__ import annotations

import argparse

from limbfix_bench import made_pictures, result_rows
from limbfix_bench.estimates import share
from limbfix_bench.result_rows import RESULTS, Measured, Provenance

from limbfix.errors import SynthesisError
from limbfix.synthesis.streams import StreamOptions, make_stream

SIZES = {"hands": 256, "bodies": 512}
QUESTIONS = {
    "joints": "visible_inner_joints_on_their_instance",
    "ends": "visible_outermost_joints_beside_their_instance",
    "counts": "visible_px_equal_pixels",
    "digit_counts": "visible_digits_equal_instances_with_pixels",
    "inside": "changed_pixels_inside_region",
    "changed": "visible_defects_that_change_the_picture",
    "shown": "defects_shown",
}


def measure(stream_name: str, scenes: int, seed: int) -> made_pictures.Truth:
    """Makes scenes of one stream and counts what agrees."""
    stream = make_stream(stream_name, StreamOptions(seed=seed, size_px=SIZES[stream_name], degrade=False))
    truth = made_pictures.Truth()
    try:
        for index in range(scenes):
            group = stream.group(index)
            made_pictures.measure_labels(group, truth)
            for defect, twin in made_pictures.pairs_of(group):
                made_pictures.measure_pair(defect, twin, truth)
    finally:
        stream.close()
    return truth


def main(arguments: list[str] | None = None) -> int:
    """Measures and writes; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=500, help="scenes of each stream")
    parser.add_argument(
        "--seed", type=int, default=9001, help="of the scenes; none was looked at while the engine was built"
    )
    parser.add_argument("--streams", nargs="+", choices=sorted(SIZES), default=sorted(SIZES))
    options = parser.parse_args(arguments)
    rows = []
    for name in options.streams:
        try:
            truth = measure(name, options.scenes, options.seed)
        except SynthesisError as error:
            print(f"synthesis_truth: nothing measured: {error}")
            return 0
        origin = Provenance.of_now("truth")
        for question, measure_name in QUESTIONS.items():
            hits, n = getattr(truth, question)
            found = Measured(measure=measure_name, source=name, estimate=share(hits, n), detail=f"{hits} of {n}")
            rows.append(result_rows.make_row(found, origin, f"{options.scenes} scenes, seed {options.seed}"))
    result_rows.replace_rows(RESULTS / "synthesis.csv", rows, options.streams)
    result_rows.print_rows(rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
