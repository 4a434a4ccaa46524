"""The look of a hand, and what the body parser's trunk sees in a crop: the same in ONNX as in torch, read off two files, and left out where it adds nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).parents[1]))

from hand_weights import body_file, moved_file, parser_file  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from limbfix.detectors.belief_model import DIRECTIONS  # noqa: E402
from limbfix.errors import ModelCorrupt  # noqa: E402
from limbfix.nets.digit_parser import DigitParser, moved_look  # noqa: E402
from limbfix.nets.efficientnet_lite import normalised  # noqa: E402
from limbfix.nets.hand_maps import CLOSE_LEVELS  # noqa: E402
from limbfix.runtime.sessions import appearance_network, close_network, knows_bodies  # noqa: E402
from limbfix.training.appearance import move_trunk_of  # noqa: E402


@pytest.mark.parametrize("side", [64, 160])
def test_it_is_the_one_of_torch(tmp_path, side):
    torch.set_num_threads(1)
    pixels = np.random.default_rng(5).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    pixels[1, side // 4 : side // 2] //= 8
    parser, bodies = moved_file(tmp_path, side), body_file(tmp_path)
    network = DigitParser()
    network.load_state_dict(load_file(parser))
    with torch.no_grad():
        trunk, x = move_trunk_of(bodies), normalised(torch.from_numpy(pixels))
        own = network.eval().appearance(network.look(x)).numpy()
        added = network.moved(moved_look(trunk, x)).numpy()
        close = moved_look(trunk, x, CLOSE_LEVELS).numpy()
    assert np.ptp(added) > 0.05
    assert np.ptp(close, axis=0).mean() > 0.01
    np.testing.assert_allclose(appearance_network(parser, bodies).run(pixels)["appearance"], own + added, atol=1e-4)
    np.testing.assert_allclose(appearance_network(parser, None).run(pixels)["appearance"], own, atol=1e-4)
    np.testing.assert_allclose(close_network(parser, bodies).run(pixels)["close"], close, atol=1e-3)
    assert close.shape == (3, DIRECTIONS["close"])


def test_the_first_maps_are_those_of_the_whole_trunk(tmp_path):
    trunk = move_trunk_of(body_file(tmp_path))
    x = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        _, every = trunk(x)
        first = trunk.maps(x, 3)
    assert [one.shape[2:] for one in first] == [(16, 24), (8, 12), (4, 6)]
    assert all(torch.equal(one, other) for one, other in zip(first, every, strict=False))


def test_weights_that_were_fitted_without_bodies_look_without_them(tmp_path):
    bodies, parser = body_file(tmp_path), parser_file(tmp_path)
    assert not knows_bodies(parser)  # all zero
    old = {name: value for name, value in load_file(parser).items() if not name.startswith("moved.")}
    save_file(old, tmp_path / "old.safetensors", {"size": "64"})
    pixels = np.random.default_rng(5).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    looks = [
        appearance_network(file, given).run(pixels)["appearance"]
        for file, given in ((parser, bodies), (parser, None), (tmp_path / "old.safetensors", bodies))
    ]
    assert np.ptp(looks[0]) > 0
    np.testing.assert_array_equal(looks[0], looks[1])
    np.testing.assert_array_equal(looks[0], looks[2])


def test_old_weights_load_with_nothing_moved_and_halves_are_refused(tmp_path):
    tensors = load_file(moved_file(tmp_path))
    old = {name: value for name, value in tensors.items() if not name.startswith("moved.")}
    network = DigitParser()
    network.load_state_dict(tensors)
    assert network.moved.weight.any()
    given = len(old)
    network.load_state_dict(old)
    assert not network.moved.weight.any() and not network.moved.bias.any()
    assert len(old) == given
    with pytest.raises(RuntimeError, match=r"moved\.weight"):
        network.load_state_dict(old | {"moved.bias": tensors["moved.bias"]})


def test_both_files_are_named_where_one_is_wrong(tmp_path):
    parser = moved_file(tmp_path)
    (tmp_path / "bodies.safetensors").write_bytes(b"no weights")
    made = close_network(parser, tmp_path / "bodies.safetensors")
    with pytest.raises(ModelCorrupt, match=r"moved_parser\.safetensors and .*bodies\.safetensors"):
        made.model()
    with pytest.raises(ModelCorrupt, match=r"bodies\.safetensors"):
        appearance_network(tmp_path / "bodies.safetensors", parser)
    with pytest.raises(ModelCorrupt, match="a body parser at"):
        move_trunk_of(parser)
