"""Trees of a JSON value answer as those that scikit-learn grew, and what is no tree is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from limbfix.boosted_trees import trees_from

STUMP = {"feature": [1, 0, 0], "threshold": [0.5, 0.0, 0.0], "left": [1, -1, -1], "right": [2, -1, -1], "value": [0.0, -1.0, 2.0]}  # fmt: skip
LEAF = {"feature": [0], "threshold": [0.0], "left": [-1], "right": [-1], "value": [0.125]}
NAMES = ["a", "b"]


def data_of(*trees: dict) -> dict:
    return {"features": NAMES, "bias": 0.5, "trees": list(trees)}


def test_a_number_at_the_threshold_goes_left_and_all_trees_are_summed():
    trees = trees_from(data_of(STUMP, LEAF, STUMP), NAMES)
    x = np.array([[9.0, 0.5], [9.0, 0.51]])
    np.testing.assert_allclose(trees.logits(x), [0.5 - 1 + 0.125 - 1, 0.5 + 2 + 0.125 + 2])
    np.testing.assert_allclose(trees.chances(x), 1 / (1 + np.exp(-trees.logits(x))))
    assert trees.logits(np.zeros((0, 2))).shape == (0,)


def test_trees_of_different_depths_end_where_they_end():
    deep = {"feature": [0, 1, 0, 0, 0], "threshold": [0, 0, 0, 0, 0], "left": [1, 3, -1, -1, -1], "right": [2, 4, -1, -1, -1], "value": [0, 0, 1, 2, 4]}  # fmt: skip
    trees = trees_from(data_of(deep, LEAF), NAMES)
    assert trees.depth == 2
    found = trees.logits(np.array([[1.0, 0], [-1.0, -1.0], [-1.0, 1.0]]))
    np.testing.assert_allclose(found - 0.625, [1, 2, 4])


def test_what_was_grown_is_read_again_as_it_was():
    from sklearn.ensemble import GradientBoostingClassifier

    from limbfix.training.boosted_fits import grown

    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 2))
    truth = x[:, 0] * x[:, 1] + 0.3 * rng.normal(size=400) > 0
    data = json.loads(json.dumps(grown(x, truth, NAMES, trees=20, leaves=6, rate=0.2, least=10)))
    found = trees_from(data, NAMES).chances(x)
    again = GradientBoostingClassifier(
        n_estimators=20, max_leaf_nodes=6, max_depth=None, learning_rate=0.2, min_samples_leaf=10, random_state=0
    ).fit(x, truth)
    np.testing.assert_allclose(found, again.predict_proba(x)[:, 1], atol=1e-3)
    assert ((found > 0.5) == truth).mean() > 0.85  # no single number tells them apart


@pytest.mark.parametrize(
    "change",
    [
        {"left": [0, -1, -1]},  # a loop
        {"right": [3, -1, -1]},  # nowhere
        {"feature": [2, 0, 0]},  # no such number
        {"left": [-1, -1, -1]},  # half a leaf
        {"value": [0.0, 1.0]},
    ],
)
def test_what_is_no_tree_is_refused(change):
    with pytest.raises(ValueError, match="tree 1"):
        trees_from(data_of(LEAF, STUMP | change), NAMES)
    with pytest.raises(ValueError, match="expected trees"):
        trees_from(data_of(), NAMES)
    with pytest.raises(ValueError, match="expected the features"):
        trees_from(data_of(LEAF) | {"features": ["a"]}, NAMES)
