"""Feet are found at the ends of legs that count, looked at once each, in the crop that the trunk was fitted on, and told on their own leg."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from drawn_people import Stage, draw_person

from limbfix import feet, shipped
from limbfix.bodies import BodyReading, LimbKind
from limbfix.body_masks import BodyPlace
from limbfix.body_readings import read_bodies
from limbfix.clipped_linear import ClippedLinear
from limbfix.detectors.foot_looker import FootLooker
from limbfix.errors import ModelCorrupt
from limbfix.feet import FEATURES, LEAST_PX, box_around, foot_box, model_from, shipped_model
from limbfix.runtime.sessions import close_network
from limbfix.shipped import BODY_PARSER, DIGIT_PARSER, shipped_file

PX = 8
SIDE = 32


class BrightnessNetwork:
    """Sees the mean brightness of each crop, and remembers how many crops it was shown."""

    side = SIDE

    def __init__(self) -> None:
        self.shown = 0

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        self.shown += len(pixels)
        return {"seen": np.repeat(pixels.mean((1, 2, 3))[:, None], len(FEATURES), 1).astype(np.float32)}

    def close(self) -> None:
        self.closed = True


def first_feature() -> ClippedLinear:
    """A model whose sum is the first feature in hundreds."""
    weights = np.zeros(len(FEATURES))
    weights[0] = 1.0
    count = len(FEATURES)
    return ClippedLinear(mean=(0.0,) * count, scale=(100.0,) * count, weights=tuple(weights), bias=0.0)


def read(**options) -> BodyReading:
    stage = Stage()
    draw_person(stage, **options)
    rows, columns = stage.classes.shape
    return read_bodies(stage.maps(), BodyPlace(scale_xy=(4 / PX, 4 / PX), width=columns * PX, height=rows * PX))


def looker(mirrored: bool = False) -> FootLooker:
    return FootLooker(BrightnessNetwork(), first_feature(), mirrored=mirrored)


def legs_of(reading: BodyReading):
    return [limb for graph in reading.people for limb in graph.of_kind(LimbKind.LEG)]


def test_each_foot_is_told_on_its_own_leg():
    reading = read()
    pixels = np.zeros((768, 768, 3), np.uint8)
    left, right = legs_of(reading)
    box = foot_box(left)
    assert box is not None
    assert box.size >= LEAST_PX
    x0, y0, x1, y1 = (round(value) for value in box.xyxy)
    pixels[y0:y1, x0:x1] = 200
    found = {limb.limb_index: limb.foot for limb in legs_of(looker().looked(pixels, reading))}
    one, other = found[left.limb_index], found[right.limb_index]
    assert one.oddness > other.oddness
    assert one.box == box
    arms = [limb for graph in looker().looked(pixels, reading).people for limb in graph.of_kind(LimbKind.ARM)]
    assert all(limb.foot is None for limb in arms)


def test_a_foot_on_which_two_legs_end_is_looked_at_once_and_small_or_uncounted_ones_never():
    reading = read()
    pixels = np.full((768, 768, 3), 100, np.uint8)
    graph = reading.people[0]
    twin = replace(legs_of(reading)[0], limb_index=len(graph.limbs), chance=0.5)
    twin = replace(twin, polyline=twin.polyline + np.array([1, 0], np.float32))
    double = replace(reading, people=(replace(graph, limbs=(*graph.limbs, twin)),))
    one = looker()
    found = one.looked(pixels, double).people[0].limbs
    assert one._network.shown == 2
    assert found[twin.limb_index].foot is None
    faint = replace(reading, people=(replace(graph, limbs=tuple(replace(limb, chance=0.1) for limb in graph.limbs)),))
    assert looker().looked(pixels, faint) is faint
    small = tuple(replace(limb, polyline=limb.polyline / 8) for limb in graph.limbs)
    assert all(
        limb.foot is None
        for limb in looker().looked(pixels, replace(reading, people=(replace(graph, limbs=small),))).people[0].limbs
    )


def test_a_mirror_is_averaged_and_nobody_to_see_costs_nothing():
    one = looker(mirrored=True)
    reading = read()
    one.looked(np.full((768, 768, 3), 90, np.uint8), reading)
    assert one._network.shown == 4
    empty = BodyReading()
    assert one.looked(np.zeros((8, 8, 3), np.uint8), empty) is empty


def test_a_leg_without_ankle_or_toes_has_no_foot_to_look_at():
    leg = legs_of(read())[0]
    assert foot_box(replace(leg, joints=leg.joints[:-1], polyline=leg.polyline[:-1])) is None


def test_a_foot_that_points_at_the_viewer_has_the_size_of_its_shin():
    ankle, toes, knee = np.array([100.0, 200.0]), np.array([100.0, 210.0]), np.array([100.0, 100.0])
    box = box_around(ankle, toes, knee)
    assert box.size == pytest.approx(45)
    assert box.center.tolist() == pytest.approx([100, 205])
    assert box_around(ankle, toes, None).size == pytest.approx(12.5)


def test_it_sees_what_the_look_of_a_hand_sees():
    crops = np.random.default_rng(3).integers(0, 256, (2, 192, 192, 3), dtype=np.uint8)
    hands = close_network(shipped_file(DIGIT_PARSER), shipped_file(BODY_PARSER))
    own = FootLooker.shipped(mirrored=False)
    assert own.side == hands.side
    crops = crops[:, : own.side, : own.side]
    np.testing.assert_allclose(own.features(crops), hands.run(crops)["close"][:, : len(FEATURES)], atol=1e-4)


def test_one_crop_is_seen_as_among_others():
    crops = np.random.default_rng(4).integers(0, 256, (11, 192, 192, 3), dtype=np.uint8)
    own = FootLooker.shipped(mirrored=True, judges=True)
    np.testing.assert_allclose(
        np.concatenate([own.features(crop[None]) for crop in crops]), own.features(crops), atol=1e-4
    )


def test_the_shipped_model_is_of_these_features_and_others_are_refused(tmp_path, monkeypatch):
    model = shipped_model()
    assert len(model.weights) == len(FEATURES)
    data = json.loads(shipped_file(feet.FILE).read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="expected the features"):
        model_from(data | {"features": data["features"][::-1]})
    broken = tmp_path / feet.FILE
    broken.write_text(json.dumps(data | {"weights": [1.0]}), encoding="utf-8")
    monkeypatch.setattr(feet, "shipped_file", lambda name: broken)
    shipped_model.cache_clear()
    with pytest.raises(ModelCorrupt, match="a model of feet"):
        shipped_model()
    shipped_model.cache_clear()
    assert feet.FILE in shipped.shipped_rows()
