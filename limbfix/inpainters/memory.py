"""Where does a pipeline fit, and what is left to try when it does not? Device, precision, and the steps down from a full GPU."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbfix.errors import UsageError

DEVICES = ("auto", "cuda", "mps", "cpu")
DTYPES = ("auto", "float32", "float16", "bfloat16")

ROOM_AT_1024 = 3 << 30
"""Bytes beside the weights for one candidate of 1,024 px: the VAE's decoder is the peak. An estimate, to be measured on a GPU."""

_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_SAYS_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "defaultcpuallocator",
    "alloc_failed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a pipeline is put.

    Attributes:
        device: `cuda`, `mps` or `cpu`.
        dtype: `float32`, `float16` or `bfloat16`.
        way: `resident`, `offload` (one model at a time on the device) or `sequential` (one layer at a time).
        why: one sentence with the numbers.
    """

    device: str
    dtype: str
    way: str
    why: str


def place_for(
    parameters: Mapping[str, int], *, device: str = "auto", dtype: str = "auto", native_px: int = 1024, free: int | None = None
) -> Placement:  # fmt: skip
    """Chooses device, precision and offloading by the memory that is free now.

    Args:
        parameters: numbers in each component.
        device, dtype: of `DEVICES`, `DTYPES`; `cuda:1` and the like are devices too.
        native_px: side at which it will paint.
        free: bytes; None asks the machine.

    Raises:
        UsageError: an unknown device or dtype, or one that this machine does not have.
    """
    chosen = choose_device(device)
    precision = _dtype_for(chosen, dtype, parameters)
    if free is None:
        free = free_bytes(chosen)
    weights = {name: count * _BYTES[precision] for name, count in parameters.items()}
    whole, largest = sum(weights.values()), max(weights.values(), default=0)
    room = int(ROOM_AT_1024 * (native_px / 1024) ** 2)
    if dtype == "auto" and chosen == "cpu" and precision == "float32" and whole + room > free:
        precision, whole = "bfloat16", whole // 2
    numbers = f"{_gb(whole)} of weights, {_gb(room)} to work in, {_gb(free)} free"
    if not chosen.startswith("cuda") or whole + room <= free:
        return Placement(device=chosen, dtype=precision, way="resident", why=f"{chosen}: {numbers}")
    if largest + room <= free:
        return Placement(device=chosen, dtype=precision, way="offload", why=f"{chosen}, one model at a time: {numbers}")
    return Placement(device=chosen, dtype=precision, way="sequential", why=f"{chosen}, one layer at a time: {numbers}")


def choose_device(device: str) -> str:
    """Returns the device to use.

    Raises:
        UsageError: unknown, or not on this machine.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind = device.partition(":")[0]
    if kind not in DEVICES:
        raise UsageError(f"expected a device of {', '.join(DEVICES)}, got {device!r}")
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            f"expected a CUDA device for {device!r}, torch {torch.__version__} sees none; use device='cpu'"
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"expected Apple's GPU for {device!r}, torch {torch.__version__} sees none; use device='cpu'")
    return device


def free_bytes(device: str) -> int:
    """Returns how many bytes a device has free now."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    try:
        import psutil
    except ImportError:
        return _available_by_proc()
    return int(psutil.virtual_memory().available)


def put(pipe: Any, placement: Placement) -> None:
    """Moves a pipeline that is limbfix's own to its place."""
    import torch

    if hasattr(pipe, "remove_all_hooks"):
        pipe.remove_all_hooks()
    if placement.way == "resident":
        pipe.to(placement.device)
        if pipe.dtype != (wanted := getattr(torch, placement.dtype)):
            pipe.to(wanted)
        return
    pipe.to("cpu")
    if placement.way == "offload":
        pipe.enable_model_cpu_offload(device=placement.device)
    else:
        pipe.enable_sequential_cpu_offload(device=placement.device)
    if hasattr(getattr(pipe, "vae", None), "enable_tiling"):
        pipe.vae.enable_tiling()


def steps_down(placement: Placement) -> tuple[Placement, ...]:
    """Returns what is left to try, in order, when a single candidate does not fit."""
    if placement.device == "cpu":
        return ()
    ways = ("resident", "offload", "sequential") if placement.device.startswith("cuda") else ("resident",)
    left = ways[ways.index(placement.way) + 1 :]
    below = [Placement(device=placement.device, dtype=placement.dtype, way=way, why="out of memory") for way in left]
    on_cpu = "bfloat16" if placement.dtype == "float16" else placement.dtype  # CPUs are slow or lost in float16
    last = Placement(device="cpu", dtype=on_cpu, way="resident", why="out of memory on the device")
    return (*below[:1], last)


def is_out_of_memory(error: BaseException) -> bool:
    """Says whether an error means that memory ran out, on whatever device."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _SAYS_MEMORY)


def release() -> None:
    """Gives back what nobody holds any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _dtype_for(device: str, dtype: str, parameters: Mapping[str, int]) -> str:
    import torch

    if dtype not in DTYPES:
        raise UsageError(f"expected a dtype of {', '.join(DTYPES)}, got {dtype!r}")
    if dtype != "auto":
        return dtype
    if device == "cpu":
        return "float32"
    if device.startswith("cuda") and "unet" not in parameters and torch.cuda.is_bf16_supported():
        return "bfloat16"  # transformers of the FLUX kind overflow in float16
    return "float16"


def _available_by_proc() -> int:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return 8 << 30  # nobody can say; a common machine
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(rows.get("MemAvailable", "8388608 kB").split()[0]) * 1024


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
