"""What does the body parser's trunk add to a hand's look, as ONNX? The same layers as `limbfix.nets.digit_parser.moved_look` and `moved`."""

from __future__ import annotations

from limbfix.nets.hand_maps import MOVED_LEVELS
from limbfix.runtime.body_graph import move_maps
from limbfix.runtime.graphs import GraphLayers, Tensors

LOOK_OUTPUTS = ("moved",)

_FINEST = 4
"""Stride of the trunk's first map; each further one is twice as coarse."""


def look_model(parser: Tensors, bodies: Tensors, side: int) -> bytes:
    """Returns the second part of a hand's look as ONNX: from `pixels` uint8 (b, side, side, 3) to `moved` (b, 1).

    Args:
        parser: state dict of `limbfix.nets.digit_parser.DigitParser`, of which `moved` is taken.
        bodies: state dict of `limbfix.nets.body_parser.BodyParser`, of which the trunk's first stages are taken.
        side: px of the parser's square crops, a multiple of 32.
    """
    # both state dicts have a trunk: the look's is the one of bodies
    chosen = {name: value for name, value in bodies.items() if name.startswith("trunk.")}
    layers = GraphLayers(chosen | {name: value for name, value in parser.items() if name.startswith("moved.")})
    graph = layers.graph
    maps = move_maps(layers, layers.pixels(side), MOVED_LEVELS[-1] + 1)
    moments = [part for k in MOVED_LEVELS for part in layers.moments(maps[k], side // (_FINEST << k))]
    graph.node("Identity", [layers.linear(graph.node("Concat", moments, axis=1), "moved")], name="moved")
    graph.output("moved", ("b", 1))
    return graph.model()
