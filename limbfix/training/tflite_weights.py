"""Which weights does a published tflite network hold, layer by layer? Enough of the format to start a training from MediaPipe's networks.

The networks come from the bundles that `limbfix.weights` fetches (Apache-2.0). Read once, for training; nothing at run time does this.
Format: https://flatbuffers.dev/internals and tensorflow/lite/schema/schema.fbs; the slot numbers below are that schema's.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limbfix.errors import ModelCorrupt, ModelMissing

BUNDLE = "hand_landmarker.task"
FINDER, LANDMARKS = "hand_detector.tflite", "hand_landmarks_detector.tflite"
"""Networks of the bundle: palms in a picture, 21 keypoints of a hand."""

_KINDS = {3: "conv", 4: "depthwise", 6: "dequantise", 54: "prelu"}
_ELEMENTS = {0: "<f4", 1: "<f2"}
_OPERATOR_CODES, _SUBGRAPHS, _BUFFERS = 1, 2, 4
_TENSORS, _OPERATORS = 0, 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """A layer with weights.

    Attributes:
        kind: "conv", "depthwise" or "prelu".
        weight: float32; (out, in, k, k) of a convolution, (channels, 1, k, k) of a depthwise one, (channels,) of a PReLU.
        bias: float32 (out,), or None for a PReLU.
    """

    kind: str
    weight: np.ndarray
    bias: np.ndarray | None


def read_layers(bundle: Path, name: str) -> list[Layer]:
    """Returns the layers of a network of the bundle, in the order in which they are computed.

    Args:
        bundle: the `.task` file, a zip archive.
        name: of the network in it.

    Raises:
        ModelMissing: there is no such file.
        ModelCorrupt: it holds no such network.
    """
    if not bundle.is_file():
        raise ModelMissing(f"expected {bundle.name}, nothing at {bundle}; fetch it: python -m limbfix.weights pull")
    try:
        with zipfile.ZipFile(bundle) as archive:
            return list(_layers(_Reader(archive.read(name))))
    except (KeyError, zipfile.BadZipFile, struct.error, ValueError) as error:
        raise ModelCorrupt(f"expected {name} in {bundle}, got: {error}; python -m limbfix.weights pull") from error


class _Reader:
    """Follows references in a FlatBuffers file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def number(self, at: int, code: str) -> int:
        return struct.unpack_from("<" + code, self.data, at)[0]

    def follow(self, at: int) -> int:
        return at + self.number(at, "I")

    def field(self, table: int, slot: int) -> int | None:
        """Returns where a field of a table lies, or None if it has its default."""
        places = table - self.number(table, "i")
        if 4 + 2 * slot >= self.number(places, "H"):
            return None
        place = self.number(places + 4 + 2 * slot, "H")
        return table + place if place else None

    def tables(self, table: int, slot: int) -> list[int]:
        start = self.vector(table, slot)
        return [self.follow(start[0] + 4 * index) for index in range(start[1])]

    def vector(self, table: int, slot: int) -> tuple[int, int]:
        """Returns where the elements of a vector begin, and their number."""
        at = self.field(table, slot)
        if at is None:
            return 0, 0
        at = self.follow(at)
        return at + 4, self.number(at, "I")

    def numbers(self, table: int, slot: int) -> list[int]:
        start, count = self.vector(table, slot)
        return list(struct.unpack_from(f"<{count}i", self.data, start))

    def scalar(self, table: int, slot: int, code: str) -> int:
        at = self.field(table, slot)
        return 0 if at is None else self.number(at, code)


def _layers(file: _Reader):
    model = file.follow(0)
    codes = [max(file.scalar(t, 0, "b"), file.scalar(t, 3, "i")) for t in file.tables(model, _OPERATOR_CODES)]
    buffers = file.tables(model, _BUFFERS)
    (graph,) = file.tables(model, _SUBGRAPHS)
    tensors = file.tables(graph, _TENSORS)
    sources: dict[int, int] = {}
    for operator in file.tables(graph, _OPERATORS):
        kind = _KINDS.get(codes[file.scalar(operator, 0, "I")])
        inputs = file.numbers(operator, 1)
        if kind == "dequantise":
            sources[file.numbers(operator, 2)[0]] = inputs[0]
        elif kind:
            constants = [_constant(file, tensors[sources.get(index, index)], buffers) for index in inputs[1:]]
            yield _layer(kind, constants)


def _constant(file: _Reader, tensor: int, buffers: list[int]) -> np.ndarray:
    start, size = file.vector(buffers[file.scalar(tensor, 2, "I")], 0)
    element = np.dtype(_ELEMENTS[file.scalar(tensor, 1, "b")])
    values = np.frombuffer(file.data, element, size // element.itemsize, start)
    return values.reshape(file.numbers(tensor, 0)).astype(np.float32)


def _layer(kind: str, constants: list[np.ndarray]) -> Layer:
    weight = constants[0]
    if kind == "prelu":
        return Layer(kind=kind, weight=weight.reshape(-1), bias=None)
    order = (0, 3, 1, 2) if kind == "conv" else (3, 0, 1, 2)
    return Layer(kind=kind, weight=np.ascontiguousarray(weight.transpose(order)), bias=constants[1])
