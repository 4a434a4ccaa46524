"""How are crop, finder and bodies weighed against each other? A logistic regression on presences that left the picture out of their own fit.

A presence that was fitted on a proposal is surer of it than it will be of any other: weighed on such numbers the bodies would count for
nothing. So every presence here comes from a fit without its picture. Proposals only: of a labelled hand nobody knows the finder's score.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.detectors.belief_model import FEATURES
from limbfix.detectors.hand_belief import SURE
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


def fit_beliefs(rows: np.ndarray, found: Examples, direction: Direction, *, sure_at: float = SURE) -> dict[str, Any]:
    """Fits the model; returns it as the JSON value that `limbfix.detectors.belief_model.model_from` reads.

    Args:
        rows: (n, k), what the presence reads of each example.
        found: examples with their surroundings.
        direction: fits a presence, see `limbfix.training.presence.direction`.
        sure_at: surety of the fit that shall be `SURE`.
    """
    truth, scores = np.array(found.truth), np.array(found.scores)
    presence = left_out(rows, truth, np.array(found.pictures), direction)
    chosen = np.isfinite(scores)
    odds = np.clip(scores[chosen], 1e-3, 1 - 1e-3)
    x = np.column_stack([presence[chosen], np.log(odds / (1 - odds)), np.array(found.around)[chosen]])
    model = fitted(x, truth[chosen], FEATURES, STRENGTH, SURE - sure_at)
    return model | {"facts": {"proposals": int(chosen.sum()), "hands": int(truth[chosen].sum())}}
