"""Does a judge that never saw a render find our hands? Writes rows of results/synthesis.csv.

    python benchmarks/synthesis_realism.py              # 150 normal open hands at 512 px, clean, and as many with losses
    python benchmarks/synthesis_realism.py --hands 30 --missed DIR

The judge is MediaPipe Hands: one call on the whole picture, at its default confidence. The stream plays one situation, an open bare hand in
the air. A hand counts as "open" if all its digits are normal and all their joints are visible. The joint error is the mean distance of
the 20 digit joints, in lengths of the middle finger (its polyline from MCP to tip); hands that are not found have no error.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from limbfix_bench import result_rows
from limbfix_bench.estimates import Estimate, nothing, share
from limbfix_bench.result_rows import RESULTS, Measured, Provenance
from PIL import Image

from limbfix.errors import ModelError, SynthesisError
from limbfix.synthesis.hands import HandsStream
from limbfix.synthesis.samples import DIGITS, SURFACE_ID, Instance, Sample
from limbfix.synthesis.scenes.hand_situations import OPEN_HAND
from limbfix.synthesis.streams import StreamOptions

SIZE_PX = 512
LEAST_HAND_PX = 96
"""Smaller hands are left out: MediaPipe's palm detector sees 192 px of the whole picture."""

MOST_GROUPS = 12
"""Groups of pictures tried for each wanted hand."""

LEAST_BARE = 0.8
"""Share of the palm's and digits' pixels that are skin or nails; below it the hand wears a glove."""

FOUND_WITHIN = 0.5
"""Of the hand's extent: a found hand whose joints lie further off on the mean is another hand."""


def open_hands(sample: Sample) -> Iterator[np.ndarray]:
    """Yields the (20, 2) digit joints, px, of normal, open, bare hands: thumb to little finger and outwards."""
    for hand in (item for item in sample.instances if item.kind == "hand" and item.present):
        digits = {digit.name: digit for digit in sample.hand_digits(hand.id)}
        normal = len(sample.hand_digits(hand.id)) == len(digits) == len(DIGITS) and not any(
            d.faults for d in digits.values()
        )
        if hand.faults or not normal or not is_bare(sample, hand):
            continue
        joints = [joint for name in DIGITS for joint in digits[name].joints]
        if len(joints) == 4 * len(DIGITS) and all(joint.visible for joint in joints):
            points = np.array([joint.xy for joint in joints])
            if np.ptp(points, axis=0).max() >= LEAST_HAND_PX:
                yield points


def is_bare(sample: Sample, hand: Instance) -> bool:
    """Tells whether a hand wears no glove."""
    ids = [hand.id, *(digit.id for digit in sample.hand_digits(hand.id))]
    seen = sample.surface_map[np.isin(sample.instance_map, ids)]
    return bool(np.isin(seen, [SURFACE_ID["skin"], SURFACE_ID["nail"]]).mean() >= LEAST_BARE) if len(seen) else False


def judge() -> Any:
    """Returns MediaPipe's hand landmarker with its default options but room for four hands."""
    from mediapipe.tasks import python as tasks

    from limbfix import weights

    vision = tasks.vision
    return vision.HandLandmarker.create_from_options(
        vision.HandLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(weights.model_path("hand_landmarker"))), num_hands=4
        )
    )


def found_error(landmarker: Any, sample: Sample, points: np.ndarray) -> float | None:
    """Returns the mean joint error over the middle finger's length; None if the hand was not found."""
    import mediapipe

    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(sample.pixels))
    hands = landmarker.detect(image).hand_landmarks
    extent = float(np.ptp(points, axis=0).max())
    middle = points[8:12]
    length = float(np.linalg.norm(np.diff(middle, axis=0), axis=1).sum())
    errors = [
        np.linalg.norm(np.array([[p.x, p.y] for p in hand])[1:] * sample.pixels.shape[1::-1] - points, axis=1).mean()
        for hand in hands
    ]
    best = min(errors, default=np.inf)
    return float(best / length) if best <= FOUND_WITHIN * extent else None


def measure(wanted: int, seed: int, degrade: bool, missed: Path | None) -> tuple[Estimate, Estimate, int]:
    """Returns the share of hands found, the median error of those, and how many pictures were made.

    Pictures of hands that are not found are written to the folder `missed`, for a person to see why.
    """
    stream = HandsStream(StreamOptions(seed=seed, size_px=SIZE_PX, degrade=degrade), situation=OPEN_HAND)
    landmarker = judge()
    errors: list[float | None] = []
    made = 0
    for index in range(wanted * MOST_GROUPS):
        group = stream.group(index)
        made += len(group)
        normal = min((sample for sample in group if sample.role != "defect"), key=lambda sample: sample.order)
        judged = [found_error(landmarker, normal, points) for points in open_hands(normal)]
        errors += judged
        if missed is not None and None in judged:
            missed.mkdir(parents=True, exist_ok=True)
            Image.fromarray(normal.pixels).save(missed / f"{normal.key}-{'degraded' if degrade else 'clean'}.png")
        if len(errors) >= wanted:
            break
    landmarker.close()
    stream.close()
    found = sorted(error for error in errors if error is not None)
    if not found:
        return share(0, len(errors)), nothing(), made
    draws = np.random.default_rng(0).choice(found, size=(2000, len(found)))
    low, high = np.percentile(np.median(draws, axis=1), [2.5, 97.5])
    median = Estimate(n=len(found), value=float(np.median(found)), low=float(low), high=float(high))
    return share(len(found), len(errors)), median, made


def main(arguments: list[str] | None = None) -> int:
    """Measures and writes; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hands", type=int, default=150)
    parser.add_argument("--seed", type=int, default=9002)
    parser.add_argument("--missed", type=Path, metavar="DIR", help="write the pictures of hands that are not found")
    options = parser.parse_args(arguments)
    os.environ.setdefault("LP_NUM_THREADS", "2")
    rows = []
    origin = Provenance.of_now("realism")
    try:
        for name, degrade in (("hands/clean", False), ("hands/degraded", True)):
            found, error, made = measure(options.hands, options.seed, degrade, options.missed)
            data = f"open hands, {made} pictures of {SIZE_PX} px, seed {options.seed}"
            rows.append(
                result_rows.make_row(
                    Measured(measure="open_hands_found_by_mediapipe", source=name, estimate=found), origin, data
                )
            )
            rows.append(
                result_rows.make_row(
                    Measured(measure="joint_error_in_middle_fingers", source=name, estimate=error), origin, data
                )
            )
    except (SynthesisError, ModelError) as problem:
        print(f"synthesis_realism: nothing measured: {problem}")
        return 0
    result_rows.replace_rows(RESULTS / "synthesis.csv", rows, ["hands/clean", "hands/degraded"])
    result_rows.print_rows(rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
