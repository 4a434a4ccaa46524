"""The limb judge's ONNX computes what torch computes, and refuses weights of another network."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).parents[1]))

from hand_weights import body_file, judge_file  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from limbfix.errors import ModelCorrupt  # noqa: E402
from limbfix.nets.efficientnet_lite import normalised  # noqa: E402
from limbfix.nets.limb_judge import LimbJudge  # noqa: E402
from limbfix.nets.limb_maps import JUDGED, PLACES, STRIDE  # noqa: E402
from limbfix.runtime.sessions import limb_network  # noqa: E402


@pytest.mark.parametrize("side", [64, 192])
def test_the_limb_judge_is_the_one_of_torch(tmp_path, side):
    torch.set_num_threads(1)
    pixels = np.random.default_rng(5).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    pixels[1, side // 4 : side // 2] //= 8
    file = judge_file(tmp_path, side)
    network = LimbJudge().eval()
    network.load_state_dict(load_file(file))
    with torch.no_grad():
        expected = network(normalised(torch.from_numpy(pixels)))
    found = limb_network(file).run(pixels)
    assert found["judged"].shape == (2, len(JUDGED))
    assert found["places"].shape == (2, len(PLACES), side // STRIDE, side // STRIDE)
    for name in ("judged", "places"):
        wanted = getattr(expected, name).numpy()
        assert np.ptp(wanted, axis=0).min() > 0  # the two crops differ in every number
        np.testing.assert_allclose(found[name], wanted, rtol=1e-3, atol=1e-3, err_msg=name)


def test_a_crop_is_judged_alike_alone_and_among_others(tmp_path):
    pixels = np.random.default_rng(6).integers(0, 256, (16, 64, 64, 3), dtype=np.uint8)
    network = limb_network(judge_file(tmp_path, 64))
    alone = np.concatenate([network.run(pixels[i : i + 1])["judged"] for i in range(16)])
    np.testing.assert_allclose(network.run(pixels)["judged"], alone, rtol=1e-4, atol=1e-4)


def test_weights_of_the_body_parser_are_refused(tmp_path):
    with pytest.raises(ModelCorrupt, match="this version's network"):
        limb_network(body_file(tmp_path)).model()
