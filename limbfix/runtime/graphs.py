"""What do our networks look like as ONNX? The same layers as in `limbfix.nets`, written from their weights.

Batch norms are folded into the convolution before them. The input is uint8 pixels, so that normalisation is part of the graph; its
sides are multiples of 32, at which every uneven padding of the trunk is the same. A test holds both descriptions equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from limbfix.nets.hand_maps import APPEARANCE_LEVELS, centre_weights
from limbfix.nets.lite_table import HAND, LITE0_LOOKS, MEAN, PYRAMID_EPSILON, STD, TRUNK_EPSILON, TrunkTable
from limbfix.nets.palm_table import BLOCKS, DOWN, UP, UP_BLOCKS
from limbfix.runtime.onnx_writer import OnnxGraph

Tensors = Mapping[str, np.ndarray]

PARSER_OUTPUTS = ("heatmaps", "fields", "parts", "judged")
PARSER_CHANNELS = (5, 8, 11)
"""Of the dense maps, in order."""

PRESENCE_OUTPUTS = ("presence",)

FINDER_OUTPUTS = ("maps",)


class GraphLayers:
    """Writes layers by their names in a state dict."""

    def __init__(self, tensors: Tensors) -> None:
        self.graph = OnnxGraph()
        self._tensors = tensors

    def weight(self, name: str) -> np.ndarray:
        """Returns a tensor of the state dict in float32."""
        return np.asarray(self._tensors[name], np.float32)

    def conv(
        self,
        x: str,
        name: str,
        norm: str | None = None,
        *,
        stride: int = 1,
        epsilon: float = 0.0,
        pad: int | None = None,
    ) -> str:
        """Writes a convolution and, if named, the batch norm after it; `pad` cells on every side, TensorFlow's `same` padding by default."""
        weight = self.weight(f"{name}.weight").astype(np.float64)
        bias = self._tensors.get(f"{name}.bias")
        shift = np.zeros(len(weight)) if bias is None else np.asarray(bias, np.float64)
        if norm is not None:
            factor = self.weight(f"{norm}.weight") / np.sqrt(self.weight(f"{norm}.running_var").astype(float) + epsilon)
            weight = weight * factor[:, None, None, None]
            shift = (shift - self.weight(f"{norm}.running_mean")) * factor + self.weight(f"{norm}.bias")
        kernel = weight.shape[2]
        before, after = ((kernel - 1) // 2,) * 2 if stride == 1 else ((kernel - 2) // 2, (kernel - 1) // 2)
        before, after = (before, after) if pad is None else (pad, pad)
        inputs = [x, self.graph.tensor(weight.astype(np.float32)), self.graph.tensor(shift.astype(np.float32))]
        # a depthwise filter has one input channel; nothing here has groups otherwise
        depthwise = weight.shape[1] == 1 and weight.shape[0] > 1
        return self.graph.node(
            "Conv", inputs, kernel_shape=(kernel, kernel), strides=(stride, stride),
            pads=(before, before, after, after), group=len(weight) if depthwise else 1,
        )  # fmt: skip

    def relu6(self, x: str) -> str:
        """Writes a cut at 0 and 6."""
        limits = [self.graph.tensor(np.array(value, np.float32)) for value in (0.0, 6.0)]
        return self.graph.node("Clip", [x, *limits])

    def smooth(self, x: str, name: str) -> str:
        """Writes `limbfix.nets.pyramid.smooth_block`."""
        x = self.conv(x, f"{name}.0")
        return self.graph.node("Relu", [self.conv(x, f"{name}.1", f"{name}.2", epsilon=PYRAMID_EPSILON)])

    def pixels(self, side: int | str) -> str:
        """Declares the input `pixels`, uint8 (b, h, w, 3), and returns them normalised, (b, 3, h, w)."""
        height, width = (side, side) if isinstance(side, int) else (f"{side}_h", f"{side}_w")
        x = self.graph.input("pixels", "uint8", ("b", height, width, 3))
        x = self.graph.node("Cast", [x], to=1)
        x = self.graph.node("Transpose", [x], perm=(0, 3, 1, 2))
        scale, shift = (np.array(value, np.float32) for value in (1 / (255 * STD), MEAN / STD))
        return self.graph.node("Sub", [self.graph.node("Mul", [x, self.graph.tensor(scale)]), self.graph.tensor(shift)])

    def twice(self, x: str) -> str:
        """Writes a map of twice the size, blended between its cells."""
        return self.enlarged(x, 2)

    def enlarged(self, x: str, factor: int) -> str:
        """Writes a map of so many times the size, blended between its cells."""
        scales = self.graph.tensor(np.array([1, 1, factor, factor], np.float32))
        return self.graph.node("Resize", [x, "", scales], mode="linear", coordinate_transformation_mode="half_pixel")

    def trunk(self, x: str, table: TrunkTable, name: str = "trunk") -> list[str]:
        """Writes a trunk; returns the maps of its levels."""
        x = self.relu6(self.conv(x, f"{name}.stem", f"{name}.norm", stride=2, epsilon=TRUNK_EPSILON))
        maps = []
        for index, (_, stride, expansions, _) in enumerate(table.stages):
            for block, expansion in enumerate(expansions):
                place = f"{name}.stages.{index}.{block}"
                x = self.block(x, place, expansion, stride if block == 0 else 1, residual=block > 0)
            if index in {stage for stage, _, _ in table.levels}:
                maps.append(x)
        return maps

    def block(self, x: str, name: str, expansion: int, stride: int, *, residual: bool) -> str:
        """Writes one block of the trunk."""
        steps = ["depthwise", "project"] if expansion == 1 else ["expand", "depthwise", "project"]
        inner = x
        for number, step in enumerate(steps, 1):
            step_stride = stride if step == "depthwise" else 1
            inner = self.conv(
                inner, f"{name}.{step}", f"{name}.norm{number}", stride=step_stride, epsilon=TRUNK_EPSILON
            )
            if step != "project":
                inner = self.relu6(inner)
        return self.graph.node("Add", [x, inner]) if residual else inner

    def pyramid(self, maps: Sequence[str], name: str = "pyramid") -> str:
        """Writes the pyramid; returns its finest map."""
        above = ""
        for index in reversed(range(len(maps))):
            here = self.conv(maps[index], f"{name}.lateral.{index}")
            if above:
                here = self.graph.node("Add", [here, self.doubled(above)])
            above = self.smooth(here, f"{name}.smooth.{index}")
        return above

    def doubled(self, x: str) -> str:
        """Writes a repetition of every cell, twice along both axes."""
        scales = self.graph.tensor(np.array([1, 1, 2, 2], np.float32))
        return self.graph.node(
            "Resize", [x, "", scales], mode="nearest",
            nearest_mode="floor", coordinate_transformation_mode="asymmetric",
        )  # fmt: skip

    def moments(self, x: str, cells: int) -> tuple[str, str]:
        """Writes `limbfix.nets.digit_parser.pooled` of one map: weighted mean and spread of every channel."""
        # times the number of cells, so that a mean is the weighted sum; one mean keeps its axes for the difference
        weights = self.graph.tensor(centre_weights(cells)[None, None] * np.float32(cells * cells))
        weighted = self.graph.node("Mul", [x, weights])
        gap = self.graph.node("Sub", [x, self.graph.node("ReduceMean", [weighted], axes=(2, 3), keepdims=1)])
        squares = self.graph.node("Mul", [self.graph.node("Mul", [gap, gap]), weights])
        variance = self.graph.node("ReduceMean", [squares], axes=(2, 3), keepdims=0)
        return self.graph.node("ReduceMean", [weighted], axes=(2, 3), keepdims=0), self.graph.node("Sqrt", [variance])

    def looks(self, pixels: str, side: int) -> str:
        """Writes `limbfix.nets.digit_parser.DigitParser.look`."""
        maps = self.trunk(pixels, LITE0_LOOKS, "looks")
        moments = [part for k in APPEARANCE_LEVELS for part in self.moments(maps[k], side // LITE0_LOOKS.levels[k][1])]
        return self.graph.node("Concat", moments, axis=1)

    def linear(self, x: str, name: str, **attributes: str) -> str:
        """Writes a fully connected layer."""
        weights = [self.graph.tensor(self.weight(f"{name}.{part}")) for part in ("weight", "bias")]
        return self.graph.node("Gemm", [x, *weights], transB=1, **attributes)


def parser_model(tensors: Tensors, side: int) -> bytes:
    """Returns the digit parser as ONNX.

    Args:
        tensors: state dict of `limbfix.nets.digit_parser.DigitParser`.
        side: px of its square crops, a multiple of 32.

    Returns:
        A model from `pixels` uint8 (b, side, side, 3) to `PARSER_OUTPUTS`: maps at a quarter of the size, and the appearance
        head's logits (b, 26): judgements, then the two counts. Presence and look are other models (`presence_model`,
        `limbfix.runtime.look_graph`), for they are asked in other crops.
    """
    layers = GraphLayers(tensors)
    graph = layers.graph
    pixels = layers.pixels(side)
    maps = layers.trunk(pixels, HAND)
    fine = layers.smooth(layers.smooth(layers.pyramid(maps), "refine.0"), "refine.1")
    dense = layers.conv(fine, "dense")
    cells = side // HAND.levels[0][1]
    start = 0
    for name, channels in zip(PARSER_OUTPUTS, PARSER_CHANNELS, strict=False):
        bounds = [graph.tensor(np.array([value], np.int64)) for value in (start, start + channels, 1)]
        graph.node("Slice", [dense, *bounds], name=name)
        graph.output(name, ("b", channels, cells, cells))
        start += channels
    axes = {"axes": (2, 3), "keepdims": 0}
    seen = [
        graph.node("ReduceMean", [maps[-1]], **axes),
        graph.node("ReduceMean", [fine], **axes),
        graph.node("ReduceMax", [fine], **axes),
    ]
    hidden = graph.node("Relu", [layers.linear(graph.node("Concat", seen, axis=1), "judge.0")])
    graph.node("Identity", [layers.linear(hidden, "judge.3")], name="judged")
    graph.output("judged", ("b", len(layers.weight("judge.3.bias"))))
    return graph.model()


def presence_model(tensors: Tensors, side: int) -> bytes:
    """Returns what says whether a crop shows a hand at all, as ONNX: from `pixels` uint8 (b, side, side, 3) to `presence` (b, 1); arguments as above."""
    layers = GraphLayers(tensors)
    graph, pixels = layers.graph, layers.pixels(side)
    looks, maps = layers.looks(pixels, side), layers.trunk(pixels, HAND)
    coarse = layers.moments(maps[-1], side // HAND.levels[-1][1])
    seen = graph.node("Concat", [looks, *coarse], axis=1)
    graph.node("Identity", [layers.linear(seen, "presence")], name="presence")
    graph.output("presence", ("b", 1))
    return graph.model()


def finder_model(tensors: Tensors) -> bytes:
    """Returns the hand finder as ONNX: from `pixels` uint8 (b, h, w, 3), sides multiples of 32, to `maps` (b, 5, h / 8, w / 8).

    Args:
        tensors: state dict of `limbfix.nets.hand_finder.HandFinder`.
    """
    layers = GraphLayers(tensors)
    fine = _palm_trunk(layers, layers.pixels("side"))
    heads = []
    for tower, head in (("centre_tower", "centres"), ("box_tower", "reaches")):
        x = layers.smooth(layers.smooth(fine, f"{tower}.0"), f"{tower}.1")
        heads.append(layers.conv(x, head))
    layers.graph.node("Concat", heads, name="maps", axis=1)
    layers.graph.output("maps", ("b", 5, "cells_h", "cells_w"))
    return layers.graph.model()


def _palm_trunk(layers: GraphLayers, x: str, name: str = "trunk") -> str:
    """Writes `limbfix.nets.palm_trunk.PalmTrunk`; returns its map at stride 8."""
    x = _prelu(layers, layers.conv(x, f"{name}.stem", stride=2), f"{name}.prelu")
    maps = []
    for index, (stride, _) in enumerate(DOWN):
        blocks = BLOCKS + (stride > 1)
        for block in range(blocks):
            x = _palm_block(layers, x, f"{name}.down.{index}.{block}", stride if block == 0 else 1)
        maps.append(x)
    for index, (beside, _) in enumerate(UP):
        place = f"{name}.up.{index}"
        joined = _prelu(layers, layers.conv(layers.twice(x), f"{place}.join.0"), f"{place}.join.1")
        x = layers.graph.node("Add", [maps[beside], joined])
        for block in range(UP_BLOCKS):
            x = _palm_block(layers, x, f"{place}.blocks.{block}", 1)
    return x


def _palm_block(layers: GraphLayers, x: str, name: str, stride: int) -> str:
    graph = layers.graph
    inner = layers.conv(layers.conv(x, f"{name}.depthwise", stride=stride), f"{name}.pointwise")
    if stride == 2:
        x = graph.node("MaxPool", [x], kernel_shape=(2, 2), strides=(2, 2))
    before, after = layers.weight(f"{name}.pointwise.weight").shape[1::-1]
    if after > before:
        x = graph.node("Pad", [x, graph.tensor(np.array([0, 0, 0, 0, 0, after - before, 0, 0], np.int64))])
    return _prelu(layers, graph.node("Add", [inner, x]), f"{name}.prelu")


def _prelu(layers: GraphLayers, x: str, name: str) -> str:
    slopes = layers.graph.tensor(layers.weight(f"{name}.weight")[:, None, None])
    return layers.graph.node("PRelu", [x, slopes])
