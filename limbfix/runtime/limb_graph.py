"""What does the limb judge look like as ONNX? The same layers as in `limbfix.nets.part_judge`, written from their weights."""

from __future__ import annotations

import numpy as np

from limbfix.nets.limb_maps import JUDGED, PLACES, STRIDE
from limbfix.nets.lite_table import LITE0_JUDGES
from limbfix.runtime.graphs import GraphLayers, Tensors

LIMB_OUTPUTS = ("judged", "places")

_BLOCKS = 3
_EPSILON = 1e-5
"""Of torch's batch norms."""

_NEW_AXES = (0, len(JUDGED), -1)


def limb_model(tensors: Tensors, side: int) -> bytes:
    """Returns the limb judge as ONNX: from `pixels` uint8 (b, side, side, 3) to `judged` (b, 6) and `places` (b, 4, side / 8, side / 8), logits.

    Args:
        tensors: state dict of `limbfix.nets.limb_judge.LimbJudge`; what it counts is left out.
        side: px of the square crops, a multiple of 32.
    """
    layers = GraphLayers(tensors)
    graph = layers.graph
    maps = layers.trunk(layers.pixels(side), LITE0_JUDGES)
    halved = graph.node("AveragePool", [maps[0]], kernel_shape=(2, 2), strides=(2, 2))
    mixed = [_mixed(layers, level, f"lateral.{row}") for row, level in enumerate((halved, *maps[1:]))]
    near = graph.node("Add", [mixed[0], mixed[1]])
    for level, factor in zip(mixed[2:], (2, 4), strict=True):
        near = graph.node("Add", [near, layers.enlarged(level, factor)])
    near = _tower(layers, graph.node("Relu", [near]), "near")
    places = graph.node("Identity", [layers.conv(near, "places")], name="places")
    graph.output("places", ("b", len(PLACES), side // STRIDE, side // STRIDE))
    seen = [_halved(layers, near), _halved(layers, graph.node("Sigmoid", [places])), layers.enlarged(maps[3], 2)]
    far = graph.node("Relu", [_mixed(layers, graph.node("Concat", seen, axis=1), "join")])
    _judged(layers, _tower(layers, far, "far"), side)
    return graph.model()


def _judged(layers: GraphLayers, far: str, side: int) -> None:
    graph = layers.graph
    shape = graph.tensor(np.array(_NEW_AXES, np.int64))
    flat = [graph.node("Reshape", [layers.conv(far, name), shape]) for name in ("attention", "evidence")]
    share = graph.node("Softmax", [flat[0]], axis=-1)
    weighed = graph.node("ReduceMean", [graph.node("Mul", [share, flat[1]])], axes=(2,), keepdims=0)
    cells = graph.tensor(np.array((side // (2 * STRIDE)) ** 2, np.float32))
    pooled = [graph.node(how, [far], axes=(2, 3), keepdims=0) for how in ("ReduceMean", "ReduceMax")]
    whole = layers.linear(graph.node("Concat", pooled, axis=1), "whole")
    graph.node("Add", [graph.node("Mul", [weighed, cells]), whole], name="judged")
    graph.output("judged", ("b", len(JUDGED)))


def _mixed(layers: GraphLayers, x: str, name: str) -> str:
    return layers.conv(x, f"{name}.0", f"{name}.1", epsilon=_EPSILON)


def _halved(layers: GraphLayers, x: str) -> str:
    return layers.graph.node("MaxPool", [x], kernel_shape=(2, 2), strides=(2, 2))


def _tower(layers: GraphLayers, x: str, name: str) -> str:
    """Writes `limbfix.nets.part_judge.SeparableBlock`, as many as there are."""
    graph = layers.graph
    for block in range(_BLOCKS):
        inner = x
        for number, step in enumerate(("depthwise", "pointwise"), 1):
            place = f"{name}.{block}"
            inner = graph.node(
                "Relu", [layers.conv(inner, f"{place}.{step}", f"{place}.norm{number}", epsilon=_EPSILON)]
            )
        x = graph.node("Add", [x, inner])
    return x
