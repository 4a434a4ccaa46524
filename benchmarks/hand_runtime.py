"""Which runtime computes our hand networks fastest? torch, ONNX Runtime and OpenVINO on the same seeded weights, hot and cold.

    python benchmarks/hand_runtime.py [--repeats 30] [--rounds 3] [--out benchmarks/results/hand_runtime.csv]

A runtime that is not installed is left out and named. Each row is measured in a process of its own; on a busy machine the least of
many repetitions counts (`ms`), and beside it the least processor time (`cpu_ms`), which waiting does not swell. Rounds repeat the table;
the least of them is written. `cold_s` is from the start of the import to the first answer.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

CASES = {"parser192": (192, (1, 4)), "parser160": (160, (1, 4)), "parser128": (128, (1, 4)), "finder640": (640, (1,))}
RUNTIMES = ("torch", "torch_bf16", "onnxruntime", "openvino")
COLUMNS = ("runtime", "version", "network", "batch", "threads", "ms", "cpu_ms", "cold_s")


def weights(folder: Path) -> None:
    """Writes both networks with seeded weights."""
    import torch
    from safetensors.torch import save_file

    from limbfix.nets.digit_parser import DigitParser
    from limbfix.nets.hand_finder import HandFinder

    torch.manual_seed(7)
    for name, network in (("parser", DigitParser()), ("finder", HandFinder())):
        save_file({key: value.half() if value.is_floating_point() else value for key, value in network.state_dict().items()},
                  folder / f"{name}.safetensors")  # fmt: skip


def prepared(
    runtime: str, kind: str, folder: Path, side: int, threads: int
) -> tuple[str, Callable[[np.ndarray], object]]:
    """Returns a runtime's version and a function that computes one batch, (b, side, side, 3) uint8."""
    from limbfix.runtime.graphs import finder_model, parser_model

    file = folder / f"{kind}.safetensors"
    if runtime.startswith("torch"):
        return _torch(file, kind, threads, half=runtime == "torch_bf16")
    from safetensors.numpy import load_file

    tensors = load_file(file)
    model = parser_model(tensors, side) if kind == "parser" else finder_model(tensors)
    if runtime == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return onnxruntime.__version__, lambda pixels: session.run(None, {"pixels": pixels})
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    written = folder / f"{kind}{side}.onnx"
    written.write_bytes(model)
    compiled = openvino.Core().compile_model(str(written), "CPU", settings)
    return openvino.__version__.split("-")[0], lambda pixels: compiled([pixels])


def _torch(file: Path, kind: str, threads: int, *, half: bool) -> tuple[str, Callable[[np.ndarray], object]]:
    import torch
    from safetensors.torch import load_file
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    from limbfix.nets.digit_parser import DigitParser
    from limbfix.nets.efficientnet_lite import normalised
    from limbfix.nets.hand_finder import HandFinder

    torch.set_num_threads(threads)
    network = DigitParser() if kind == "parser" else HandFinder()
    network.load_state_dict(load_file(file))
    network.eval()
    pairs = (("stem", "norm"), ("expand", "norm1"), ("1", "2"))
    for module in list(network.modules()):
        children = dict(module.named_children())
        known = (
            pairs if "expand" not in children else (("expand", "norm1"), ("depthwise", "norm2"), ("project", "norm3"))
        )
        known = (
            (("depthwise", "norm1"), ("project", "norm2"))
            if "depthwise" in children and "expand" not in children
            else known
        )
        for conv, norm in known:
            if isinstance(children.get(norm), torch.nn.BatchNorm2d) and isinstance(children.get(conv), torch.nn.Conv2d):
                setattr(module, conv, fuse_conv_bn_eval(children[conv], children[norm]))
                setattr(module, norm, torch.nn.Identity())
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def compute(pixels: np.ndarray) -> object:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            return network(normalised(torch.from_numpy(pixels)))

    return torch.__version__, compute


def measure(runtime: str, network: str, batch: int, threads: int, folder: Path, repeats: int) -> dict[str, object]:
    """Measures one row in this process."""
    side = CASES[network][0]
    pixels = np.random.default_rng(3).integers(0, 256, (batch, side, side, 3), dtype=np.uint8)
    start = time.perf_counter()
    version, compute = prepared(runtime, network.rstrip("0123456789"), folder, side, threads)
    compute(pixels)
    cold = time.perf_counter() - start
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        compute(pixels)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    values = (
        runtime,
        version,
        network,
        batch,
        threads,
        round(1e3 * min(walls), 2),
        round(1e3 * min(cpus), 2),
        round(cold, 2),
    )
    return dict(zip(COLUMNS, values, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runtimes", nargs="+", default=RUNTIMES, choices=RUNTIMES)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "hand_runtime.csv")
    parser.add_argument("--row", nargs=5, help=argparse.SUPPRESS)  # runtime network batch threads folder
    options = parser.parse_args()
    if options.row:
        runtime, network, batch, threads, folder = options.row
        print(json.dumps(measure(runtime, network, int(batch), int(threads), Path(folder), options.repeats)))
        return 0
    best: dict[tuple, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        weights(Path(folder))
        keys = [
            (runtime, network, batch, threads)
            for threads in options.threads for network, (_, batches) in CASES.items() for batch in batches for runtime in options.runtimes
        ]  # fmt: skip
        for key in keys * options.rounds:
            command = [sys.executable, __file__, "--repeats", str(options.repeats), "--row", *map(str, key), folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(key, done.stderr.strip().splitlines()[-1:], file=sys.stderr)
                continue
            row = json.loads(done.stdout.splitlines()[-1])
            known = best.setdefault(key, row)
            for name in ("ms", "cpu_ms", "cold_s"):
                known[name] = min(known[name], row[name])
            print(row, flush=True)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(best.values())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
