"""The body parser begins with what the published network knows, and its trunk is that network's to rounding."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from limbfix.model_files import model_folder  # noqa: E402
from limbfix.nets.body_maps import ENDS, JOINTS, OUTPUTS  # noqa: E402
from limbfix.nets.body_parser import PUBLISHED, BodyParser, begin_heat  # noqa: E402
from limbfix.nets.pose_table import JOINED, POINTS  # noqa: E402
from limbfix.nets.pose_trunk import PoseTrunk, _modules, load_pose  # noqa: E402
from limbfix.training.tflite_weights import POSE, POSE_BUNDLE, read_layers  # noqa: E402


def published(seed: int = 3) -> list[tuple[str, np.ndarray, np.ndarray | None]]:
    """Returns random layers as the published network holds them, those of its mask and its heatmaps among them."""
    rng = np.random.default_rng(seed)
    shapes = [tuple(module.weight.shape) if module else (8, 1, 3, 3) for module in _modules(PoseTrunk())]
    shapes += [(48, 1, 3, 3), (POINTS, JOINED, 1, 1)]
    return [
        ("conv", rng.normal(0, 0.05, s).astype(np.float32), rng.normal(0, 0.05, s[0]).astype(np.float32))
        for s in shapes
    ]


@pytest.mark.models
def test_the_trunk_is_the_published_network(tmp_path):
    cv2 = pytest.importorskip("cv2")
    bundle = model_folder() / POSE_BUNDLE
    if not bundle.is_file():
        pytest.skip(f"no {POSE_BUNDLE} on this machine: python -m limbfix.weights pull")
    if not hasattr(cv2.dnn, "readNetFromTFLite"):
        pytest.skip("this OpenCV reads no tflite")
    trunk = PoseTrunk().eval()
    weight, bias = load_pose(trunk, [(e.kind, e.weight, e.bias) for e in read_layers(bundle, POSE)])
    with zipfile.ZipFile(bundle) as archive:
        network = cv2.dnn.readNetFromTFLite(archive.extract(POSE, tmp_path), cv2.dnn.ENGINE_CLASSIC)
    picture = np.random.default_rng(0).random((1, 3, 256, 256), dtype=np.float32)
    network.setInput(picture)
    theirs = network.forward("Identity_3")
    with torch.no_grad():
        joined, _ = trunk(torch.from_numpy(2 * picture - 1))
        ours = torch.nn.functional.conv2d(joined, torch.from_numpy(weight), torch.from_numpy(bias)).numpy()
    assert theirs.shape == (1, POINTS, 64, 64) and np.ptp(theirs) > 5
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_every_layer_finds_its_place_and_the_mask_is_left_out():
    trunk, layers = PoseTrunk(), published()
    weight, bias = load_pose(trunk, layers)
    np.testing.assert_array_equal(weight, layers[-1][1])
    np.testing.assert_array_equal(bias, layers[-1][2])
    np.testing.assert_array_equal(trunk.last[3].weight.detach(), layers[-3][1])
    np.testing.assert_array_equal(trunk.stages[0][0].depthwise.weight.detach(), layers[6][1])


def test_layers_of_another_network_are_refused():
    layers = published()
    with pytest.raises(ValueError, match="another pose network"):
        load_pose(PoseTrunk(), [layers[1], *layers[1:]])
    with pytest.raises(ValueError, match="another pose network"):
        load_pose(PoseTrunk(), layers[:-1])


def test_the_heat_begins_with_the_larger_of_both_sides():
    network = BodyParser().eval()
    rng = np.random.default_rng(1)
    weight, bias = (
        rng.normal(size=(POINTS, JOINED, 1, 1)).astype(np.float32),
        rng.normal(size=POINTS).astype(np.float32),
    )
    begin_heat(network, weight, bias)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        heat = network(x).heatmaps[0].numpy()
        joined = network.trunk(x)[0]
        points = torch.nn.functional.conv2d(joined, torch.from_numpy(weight), torch.from_numpy(bias))[0].numpy()
    left, right = PUBLISHED["ankle"]
    np.testing.assert_allclose(
        heat[JOINTS.index("ankle")], np.maximum(points[left[0]], points[right[0]]), rtol=1e-4, atol=1e-4
    )
    assert heat[JOINTS.index("neck")].max() < -4


def test_the_maps_are_those_that_were_agreed_on():
    network = BodyParser().eval()
    with torch.no_grad():
        output = network(torch.zeros(1, 3, 64, 96))
    for name, channels in OUTPUTS:
        assert getattr(output, name).shape == (1, channels, 16, 24), name
    assert output.ends.sigmoid().max() < 0.1 and len(ENDS) == 3
    assert sum(parameter.numel() for parameter in network.parameters()) * 2 < 5e6  # bytes in half precision
