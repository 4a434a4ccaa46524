"""Renoising follows from its arguments, stays in its region and says what it cannot do; the shipped weights do what they claim."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch
from small_generators import write_tiny

from limbfix import shipped
from limbfix.errors import AssetMissing, ModelCorrupt, UsageError
from limbfix.synthesis import generator as door
from limbfix.synthesis.generator import Generator, Renoising, renoising


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return Generator(write_tiny(tmp_path_factory.mktemp("tiny") / "generator.safetensors"))


@pytest.fixture(scope="module")
def trained():
    try:
        return Generator()
    except AssetMissing as error:
        pytest.skip(str(error))


def picture(side: int = 128, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (8, 8, 3)).repeat(side // 8, axis=0).repeat(side // 8, axis=1)
    return small.astype(np.uint8)


def hand(**changes) -> Renoising:
    """A square of five bars over a block: enough of a hand for the maps."""
    side = len(changes.get("pixels", picture()))
    mask = np.zeros((side, side), bool)
    mask[side // 2 :, side // 4 : -side // 4] = True
    joints = np.stack(np.meshgrid(np.linspace(0.3, 0.7, 7), np.linspace(0.3, 0.6, 3)), axis=-1).reshape(21, 2) * side
    given = {"pixels": picture(), "mask": mask, "keypoints": joints, "strength": 0.5, "rng": np.random.default_rng(3)}
    return Renoising(**given | changes)


def test_the_same_arguments_give_the_same_bytes(tiny):
    one, same = tiny.renoise([hand()])[0], tiny.renoise([hand()])[0]
    other = tiny.renoise([hand(rng=np.random.default_rng(4))])[0]
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_number_of_threads_changes_nothing_and_comes_back(tiny):
    before = torch.get_num_threads()
    try:
        made = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            made.append(tiny.renoise([hand()])[0])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(*made)


def test_strength_zero_is_the_autoencoder_alone(tiny):
    assert np.array_equal(tiny.renoise([hand(strength=0.0)])[0], tiny.autoencode(picture()))


def test_more_strength_changes_more(tiny):
    plain = tiny.renoise([hand(strength=0.0)])[0].astype(int)
    changes = [np.abs(tiny.renoise([hand(strength=s)])[0] - plain).mean() for s in (0.1, 0.4, 0.8)]
    assert 0 < changes[0] < changes[1] < changes[2]


def test_nothing_changes_outside_the_region(tiny):
    for side in (128, 200):
        pixels = np.resize(picture(), (side, side, 3))
        region = np.zeros((side, side), bool)
        region[side // 3 : side // 2, side // 4 : side // 2] = True
        made = tiny.renoise([hand(pixels=pixels, region=region, strength=1.0)])[0]
        assert np.array_equal(made[~region], pixels[~region])
        assert not np.array_equal(made[region], pixels[region])


def test_an_empty_region_gives_the_picture_back(tiny):
    assert np.array_equal(tiny.renoise([hand(region=np.zeros((128, 128), bool))])[0], picture())


def test_a_batch_gives_what_single_hands_give(tiny):
    asked = [{"strength": 0.2}, {"strength": 0.9, "pixels": picture(256, seed=5)}, {"strength": 0.0}]
    together = tiny.renoise([hand(**one) for one in asked])
    for one, made in zip(asked, together, strict=True):
        alone = tiny.renoise([hand(**one)])[0]
        assert made.shape == alone.shape
        assert np.abs(made.astype(int) - alone).max() <= 1
    assert tiny.renoise([]) == []


def test_mask_and_joints_are_heard_and_may_be_left_out(tiny):
    told, unguided = tiny.renoise([hand()])[0], tiny.renoise([hand(mask=None, keypoints=None)])[0]
    jointless = tiny.renoise([hand(keypoints=None)])[0]
    assert not np.array_equal(told, unguided)
    assert not np.array_equal(told, jointless)
    assert not np.array_equal(unguided, jointless)


@pytest.mark.parametrize("shape", [(128, 128), (33, 58), (1, 3), (97, 640)])
def test_the_autoencoder_takes_any_size(tiny, shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    made = tiny.autoencode(pixels)
    assert (made.shape, made.dtype) == (pixels.shape, np.uint8)


def test_strips_leave_no_seam(tiny, monkeypatch):
    tall = np.concatenate([picture(seed=seed) for seed in range(4)])
    whole = tiny.autoencode(tall)
    monkeypatch.setattr(renoising, "_STRIP_PX", 128)
    assert np.abs(tiny.autoencode(tall).astype(int) - whole).max() <= 1


def test_what_is_impossible_is_said(tiny):
    with pytest.raises(UsageError, match="square picture of a hand, got 64 x 128"):
        tiny.renoise([hand(pixels=picture()[:, :64])])
    for strength in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="strength from 0 to 1"):
            tiny.renoise([hand(strength=strength)])


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    for cached in (shipped.shipped_file, renoising._shipped):
        cached.cache_clear()
    yield tmp_path
    for cached in (shipped.shipped_file, renoising._shipped):
        cached.cache_clear()


def test_missing_weights_are_one_clear_error(empty_folder):
    with pytest.raises(AssetMissing, match=r"limbfix\.training\.generator"):
        door.autoencode(picture())
    with pytest.raises(AssetMissing, match=r"generator\.safetensors"):
        door.renoise(picture(), mask=None, keypoints=None, strength=0.2, rng=np.random.default_rng(0))


def test_weights_that_were_changed_are_refused(empty_folder):
    file = write_tiny(empty_folder / renoising.WEIGHTS)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    row = {"files": {file.name: {"sha256": digest}}}
    (empty_folder / shipped.MANIFEST).write_text(json.dumps(row))
    assert door.autoencode(picture()).shape == (128, 128, 3)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    shipped.shipped_file.cache_clear()
    with pytest.raises(ModelCorrupt, match="SHA-256"):
        shipped.shipped_file(file.name)


def test_the_shipped_autoencoder_gives_a_picture_back(trained):
    y, x = np.mgrid[0:128, 0:128]
    smooth = np.stack([x * 1.5, 200 - y, 120 + 40 * np.sin(x / 15)], axis=-1).astype(np.uint8)
    error = np.square(trained.autoencode(smooth).astype(float) - smooth).mean()
    assert 10 * np.log10(255**2 / error) > 26


def test_the_shipped_denoiser_keeps_more_at_low_strength(trained):
    plain = trained.renoise([hand(strength=0.0)])[0].astype(int)
    changes = [np.abs(trained.renoise([hand(strength=s)])[0] - plain).mean() for s in (0.15, 0.7)]
    assert changes[0] < 0.6 * changes[1]
