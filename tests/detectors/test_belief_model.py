"""The model that weighs crop, finder and bodies: it is read strictly, no number runs away with it, and bodies turn a doubt both ways."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from limbfix import shipped
from limbfix.detectors import belief_model
from limbfix.detectors.belief_model import DIRECTIONS, FEATURES, Around, BeliefModel, model_from, shipped_belief
from limbfix.detectors.hand_belief import FINDER_WEIGHT, sureness
from limbfix.detectors.hand_surroundings import NAMES, surroundings
from limbfix.detectors.hand_windows import letterboxed
from limbfix.errors import ModelCorrupt
from limbfix.geometry import Box
from limbfix.nets.move_table import POINTS
from limbfix.parts import Part, PartKind

NOWHERE = np.full(len(NAMES), -5.0)
NOTHING = {name: np.zeros(count) for name, count in DIRECTIONS.items()}


def place(joints: np.ndarray = NOWHERE, context: float = 0.0) -> Around:
    """What lies around a box; `context` is what its direction makes of it."""
    return Around(joints=joints, context=first_of("context", context))


def first_of(name: str, value: float) -> np.ndarray:
    """Features whose sum is `value` by the directions of `data`, which read the first of them."""
    return np.array([value, *NOTHING[name][1:]])


CLOSE = first_of("close", 0.0)


def data(**weights: float) -> dict:
    n = len(FEATURES)
    named = [weights.get(name.replace(".", "_"), 0.0) for name in FEATURES]
    mean = [0.0, 0.0, 0.0, 0.0, *NOWHERE.tolist()]
    directions = {name: {"weights": [1.0, *NOTHING[name].tolist()[1:]], "bias": 0.0} for name in DIRECTIONS}
    model = {"features": list(FEATURES), "mean": mean, "scale": [2.0] * n, "weights": named, "bias": 0.5}
    return {"version": 1, **model, "directions": directions}


def model_of(**weights: float) -> BeliefModel:
    return model_from(data(**weights))


def hand(box: Box, score: float = 0.5) -> Part:
    return Part(kind=PartKind.HAND, box=box, detection_score=score, detector="limbfix_hands")


def test_a_model_for_other_features_is_refused():
    for features in (FEATURES[:-1], FEATURES[::-1], (*FEATURES, "tail_1.0")):
        with pytest.raises(ValueError, match="expected the features presence, finder, close"):
            model_from({**data(), "features": list(features)})


@pytest.mark.parametrize("name", ["mean", "scale", "weights"])
@pytest.mark.parametrize("row", [[], [1.0], [1.0] * (len(FEATURES) + 1)])
def test_rows_of_another_length_are_refused(name, row):
    with pytest.raises(ValueError, match=f"expected {len(FEATURES)} numbers"):
        model_from({**data(), name: row})


@pytest.mark.parametrize("change", [{"bias": None}, {"weights": ["much"] * len(FEATURES)}, {"mean": None}])
def test_what_is_no_number_is_refused(change):
    with pytest.raises((TypeError, ValueError)):
        model_from({**data(), **change})


@pytest.mark.parametrize("name", list(DIRECTIONS))
@pytest.mark.parametrize("weights", [[], [1.0], None])
def test_a_direction_of_another_length_is_refused(name, weights):
    changed = data()
    changed["directions"][name] = {"weights": weights, "bias": 0.0}
    with pytest.raises((TypeError, ValueError)):
        model_from(changed)
    with pytest.raises(KeyError):
        model_from({**data(), "directions": {}})


def test_each_number_moves_the_surety_by_four_scales_at_most():
    model = model_of(presence=1.0)
    assert model.surety(3.0, 0.0, place(), CLOSE) == pytest.approx(0.5 + 3.0 / 2)
    assert model.surety(8.0, 0.0, place(), CLOSE) == pytest.approx(0.5 + 4)
    assert model.surety(1e9, 0.0, place(), CLOSE) == model.surety(8.0, 0.0, place(), CLOSE)
    assert model.surety(-1e9, 0.0, place(), CLOSE) == pytest.approx(0.5 - 4)
    joints = NOWHERE.copy()
    joints[NAMES.index("wrist_1.6")] = 1e9
    assert model_of(wrist_1_6=0.25).surety(0.0, 0.0, place(joints), CLOSE) == pytest.approx(0.5 + 1)


def test_every_feature_has_its_own_place():
    for index, name in enumerate(FEATURES):
        row = np.array([0.0, 0.0, 0.0, 0.0, *NOWHERE])
        row[index] += 2.0
        close, around = first_of("close", row[2]), place(row[4:], row[3])
        moved = {
            other: model_of(**{other.replace(".", "_"): 1.0}).surety(row[0], row[1], around, close) - 0.5
            for other in FEATURES
        }
        assert {other for other, change in moved.items() if abs(change) > 1e-9} == {name}


@pytest.mark.parametrize("weight", [0.7, -0.7])
def test_without_a_close_look_the_surety_is_the_highest_that_one_could_lead_to(weight):
    model = model_of(presence=1.0, close=weight)
    highest = model.surety(1.0, 0.0, place())
    assert highest == pytest.approx(0.5 + 0.5 + 4 * 0.7)
    assert all(model.surety(1.0, 0.0, place(), first_of("close", value)) <= highest for value in (-1e9, -3.0, 3.0, 1e9))


def test_a_wrist_beside_a_box_raises_its_surety_and_a_face_in_it_lowers_it():
    model = model_of(presence=1.0, wrist_1_6=1.0, face_1_0=-1.0)
    view = letterboxed(np.zeros((384, 384, 3), np.uint8), 0, 0, 384, 384, 384)
    box = Box(180, 180, 220, 220)

    def sure(point: int, row: int, column: int) -> float:
        points = np.full((POINTS, 96, 96), -5.0, np.float32)
        points[point, row, column] = 3.0
        return sureness(hand(box), 1.0, model, place(surroundings(points, view, box)), CLOSE)

    knee, far_wrist = sure(13, 50, 50), sure(9, 5, 5)
    assert knee == far_wrist
    assert sure(9, 57, 50) == pytest.approx(knee + 4)
    assert sure(0, 50, 50) == pytest.approx(knee - 4)


@pytest.mark.parametrize("score", [0.2, 0.5, 0.9])
def test_without_a_model_or_without_bodies_it_is_the_presence_and_half_the_finders_logit(score):
    old = 1.25 + FINDER_WEIGHT * np.log(score / (1 - score))
    assert FINDER_WEIGHT == 0.5
    one = hand(Box(0, 0, 9, 9), score)
    assert sureness(one, 1.25) == pytest.approx(old)
    assert sureness(one, 1.25, None, place()) == pytest.approx(old)
    assert sureness(one, 1.25, model_of(presence=9.0), None) == pytest.approx(old)
    weighed = sureness(one, 1.25, model_of(finder=1.0), place(), CLOSE)
    assert weighed == pytest.approx(0.5 + np.log(score / (1 - score)) / 2)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    for made in (shipped.shipped_file, shipped_belief):
        made.cache_clear()
    yield tmp_path
    for made in (shipped.shipped_file, shipped_belief):
        made.cache_clear()


def test_the_shipped_model_is_read_and_none_is_none(folder):
    assert shipped_belief() is None
    shipped_belief.cache_clear()
    text = json.dumps(data(presence=1.0))
    (folder / belief_model.FILE).write_text(text)
    row = {"sha256": hashlib.sha256(text.encode()).hexdigest()}
    (folder / shipped.MANIFEST).write_text(json.dumps({"files": {belief_model.FILE: row}}))
    assert shipped_belief() == model_of(presence=1.0)


@pytest.mark.parametrize("text", ["[]", "{", "{}", json.dumps({**data(), "features": ["presence"]})])
def test_a_shipped_file_that_holds_no_such_model_is_corrupt(folder, text):
    (folder / belief_model.FILE).write_text(text)
    row = {"sha256": hashlib.sha256(text.encode()).hexdigest()}
    (folder / shipped.MANIFEST).write_text(json.dumps({"files": {belief_model.FILE: row}}))
    with pytest.raises(ModelCorrupt, match="install limbfix again"):
        shipped_belief()
