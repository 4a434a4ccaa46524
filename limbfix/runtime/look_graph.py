"""How does a hand look, and what does the body parser's trunk see in a crop, as ONNX? The same layers as in `limbfix.nets.digit_parser`."""

from __future__ import annotations

from collections.abc import Sequence

from limbfix.nets.hand_maps import CLOSE_LEVELS, MOVED_LEVELS
from limbfix.nets.move_table import LEVELS
from limbfix.runtime.body_graph import move_maps
from limbfix.runtime.graphs import GraphLayers, Tensors

APPEARANCE_OUTPUTS = ("appearance",)

CLOSE_OUTPUTS = ("close",)

FOOT_OUTPUTS = ("seen",)

_FINEST = 4
"""Stride of the trunk's first map; each further one is twice as coarse."""


def appearance_model(parser: Tensors, bodies: Tensors | None, side: int) -> bytes:
    """Returns the look of a hand as ONNX: from `pixels` uint8 (b, side, side, 3) to `appearance` (b, 1).

    Args:
        parser: state dict of `limbfix.nets.digit_parser.DigitParser`: the look's own trunk, `appearance` and `moved`.
        bodies: state dict of `limbfix.nets.body_parser.BodyParser`, on whose trunk's first stages `moved` lies; None leaves it out.
        side: px of the square crops, a multiple of 32.
    """
    own = {name: value for name, value in parser.items() if name.startswith(("looks.", "appearance.", "moved."))}
    layers = GraphLayers({**own, **_trunk_of(bodies or {})})
    graph, pixels = layers.graph, layers.pixels(side)
    look = layers.linear(layers.looks(pixels, side), "appearance")
    if bodies is None:
        graph.node("Identity", [look], name="appearance")
    else:
        seen = _pooled(layers, pixels, side, MOVED_LEVELS)
        graph.node("Add", [look, layers.linear(seen, "moved")], name="appearance")
    graph.output("appearance", ("b", 1))
    return graph.model()


def close_model(parser: Tensors, bodies: Tensors, side: int) -> bytes:
    """Returns what the body parser's trunk sees in a proposal's crop: from `pixels` uint8 (b, side, side, 3) to `close` (b, 1248).

    It is what the trunk's maps hold on the mean, and how far they spread (`limbfix.detectors.belief_model`).

    Args:
        parser: of the digit parser, in whose size the crops are cut; nothing of it is computed.
        bodies, side: as above.
    """
    return _seen_model(bodies, side, CLOSE_LEVELS, "close")


def foot_model(parser: Tensors, bodies: Tensors, side: int) -> bytes:
    """Returns what the same trunk sees in a foot's crop: from `pixels` uint8 (b, side, side, 3) to `seen` (b, 288), the beginning of `close`.

    Args:
        parser: of the digit parser, in whose size feet are cut too; nothing of it is computed.
        bodies, side: as above.
    """
    return _seen_model(bodies, side, MOVED_LEVELS, "seen")


def _trunk_of(bodies: Tensors) -> Tensors:
    # both state dicts have a trunk: the look's is the one of bodies
    return {name: value for name, value in bodies.items() if name.startswith("trunk.")}


def _pooled(layers: GraphLayers, pixels: str, side: int, levels: Sequence[int], name: str | None = None) -> str:
    """Writes mean and spread of some of the trunk's maps, side by side."""
    maps = move_maps(layers, pixels, levels[-1] + 1)
    moments = [part for k in levels for part in layers.moments(maps[k], side // (_FINEST << k))]
    return layers.graph.node("Concat", moments, axis=1, name=name)


def _seen_model(bodies: Tensors, side: int, levels: Sequence[int], name: str) -> bytes:
    layers = GraphLayers(_trunk_of(bodies))
    _pooled(layers, layers.pixels(side), side, levels, name)
    layers.graph.output(name, ("b", 2 * sum(LEVELS[k] for k in levels)))
    return layers.graph.model()
