"""How much anatomy is left of a hand after the small generator? Writes results/synthesis_generator.csv.

    python benchmarks/synthesis_generator.py                      # 120 hands, 10 strengths, 2 guides; about 12 minutes
    python benchmarks/synthesis_generator.py --weights FILE --sheets DIR --hands 24

The judge is MediaPipe Hands, which had no part in the training: does it still find the hand, and how far have its joints moved since
the untouched picture? Hands come from photographs that the training held out (their people are in the training with other pictures).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from limbfix_bench import result_rows
from limbfix_bench.estimates import Estimate, nothing, share
from limbfix_bench.result_rows import RESULTS, ROOT, Measured, Provenance
from PIL import Image

from limbfix.detectors import make_detectors
from limbfix.geometry import Box
from limbfix.images import open_picture
from limbfix.parts import Detector
from limbfix.synthesis.generator import Generator, Renoising
from limbfix.synthesis.generator.networks import PICTURE_PX
from limbfix.synthesis.seeds import rng_for
from limbfix.training.hand_crops import Batch, draw_batch, load_crops

PHOTOGRAPHS = ROOT.parent / "shared" / "data" / "real_hands"
FOLDERS = ("subhih", "epsrc", "sld", "roboflow_gesture")
STRENGTHS = (0.0, 0.1, 0.15, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
JUDGED_PX = 256
LEAST_OVERLAP = 0.3
BATCH = 12

Guide = Literal["joints", "mask", "nothing"]
"""What the denoiser is told: mask and joints, the mask alone, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What the judge says of one hand. `shift`: mean distance of its joints in hand sizes; nan where it finds no hand."""

    found: bool
    shift: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    options = _parser().parse_args(arguments)
    folders = [options.photographs / name for name in FOLDERS if (options.photographs / name).is_dir()]
    if not folders and not options.renders:
        print(f"synthesis_generator: no photographs in {options.photographs}; name a folder with --photographs.")
        return 0
    generator = Generator(options.weights)
    hands = held_out_hands(folders, options.renders, options.cache, options.hands)
    judge = make_detectors(["mediapipe_hands"], device="cpu", search="single")[0]
    known = [find_joints(judge, pixels, None) for pixels in hands.pixels]
    kept = [index for index, joints in enumerate(known) if joints is not None]
    print(f"{len(hands.pixels)} hands held out, {len(kept)} of them found by the judge untouched", flush=True)
    rows = []
    for guide in options.guides:
        series = []
        for strength in STRENGTHS:
            began = time.perf_counter()
            made = renoised(generator, hands, kept, guide, strength)
            seconds = time.perf_counter() - began
            fates = [judged(judge, picture, known[index]) for picture, index in zip(made, kept, strict=True)]
            rows += measures(fates, guide, strength, len(kept) / seconds)
            series.append(made)
        if options.sheets:
            _sheet(options.sheets / f"series_{guide}.jpg", series)
    origin, data = Provenance.of_now("single"), f"{len(kept)} of {len(hands.pixels)} held-out hands"
    table = [result_rows.make_row(row, origin, data) for row in rows]
    result_rows.print_rows(table)
    result_rows.write_rows(options.out, table)
    return 0


def held_out_hands(folders: Sequence[Path], renders: Sequence[Path], cache: Path, limit: int) -> Batch:
    """Returns hands that no training saw, spread evenly over the folders."""
    crops = load_crops(folders, renders, cache, print)
    indices = crops.held_out.nonzero()[0]
    chosen = indices[np.linspace(0, len(indices) - 1, min(limit, len(indices))).astype(int)]
    return draw_batch(crops, chosen, rng_for(0, "benchmark"), size_px=PICTURE_PX, vary=False)


def renoised(
    generator: Generator, hands: Batch, indices: Sequence[int], guide: Guide, strength: float
) -> list[np.ndarray]:
    """Returns the hands after the generator, each with noise of its own that is the same for all strengths."""
    asked = [
        Renoising(
            pixels=hands.pixels[index],
            mask=None if guide == "nothing" else hands.masks[index],
            keypoints=hands.keypoints[index] if guide == "joints" else None,
            strength=strength,
            rng=rng_for(0, "noise", index),
        )
        for index in indices
    ]
    return [
        picture for start in range(0, len(asked), BATCH) for picture in generator.renoise(asked[start : start + BATCH])
    ]


def find_joints(judge: Detector, pixels: np.ndarray, near: np.ndarray | None) -> np.ndarray | None:
    """Returns the joints (21, 2) px of `JUDGED_PX` that the judge finds: of the hand at `near`, or of the largest."""
    larger = Image.fromarray(pixels).resize((JUDGED_PX, JUDGED_PX), Image.Resampling.BICUBIC)
    found = [hand.keypoints.xy for hand in judge.detect(open_picture(np.asarray(larger)), ()) if hand.keypoints]
    if near is None:
        return max(found, key=lambda xy: Box.around(xy).area, default=None)
    overlapping = [xy for xy in found if Box.around(xy).iou(Box.around(near)) >= LEAST_OVERLAP]
    return min(overlapping, key=lambda xy: float(np.linalg.norm(xy - near, axis=1).mean()), default=None)


def judged(judge: Detector, pixels: np.ndarray, known: np.ndarray | None) -> Fate:
    """Compares the judge's joints with those in the untouched picture."""
    assert known is not None
    joints = find_joints(judge, pixels, known)
    if joints is None:
        return Fate(found=False, shift=float("nan"))
    return Fate(found=True, shift=float(np.linalg.norm(joints - known, axis=1).mean()) / Box.around(known).size)


def measures(fates: Sequence[Fate], guide: Guide, strength: float, speed: float) -> list[Measured]:
    """Returns the rows of one strength."""
    source = f"held_out/{guide}/{strength:.2f}"
    shifts = np.array([fate.shift for fate in fates if fate.found])
    kept = int((shifts < 0.05).sum())
    numbers = (
        ("hand_still_found", share(len(shifts), len(fates)), f"{speed:.2f} pictures/s"),
        ("joints_within_5_percent", share(kept, len(fates)), "of the hand's size; not found counts as no"),
        ("median_joint_shift", median(shifts), "share of the hand's size, of hands found"),
    )
    return [
        Measured(measure=measure, source=source, estimate=estimate, detail=detail)
        for measure, estimate, detail in numbers
    ]


def median(values: np.ndarray) -> Estimate:
    """Returns the median with its interval from order statistics (binomial, normal approximation)."""
    if len(values) < 6:
        return nothing(len(values))
    ordered, half = np.sort(values), 0.98 * np.sqrt(len(values))
    low, high = (int(np.clip(round(len(values) / 2 + sign * half), 0, len(values) - 1)) for sign in (-1, 1))
    return Estimate(n=len(values), value=float(np.median(values)), low=float(ordered[low]), high=float(ordered[high]))


def _sheet(file: Path, series: Sequence[Sequence[np.ndarray]], hands: int = 24) -> None:
    """Writes hands as rows and strengths as columns, two hands side by side."""
    file.parent.mkdir(parents=True, exist_ok=True)
    chosen = np.linspace(0, len(series[0]) - 1, min(hands, len(series[0]))).astype(int)
    rows = [np.hstack([made[index] for made in series]) for index in chosen]
    half = (len(rows) + 1) // 2
    rows += [np.zeros_like(rows[0])] * (2 * half - len(rows))
    Image.fromarray(np.hstack([np.vstack(rows[:half]), np.vstack(rows[half:])])).save(file, quality=85)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photographs", type=Path, default=PHOTOGRAPHS)
    parser.add_argument("--renders", type=Path, nargs="+", default=[])
    parser.add_argument("--weights", type=Path, help="of a training; default: the shipped ones")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "benchmarks" / "hand_crops")
    parser.add_argument("--hands", type=int, default=120)
    parser.add_argument("--guides", nargs="+", default=["joints", "nothing"], choices=["joints", "mask", "nothing"])
    parser.add_argument(
        "--sheets", type=Path, help="folder for contact sheets; pictures of people, not to be published"
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "synthesis_generator.csv")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
