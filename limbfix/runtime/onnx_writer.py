"""How is a network written as ONNX? Nodes and tensors into the bytes of a model, without the `onnx` package.

Only what the hand networks need. ONNX is a protocol buffer; the field numbers are those of `onnx.proto3`. The bytes depend on nothing
but the calls, so that one file of weights gives one model everywhere.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

OPSET = 17
"""Version of the operators; read by every ONNX Runtime since 1.12 (2022)."""

IR_VERSION = 8
"""Version of the file format that goes with `OPSET`."""

_ELEMENT = {"float32": 1, "uint8": 2, "int64": 7}

Attribute = int | float | str | Sequence[int]


class OnnxGraph:
    """A graph under construction; every method that adds a node returns the name of its output."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._tensors: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._names = 0

    def input(self, name: str, element: str, shape: Sequence[int | str]) -> str:
        """Declares an input; a dimension that may vary is given by name."""
        self._inputs.append(_value_info(name, element, shape))
        return name

    def output(self, name: str, shape: Sequence[int | str]) -> None:
        """Declares a float32 output."""
        self._outputs.append(_value_info(name, "float32", shape))

    def tensor(self, values: np.ndarray) -> str:
        """Adds a constant: float32 or int64."""
        name = self._fresh()
        array = np.ascontiguousarray(values)
        dims = b"".join(_number(1, size) for size in array.shape)
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        head = dims + _number(2, _ELEMENT[array.dtype.name]) + _bytes(8, name.encode())
        self._tensors.append(head + _bytes(9, little.tobytes()))
        return name

    def node(self, operator: str, inputs: Sequence[str], *, name: str | None = None, **attributes: Attribute) -> str:
        """Adds an operator with one output, called `name` or by number."""
        output = name or self._fresh()
        parts = [_bytes(1, each.encode()) for each in inputs]
        parts += [_bytes(2, output.encode()), _bytes(3, output.encode()), _bytes(4, operator.encode())]
        parts += [_bytes(5, _attribute(key, value)) for key, value in attributes.items()]
        self._nodes.append(b"".join(parts))
        return output

    def model(self) -> bytes:
        """Returns the model's bytes."""
        graph = b"".join(_bytes(1, node) for node in self._nodes) + _bytes(2, b"limbfix")
        graph += b"".join(_bytes(5, tensor) for tensor in self._tensors)
        graph += b"".join(_bytes(11, value) for value in self._inputs)
        graph += b"".join(_bytes(12, value) for value in self._outputs)
        opset = _bytes(1, b"") + _number(2, OPSET)
        return _number(1, IR_VERSION) + _bytes(2, b"limbfix") + _bytes(7, graph) + _bytes(8, opset)

    def _fresh(self) -> str:
        self._names += 1
        return f"n{self._names}"


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF  # negative numbers are written as unsigned 64-bit ones
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _attribute(key: str, value: Attribute) -> bytes:
    head = _bytes(1, key.encode())
    if isinstance(value, str):
        return head + _bytes(4, value.encode()) + _number(20, 3)
    if isinstance(value, float):
        return head + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, int):
        return head + _number(3, value) + _number(20, 2)
    return head + b"".join(_number(8, each) for each in value) + _number(20, 7)


def _value_info(name: str, element: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(
        _bytes(1, _bytes(2, size.encode()) if isinstance(size, str) else _number(1, size)) for size in shape
    )
    tensor_type = _number(1, _ELEMENT[element]) + _bytes(2, dims)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor_type))
