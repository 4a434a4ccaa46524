"""How is the model of limbs fitted? Lines that are assembled on made people, beside the limbs that are really there.

    python -m limbfix.training.limb_lines --shards DIR [...] --out DIR [--parser FILE] [--limit N]

The shards (stream `bodies`) must be ones that the body parser was not trained on: on its own training pictures its lines are surer than they will
ever be again. Writes `limb_lines.json` (ship it with `limbfix.training.shipping`) and says, with pictures left out of the fit, how the lines are.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limbfix.bodies import LEAST_CHANCE
from limbfix.body_assembly import PersonTrace, assemble_bodies
from limbfix.body_chains import Chain
from limbfix.body_masks import BodyPlace
from limbfix.detectors.body_sight import BodySight
from limbfix.images import open_picture
from limbfix.limb_beliefs import FILE, LIMB_FEATURES, limb_features, model_from
from limbfix.synthesis.samples import Sample
from limbfix.synthesis.shards import read_shard
from limbfix.training.clipped_fits import fitted

NEAR = 0.3
"""Of a limb's longer bone: a joint that lies so near the true one is that joint."""

LEAST_SHARE = 0.6
"""Of a line's joints that must be a limb's, at least two if it has as many, for the line to be that limb."""

STRENGTH = 0.3
"""Inverse regularisation (scikit-learn's C) on standardised features; as for digits."""

_FOLDS = 5
_PLAIN = 0.5
_ENDS = ("hand", "foot")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinedPicture:
    """One made picture and the lines that were assembled on it.

    Attributes:
        group: of pictures that are alike: a defect and its twin.
        features: (n, k), see `limbfix.limb_beliefs.limb_features`.
        truth: (n,) bool, which lines are limbs.
        owners: (n,) the person and kind that each line was counted for.
        limbs: arms and legs of which at least half is in view; found: those that a line is.
    """

    group: str
    features: np.ndarray
    truth: np.ndarray
    owners: Sequence[tuple[int, str]]
    limbs: int
    found: int


def lined_pictures(folders: Sequence[Path], sight: BodySight, limit: int | None = None) -> Iterator[LinedPicture]:
    """Yields every picture of the shards, at most `limit`, with what is assembled on it."""
    paths = sorted(path for folder in folders for path in folder.rglob("*.tar"))
    samples = (sample for path in paths for sample in read_shard(path) if sample.stream == "bodies")
    for sample in itertools.islice(samples, limit):
        seen = sight.look(open_picture(sample.pixels, name=sample.key))
        height, width = sample.pixels.shape[:2]
        place = BodyPlace(scale_xy=seen.view.scale_xy, width=width, height=height)
        traces = assemble_bodies(seen.maps, place.room_xyxy, seen.guides)
        yield _lined(sample, traces.people, limb_features(traces.people, seen.maps), place)


def _lined(sample: Sample, people: Sequence[PersonTrace], features: np.ndarray, place: BodyPlace) -> LinedPicture:
    lines = [(index, limb) for index, person in enumerate(people) for limb in person.limbs]
    limbs = true_limbs(sample)
    whose = matched([limb for _, limb in lines], list(limbs.values()), place)
    seen = {item.id: item.visible_fraction for item in sample.instances}
    plain = {index for index, number in enumerate(limbs) if seen[number] >= _PLAIN}
    return LinedPicture(
        group=sample.group,
        features=features,
        truth=whose >= 0,
        owners=[(index, limb.kind.value) for index, limb in lines],
        limbs=len(plain),
        found=len(plain & set(whose.tolist())),
    )


def true_limbs(sample: Sample) -> dict[int, dict[str, np.ndarray]]:
    """Returns the joints, px, of each arm and leg that is there, by its id; those of its hand or foot are one joint, their middle."""
    found: dict[int, dict[str, np.ndarray]] = {}
    for item in (item for item in sample.instances if item.present and item.kind in ("arm", "leg")):
        joints = {joint.name: np.array(joint.xy) for joint in item.joints if np.isfinite(joint.xy).all()}
        if len(joints) > 1:
            found[item.id] = joints
    for item in (item for item in sample.instances if item.present and item.kind in _ENDS and item.owner in found):
        points = [joint.xy for joint in item.joints if np.isfinite(joint.xy).all()]
        if points:
            found[item.owner or 0][item.kind] = np.mean(points, axis=0)
    return found


def matched(lines: Sequence[Chain], limbs: Sequence[Mapping[str, np.ndarray]], place: BodyPlace) -> np.ndarray:
    """Returns (n,) int: which limb each line is, the most joints in all, each limb once; -1 for those that are none.

    Args:
        lines: in cells.
        limbs: joints of each, px, from the trunk outwards; see `true_limbs`.
        place: of the view.
    """
    from scipy.optimize import linear_sum_assignment

    likeness = np.array([[_likeness(line, limb, place) for limb in limbs] for line in lines])
    whose = np.full(len(lines), -1)
    if likeness.size:
        for line, limb in zip(*linear_sum_assignment(-likeness), strict=True):
            if likeness[line, limb] > 0:
                whose[line] = limb
    return whose


def _likeness(line: Chain, limb: Mapping[str, np.ndarray], place: BodyPlace) -> float:
    """Returns how many joints of a line are a limb's, nearer ones for more; 0 where the line is another one."""
    own = [xy for name, xy in limb.items() if name not in _ENDS]
    longest = max(float(np.linalg.norm(a - b)) for a, b in itertools.pairwise(own))
    points = zip(line.joints, place.to_picture(line.xy), strict=True)
    gaps = np.array([np.linalg.norm(xy - limb[name]) for name, xy in points if name in limb]) / max(longest, 1.0)
    near = gaps[gaps < NEAR]
    is_it = len(near) >= min(2, len(line.joints)) and len(near) >= LEAST_SHARE * len(gaps)
    return float(len(near) + 0.5 * (1 - near).sum()) if is_it and len(near) else 0.0


def fit(pictures: Sequence[LinedPicture]) -> dict[str, Any]:
    """Fits the model on the lines of some pictures; returns it as the JSON value that `limbfix.limb_beliefs.model_from` reads."""
    x, y = (np.concatenate([getattr(one, name) for one in pictures]) for name in ("features", "truth"))
    return fitted(x, y, LIMB_FEATURES, STRENGTH)


def held_out_numbers(pictures: Sequence[LinedPicture]) -> dict[str, Any]:
    """Returns how the lines are on pictures that were left out of the fit, fold by fold.

    `lines_right` is the share of people, arms and legs apart, whose believed lines are as many as the true ones among what was assembled.
    """
    from sklearn.metrics import roc_auc_score

    groups = {group: number % _FOLDS for number, group in enumerate(dict.fromkeys(one.group for one in pictures))}
    judged: list[tuple[LinedPicture, np.ndarray]] = []
    for fold in range(_FOLDS):
        model = model_from(fit([one for one in pictures if groups[one.group] != fold]))
        judged += [(one, model.chances(one.features)) for one in pictures if groups[one.group] == fold]
    truth = np.concatenate([one.truth for one, _ in judged])
    numbers: dict[str, Any] = {
        "pictures": len(pictures),
        "lines": len(truth),
        "lines_that_are_limbs": round(float(truth.mean()), 4),
        "limbs_with_a_line": round(sum(one.found for one in pictures) / sum(one.limbs for one in pictures), 4),
        "line_auroc": round(float(roc_auc_score(truth, np.concatenate([chances for _, chances in judged]))), 4),
    }
    for least in (0.0, 0.2, LEAST_CHANCE, 0.4, 0.5):
        numbers[f"from {least}"] = _counted(judged, least)
    return numbers


def _counted(judged: Sequence[tuple[LinedPicture, np.ndarray]], least: float) -> dict[str, float]:
    gaps = []
    for one, chances in judged:
        for owner in dict.fromkeys(one.owners):
            own = np.array([other == owner for other in one.owners])
            gaps.append(int((chances[own] >= least).sum()) - int(one.truth[own].sum()))
    shares = {"lines_right": np.equal(gaps, 0), "too_many": np.greater(gaps, 0), "too_few": np.less(gaps, 0)}
    return {name: round(float(share.mean()), 4) for name, share in shares.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads, fits and writes; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m limbfix.training.limb_lines", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="that the body parser was not trained on")
    parser.add_argument("--parser", type=Path, help="weights of the body parser; the shipped ones without it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="pictures at most")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    pictures = list(lined_pictures(options.shards, BodySight(file=options.parser), options.limit))
    facts = held_out_numbers(pictures)
    (options.out / FILE).write_text(json.dumps(fit(pictures) | {"facts": facts}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
