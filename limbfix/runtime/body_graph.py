"""What does the body parser look like as ONNX? The same layers as in `limbfix.nets.body_parser`, written from their weights."""

from __future__ import annotations

import numpy as np

from limbfix.nets.body_maps import OUTPUTS, SIDES, heat_bounds
from limbfix.nets.move_table import LEVELS, POINTS, STAGES, UP
from limbfix.runtime.graphs import GraphLayers, Tensors

STAGE_OUTPUTS = ("fine", "stage_8", "stage_16", "stage_32")
"""Maps of the trunk: the one at stride 4 that all published heads read, and those of its stages at strides 8, 16 and 32."""

STAGE_CHANNELS = (UP[-1][1], *LEVELS[1:])

BODY_OUTPUTS = (*(name for name, _ in OUTPUTS), "points", "centres", "reaches", *STAGE_OUTPUTS)


def body_model(tensors: Tensors) -> bytes:
    """Returns the body parser as ONNX: from `pixels` uint8 (b, h, w, 3), sides multiples of 32, to `BODY_OUTPUTS`, mostly at a quarter of the size.

    Args:
        tensors: state dict of `limbfix.nets.body_parser.BodyParser`.
    """
    layers = GraphLayers(tensors)
    graph = layers.graph
    published, maps = _move_trunk(layers, layers.pixels("side"))
    for name, channels, stage in zip(STAGE_OUTPUTS, STAGE_CHANNELS, (published, *maps[1:]), strict=True):
        graph.node("Identity", [stage], name=name)
        graph.output(name, ("b", channels, f"{name}_h", f"{name}_w"))
    joined = _separable(layers, published, "trunk.heat")
    fine = graph.node("Concat", [layers.pyramid(maps), joined], axis=1)
    fine = graph.node("Relu", [layers.conv(fine, "join")])
    fine = layers.smooth(layers.smooth(fine, "refine.0"), "refine.1")
    dense, known = layers.conv(fine, "dense"), layers.conv(joined, "known")
    chosen = (graph.tensor(np.array(side, np.int64)) for side in SIDES)
    left, right = (graph.node("Gather", [known, indices], axis=1) for indices in chosen)
    _cut(layers, known, 0, POINTS, "points")
    graph.output("points", ("b", POINTS, "cells_h", "cells_w"))
    for block, last, channels in (("centre", "centres", 1), ("reach", "reaches", 2 * POINTS)):
        read = layers.conv(_separable(layers, published, f"guiding.{block}"), f"guiding.{last}")
        graph.node("Identity", [read], name=last)
        graph.output(last, ("b", channels, "cells_h", "cells_w"))
    start = 0
    for name, channels in OUTPUTS:
        if start == 0:
            most = graph.tensor(heat_bounds())
            bent = graph.node("Tanh", [graph.node("Div", [_cut(layers, dense, start, channels), most])])
            graph.node("Add", [graph.node("Max", [left, right]), graph.node("Mul", [bent, most])], name=name)
        else:
            _cut(layers, dense, start, channels, name)
        graph.output(name, ("b", channels, "cells_h", "cells_w"))
        start += channels
    return graph.model()


def _cut(layers: GraphLayers, x: str, start: int, channels: int, name: str | None = None) -> str:
    bounds = [layers.graph.tensor(np.array([value], np.int64)) for value in (start, start + channels, 1)]
    return layers.graph.node("Slice", [x, *bounds], name=name)


def _move_trunk(layers: GraphLayers, x: str, name: str = "trunk") -> tuple[str, list[str]]:
    """Writes `limbfix.nets.move_trunk.MoveTrunk.climb`; returns the map that all published heads read, and those of its stages."""
    graph = layers.graph
    maps = move_maps(layers, x, len(STAGES), name)
    x = layers.conv(layers.relu6(layers.conv(maps[-1], f"{name}.last")), f"{name}.top")
    for step, level in enumerate(maps[-2::-1]):
        x = graph.node("Add", [layers.twice(x), layers.conv(level, f"{name}.sides.{step}")])
        x = _separable(layers, x, f"{name}.ups.{step}")
    return x, maps


def move_maps(layers: GraphLayers, x: str, stages: int, name: str = "trunk") -> list[str]:
    """Writes `limbfix.nets.move_trunk.MoveTrunk.maps`: the first stages, at strides 4, 8, ..."""
    x = layers.relu6(layers.conv(x, f"{name}.stem", stride=2))
    x = layers.conv(layers.relu6(layers.conv(x, f"{name}.depthwise")), f"{name}.pointwise")
    maps, before = [], 0
    for number, rows in enumerate(STAGES[:stages]):
        for block, (channels, stride) in enumerate(rows):
            place = f"{name}.stages.{number}.{block}"
            inner = layers.relu6(layers.conv(x, f"{place}.expand"))
            inner = layers.relu6(layers.conv(inner, f"{place}.depthwise", stride=stride))
            inner = layers.conv(inner, f"{place}.project")
            x = layers.graph.node("Add", [x, inner]) if stride == 1 and channels == before else inner
            before = channels
        maps.append(x)
    return maps


def _separable(layers: GraphLayers, x: str, name: str) -> str:
    inner = layers.conv(layers.conv(x, f"{name}.depthwise"), f"{name}.pointwise")
    return layers.graph.node("Relu", [inner])
