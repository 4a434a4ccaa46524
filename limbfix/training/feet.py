"""What do wrong feet look like? One direction in what the body parser's trunk sees of a foot, which no made picture has touched.

    python -m limbfix.training.feet --shards DIR [...] --out DIR [--rounds N] [--seed N]

The shards are of the stream `bodies`, best made with `--operators feet.`: toes melted or too long, feet turned round or too wide, each with its twin.
Every normal foot is also melted anew (`synthesis.melting`, as the hands of the stream `failures`), beside the same operation that does no harm.
Pairs share their box, jittered as a detector's, and their resolution. As for hands (`training.appearance`), the direction is a ridge linear
discriminant of the differences of pairs. Writes `foot_looks.json`, and says how pairs are ranked that were left out of the fit.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from limbfix.detectors.foot_looker import FootLooker
from limbfix.feet import FEATURES, FILE, LEAST_PX, box_around
from limbfix.findings import DefectCode
from limbfix.geometry import Box
from limbfix.synthesis.melting.melted_pairs import melt_pair
from limbfix.synthesis.melting.operators import FOOT_OPERATORS
from limbfix.synthesis.melting.targets import foot_target
from limbfix.synthesis.samples import Instance, Sample
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.shards import read_shard
from limbfix.training.appearance import PairFeatures, discriminant, ranked

LEAST_SEEN = 0.3
"""Share of a foot's outline that must be in view."""

JITTER = 0.12
"""Standard deviation of a box's centre and of the logarithm of its size, in sizes: about what separates the network's ankles and toes from true ones."""

COARSEST_PX = 36
"""Feet are also shown as they come out of a crop of so few px: small ones are enlarged at run time."""

_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FootPair:
    """A wrong foot and its twin, in the same box.

    Attributes:
        group: of pictures that are alike.
        how: name of the operator.
        worse, better: (side, side, 3) uint8.
    """

    group: str
    how: str
    worse: np.ndarray
    better: np.ndarray


def foot_pairs(folders: Sequence[Path], looker: FootLooker, rounds: int, seed: int) -> Iterator[FootPair]:
    """Yields the pairs of all shards: those that were made, and each normal foot melted `rounds` times."""
    paths = sorted(path for folder in folders for path in folder.rglob("*.tar"))
    for path in paths:
        samples = [sample for sample in read_shard(path) if sample.stream == "bodies"]
        for group, members in itertools.groupby(samples, lambda sample: sample.group):
            rng = rng_for(seed, "feet", group)
            by_role = {sample.role: sample for sample in members}
            better = by_role.get("twin") or by_role.get("plain")
            if better is None:
                continue
            if (worse := by_role.get("defect")) is not None:
                yield from _made(worse, better, looker, rng)
            for _ in range(rounds):
                yield from _melted(better, looker, rng, seed)


def _made(worse: Sample, better: Sample, looker: FootLooker, rng: np.random.Generator) -> Iterator[FootPair]:
    wrong = {
        number
        for defect in worse.defects
        if defect.visible and defect.code is DefectCode.FOOT_MALFORMED
        for number in defect.instances
    }
    for foot, box in true_feet(better):
        if foot.id in wrong:
            yield _pair(worse.operator, worse, better, box, looker, rng)


def _melted(better: Sample, looker: FootLooker, rng: np.random.Generator, seed: int) -> Iterator[FootPair]:
    for foot, box in true_feet(better):
        index = int(rng.integers(2**31))
        pair = melt_pair(better, partial(foot_target, foot=foot.id), FOOT_OPERATORS, seed, index)
        if pair is not None:
            yield _pair(pair.operators[0], pair.defect, pair.twin, box, looker, rng)


def true_feet(sample: Sample) -> list[tuple[Instance, Box]]:
    """Returns the feet of a sample that are seen well enough, each with its box."""
    items, found = {item.id: item for item in sample.instances}, []
    for foot in (item for item in sample.instances if item.kind == "foot" and item.present):
        joints = {joint.name: np.array(joint.xy) for joint in foot.joints}
        leg = items.get(foot.owner or 0)
        knees = [np.array(joint.xy) for joint in leg.joints if joint.name == "knee"] if leg is not None else []
        ends = [joints.get(name, np.full(2, np.nan)) for name in ("ankle", "toe_tip")]
        if not all(_is_inside(xy, sample) for xy in ends) or not foot.visible_fraction >= LEAST_SEEN:
            continue
        box = box_around(ends[0], ends[1], next((xy for xy in knees if _is_inside(xy, sample)), None))
        if box.size >= LEAST_PX:
            found.append((foot, box))
    return found


def _is_inside(xy: np.ndarray, sample: Sample) -> bool:
    return bool(np.isfinite(xy).all() and (xy >= 0).all() and (xy < sample.instance_map.shape[::-1]).all())


def _pair(how: str, worse: Sample, better: Sample, box: Box, looker: FootLooker, rng: np.random.Generator) -> FootPair:
    dx, dy = rng.normal(0, JITTER, 2) * box.size
    box = box.shifted(float(dx), float(dy)).squared(float(np.exp(rng.normal(0, JITTER))))
    coarse = int(np.exp(rng.uniform(np.log(COARSEST_PX), np.log(2 * looker.side))))
    crops = [_coarse(looker.crop(sample.pixels, box), coarse) for sample in (worse, better)]
    return FootPair(group=better.group, how=how, worse=crops[0], better=crops[1])


def _coarse(crop: np.ndarray, px: int) -> np.ndarray:
    side = crop.shape[0]
    if px >= side:
        return crop
    small = cv2.resize(crop, (px, px), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)


def collect(pairs: Iterator[FootPair], looker: FootLooker) -> tuple[PairFeatures, list[str], list[str]]:
    """Returns the features of all pairs, their groups, and their operators."""
    found, groups, ways = PairFeatures(), [], []
    for batch in iter(lambda: list(itertools.islice(pairs, 16)), []):
        rows = looker.features(np.stack([crop for pair in batch for crop in (pair.worse, pair.better)]))
        found.worse.append(rows[0::2])
        found.better.append(rows[1::2])
        found.weights += [1.0] * len(batch)
        groups += [pair.group for pair in batch]
        ways += [pair.how for pair in batch]
    return found, groups, ways


def _chosen(found: PairFeatures, rows: np.ndarray) -> PairFeatures:
    worse, better = np.concatenate(found.worse)[rows], np.concatenate(found.better)[rows]
    return PairFeatures([worse], [better], np.array(found.weights)[rows].tolist())


def held_out_numbers(found: PairFeatures, groups: Sequence[str], ways: Sequence[str]) -> dict[str, Any]:
    """Returns how pairs are ranked that were left out of the fit, fold by fold, for all operators and each; and the AUROC over all."""
    from sklearn.metrics import roc_auc_score

    number = {group: index % _FOLDS for index, group in enumerate(dict.fromkeys(groups))}
    folds = np.array([number[group] for group in groups])
    scores = np.zeros((len(groups), 2))
    for fold in range(_FOLDS):
        direction, mean = discriminant(_chosen(found, folds != fold))
        rest = _chosen(found, folds == fold)
        scores[folds == fold] = np.stack([(rest.worse[0] - mean) @ direction, (rest.better[0] - mean) @ direction], 1)
    right = scores[:, 0] > scores[:, 1]
    truth = np.repeat([True, False], len(scores))
    return {
        "pairs": len(groups),
        "ranked": round(float(right.mean()), 4),
        "auroc": round(float(roc_auc_score(truth, scores.T.ravel())), 4),
        "share_beyond_2": {
            name: round(float((scores[:, place] > 2).mean()), 4) for place, name in enumerate(("worse", "better"))
        },
        "ranked_by_operator": {
            way: [round(float(right[np.array(ways) == way].mean()), 4), ways.count(way)] for way in sorted(set(ways))
        },
    }


def fit(found: PairFeatures) -> dict[str, Any]:
    """Fits the model on all pairs; returns it as the JSON value that `limbfix.feet.model_from` reads."""
    direction, mean = discriminant(found)
    scale = np.concatenate(found.better).std(0) + 1e-6
    rows = {"mean": mean, "scale": scale, "weights": direction * scale}
    numbers = {name: [float(f"{value:.6g}") for value in row] for name, row in rows.items()}
    return {
        "version": 1,
        "features": list(FEATURES),
        **numbers,
        "bias": 0.0,
        "ranked_in_fit": round(ranked(found, direction), 4),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads, fits and writes; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.feet", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="folders of shards of `bodies`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=2, help="how often each normal foot is melted")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    looker = FootLooker.shipped(mirrored=True)
    found, groups, ways = collect(foot_pairs(options.shards, looker, options.rounds, options.seed), looker)
    facts = held_out_numbers(found, groups, ways)
    (options.out / FILE).write_text(json.dumps(fit(found) | {"facts": facts}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
