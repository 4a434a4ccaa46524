"""The generator's training starts, stops, goes on and hands over a file that works; batches follow from the seed."""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "synthesis"))

from small_generators import TINY
from toy_streams import HAND, ToyStream

from limbfix.errors import AssetMissing
from limbfix.synthesis.generator import Generator, Renoising
from limbfix.synthesis.shards import ShardWriter
from limbfix.synthesis.streams import StreamOptions
from limbfix.training import checkpoints, generator, hand_crops
from limbfix.training.generator_losses import draw_maps
from limbfix.training.generator_settings import GeneratorTraining
from limbfix.training.hand_crops import STORED_PX, HandCrops, draw_batch, load_crops

SETTINGS = GeneratorTraining(shape=TINY, autoencoder_batch=2, denoiser_batch=2)


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards") / "toys.tar"
    stream = ToyStream(StreamOptions(seed=1, size_px=128))
    with ShardWriter(path) as writer:
        for index in range(12):
            for sample in stream.group(index):
                writer.write(sample)
    return path


@pytest.fixture(scope="module")
def crops(shard, tmp_path_factory):
    return load_crops([], [shard], tmp_path_factory.mktemp("crops"), lambda _: None)


def dotted_crops(count: int = 4) -> HandCrops:
    """Black pictures with a white spot at each of 21 well-spread joints."""
    grid = np.stack(np.meshgrid(np.linspace(40, 104, 7), np.linspace(50, 94, 3)), axis=-1).reshape(21, 2)
    pixels = np.zeros((count, STORED_PX, STORED_PX, 3), np.uint8)
    for x, y in grid.round().astype(int):
        pixels[:, y - 1 : y + 2, x - 1 : x + 2] = 255
    return HandCrops(
        pixels=pixels,
        masks=pixels[..., 0] > 0,
        keypoints=np.repeat(grid.round()[None].astype(np.float32), count, axis=0),
        sources=tuple(f"dots/{index}" for index in range(count)),
        held_out=np.zeros(count, bool),
    )


def test_renders_give_only_normal_hands_with_their_joints(crops, shard):
    stream = ToyStream(StreamOptions(seed=1, size_px=128))
    normal = sum(sample.role != "defect" for index in range(12) for sample in stream.group(index))
    assert len(crops) == normal
    on_hand = [mask[int(y), int(x)] for mask, xy in zip(crops.masks, crops.keypoints, strict=True) for x, y in xy]
    assert np.mean(on_hand) > 0.95
    spans = np.ptp(crops.keypoints, axis=1).max(axis=1)
    assert (spans >= STORED_PX / 1.9 - 2).all()
    assert (spans <= STORED_PX / 1.12).all()


def test_windows_of_renders_stay_inside_and_are_given_up_where_they_cannot():
    hand = np.array([[115.0, 40.0], [175.0, 90.0]])
    left, top, side = hand_crops._render_window(hand, 192, 192) or (0, 0, 0)
    assert (side, left) == (114, 192 - 114), "moved inside, not mirrored"
    assert 0 <= top <= 192 - side
    assert hand_crops._render_window(hand * 0.3, 192, 192) is None, "too small to learn from"
    assert hand_crops._render_window(hand + np.array([0.0, 110.0]), 192, 192) is None, "cut by the frame"
    assert hand_crops._render_window(np.array([[1.0, 1.0], [190.0, 190.0]]), 192, 192) is None, "fills the frame"


def test_a_joint_of_a_crop_lies_on_its_pixel():
    """Samples and photographs count joints from the picture's corner, crops and the generator's maps from the centre of the first pixel."""
    sample = ToyStream(StreamOptions(seed=1, size_px=96)).group(0)[0]
    hand = next(item for item in sample.instances if item.id == HAND)
    digit = sample.hand_digits(HAND)[2]
    x, y = (int(value) for value in digit.joints[2].xy)
    marked = replace(digit, joints=tuple(replace(joint, xy=(x + 0.5, y + 0.5)) for joint in digit.joints))
    instances = tuple(marked if item is digit else item for item in sample.instances)
    pixels = np.zeros_like(sample.pixels)
    pixels[y, x] = 255
    row = hand_crops._render_row(replace(sample, pixels=pixels, instances=instances), hand)
    assert row is not None
    weight = row[0][..., 0] / row[0][..., 0].sum()
    shown = [(weight.sum(axis) * np.arange(STORED_PX)).sum() for axis in (0, 1)]
    assert row[2][1 + 4 * 2] == pytest.approx(shown, abs=0.25)


def test_crops_are_cut_once(shard, tmp_path, monkeypatch):
    first = load_crops([], [shard], tmp_path, lambda _: None)
    monkeypatch.setattr(hand_crops, "_render_rows", lambda _: pytest.fail("cut again"))
    again = load_crops([], [shard], tmp_path, lambda _: None)
    assert np.array_equal(first.pixels, again.pixels)
    assert first.sources == again.sources


def test_no_folder_or_no_hand_is_one_clear_error(tmp_path):
    with pytest.raises(AssetMissing, match="--photographs"):
        load_crops([], [], tmp_path, lambda _: None)
    with pytest.raises(AssetMissing, match="no normal hand"):
        load_crops([], [tmp_path], tmp_path, lambda _: None)


def test_joints_and_mask_move_with_the_pixels():
    batch = draw_batch(dotted_crops(), np.arange(4), np.random.default_rng(0), size_px=128)
    for pixels, mask, joints in zip(batch.pixels, batch.masks, batch.keypoints, strict=True):
        for x, y in joints.round().astype(int):
            assert pixels[y, x].min() > 90
            assert mask[y, x]
    assert not np.array_equal(batch.pixels[0], batch.pixels[1]), "each is turned and lit in its own way"


def test_a_batch_follows_from_the_generators_state():
    first, same = (draw_batch(dotted_crops(), np.arange(4), np.random.default_rng(5), size_px=128) for _ in range(2))
    assert np.array_equal(first.pixels, same.pixels)
    assert np.array_equal(first.keypoints, same.keypoints)


def test_held_out_hands_are_never_drawn():
    crops = dotted_crops(6)
    crops.held_out[::2] = True
    crops.pixels[::2] = 77
    drawer = generator._Drawer(crops, GeneratorTraining())
    drawn = [drawer.batch("denoiser", step, 8) for step in range(5)]
    assert all(np.median(batch.pixels[i]) < 60 for batch in drawn for i in range(8))


def test_about_one_source_in_twenty_is_held_out_whatever_else_there_is():
    held = [hand_crops.is_held_out(f"folder/{index}.jpg") for index in range(4000)]
    assert 0.035 < np.mean(held) < 0.065


def test_some_hands_come_without_joints_and_some_without_anything():
    batch = draw_batch(dotted_crops(400), np.arange(400), np.random.default_rng(0), size_px=128)
    maps = draw_maps(batch, GeneratorTraining(), np.random.default_rng(0), torch.device("cpu")).numpy()
    masked, jointed = maps[:, 0].any(axis=(1, 2)), maps[:, 1:].any(axis=(1, 2, 3))
    assert 0.07 < 1 - masked.mean() < 0.18
    assert 0.24 < 1 - jointed.mean() < 0.41
    assert not (jointed & ~masked).any()


def test_a_training_goes_on_where_it_stopped_and_its_file_works(shard, tmp_path, capsys, monkeypatch):
    ticks = itertools.count()  # a step takes half a second, however busy the machine is
    monkeypatch.setattr(generator, "time", SimpleNamespace(monotonic=lambda: next(ticks) * 0.25))

    def run(minutes: float) -> dict:
        generator.main(["--renders", str(shard), "--out", str(tmp_path), "--minutes", str(minutes)], SETTINGS)
        return json.loads((tmp_path / "generator.json").read_text())

    first, second = run(0.05), run(0.08)
    assert "goes on at step" in capsys.readouterr().out
    assert second["steps"]["denoiser"] > first["steps"]["denoiser"] > 0
    assert second["steps"]["autoencoder"] == first["steps"]["autoencoder"] > 0, "latents stay those that were learnt"
    assert second["hands"] == {"hands": sum(second["hands"].values())}
    weights = Generator(tmp_path / "generator.safetensors")
    pixels = np.full((128, 128, 3), 90, np.uint8)
    asked = Renoising(pixels=pixels, mask=None, keypoints=None, strength=0.3, rng=np.random.default_rng(0))
    assert weights.renoise([asked])[0].shape == (128, 128, 3)


def test_latents_of_the_training_hands_are_white(crops):
    from limbfix.synthesis.generator.networks import Autoencoder

    torch.manual_seed(0)
    network, drawer = Autoencoder(TINY), generator._Drawer(crops, SETTINGS)
    generator.measure_latents(network, drawer)
    pictures = generator.as_pictures(drawer.batch("latents", 0, generator._MEASURED).pixels, torch.device("cpu"))
    with torch.no_grad():
        latents = network.encode(pictures).transpose(0, 1).flatten(1)
        again = network.decode(network.encode(pictures[:2]))
    assert torch.allclose(torch.cov(latents), torch.eye(4), atol=0.02)
    assert latents.mean(dim=1).abs().max() < 0.02
    assert torch.allclose(again, network.decode_raw(network.encode_raw(pictures[:2])), atol=1e-3)


def test_a_checkpoint_gives_everything_back(tmp_path):
    def fresh() -> tuple[torch.nn.Module, checkpoints.RunningMean, torch.optim.Optimizer]:
        network = torch.nn.Linear(3, 2)
        return network, checkpoints.RunningMean(network, 0.9), torch.optim.AdamW(network.parameters(), lr=0.1)

    def step(network, mean, optimiser) -> None:
        optimiser.zero_grad()
        network(torch.ones(4, 3)).square().sum().backward()
        optimiser.step()
        mean.update(network)

    torch.manual_seed(0)
    state, other = fresh(), fresh()
    for _ in range(3):
        step(*state)
    checkpoints.save_checkpoint(tmp_path / "c.safetensors", *state, {"step": 3})
    assert checkpoints.load_checkpoint(tmp_path / "c.safetensors", *other) == {"step": 3}
    for pair in (state, other):
        step(*pair)
    assert all(torch.equal(a, b) for a, b in zip(state[0].parameters(), other[0].parameters(), strict=True))
    assert all(torch.equal(value, other[1].weights[name]) for name, value in state[1].weights.items())


def test_the_learning_rate_rises_then_falls():
    phase = generator._phase("denoiser", torch.nn.Linear(1, 1), 100.0, 1e-3, SETTINGS)
    rates = []
    for phase.step, phase.spent in ((0, 0.0), (99, 5.0), (500, 50.0), (1000, 100.0)):
        rates.append(generator.learning_rate(phase, SETTINGS))
    assert rates[0] < 0.02e-3
    assert rates[1] > rates[2] > rates[3] == pytest.approx(0.03e-3)
