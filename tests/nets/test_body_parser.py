"""The body parser begins with what the published network knows, and every published layer finds its place."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from limbfix.nets.body_maps import ENDS, JOINTS, OUTPUTS, PUBLISHED  # noqa: E402
from limbfix.nets.body_parser import BodyParser, begin_heat  # noqa: E402
from limbfix.nets.move_table import HEAT, POINTS  # noqa: E402
from limbfix.nets.move_trunk import _HEAT, MoveTrunk, _modules, load_move  # noqa: E402

HEAT_WEIGHT, HEAT_BIAS = (f"{_HEAT}/conv2d_7/{part}/ReadVariableOp" for part in ("Conv2D", "BiasAdd"))


def published(seed: int = 3) -> dict[str, np.ndarray]:
    """Returns random layers under the published names, axes in TensorFlow's order."""
    rng = np.random.default_rng(seed)
    given = {}
    for module, (weight, bias) in _modules(MoveTrunk()):
        values = rng.normal(0, 0.05, module.weight.shape).astype(np.float32)
        given[weight] = values.transpose((2, 3, 0, 1) if module.groups > 1 else (2, 3, 1, 0))
        if bias:
            given[bias] = rng.normal(0, 0.05, module.weight.shape[0]).astype(np.float32)
    given[HEAT_WEIGHT] = rng.normal(0, 0.05, (1, 1, HEAT, POINTS)).astype(np.float32)
    given[HEAT_BIAS] = rng.normal(0, 0.05, POINTS).astype(np.float32)
    return given


def test_every_layer_finds_its_place():
    trunk, given = MoveTrunk(), published()
    weight, bias = load_move(trunk, given)
    np.testing.assert_array_equal(weight, given[HEAT_WEIGHT].transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(bias, given[HEAT_BIAS])
    names = dict(_modules(trunk))
    assert len({name for pair in names.values() for name in pair if name}) == len(given) - 2
    assert {id(one) for one in trunk.modules() if isinstance(one, torch.nn.Conv2d)} == {id(one) for one in names}
    for layer, order in ((trunk.stem, (3, 2, 0, 1)), (trunk.stages[0][0].depthwise, (2, 3, 0, 1))):
        np.testing.assert_array_equal(layer.weight.detach(), given[names[layer][0]].transpose(order))
        np.testing.assert_array_equal(layer.bias.detach(), given[names[layer][1]])


@pytest.mark.parametrize("broken", ["missing", "heat"])
def test_layers_of_another_network_are_refused(broken):
    given = published()
    if broken == "missing":
        del given[next(iter(given))]
    else:
        given[HEAT_WEIGHT] = given[HEAT_WEIGHT][..., :-1]
    with pytest.raises(ValueError, match="another MoveNet"):
        load_move(MoveTrunk(), given)


def test_the_heat_begins_with_the_larger_of_both_sides_and_the_points_are_the_published_ones():
    network = BodyParser().eval()
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(POINTS, HEAT, 1, 1)).astype(np.float32)
    bias = rng.normal(size=POINTS).astype(np.float32)
    begin_heat(network, weight, bias)
    with torch.no_grad():
        x = torch.randn(1, 3, 64, 64)
        found = network(x)
        joined = network.trunk(x)[0]
        points = torch.nn.functional.conv2d(joined, torch.from_numpy(weight), torch.from_numpy(bias))[0].numpy()
    np.testing.assert_allclose(found.points[0].numpy(), points, rtol=1e-4, atol=1e-4)
    for name, (left, right) in PUBLISHED.items():
        heat = found.heatmaps[0, JOINTS.index(name)].numpy()
        np.testing.assert_allclose(heat, np.maximum(points[left], points[right]), rtol=1e-4, atol=1e-4, err_msg=name)
    assert found.heatmaps[0, JOINTS.index("neck")].max() < -4


def test_training_cannot_move_a_known_joint_far():
    network = BodyParser().eval()
    begin_heat(network, np.zeros((POINTS, HEAT, 1, 1), np.float32), np.zeros(POINTS, np.float32))
    network.dense.bias.data[: len(JOINTS)] = 100.0
    with torch.no_grad():
        heat = network(torch.zeros(1, 3, 32, 32)).heatmaps[0]
    assert heat[JOINTS.index("knee")].max() == pytest.approx(1.5, abs=1e-3)
    assert heat[JOINTS.index("head")].max() > 10


def test_the_maps_are_those_that_were_agreed_on():
    network = BodyParser().eval()
    with torch.no_grad():
        output = network(torch.zeros(1, 3, 64, 96))
    for name, channels in (*OUTPUTS, ("points", POINTS)):
        assert getattr(output, name).shape == (1, channels, 16, 24), name
    assert output.ends.sigmoid().max() < 0.1 and len(ENDS) == 3
