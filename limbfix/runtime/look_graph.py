"""What does the body parser's trunk see in a hand's crop, as ONNX? The same layers as `limbfix.nets.digit_parser.moved_look` and `moved`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from limbfix.nets.hand_maps import CLOSE_LEVELS, MOVED_LEVELS
from limbfix.nets.move_table import LEVELS
from limbfix.runtime.body_graph import move_maps
from limbfix.runtime.graphs import GraphLayers, Tensors

LOOK_OUTPUTS = ("moved", "close")

FOOT_OUTPUTS = ("seen",)

_FINEST = 4
"""Stride of the trunk's first map; each further one is twice as coarse."""


def look_model(parser: Tensors, bodies: Tensors, side: int) -> bytes:
    """Returns the second part of a hand's look as ONNX: from `pixels` uint8 (b, side, side, 3) to `moved` (b, 1), and `close` (b, 1248).

    `moved` is to be added to the appearance; `close` is what the trunk's maps hold on the mean, and how far they spread.

    Args:
        parser: state dict of `limbfix.nets.digit_parser.DigitParser`, of which `moved` is taken.
        bodies: state dict of `limbfix.nets.body_parser.BodyParser`, of which the trunk's first stages are taken.
        side: px of the parser's square crops, a multiple of 32.
    """
    layers = GraphLayers(
        {**_trunk_of(bodies), **{name: value for name, value in parser.items() if name.startswith("moved.")}}
    )
    graph = layers.graph
    moments = _moments(layers, side, CLOSE_LEVELS)
    look = graph.node("Concat", [part for k in MOVED_LEVELS for part in moments[k]], axis=1)
    graph.node("Identity", [layers.linear(look, "moved")], name="moved")
    graph.output("moved", ("b", 1))
    _write_moments(layers, moments, "close")
    return graph.model()


def foot_model(parser: Tensors, bodies: Tensors, side: int) -> bytes:
    """Returns what the same trunk sees in a foot's crop: from `pixels` uint8 (b, side, side, 3) to `seen` (b, 288), the beginning of `close`.

    Args:
        parser: of the digit parser, in whose size feet are cut too; nothing of it is computed.
        bodies, side: as above.
    """
    layers = GraphLayers(_trunk_of(bodies))
    _write_moments(layers, _moments(layers, side, MOVED_LEVELS), "seen")
    return layers.graph.model()


def _trunk_of(bodies: Tensors) -> Tensors:
    # both state dicts have a trunk: the look's is the one of bodies
    return {name: value for name, value in bodies.items() if name.startswith("trunk.")}


def _moments(layers: GraphLayers, side: int, levels: Sequence[int]) -> dict[int, tuple[str, str]]:
    maps = move_maps(layers, layers.pixels(side), levels[-1] + 1)
    return {k: layers.moments(maps[k], side // (_FINEST << k)) for k in levels}


def _write_moments(layers: GraphLayers, moments: Mapping[int, tuple[str, str]], name: str) -> None:
    layers.graph.node("Concat", [part for pair in moments.values() for part in pair], axis=1, name=name)
    layers.graph.output(name, ("b", 2 * sum(LEVELS[k] for k in moments)))
