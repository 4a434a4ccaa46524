"""How is a file of weights run? Read, checked for what it is, written as ONNX in memory, and computed by ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from limbfix.errors import DetectorError, MissingExtra, ModelCorrupt
from limbfix.runtime.body_graph import BODY_OUTPUTS, body_model
from limbfix.runtime.graphs import (
    FINDER_OUTPUTS,
    PARSER_OUTPUTS,
    PRESENCE_OUTPUTS,
    finder_model,
    parser_model,
    presence_model,
)
from limbfix.runtime.limb_graph import LIMB_OUTPUTS, limb_model
from limbfix.runtime.look_graph import (
    APPEARANCE_OUTPUTS,
    CLOSE_OUTPUTS,
    FOOT_OUTPUTS,
    appearance_model,
    close_model,
    foot_model,
)

PARSER_SIDE = 128
"""px of the parser's crops where a file of weights does not say; as `limbfix.training.hands` trains by default."""

MOST_THREADS = 4
"""Of one network. More do not help maps this small, and users run several processes."""

Providers = tuple[str | tuple[str, dict[str, str]], ...]
"""Of ONNX Runtime, best first: each by its name, or by its name and its options."""

CPU_ONLY: Providers = ("CPUExecutionProvider",)


class Network:
    """One network, loaded at its first use.

    Args:
        file: safetensors; its metadata may name `size`, px of the input's side, `threshold`, and `counts`.
        write: makes the ONNX model from the tensors of every file and the side.
        outputs: names of what it gives.
        providers: of ONNX Runtime, best first.
        beside: more files of weights of which it is made.
    """

    def __init__(
        self,
        file: Path,
        write: Callable[..., bytes],
        outputs: tuple[str, ...],
        providers: Providers = CPU_ONLY,
        beside: tuple[Path, ...] = (),
    ) -> None:
        self.file, self._files = file, (file, *beside)
        self._write, self._outputs, self._providers = write, outputs, providers

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the weights."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    @cached_property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself, by name.

        Raises:
            ModelCorrupt: the file cannot be read.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.file, framework="np") as data:
                return data.metadata() or {}
        except (OSError, SafetensorError) as error:
            raise ModelCorrupt(f"expected safetensors at {self.file}, got: {error}; install limbfix again") from error

    @property
    def side(self) -> int:
        """Side of the network's square input in px, where it has one.

        Raises:
            ModelCorrupt: the file cannot be read, or names an impossible size.
        """
        named = self.metadata.get("size", str(PARSER_SIDE))
        if not named.isascii() or not named.isdecimal() or int(named) % 32 or not 32 <= int(named) <= 1024:
            raise ModelCorrupt(f"expected a size of 32, 64, ... 1024 px in {self.file}, got {named!r}")
        return int(named)

    @property
    def counts(self) -> bool:
        """Whether the digits that the network counts may be told: a file says `counts: no` of weights whose counts were measured and found poor."""
        return self.metadata.get("counts", "yes") != "no"

    def threshold(self, usual: float) -> float:
        """Returns the score, 0-1, from which the network's findings count; `usual` where the file does not name one.

        Raises:
            ModelCorrupt: the file cannot be read, or names no number between 0 and 1.
        """
        named = self.metadata.get("threshold", str(usual))
        try:
            value = float(named)
        except ValueError:
            value = -1.0
        if not 0 < value < 1:
            raise ModelCorrupt(f"expected a threshold between 0 and 1 in {self.file}, got {named!r}")
        return value

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Computes a batch.

        Args:
            pixels: (b, h, w, 3) uint8 RGB, b >= 1.

        Returns:
            float32 arrays by output name, finite.

        Raises:
            DetectorError: it gave numbers that are none; nan passes no threshold, and would be read as "nothing there".
        """
        found = dict(zip(self._outputs, self._session.run(list(self._outputs), {"pixels": pixels}), strict=True))
        broken = [name for name, values in found.items() if not np.isfinite(values).all()]
        if broken:
            raise DetectorError(
                f"network {self.file.name}: expected finite numbers, got nan or infinity in {', '.join(broken)}. Run "
                "`limbfix doctor`; on a GPU try `--device cpu`; if that is clean, report this with the picture."
            )
        return found

    def model(self) -> bytes:
        """Returns the network as ONNX.

        Raises:
            ModelCorrupt: a file cannot be read or holds another network.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return self._write(*map(load_file, self._files), self.side)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            places = " and ".join(map(str, self._files))
            raise ModelCorrupt(
                f"expected weights of this version's network at {places}, got: {error}; install limbfix again"
            ) from error

    def close(self) -> None:
        """Frees the network; it loads again when used again."""
        self.__dict__.pop("_session", None)

    @cached_property
    def _session(self) -> Any:
        runtime = load_runtime()
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = min(MOST_THREADS, os.cpu_count() or 1)
        # a thread that spins while it waits takes the core from the next network
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return runtime.InferenceSession(self.model(), options, providers=list(self._providers))


def seen_in(network: Network, crops: np.ndarray, name: str, *, mirrored: bool) -> np.ndarray:
    """Returns one output of a network for crops (b, h, w, 3) uint8; the mean of both ways where they are seen in a mirror too.

    For outputs in which left and right do not differ: numbers of a whole crop, no maps.
    """
    ways = (crops, np.ascontiguousarray(crops[:, :, ::-1])) if mirrored else (crops,)
    return np.mean([network.run(way)[name] for way in ways], axis=0)


def load_runtime() -> Any:
    """Imports onnxruntime.

    Raises:
        MissingExtra: it is missing.
    """
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        raise MissingExtra(
            f"onnxruntime: expected to import, got {error}. Install it with: pip install 'onnxruntime>=1.20'"
        ) from error
    return onnxruntime


def parser_network(file: Path, providers: Providers = CPU_ONLY) -> Network:
    """Returns the digit parser of a file of weights: (b, side, side, 3) crops to `PARSER_OUTPUTS`."""
    return Network(file, parser_model, PARSER_OUTPUTS, providers)


def presence_network(file: Path, providers: Providers = CPU_ONLY) -> Network:
    """Returns what of a digit parser's weights says whether there is a hand: (b, side, side, 3) crops to `PRESENCE_OUTPUTS`."""
    return Network(file, presence_model, PRESENCE_OUTPUTS, providers)


def appearance_network(parser: Path, bodies: Path | None, providers: Providers = CPU_ONLY) -> Network:
    """Returns what judges the look of a hand: (b, side, side, 3) crops to `APPEARANCE_OUTPUTS`.

    Args:
        parser, bodies: weights of the digit parser and of the body parser; without the latter, or where the former were fitted without that
            trunk, it adds nothing.
        providers: of ONNX Runtime, best first.

    Raises:
        ModelCorrupt: the digit parser's file cannot be read.
    """
    if bodies is not None and knows_bodies(parser):
        return Network(parser, appearance_model, APPEARANCE_OUTPUTS, providers, (bodies,))
    return Network(parser, lambda own, side: appearance_model(own, None, side), APPEARANCE_OUTPUTS, providers)


def close_network(parser: Path, bodies: Path, providers: Providers = CPU_ONLY) -> Network:
    """Returns what the body parser's trunk sees in the crop of a proposal: (b, side, side, 3) crops to `CLOSE_OUTPUTS`; arguments as above."""
    return Network(parser, close_model, CLOSE_OUTPUTS, providers, (bodies,))


def knows_bodies(parser: Path) -> bool:
    """Tells whether the look of a digit parser's weights was fitted with the body parser's trunk too.

    Raises:
        ModelCorrupt: the file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(parser, framework="np") as data:
            name = "moved.weight"
            return name in data.keys() and bool(data.get_tensor(name).any())  # noqa: SIM118 - no mapping, only keys()
    except (OSError, SafetensorError) as error:
        raise ModelCorrupt(f"expected safetensors at {parser}, got: {error}; install limbfix again") from error


def foot_network(parser: Path, bodies: Path, providers: Providers = CPU_ONLY) -> Network:
    """Returns what sees feet: (b, side, side, 3) crops to `FOOT_OUTPUTS`; arguments as above."""
    return Network(parser, foot_model, FOOT_OUTPUTS, providers, (bodies,))


def finder_network(file: Path, providers: Providers = CPU_ONLY) -> Network:
    """Returns the hand finder of a file of weights: (b, h, w, 3) pictures to `FINDER_OUTPUTS`."""
    return Network(file, lambda tensors, _: finder_model(tensors), FINDER_OUTPUTS, providers)


def body_network(file: Path, providers: Providers = CPU_ONLY) -> Network:
    """Returns the body parser of a file of weights: (b, h, w, 3) pictures to `BODY_OUTPUTS`."""
    return Network(file, lambda tensors, _: body_model(tensors), BODY_OUTPUTS, providers)


def limb_network(file: Path, providers: Providers = CPU_ONLY) -> Network:
    """Returns the limb judge of a file of weights: (b, side, side, 3) crops to `LIMB_OUTPUTS`."""
    return Network(file, limb_model, LIMB_OUTPUTS, providers)
