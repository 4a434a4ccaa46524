"""How do readings of one hand become a chance that it is wrong, and a defect score for each code? Logistic models, kept as JSON.

Two sets of models: one for hands of which MediaPipe gave a second opinion, one for hands without. Whether anything is wrong is asked of a
committee with fixed votes; models of single codes are fitted on made hands that no network was trained on (`limbfix.training.hand_scores`). Their knots were read off hands of real people, on the scale of all checks:
0.5 where one real hand in ten scores higher, 0.8 where one in a hundred does, counted over all codes together and in the hardest folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from limbfix.digits import Digit
from limbfix.errors import AssetMissing, ModelCorrupt
from limbfix.parts import Part
from limbfix.shipped import shipped_file

FILE = "hand_scores.json"

JUDGEMENTS = ("extra_digit", "missing_digit", "fused_digits", "malformed", "wrong_side", "proportion")
"""Of the parser, in its order (a test holds them equal)."""

EXTRA = "hand.extra_digit"

USUAL_DIGITS = 5
"""What a hand is compared with; the networks themselves do not know this number."""

UNSEEN_SPREAD = 0.15
"""As in `limbfix.checks.hand_agreement`: the spread taken for a hand that a single window saw."""

_EDGE = 1e-3


def read_features(
    judgements: np.ndarray,
    counts: np.ndarray,
    digits: Sequence[Digit],
    appearance: float,
    *,
    line_counts: np.ndarray,
    box_px: float,
    sharpness: float,
) -> dict[str, float]:
    """Returns the numbers of one hand's reading that the models use.

    Args:
        judgements: (6,) logits of the appearance head, in the order of `JUDGEMENTS`.
        counts: (2, n) logits of the number of digits present, and visible: 0, 1, ..., n - 1 or more.
        digits: what was assembled.
        appearance: the appearance score.
        line_counts: (n + 1,) chances that there are 0, 1, ... digits among the lines.
        box_px: longer side of the hand's box.
        sharpness: of the crop, any unit that grows with sharpness; positive.
    """
    chances = np.exp(counts - counts.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    scores = [digit.score for digit in digits] or [0.0]
    expected = float(chances[1] @ np.arange(counts.shape[1]))
    return {
        "appearance": float(appearance),
        "wrong": float(np.logaddexp.reduce(judgements)),
        **{name: float(value) for name, value in zip(JUDGEMENTS, judgements, strict=True)},
        "more": _logit(chances[0, USUAL_DIGITS + 1 :].sum()),
        "fewer": _logit(chances[0, :USUAL_DIGITS].sum()),
        "lines_more": _logit(line_counts[USUAL_DIGITS + 1 :].sum()),
        "lines_fewer": _logit(line_counts[:USUAL_DIGITS].sum()),
        "count_gap": abs(len(digits) - expected),
        "weakest": 1 - min(scores),
        "weak": 1 - float(np.mean(scores)),
        "forked": float(any(digit.forked for digit in digits)),
        "size": math.log2(max(box_px, 1.0) / 64),
        "sharpness": math.log(max(sharpness, 1e-6)),
    }


def opinion_features(part: Part) -> dict[str, float]:
    """Returns MediaPipe's second opinion of a hand as numbers; empty where it gave none.

    A hand in which no window showed MediaPipe a hand has `views` but no keypoints; one at which it did not look has neither.
    """
    if part.views is None:
        return {}
    agreed, shown = part.views
    spread = UNSEEN_SPREAD if part.spread is None or not math.isfinite(part.spread) else part.spread
    return {
        "unseen": 1 - agreed / max(shown, 1),
        "spread": math.log(spread + 0.01),
        "side_doubt": 1 - (0.5 if part.side_score is None else part.side_score),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class HandModel:
    """One logistic model.

    Attributes:
        features: names, in the order of the arrays.
        mean, scale, weights: (n,), `logit = bias + sum(weights * (x - mean) / scale)`, each x clipped to 4 scales around its mean.
        bias: of the logit.
        chances: (logit, chance) knots, isotonic; how often such a made hand was wrong.
        knots: (logit, defect score) knots, read off real hands.
    """

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    chances: tuple[tuple[float, float], ...] = ((-1.0, 0.5), (1.0, 0.5))
    knots: tuple[tuple[float, float], ...] = ((-1.0, 0.0), (1.0, 0.0))

    def logit(self, features: Mapping[str, float]) -> float:
        """Returns the model's number; larger = more surely wrong."""
        x = np.array([features[name] for name in self.features])
        x = np.clip((x - np.array(self.mean)) / np.array(self.scale), -4, 4)
        return float(self.bias + x @ np.array(self.weights))


COUNTED_MORE, COUNTED_USUAL = 0.6, 0.05
"""Least defect score of `hand.extra_digit` of a hand whose counted digits are more than five, or are not. Flagged
and not rejected by that alone: of the counts that are told nine in ten are right, and none of 249 real hands had more than five believed lines (2026-11-28)."""

UNSHOWN_CAP = 0.75
"""Highest score of `hand.extra_digit` where no more digits than usual are shown: it may flag, and what rejects must be seen. On 2026-11-29, of 120 hands of `roboflow_gesture` two
were rejected for a sixth digit, one of them without; of 105 photographs that were given one 0.70 reach the bar, 0.63 with six shown."""

ANY = "any"
"""Name of the model that asks whether anything is wrong with a hand; its score is that of `hand.malformed`."""

Models = Mapping[str, Mapping[str, HandModel]]
"""`alone` or `with_opinion` -> `any` or a defect code -> model."""


def models_from(data: Mapping[str, Mapping[str, Mapping]]) -> Models:
    """Returns the models of a JSON value; KeyError or TypeError if it is none."""

    def model(row: Mapping) -> HandModel:
        def numbers(name: str) -> tuple[float, ...]:
            return tuple(float(value) for value in row[name])

        def knots(name: str) -> tuple[tuple[float, float], ...]:
            return tuple((float(at), float(value)) for at, value in row[name])

        return HandModel(
            features=tuple(row["features"]),
            mean=numbers("mean"),
            scale=numbers("scale"),
            weights=numbers("weights"),
            bias=float(row["bias"]),
            chances=knots("chances"),
            knots=knots("knots"),
        )

    return {kind: {name: model(row) for name, row in rows.items()} for kind, rows in data.items()}


@cache
def shipped_models() -> Models | None:
    """Returns the models that come with the package; None where none do.

    Raises:
        ModelCorrupt: the file is not what the manifest says, or holds something else.
    """
    try:
        path: Path = shipped_file(FILE)
    except AssetMissing:
        return None
    try:
        return models_from(json.loads(path.read_text(encoding="utf-8"))["models"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelCorrupt(
            f"expected models of hands in {path}, found something else ({error}); install limbfix again"
        ) from error


def scored(part: Part, models: Models | None) -> Part:
    """Returns a hand with the chance and the scores of its reading filled in; as it is where there is nothing to judge by."""
    if part.reading is None or not part.reading.features or models is None:
        return part
    opinion = opinion_features(part)
    features = {**part.reading.features, **opinion}
    rows = models["with_opinion" if opinion else "alone"]
    logits = {name: model.logit(features) for name, model in rows.items()}
    scores = {name: _between(logits[name], model.knots) for name, model in rows.items() if name != ANY}
    scores["hand.malformed"] = _between(logits[ANY], rows[ANY].knots)
    if EXTRA in scores and part.reading.visible <= USUAL_DIGITS:
        scores[EXTRA] = min(scores[EXTRA], UNSHOWN_CAP)
    if part.reading.is_counted:
        counted = COUNTED_MORE if (part.reading.count or 0) > USUAL_DIGITS else COUNTED_USUAL
        scores[EXTRA] = max(scores.get(EXTRA, 0.0), counted)
    chances = {name: _between(logits[name], model.chances) for name, model in rows.items()}
    # that something is wrong is no less likely than that one thing is
    reading = replace(part.reading, probability=max(chances.values()), look_probability=chances[ANY], scores=scores)
    return replace(part, reading=reading)


def _between(value: float, knots: Sequence[tuple[float, float]]) -> float:
    """Returns a 0-1 number between knots, constant beyond the ends."""
    xs, ys = zip(*knots, strict=True)
    return round(float(np.clip(np.interp(value, xs, ys), 0, 1)), 4)


def _logit(chance: float) -> float:
    kept = min(max(float(chance), _EDGE), 1 - _EDGE)
    return math.log(kept / (1 - kept))
