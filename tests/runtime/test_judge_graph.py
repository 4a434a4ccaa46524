"""The judges' ONNX computes what torch computes, and refuses weights of another network."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).parents[1]))

from hand_weights import body_file, hand_judge_file, judge_file  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from limbfix.errors import ModelCorrupt  # noqa: E402
from limbfix.nets.efficientnet_lite import normalised  # noqa: E402
from limbfix.nets.hand_judge import HandJudge  # noqa: E402
from limbfix.nets.hand_maps import JUDGE_PLACES, JUDGEMENTS  # noqa: E402
from limbfix.nets.limb_judge import LimbJudge  # noqa: E402
from limbfix.nets.limb_maps import JUDGED, PLACES, STRIDE  # noqa: E402
from limbfix.runtime.sessions import hand_judge_network, limb_network  # noqa: E402

LIMBS = (judge_file, LimbJudge, limb_network, (len(JUDGED), len(PLACES)))
HANDS = (hand_judge_file, HandJudge, hand_judge_network, (len(JUDGEMENTS), len(JUDGE_PLACES)))


@pytest.mark.parametrize(("judge", "side"), [(LIMBS, 64), (LIMBS, 192), (HANDS, 64), (HANDS, 160)])
def test_a_judge_is_the_one_of_torch(tmp_path, judge, side):
    written, kind, loaded, (judged, shown) = judge
    torch.set_num_threads(1)
    pixels = np.random.default_rng(5).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    pixels[1, side // 4 : side // 2] //= 8
    file = written(tmp_path, side)
    network = kind().eval()
    network.load_state_dict(load_file(file))
    with torch.no_grad():
        expected = network(normalised(torch.from_numpy(pixels)))
    found = loaded(file).run(pixels)
    assert found["judged"].shape == (2, judged)
    assert found["places"].shape == (2, shown, side // STRIDE, side // STRIDE)
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


@pytest.mark.parametrize(("judge", "other"), [(LIMBS, HANDS), (HANDS, LIMBS)])
def test_weights_of_the_other_judge_are_refused(tmp_path, judge, other):
    with pytest.raises(ModelCorrupt, match="this version's network"):
        judge[2](other[0](tmp_path, 64)).model()
