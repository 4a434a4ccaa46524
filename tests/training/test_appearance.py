"""The appearance score: the direction of defects, measured in the spread of normal hands, and weights that go on working."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

sys.path.append(str(Path(__file__).parents[1] / "synthesis"))
sys.path.append(str(Path(__file__).parents[1]))

from hand_weights import body_file
from toy_streams import ToyStream

from limbfix.nets.digit_parser import DigitParser, moved_look
from limbfix.nets.efficientnet_lite import normalised
from limbfix.nets.hand_maps import centre_weights
from limbfix.synthesis.shards import ShardWriter
from limbfix.synthesis.streams import StreamOptions
from limbfix.training import appearance
from limbfix.training.appearance import PairFeatures, discriminant, layers_of, ranked


def pairs(count: int = 400, seed: int = 0) -> PairFeatures:
    """Channel 0 says what is wrong, channel 1 only which scene it is, channel 2 is noise that defects make too."""
    rng = np.random.default_rng(seed)
    scene = rng.normal(0, 5, count)
    better = np.stack([rng.normal(0, 1, count), scene, rng.normal(0, 1, count)], 1)
    worse = better + np.stack([np.full(count, 1.0), np.zeros(count), rng.normal(0, 3, count)], 1)
    return PairFeatures(worse=[worse.astype(np.float32)], better=[better.astype(np.float32)], weights=[1.0] * count)


def test_the_direction_follows_the_defect_and_not_the_scene():
    direction, _ = discriminant(pairs())
    use = np.abs(direction) * np.concatenate(pairs().better).std(0)
    assert use[0] > 5 * use[1]
    assert use[0] > 3 * use[2]
    assert ranked(pairs(seed=1), direction) > 0.9


def test_normal_hands_have_mean_zero_and_unit_spread():
    direction, mean = discriminant(pairs())
    scores = (np.concatenate(pairs().better) - mean) @ direction
    assert abs(scores.mean()) < 1e-6
    np.testing.assert_allclose(scores.std(), 1, rtol=1e-3)


def test_each_layer_says_nothing_of_normal_hands_by_itself():
    network = DigitParser()
    rng = np.random.default_rng(4)
    own, moved = network.appearance.in_features, network.moved.in_features
    direction, mean = rng.normal(0, 1, own + moved), rng.normal(3, 1, own + moved)
    layers = layers_of(direction, mean, network)
    network.load_state_dict(layers, strict=False)
    rows = torch.tensor(mean[None], dtype=torch.float32)
    assert abs(network.appearance(rows[:, :own]).item()) < 1e-3
    assert abs(network.moved(rows[:, own:]).item()) < 1e-3
    alone = layers_of(direction[:own], mean[:own], network)
    assert not alone["moved.weight"].any()
    assert not alone["moved.bias"].any()
    torch.testing.assert_close(alone["appearance.bias"], layers["appearance.bias"])


def test_defects_that_nobody_sees_do_not_turn_the_direction():
    clear, faint = pairs(seed=2), pairs(seed=3)
    faint.worse[0][:, 0] -= 6  # they say the opposite, and count for nothing
    both = PairFeatures(
        worse=clear.worse + faint.worse, better=clear.better + faint.better, weights=clear.weights + [0.0] * 400
    )
    assert discriminant(both)[0][0] > 0


def test_the_middle_of_the_crop_counts_most():
    weights = centre_weights(8)
    assert np.isclose(weights.sum(), 1)
    assert weights[3, 3] == weights.max() > 20 * weights[0, 0]


def test_pooling_sees_what_changes_in_the_middle():
    torch.manual_seed(0)
    network = DigitParser().eval()
    plain = torch.full((1, 64, 64, 3), 120, dtype=torch.uint8)
    middle, corner = plain.clone(), plain.clone()
    middle[:, 26:38, 26:38] = 250
    corner[:, :12, :12] = 250
    with torch.no_grad():
        at = [network.look(normalised(one)) for one in (plain, middle, corner)]
    assert (at[1] - at[0]).norm() > 2 * (at[2] - at[0]).norm()


def test_the_script_adds_its_score_and_changes_nothing_else(tmp_path):
    torch.manual_seed(0)
    before = {name: value.contiguous() for name, value in DigitParser().state_dict().items()}
    save_file(before, tmp_path / "parser.safetensors")
    stream = ToyStream(StreamOptions(seed=1, size_px=128))
    with ShardWriter(tmp_path / "toys.tar") as writer:
        for index in range(6):
            for sample in stream.group(index):
                writer.write(sample)
    out = tmp_path / "with.safetensors"
    arguments = ["--shards", str(tmp_path), "--parser", str(tmp_path / "parser.safetensors"), "--out", str(out)]
    assert appearance.main([*arguments, "--size", "64", "--rounds", "1"]) == 0
    after = load_file(out)
    assert set(after) == set(before)
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {"appearance.weight", "appearance.bias"}
    with safe_open(out, "pt") as file:
        assert file.metadata() == {"size": "64"}

    again = tmp_path / "both.safetensors"
    arguments[arguments.index("--out") + 1] = str(again)
    assert appearance.main([*arguments, "--size", "64", "--rounds", "1", "--bodies", str(body_file(tmp_path))]) == 0
    both = load_file(again)
    changed = {name for name in both if not torch.equal(both[name], before[name])}
    assert changed == {"appearance.weight", "appearance.bias", "moved.weight", "moved.bias"}
    assert not torch.equal(both["appearance.weight"], after["appearance.weight"])

    # who fits without it again must not keep half of another direction
    arguments[arguments.index("--parser") + 1] = str(again)
    assert appearance.main([*arguments, "--size", "64", "--rounds", "1"]) == 0
    assert torch.equal(load_file(again)["appearance.weight"], after["appearance.weight"])
    assert not load_file(again)["moved.weight"].any()


def test_the_parts_of_the_score_add_up_to_the_direction(tmp_path):
    torch.manual_seed(0)
    network, bodies = DigitParser().eval(), body_file(tmp_path)
    look = appearance.looker(network, bodies)
    pixels = np.random.default_rng(3).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    rows = appearance.features(look, pixels)
    assert rows.shape == (2, 304 + 288)
    direction, mean = np.random.default_rng(4).normal(size=(2, 592))
    network.load_state_dict(network.state_dict() | appearance.layers_of(direction, mean, network))
    x = normalised(torch.from_numpy(pixels))
    with torch.no_grad():
        score = network(x).appearance + network.moved(moved_look(appearance.move_trunk_of(bodies), x))[:, 0]
    np.testing.assert_allclose(score, (rows - mean) @ direction, rtol=1e-3, atol=1e-3)
