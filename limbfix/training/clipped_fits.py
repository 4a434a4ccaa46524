"""How is a `limbfix.clipped_linear` model fitted? As a ridge logistic regression on standardised, clipped numbers, kept as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from limbfix.clipped_linear import standardised

_LEAST_SCALE = 1e-3


def fitted(
    x: np.ndarray, truth: np.ndarray, features: Sequence[str], strength: float, shift: float = 0.0
) -> dict[str, Any]:
    """Returns the model as a JSON value.

    Args:
        x: (n, k) numbers.
        truth: (n,) bool.
        features: names of the k columns.
        strength: inverse regularisation (scikit-learn's C).
        shift: added to the bias.
    """
    from sklearn.linear_model import LogisticRegression

    mean, scale = x.mean(0), np.maximum(x.std(0), _LEAST_SCALE)
    model = LogisticRegression(C=strength, max_iter=2000).fit(standardised(x, mean, scale), truth)
    rows = {"mean": mean, "scale": scale, "weights": model.coef_[0]}
    return {
        "version": 1,
        "features": list(features),
        **{name: row.round(5).tolist() for name, row in rows.items()},
        "bias": round(float(np.asarray(model.intercept_)[0]) + shift, 5),
    }
