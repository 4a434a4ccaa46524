"""How is MediaPipe's Tasks API reached? Loads verified model bytes, converts pixels, and names its failures.

The one place that imports mediapipe; its objects do not leave `limbfix.detectors`.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Hashable
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from limbfix import weights
from limbfix.detectors.mediapipe_silence import silence
from limbfix.detectors.system_libraries import SYSTEM_COMMAND
from limbfix.errors import DetectorError, MissingExtra, ModelMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
_PROXY = "https_proxy"

MODELS = ("face_detector", "pose_landmarker", "hand_landmarker")
"""Names in the weights manifest of what the three detectors need."""

_running: weakref.WeakSet[Any] = weakref.WeakSet()

_one_at_a_time = threading.RLock()
"""Held while a graph is built or closed: both change what the whole process shares, its stderr and its environment, and put it back."""


def load_tasks() -> tuple[Any, Any]:
    """Imports mediapipe and returns (mediapipe, mediapipe.tasks.python).

    Raises:
        MissingExtra: mediapipe or a system library that it loads is missing.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")  # its C++ start-up chatter would bury our own lines on stderr
    try:
        import mediapipe
        from mediapipe.tasks import python as tasks
    except (ImportError, OSError) as error:
        raise MissingExtra(
            f"mediapipe: expected to import, got {error}. Install it with: pip install 'mediapipe>=1.2'; on Debian it also "
            f"needs: {SYSTEM_COMMAND}. `limbfix doctor` says what is missing."
        ) from error
    return mediapipe, tasks


def require_all() -> None:
    """Asks for the library and for every model file.

    Raises:
        MissingExtra: as `load_tasks`. ModelMissing, ModelCorrupt: as `limbfix.weights.model_path`.
    """
    load_tasks()
    for model in MODELS:
        weights.model_path(model)


def why_absent() -> str | None:
    """Says in a few words why MediaPipe cannot be used here; None where it can."""
    try:
        require_all()
    except MissingExtra:
        return "mediapipe is not installed"
    except ModelMissing:
        return f"mediapipe's model files are missing; fetch them once with: {weights.PULL_COMMAND}"
    return None


def base_options(tasks: Any, model: str, device: str) -> Any:
    """Returns BaseOptions with the verified bytes of a model file.

    Args:
        tasks: mediapipe.tasks.python.
        model: name in the weights manifest.
        device: `cpu`, or `gpu` for MediaPipe's GL delegate.
    """
    delegate = tasks.BaseOptions.Delegate.GPU if device == "gpu" else tasks.BaseOptions.Delegate.CPU
    return tasks.BaseOptions(model_asset_buffer=weights.model_path(model).read_bytes(), delegate=delegate)


def as_image(mediapipe: Any, pixels: np.ndarray) -> Any:
    """Wraps uint8 (H, W, 3) RGB pixels for MediaPipe."""
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))


def start(create: Callable[[], Any]) -> Any:
    """Builds a graph, quietly and cut off from the network; it is closed before the interpreter takes its parts away."""
    with _one_at_a_time:
        with quiet_start():
            graph = create()
        silence()  # only now is the C library loaded
        _close_at_end()
        _running.add(graph)
        return graph


def started(graphs: dict[K, Any], key: K, create: Callable[[], Any]) -> Any:
    """Returns a detector's graph of a key, built when it is first asked for, once however many threads ask.

    Args:
        graphs: of the detector, by key; the new one is kept there.
        key: of the graph.
        create: see `start`.
    """
    with _one_at_a_time:
        if key not in graphs:
            graphs[key] = start(create)
        return graphs[key]


@cache
def _close_at_end() -> None:
    """Registers, once, what closes the graphs before thread pools end: MediaPipe closes its graphs through one.

    The ordinary atexit runs after that and can close nothing; the pools themselves use the register used here.
    """
    register = getattr(threading, "_register_atexit", atexit.register)
    try:
        register(_close_all)
    except RuntimeError:  # the process is ending already
        return


def stop(graph: Any) -> None:
    """Closes a graph. MediaPipe uploads usage statistics at this moment; a proxy that cannot exist keeps them here.

    `silence` already does on Linux; the proxy is for the systems where it cannot.
    """
    with _one_at_a_time:
        _running.discard(graph)
        saved = os.environ.get(_PROXY)
        os.environ[_PROXY] = "nothing://"
        try:
            graph.close()
        finally:
            if saved is None:
                del os.environ[_PROXY]
            else:
                os.environ[_PROXY] = saved


def stop_all(graphs: dict[Any, Any]) -> None:
    """Closes a detector's graphs and forgets them."""
    with _one_at_a_time:
        for graph in graphs.values():
            stop(graph)
        graphs.clear()


def _close_all() -> None:
    for graph in list(_running):
        stop(graph)


def run(detector: str, call: Callable[[], T]) -> T:
    """Calls MediaPipe and turns its failures into DetectorError with the detector's name."""
    try:
        return call()
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        raise DetectorError(
            f"detector {detector}: expected a result, got {type(error).__name__}: {error}. "
            "Run `limbfix doctor`; if it is clean, report this with the picture."
        ) from error


@contextmanager
def quiet_start() -> Iterator[None]:
    """Sends file descriptor 2 to nowhere while a graph is built: TFLite prints warnings there that nobody can act on."""
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
