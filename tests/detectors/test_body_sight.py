"""One look at a picture serves everybody who asks, the next picture is looked at anew, and nothing is kept after the end."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).parents[1]))

from hand_weights import body_file

from limbfix.detectors.body_sight import LARGE_PEOPLE_PX, VIEW_PX, BodySight, _maps, stages_of
from limbfix.images import Picture
from limbfix.nets.body_maps import STRIDE
from limbfix.nets.move_table import POINTS


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return body_file(tmp_path_factory.mktemp("weights"))


def picture_of(seed: int, width: int = 120, height: int = 60) -> Picture:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture(pixels=pixels, sha256="0" * 64)


def watched(sight: BodySight, monkeypatch) -> list[np.ndarray]:
    """Returns a list that grows by whatever the network sees from now on."""
    shown, run = [], sight.network.run
    monkeypatch.setattr(sight.network, "run", lambda pixels: shown.append(pixels) or run(pixels))
    return shown


def test_two_who_ask_for_one_picture_share_one_look_and_another_picture_is_seen_anew(weights, monkeypatch):
    sight = BodySight(search="single", file=weights)
    shown = watched(sight, monkeypatch)
    one, other = picture_of(1), picture_of(2)
    first = sight.look(one)
    assert sight.look(one) is first
    assert len(shown) == 1
    second = sight.look(other)
    assert len(shown) == 2
    assert not np.array_equal(first.points, second.points)
    np.testing.assert_array_equal(sight.look(one).points, first.points)


def test_a_picture_of_the_same_digest_is_not_taken_for_another(weights):
    sight = BodySight(search="single", file=weights)
    assert sight.look(picture_of(1, 120, 60)).points.shape != sight.look(picture_of(1, 60, 120)).points.shape


def test_after_it_was_closed_it_remembers_nothing_and_sees_the_same(weights, monkeypatch):
    sight, picture = BodySight(search="single", file=weights), picture_of(1)
    shown = watched(sight, monkeypatch)
    before = sight.look(picture)
    sight.close()
    assert sight._last is None
    assert "_session" not in sight.network.__dict__
    after = sight.look(picture)
    assert len(shown) == 2
    np.testing.assert_array_equal(before.points, after.points)


def test_a_full_search_takes_the_mean_of_two_looks(weights, monkeypatch):
    picture = picture_of(3, 300, 150)
    single = BodySight(search="single", file=weights)
    sight = BodySight(search="full", file=weights)
    shown = watched(sight, monkeypatch)
    both, once = sight.look(picture), single.look(picture)
    assert len(shown) == 3
    np.testing.assert_array_equal(shown[0][:, :, ::-1], shown[1])
    assert max(shown[0].shape) == VIEW_PX and max(shown[2].shape) == LARGE_PEOPLE_PX
    turned = single._found(np.ascontiguousarray(both.view.pixels[:, ::-1]))
    np.testing.assert_allclose(both.maps.heat, (once.maps.heat + _maps(turned).mirrored().heat) / 2, atol=1e-5)
    left_wrist = (once.points[9] + turned["points"][10, :, ::-1]) / 2  # who is mirrored raises the other hand
    np.testing.assert_allclose(both.points[9], left_wrist, atol=1e-4)
    for one, other, mean in zip(once.stages, stages_of(turned), both.stages, strict=True):
        np.testing.assert_allclose(mean, (one + other[:, :, ::-1]) / 2, atol=1e-4)


def test_a_picture_and_its_mirror_image_are_seen_alike(weights):
    sight = BodySight(search="full", file=weights)
    one = picture_of(5, 128, 96)
    other = Picture(pixels=np.ascontiguousarray(one.pixels[:, ::-1]), sha256="0" * 64)
    seen, turned = sight.look(one), sight.look(other)
    np.testing.assert_allclose(seen.points[9], turned.points[10, :, ::-1], atol=1e-3)
    np.testing.assert_allclose(seen.stages[1], turned.stages[1][:, :, ::-1], atol=1e-3)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (700, 350), (90, 400)])
def test_maps_and_points_cover_the_letterboxed_view(weights, width, height):
    seen = BodySight(search="full", file=weights).look(picture_of(4, width, height))
    view_height, view_width = seen.view.pixels.shape[:2]
    assert max(view_height, view_width) <= VIEW_PX
    assert seen.points.shape == (POINTS, view_height // STRIDE, view_width // STRIDE)
    assert seen.maps.heat.shape[1:] == seen.points.shape[1:]
    assert 0 <= seen.maps.heat.min() <= seen.maps.heat.max() <= 1
