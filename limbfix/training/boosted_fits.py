"""How are `limbfix.boosted_trees` grown? By scikit-learn, and kept as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def grown(
    x: np.ndarray, truth: np.ndarray, features: Sequence[str], *, trees: int, leaves: int, rate: float, least: int
) -> dict[str, Any]:
    """Returns trees as a JSON value.

    Args:
        x: (n, k) numbers.
        truth: (n,) bool; both must occur.
        features: names of the k columns.
        trees, leaves: how many trees, and leaves of each at most.
        rate: share of its answer that each tree adds.
        least: rows in a leaf.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(
        n_estimators=trees,
        max_leaf_nodes=leaves,
        max_depth=None,  # pyright: ignore[reportArgumentType] - scikit-learn's own way to say no limit
        learning_rate=rate,
        min_samples_leaf=least,
        random_state=0,
    ).fit(x, truth)
    share = float(np.mean(truth))
    return {
        "version": 1,
        "features": list(features),
        "bias": round(float(np.log(share / (1 - share))), 5),
        "trees": [_tree(one.tree_, rate) for one in model.estimators_[:, 0]],
    }


def _tree(tree: Any, rate: float) -> dict[str, list]:
    is_leaf = tree.children_left < 0
    return {
        "feature": np.where(is_leaf, 0, tree.feature).tolist(),
        "threshold": [0.0 if leaf else _digits(at) for leaf, at in zip(is_leaf, tree.threshold, strict=True)],
        "left": tree.children_left.tolist(),
        "right": tree.children_right.tolist(),
        "value": [_digits(rate * at) if leaf else 0.0 for leaf, at in zip(is_leaf, tree.value[:, 0, 0], strict=True)],
    }


def _digits(value: float) -> float:
    return float(f"{value:.6g}")
