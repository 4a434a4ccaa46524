"""How are crop, finder and bodies weighed against each other? A logistic regression on sums that left the picture out of their own fit.

A presence that was fitted on a proposal is surer of it than it will be of any other: weighed on such numbers the bodies would count for
nothing. So every sum of many features here comes from a fit without its picture and those that are like it. Proposals only: of a labelled hand nobody knows the
finder's score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.detectors.belief_model import DIRECTIONS, FEATURES
from limbfix.detectors.hand_belief import SURE
from limbfix.detectors.hand_surroundings import NAMES
from limbfix.training.clipped_fits import fitted

if TYPE_CHECKING:
    from limbfix.training.presence import Examples

Direction = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, float]]

STRENGTH = 0.05
"""Inverse strength of the ridge on standardised features."""

_FOLDS = 4


def left_out(rows: np.ndarray, truth: np.ndarray, pictures: np.ndarray, direction: Direction) -> np.ndarray:
    """Returns (n,) presences, each from a fit without its picture."""
    found = np.zeros(len(rows))
    for fold in range(_FOLDS):
        own = pictures % _FOLDS == fold
        weights, bias = direction(rows[~own], truth[~own])
        found[own] = rows[own] @ weights + bias
    return found


def fit_beliefs(
    seen: Mapping[str, np.ndarray],
    found: Examples,
    direction: Direction,
    *,
    sure_at: float = SURE,
    given: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Fits the model; returns it as the JSON value that `limbfix.detectors.belief_model.model_from` reads.

    Args:
        seen: (n, k) by name, what `presence` and `close` read of each example's crop.
        found: examples with what lies around them.
        direction: fits a sum of many features, see `limbfix.training.presence.direction`.
        sure_at: surety of the fit that shall be `SURE`.
        given: (n,) by name, sums that were fitted elsewhere, on other pictures than these.
    """
    truth, scores, pictures = np.array(found.truth), np.array(found.scores), np.array(found.pictures)
    seen = {**seen, "context": np.array([around.context for around in found.around])}
    sums = {name: left_out(rows, truth, pictures, direction) for name, rows in seen.items()}
    odds = np.clip(scores, 1e-3, 1 - 1e-3)
    joints = np.array([around.joints for around in found.around])
    sums |= dict(given or {})
    columns = sums | {"finder": np.log(odds / (1 - odds))} | dict(zip(NAMES, joints.T, strict=True))
    chosen = np.isfinite(scores)
    x = np.column_stack([columns[name] for name in FEATURES])[chosen]
    model = fitted(x, truth[chosen], FEATURES, STRENGTH, SURE - sure_at)
    model["directions"] = {name: _rounded(*direction(seen[name], truth)) for name in DIRECTIONS}
    return model | {"facts": {"proposals": int(chosen.sum()), "hands": int(truth[chosen].sum())}}


def _rounded(weights: np.ndarray, bias: float) -> dict[str, Any]:
    return {"weights": [float(f"{weight:.5g}") for weight in weights], "bias": round(bias, 5)}
