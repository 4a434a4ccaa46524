"""What is a score worth, after people have looked? The chance that a picture with it is wrong, and thresholds from that.

    chance(score) = 1 / (1 + exp(-(slope * logit(score) + offset)))

Fitted to the labels by weighted maximum likelihood, each label counting for the pictures it stands for (`Label.weight`),
with a weak pull of the slope towards 1, the score as it is. Two numbers cannot follow noise as many knots would. The
table beside it is honest about the labels at hand: each tenth of them is predicted by a curve fitted to the other nine.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from limbfix.errors import UsageError
from limbfix.policies import Policy
from limbfix.printing import printable
from limbfix.refund_reports.shares import Share
from limbfix.review.label_files import Scored

FEWEST, FEWEST_OF_EACH = 50, 10
"""Labels that can be used, and of them defective and fine ones. Fewer say nothing that a person could not see."""

_EDGE = 0.01
"""Scores nearer to 0 and 1 count as this far from them."""
_PULL = 0.05
_FOLDS = 10
_BINS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_KNOTS = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Labels whose predicted chance lies between low and high; shares 0-1, None where there are none."""

    low: float
    high: float
    labels: int
    predicted: float | None
    observed: float | None
    observed_low: float | None
    observed_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the labels say about the score.

    Attributes:
        labels, defective: labels used, and how many of them are defective.
        effective: how many equally weighted labels would say as much.
        slope, offset: of the curve, see the module.
        knots: (score, chance), both rising.
        brier_before, brier_after: mean squared error of the score read as a chance, and of the curve on labels that it did
            not see; lower is better.
        reliability: by predicted chance.
        flag_chance, reject_chance: what was asked for.
        flag_at, reject_at: scores at which the chance reaches them.
        notes: what to be careful about.
    """

    labels: int
    defective: int
    effective: float
    slope: float
    offset: float
    knots: tuple[tuple[float, float], ...]
    brier_before: float
    brier_after: float
    reliability: tuple[Bin, ...]
    flag_chance: float
    reject_chance: float
    flag_at: float
    reject_at: float
    notes: tuple[str, ...]


def calibrate(
    labels: Sequence[Scored], *, flag_chance: float = 0.5, reject_chance: float = 0.9, base: Policy | None = None
) -> Calibration:
    """Returns what the labels say.

    Args:
        labels: of `limbfix labels`; those without score or weight, and `unsure` ones, are not used.
        flag_chance, reject_chance: chances of a defect, 0-1, from which to flag and to reject.
        base: the policy whose thresholds are set anew; a note says where the labels come from others. None = not known.

    Raises:
        UsageError: too few labels, impossible chances, or labels that contradict the score.
    """
    if not 0 < flag_chance <= reject_chance < 1:
        raise UsageError(f"chances: expected 0 < flag <= reject < 1, got {flag_chance} and {reject_chance}")
    used = [one for one in labels if one.score is not None and one.weight is not None and one.label != "unsure"]
    wrong = sum(one.label == "defective" for one in used)
    if len(used) < FEWEST or min(wrong, len(used) - wrong) < FEWEST_OF_EACH:
        raise UsageError(
            f"labels: expected at least {FEWEST} that can be used, {FEWEST_OF_EACH} of them defective and {FEWEST_OF_EACH} "
            f"fine, got {len(used)} ({wrong} defective) of {len(labels)}. Review more pictures; a larger audit "
            "(--audit-passed, --audit-rejected) finds both kinds"
        )
    scores = np.array([one.score for one in used], dtype=float)
    is_wrong = np.array([one.label == "defective" for one in used], dtype=float)
    weights = np.array([one.weight for one in used], dtype=float)
    weights *= len(used) / weights.sum()
    slope, offset = _fit(scores, is_wrong, weights)
    if slope <= 0:
        raise UsageError(
            "labels: expected higher scores to be wrong more often, got the contrary; no threshold can mend that. "
            "Look at the labels, and whether all pictures were judged with the same models and policy"
        )
    held_out = _held_out(used, scores, is_wrong, weights)
    grid = np.round(np.linspace(0.0, 1.0, _KNOTS), 4)
    flag_at, reject_at = (_score_at(chance, slope, offset) for chance in (flag_chance, reject_chance))
    return Calibration(
        labels=len(used),
        defective=wrong,
        effective=round(float(weights.sum() ** 2 / (weights**2).sum()), 1),
        slope=round(slope, 6),
        offset=round(offset, 6),
        knots=tuple((float(s), round(float(c), 4)) for s, c in zip(grid, _chance(grid, slope, offset), strict=True)),
        brier_before=round(float(np.average((scores - is_wrong) ** 2, weights=weights)), 4),
        brier_after=round(float(np.average((held_out - is_wrong) ** 2, weights=weights)), 4),
        reliability=tuple(_bins(held_out, is_wrong, weights)),
        flag_chance=flag_chance,
        reject_chance=reject_chance,
        flag_at=flag_at,
        reject_at=reject_at,
        notes=tuple(_notes(scores, flag_at, reject_at, len(labels) - len(used)) + _policy_notes(used, base)),
    )


def as_file(calibration: Calibration, base: Policy) -> dict[str, object]:
    """Returns the JSON of `limbfix calibrate`: `limbfix check --policy` reads its `policy`, people read the rest."""
    name = f"{base.name[:53]}-calibrated"
    changed = {"name": name, "flag_at": calibration.flag_at, "reject_at": calibration.reject_at}
    policy = base.model_dump(mode="json", exclude_defaults=True) | changed
    return {"policy": policy, "calibration": {"format": 1, **asdict(calibration)}}


def _logit(values: np.ndarray) -> np.ndarray:
    clipped = np.clip(values, _EDGE, 1 - _EDGE)
    return np.log(clipped / (1 - clipped))


def _chance(scores: np.ndarray, slope: float, offset: float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(slope * _logit(scores) + offset, -30, 30)))


def _score_at(chance: float, slope: float, offset: float) -> float:
    """Returns the score, rounded up, at which the curve reaches a chance; the ends of the scale where it never does."""
    position = (math.log(chance / (1 - chance)) - offset) / slope
    score = 1 / (1 + math.exp(-min(max(position, -30.0), 30.0)))
    return 1.0 if score > 1 - _EDGE else max(math.ceil(score * 1e4) / 1e4, _EDGE)


def _fit(scores: np.ndarray, is_wrong: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Returns slope and offset by Newton's method, halving steps that make it worse."""
    design = np.stack([_logit(scores), np.ones(len(scores))], axis=1)
    pull = np.array([_PULL, 1e-6])
    at = np.array([1.0, 0.0])
    target = np.array([1.0, 0.0])

    def loss(place: np.ndarray) -> float:
        z = design @ place
        return float((weights * (np.logaddexp(0, z) - is_wrong * z)).sum() + 0.5 * (pull * (place - target) ** 2).sum())

    for _ in range(100):
        chance = 1 / (1 + np.exp(-np.clip(design @ at, -30, 30)))
        slope_of_loss = design.T @ (weights * (chance - is_wrong)) + pull * (at - target)
        curve = (design * (weights * chance * (1 - chance))[:, None]).T @ design + np.diag(pull)
        step = np.linalg.solve(curve, slope_of_loss)
        length = 1.0
        while loss(at - length * step) > loss(at) and length > 1e-6:
            length /= 2
        at = at - length * step
        if np.abs(length * step).max() < 1e-9:
            break
    return float(at[0]), float(at[1])


def _held_out(used: Sequence[Scored], scores: np.ndarray, is_wrong: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns each label's chance by a curve that was fitted without it. The picture decides the fold."""
    order = np.argsort([hashlib.sha256(f"limbfix fold {one.sha256}".encode()).hexdigest() for one in used])
    folds = np.empty(len(used), dtype=int)
    folds[order] = np.arange(len(used)) % _FOLDS
    chances = np.empty(len(used))
    for fold in range(_FOLDS):
        rest = folds != fold
        slope, offset = _fit(scores[rest], is_wrong[rest], weights[rest])
        chances[~rest] = _chance(scores[~rest], slope, offset)
    return chances


def _bins(chances: np.ndarray, is_wrong: np.ndarray, weights: np.ndarray) -> list[Bin]:
    found = []
    for low, high in pairwise(_BINS):
        inside = (chances >= low) & ((chances < high) | (high == 1.0))
        here = weights[inside]
        if not here.size:
            found.append(
                Bin(low=low, high=high, labels=0, predicted=None, observed=None, observed_low=None, observed_high=None)
            )
            continue
        observed = float(np.average(is_wrong[inside], weights=here))
        alike = max(1, round(float(here.sum() ** 2 / (here**2).sum())))
        interval = Share(hits=round(observed * alike), of=alike).interval or (0.0, 1.0)
        predicted = float(np.average(chances[inside], weights=here))
        numbers = (predicted, observed, min(interval[0], observed), max(interval[1], observed))
        names = ("predicted", "observed", "observed_low", "observed_high")
        rounded = {name: round(value, 4) for name, value in zip(names, numbers, strict=True)}
        found.append(Bin(low=low, high=high, labels=int(inside.sum()), **rounded))
    return found


def _notes(scores: np.ndarray, flag_at: float, reject_at: float, unused: int) -> list[str]:
    notes = []
    if unused:
        notes.append(f"{unused} labels were not used: unsure, without a score, or not of the sample.")
    for name, at in (("flag_at", flag_at), ("reject_at", reject_at)):
        if not scores.min() <= at <= scores.max():
            notes.append(
                f"{name} {at} lies outside the labelled scores, {scores.min():.2f} to {scores.max():.2f}: a guess."
            )
    return notes


def _policy_notes(used: Sequence[Scored], base: Policy | None) -> list[str]:
    """Says where scores come from another policy: what it ignores or allows is no part of them."""
    counts = Counter(one.policy for one in used if one.policy)
    others = [name for name, _ in counts.most_common() if base and name != base.label]
    if base is None or not others:
        return []
    named = f"{', '.join(map(printable, others[:3]))}{', ...' if len(others) > 3 else ''}"
    number = sum(counts[name] for name in others)
    return [
        f"{number} labels were judged under another policy ({named}) than the one whose thresholds are set ({base.label}): their "
        "scores may not mean the same. Name the policy of the check with --policy."
    ]
