"""How well are made hands read, how steady are verdicts, and how long do hands take? Writes rows of results/hands.csv.

    python benchmarks/hands.py made --shards DIR [DIR ...]   # hands with exact truth that no network was trained on
    python benchmarks/hands.py steady                        # the same picture as PNG, JPEG, WebP, scaled and mirrored
    python benchmarks/hands.py speed                         # our hands against a loop over MediaPipe Hands, taking turns

`made` wants shards of `python -m limbfix.synthesis hands --seed S --no-degrade` with a seed that no training saw, and of `edits` and `failures`, of
seeds that no fit saw. `steady` and `speed` take pictures of ../shared/data, or the example pictures without it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from limbfix_bench import hand_reading, result_rows, steadiness
from limbfix_bench.estimates import Estimate
from limbfix_bench.result_rows import RESULTS, ROOT, Measured, Provenance

DATA = ROOT.parent / "shared" / "data"
EXAMPLES = ROOT / "examples" / "pictures"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def made(options: argparse.Namespace) -> tuple[list[Measured], str]:
    """Reads made hands at their labelled boxes."""
    hands = hand_reading.read_shards(options.shards)
    names = ", ".join(folder.name for folder in options.shards)
    return hand_reading.measure(hands), f"{len(hands)} hands of {names}"


def steady(options: argparse.Namespace) -> tuple[list[Measured], str]:
    """Judges each picture in seven forms."""
    files = _files(options.pictures)
    return steadiness.measure(files), f"{len(files)} pictures, half AI, half real"


def speed(options: argparse.Namespace) -> tuple[list[Measured], str]:
    """Times hands alone, in one process, both ways in turn."""
    files = _files(options.pictures)
    ours, theirs = _ours(), _theirs()
    for one in (ours, theirs):
        one(files[:3])
    ratios, times = [], []
    for _ in range(options.rounds):
        a, b = (_seconds(one, files) for one in (ours, theirs))
        ratios.append(a / b)
        times.append(1000 * a / len(files))
    rows = [
        Measured(
            measure="hands_time_to_mediapipe_hands",
            source="hands/speed",
            estimate=Estimate(n=len(files), value=statistics.median(ratios), low=min(ratios), high=max(ratios)),
            detail=f"--detector limbfix --search single; {statistics.median(times):.0f} ms a picture, reading the file included",
        )
    ]
    return rows, f"{len(files)} pictures, {options.rounds} rounds"


def _seconds(one, files: list[Path]) -> float:
    start = time.perf_counter()
    one(files)
    return time.perf_counter() - start


def _ours():
    from limbfix.gate import Gate

    gate = Gate(detectors=("limbfix",), search="single")
    return lambda files: [gate.judge_path(str(file)) for file in files]


def _theirs():
    import mediapipe
    from mediapipe.tasks import python as tasks
    from PIL import Image

    from limbfix import weights

    vision = tasks.vision
    options = vision.HandLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(weights.model_path("hand_landmarker"))), num_hands=8
    )
    hands = vision.HandLandmarker.create_from_options(options)

    def run(files: list[Path]) -> None:
        for file in files:
            with Image.open(file) as opened:
                pixels = np.ascontiguousarray(np.asarray(opened.convert("RGB")))
            hands.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels))

    return run


def _files(most: int) -> list[Path]:
    folders = [DATA / "ai_images", DATA / "real_hands" / "subhih"] if DATA.is_dir() else [EXAMPLES]
    chosen: list[Path] = []
    for folder in folders:
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        share = most // len(folders)
        step = max(1, len(found) / share)
        chosen += [found[int((i + 0.5) * step)] for i in range(min(share, len(found)))]
    return chosen


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints and writes; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=("made", "steady", "speed"), nargs="?", default="speed")
    parser.add_argument("--shards", type=Path, nargs="+", default=[])
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    if options.question == "made" and not options.shards:
        print(
            "hands: expected --shards of made hands; make them with python -m limbfix.synthesis hands. Nothing was measured."
        )
        return 0
    origin = Provenance.of_now("hands")
    found, data = {"made": made, "steady": steady, "speed": speed}[options.question](options)
    rows = [result_rows.make_row(row, origin, data) for row in found]
    result_rows.print_rows(rows)
    result_rows.replace_rows(RESULTS / "hands.csv", rows, [row.source for row in found])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
