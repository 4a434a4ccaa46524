"""How do our small JSON models weigh numbers that depend on each other? In many small trees whose answers are summed.

`training.boosted_fits` grows them. J. Friedman, "Greedy function approximation: a gradient boosting machine", 2001.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from limbfix.clipped_linear import expect_features

ROWS = ("feature", "threshold", "left", "right", "value")
"""Of a tree in a JSON value: one number for each node, the root first. A leaf has -1 for its children."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoostedTrees:
    """`bias + sum over the trees of the value of the leaf that x falls into`; x goes left where its feature is not above the threshold.

    Attributes:
        bias: of the sum.
        feature: (t, n) column that each node looks at; short trees are filled up with leaves.
        threshold: (t, n) float32, as the features are compared.
        left, right: (t, n) children; a leaf has itself.
        value: (t, n) of leaves.
        depth: steps from a root to its farthest leaf.
    """

    bias: float
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    depth: int

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Returns the sums (k,) of features (k, f)."""
        x = rows.astype(np.float32)
        item, tree = np.arange(len(x))[:, None], np.arange(len(self.feature))[None]
        node = np.zeros((len(x), len(self.feature)), np.intp)
        for _ in range(self.depth):
            goes_left = x[item, self.feature[tree, node]] <= self.threshold[tree, node]
            node = np.where(goes_left, self.left[tree, node], self.right[tree, node])
        return self.bias + self.value[tree, node].sum(1)

    def chances(self, rows: np.ndarray) -> np.ndarray:
        """Returns the chances (k,), 0-1, of features (k, f), where the sum is a logit."""
        return 1 / (1 + np.exp(-self.logits(rows)))


def trees_from(data: Mapping, features: Sequence[str]) -> BoostedTrees:
    """Returns the trees of a JSON value.

    Raises:
        KeyError, TypeError, ValueError: it holds none, trees for other features, or a tree that does not end.
    """
    expect_features(data, features)
    trees = data["trees"]
    if not trees:
        raise ValueError("expected trees, got none")
    most = max(len(tree["feature"]) for tree in trees)
    columns = {
        name: np.zeros((len(trees), most), float if name in ("threshold", "value") else np.intp) for name in ROWS
    }
    columns["left"][:] = columns["right"][:] = np.arange(most)
    depth = 0
    for index, tree in enumerate(trees):
        nodes = np.arange(len(tree["feature"]))
        rows = {name: np.array(tree[name], columns[name].dtype) for name in ROWS}
        if not len(nodes) or any(row.shape != nodes.shape for row in rows.values()):
            raise ValueError(f"tree {index}: expected as many numbers in each of {', '.join(ROWS)}, and a root")
        for name, row in rows.items():
            children = name in ("left", "right")
            columns[name][index, : len(row)] = np.where(row < 0, nodes, row) if children else row
        depth = max(depth, _depth(index, rows, len(features)))
    columns["threshold"] = columns["threshold"].astype(np.float32)
    return BoostedTrees(bias=float(data["bias"]), depth=depth, **columns)


def _depth(index: int, rows: Mapping[str, np.ndarray], features: int) -> int:
    """Returns the steps from the root to the farthest leaf; children must lie behind their parents, so that every way ends."""
    depths = np.zeros(len(rows["left"]), int)
    for node, (left, right, feature) in enumerate(zip(rows["left"], rows["right"], rows["feature"], strict=True)):
        if left < 0 and right < 0:
            continue
        if not (node < left < len(depths) and node < right < len(depths) and 0 <= feature < features):
            raise ValueError(f"tree {index}, node {node}: expected two nodes behind it and one of {features} features")
        depths[[left, right]] = depths[node] + 1
    return int(depths.max())
