"""How do our small JSON models weigh numbers? Standardised, clipped, and summed; what the sum means is the caller's.

`training.clipped_fits` fits them. (`limbfix.hand_scores` has models of another form, with knots.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CLIP = 4.0
"""Scales around the mean beyond which a number counts no more."""


def standardised(rows: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Returns (..., k) numbers in scales from their mean, clipped."""
    return np.clip((rows - mean) / scale, -CLIP, CLIP)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippedLinear:
    """`bias + sum(weights * (x - mean) / scale)`, each x clipped to `CLIP` scales around its mean.

    Attributes:
        mean, scale, weights: one number for each feature.
        bias: of the sum.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Returns the sums (...,) of features (..., k)."""
        return self.bias + standardised(rows, np.array(self.mean), np.array(self.scale)) @ np.array(self.weights)

    def chances(self, rows: np.ndarray) -> np.ndarray:
        """Returns the chances (...,), 0-1, of features (..., k), where the sum is a logit."""
        return 1 / (1 + np.exp(-self.logits(rows)))


def expect_features(data: Mapping, features: Sequence[str]) -> None:
    """Refuses a model of other numbers.

    Raises:
        KeyError, ValueError: it says nothing of its numbers, or names others.
    """
    if tuple(data["features"]) != tuple(features):
        raise ValueError(f"expected the features {', '.join(features)}, got {', '.join(data['features'])}")


def numbers_from(data: Mapping, features: Sequence[str]) -> dict[str, Any]:
    """Returns the attributes of a `ClippedLinear` from a JSON value.

    Raises:
        KeyError, TypeError, ValueError: it is none, or one for other features.
    """
    expect_features(data, features)
    rows = {name: tuple(float(value) for value in data[name]) for name in ("mean", "scale", "weights")}
    if any(len(row) != len(features) for row in rows.values()):
        raise ValueError(f"expected {len(features)} numbers in each row")
    return {**rows, "bias": float(data["bias"])}
