"""Crop, finder and bodies are weighed on presences that never saw their picture, and the bar is where it was asked for."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from limbfix.detectors.belief_model import DIRECTIONS, FEATURES, Around, model_from
from limbfix.detectors.hand_belief import SURE
from limbfix.detectors.hand_surroundings import NAMES
from limbfix.training.beliefs import fit_beliefs, left_out
from limbfix.training.presence import Examples, direction

WRIST, FACE = NAMES.index("wrist_1.6"), NAMES.index("face_1.0")


def examples(count: int = 400, *, labelled: int = 0) -> tuple[dict[str, np.ndarray], Examples]:
    """Proposals that the crop tells a little, and bodies well; then labelled hands, whose wrists lie anywhere."""
    rng = np.random.default_rng(5)
    truth = rng.random(count) < 0.4
    rows = rng.normal(0, 1, (count, 6))
    rows[:, 0] += 1.0 * truth
    around = rng.normal(-4, 1, (count, len(NAMES)))
    around[:, WRIST] += 3.0 * truth
    around[:, FACE] += 3.0 * ~truth
    found = Examples(
        truth=[*truth.tolist(), *[True] * labelled],
        pictures=[*(index // 4 for index in range(count)), *[count] * labelled],
        scores=[*rng.uniform(0.2, 0.6, count).tolist(), *[math.nan] * labelled],
        around=[
            Around(joints=joints, context=rng.normal(0, 1, 5))
            for joints in (*around, *(np.full(len(NAMES), 99.0) for _ in range(labelled)))
        ],
    )
    rows = np.concatenate([rows, rng.normal(1, 1, (labelled, 6))]).astype(np.float32)
    return {"presence": rows, "close": rng.normal(0, 1, (count + labelled, 4))}, found


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Directions of a few features each, as these examples have them."""
    for name, count in (("close", 4), ("context", 5)):
        monkeypatch.setitem(DIRECTIONS, name, count)


def test_no_presence_comes_from_a_fit_that_saw_its_picture():
    pictures = np.array([0, 0, 1, 5, 2, 9, 3, 7, 4, 4, 6, 8])
    rows = np.eye(len(pictures))
    truth = np.arange(len(pictures)) % 2 == 0
    fits = []

    def remembers(seen: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, float]:
        """Weighs each example that it saw by 1: whoever was in the fit gets more than the bias."""
        fits.append(seen)
        return seen.sum(0), 100.0

    np.testing.assert_array_equal(left_out(rows, truth, pictures, remembers), np.full(len(pictures), 100.0))
    for seen in fits:
        learnt = set(pictures[seen.any(0)].tolist())
        left = set(pictures[~seen.any(0)].tolist())
        assert left and not learnt & left


def test_every_example_gets_the_presence_of_its_own_fold():
    pictures = np.arange(12)
    rows = np.ones((12, 1))
    found = left_out(rows, pictures > 5, pictures, lambda seen, truth: (np.zeros(1), float(truth.sum())))
    for picture in pictures:
        others = pictures % 4 != picture % 4
        assert found[picture] == (pictures > 5)[others].sum()


def test_the_fit_can_be_read_again_and_weighs_bodies_where_they_tell():
    rows, found = examples()
    data = json.loads(json.dumps(fit_beliefs(rows, found, direction)))
    model = model_from(data)
    weights = dict(zip(FEATURES, model.weighing.weights, strict=True))
    assert weights["wrist_1.6"] > 0.3 and weights["face_1.0"] < -0.3 and weights["presence"] > 0
    assert weights["presence"] > 3 * max(abs(weights["close"]), abs(weights["context"]))  # which are noise here
    presence = left_out(rows["presence"], np.array(found.truth), np.array(found.pictures), direction)
    sure = np.array(
        [
            model.surety(presence[index], math.log(score / (1 - score)), found.around[index], rows["close"][index])
            for index, score in enumerate(found.scores)
        ]
    )
    assert np.mean((sure > 0) == np.array(found.truth)) > 0.9


@pytest.mark.parametrize("sure_at", [0.0, 0.8, 3.0])
def test_the_bias_moves_so_that_the_asked_surety_counts_as_sure(sure_at):
    rows, found = examples(120)
    plain, moved = (
        model_from(fit_beliefs(rows, found, direction, **options)).weighing for options in ({}, {"sure_at": sure_at})
    )
    assert moved.bias - plain.bias == pytest.approx(SURE - sure_at, abs=1e-4)
    assert (moved.mean, moved.scale, moved.weights) == (plain.mean, plain.scale, plain.weights)


def test_the_directions_of_many_features_are_kept_beside_the_weights():
    rows, found = examples()
    truth = np.array(found.truth)
    rows["close"][:, 2] += 4.0 * truth
    model = model_from(json.loads(json.dumps(fit_beliefs(rows, found, direction))))
    weights, bias = direction(rows["close"], truth)
    assert model.directions["close"].of(rows["close"][7]) == pytest.approx(rows["close"][7] @ weights + bias, abs=1e-3)
    assert dict(zip(FEATURES, model.weighing.weights, strict=True))["close"] > 0.3


def test_labelled_hands_teach_the_presence_and_are_not_weighed():
    rows, found = examples(200, labelled=40)
    data = fit_beliefs(rows, found, direction)
    assert data["facts"] == {"proposals": 200, "hands": sum(found.truth[:200])}
    assert max(data["mean"]) < 50  # of their surroundings, which are 99 here, nothing is in it
