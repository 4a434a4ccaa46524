"""Where does each backend compute? One `device` setting, read by the rules of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from limbfix.errors import UsageError

if TYPE_CHECKING:
    from limbfix.runtime.sessions import Providers

_KNOWN = re.compile(r"auto|cpu|gpu|mps|cuda(:\d{1,3})?")


def mediapipe_device(device: str) -> str:
    """Returns `gpu` where that was asked for, else `cpu`: MediaPipe computes there or through OpenGL, never by CUDA.

    Args:
        device: `auto`, `cpu`, `gpu`, `mps`, `cuda` or `cuda:<index>`.

    Raises:
        UsageError: another word.
    """
    _require_known(device)
    return "gpu" if device == "gpu" else "cpu"


def runtime_providers(device: str) -> Providers:
    """Returns the execution providers of ONNX Runtime, best first: CUDA where it was asked for or may be and is there, then the CPU.

    The usual package of ONNX Runtime computes on the CPU only; `onnxruntime-gpu` brings CUDA. Of several GPUs it takes the first, unless
    an index is given.

    Args:
        device: `auto`, `cpu`, `gpu`, `mps`, `cuda` or `cuda:<index>`.

    Raises:
        UsageError: another word.
    """
    from limbfix.runtime.sessions import CPU_ONLY, load_runtime

    _require_known(device)
    cuda = "CUDAExecutionProvider"
    if device in ("cpu", "mps") or cuda not in load_runtime().get_available_providers():
        return CPU_ONLY
    index = device.partition(":")[2]
    return ((cuda, {"device_id": str(int(index))}) if index else cuda, *CPU_ONLY)


def torch_device(device: str) -> str:
    """Returns the device as torch names it; `auto` is the first CUDA device, or the CPU where there is none.

    Args:
        device: `auto`, `cpu`, `gpu`, `mps`, `cuda` or `cuda:<index>`.

    Raises:
        UsageError: another word, or a device that torch cannot use on this machine.
    """
    import torch

    _require_known(device)
    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        return device
    if device == "mps":
        usable = torch.backends.mps.is_available()
    else:
        device = "cuda:0" if device in ("gpu", "cuda") else device
        usable = int(device.partition(":")[2]) < torch.cuda.device_count()
    if not usable:
        raise UsageError(f"device: expected one that torch can use on this machine, got {device!r}; try cpu or auto")
    return device


def _require_known(device: str) -> None:
    if not _KNOWN.fullmatch(device):
        raise UsageError(f"device: expected auto, cpu, gpu, mps, cuda or cuda:<index>, got {device!r}")
