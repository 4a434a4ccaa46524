"""The body parser's ONNX computes what torch computes, at any size."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).parents[1]))

from hand_weights import body_file, parser_file  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from limbfix.detectors.belief_model import DIRECTIONS  # noqa: E402
from limbfix.detectors.hand_context import STRIDES  # noqa: E402
from limbfix.errors import ModelCorrupt  # noqa: E402
from limbfix.nets.body_maps import OUTPUTS, STRIDE  # noqa: E402
from limbfix.nets.body_parser import BodyParser  # noqa: E402
from limbfix.nets.efficientnet_lite import normalised  # noqa: E402
from limbfix.nets.move_table import POINTS  # noqa: E402
from limbfix.runtime.body_graph import STAGE_OUTPUTS  # noqa: E402
from limbfix.runtime.sessions import body_network  # noqa: E402


@pytest.mark.parametrize("shape", [(2, 64, 96, 3), (1, 160, 32, 3)])
def test_the_body_parser_is_the_one_of_torch_at_any_size(tmp_path, shape):
    torch.set_num_threads(1)
    pixels = np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)
    file = body_file(tmp_path)
    network = BodyParser().eval()
    network.load_state_dict(load_file(file))
    with torch.no_grad():
        expected = network(normalised(torch.from_numpy(pixels)))
        fine, stages = network.trunk.climb(normalised(torch.from_numpy(pixels)))
    found = body_network(file).run(pixels)
    for name, channels in (*OUTPUTS, ("points", POINTS)):
        wanted = getattr(expected, name).numpy()
        assert wanted.shape == (shape[0], channels, shape[1] // STRIDE, shape[2] // STRIDE)
        assert np.ptp(wanted) > 1e-2
        np.testing.assert_allclose(found[name], wanted, atol=1e-3, err_msg=name)
    for name, stride, wanted in zip(STAGE_OUTPUTS, STRIDES, (fine, *stages[1:]), strict=True):
        assert found[name].shape[2:] == (shape[1] // stride, shape[2] // stride)
        np.testing.assert_allclose(found[name], wanted.numpy(), atol=1e-3, err_msg=name)
    assert 2 * sum(found[name].shape[1] for name in STAGE_OUTPUTS) == DIRECTIONS["context"]


def test_weights_of_a_parser_of_hands_are_refused(tmp_path):
    with pytest.raises(ModelCorrupt, match="this version's network"):
        body_network(parser_file(tmp_path)).model()
