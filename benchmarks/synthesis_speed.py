"""How many pictures does the data engine make in a second? Writes rows of results/synthesis.csv.

    python benchmarks/synthesis_speed.py               # about 3 minutes on 2 cores
    python benchmarks/synthesis_speed.py --pictures 60

Two processes, each with one thread, make pictures with labels; their start is not counted, the making is. `bodies_posed` is
the skinning of batches without rendering, on the CPU and on a GPU where one is available.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from limbfix_bench import result_rows
from limbfix_bench.estimates import Estimate
from limbfix_bench.result_rows import RESULTS, Measured, Provenance

from limbfix.errors import SynthesisError
from limbfix.synthesis.degradation import Degradation, Stage
from limbfix.synthesis.streams import StreamOptions, make_stream

STREAMS = {"hands": 256, "bodies": 512}
BATCH, ROUNDS = 32, 4
_WARM_UP = 2
"""Groups made before the clock starts: topologies and textures are built in the first. The autoencoder that one picture in
twenty passes is loaded then too: that takes two seconds, once in the life of a process."""


def _one_process(name: str, size_px: int, first: int, groups: int) -> tuple[int, float]:
    """Makes groups in this process; returns pictures and seconds."""
    stream = make_stream(name, StreamOptions(seed=77, size_px=size_px))
    for index in range(_WARM_UP):
        stream.group(first + index)
    Degradation((Stage("autoencode", (0.5,)),)).apply(
        np.zeros((size_px, size_px, 3), np.uint8), np.random.default_rng(0)
    )
    start = time.perf_counter()
    pictures = sum(len(stream.group(first + _WARM_UP + index)) for index in range(groups))
    seconds = time.perf_counter() - start
    stream.close()
    return pictures, seconds


def pictures_per_second(name: str, size_px: int, pictures: int, processes: int) -> Estimate:
    """Returns the sum of the processes' rates while all of them run."""
    groups = max(1, pictures // 2 // processes)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(_one_process, name, size_px, 1000 * k, groups) for k in range(processes)]
        done = [task.result() for task in tasks]
    return Estimate(n=sum(n for n, _ in done), value=sum(n / seconds for n, seconds in done), low=None, high=None)


def bodies_posed(device: str) -> Estimate:
    """Returns bodies per second through shape, kinematics, skinning and smoothing, in batches."""
    import torch

    from limbfix.synthesis.figures.batches import load_batched_bodies
    from limbfix.synthesis.figures.body_model import BodyShape, load_body_model

    model = load_body_model()
    bodies = load_batched_bodies(model, device)
    rng = np.random.default_rng(0)
    shapes = [BodyShape(gender=float(rng.random()), age=float(rng.uniform(0.3, 1))) for _ in range(BATCH)]
    coefficients = bodies.coefficients(shapes)
    rotations = torch.eye(3, device=device).expand(BATCH, len(model.bones), 3, 3).contiguous()
    bodies.posed(coefficients, rotations)
    start = time.perf_counter()
    for _ in range(ROUNDS):
        posed = bodies.posed(coefficients, rotations)
    float(posed.sum())  # waits for a GPU
    seconds = time.perf_counter() - start
    return Estimate(n=BATCH * ROUNDS, value=BATCH * ROUNDS / seconds, low=None, high=None)


def main(arguments: list[str] | None = None) -> int:
    """Measures and writes; returns the exit code."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=240)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    os.environ.update(LP_NUM_THREADS="1", OMP_NUM_THREADS="1")
    found: list[Measured] = []
    try:
        for name, size in STREAMS.items():
            speed = pictures_per_second(name, size, options.pictures, options.processes)
            detail = f"{size} px, {options.processes} processes, labels included"
            found.append(Measured(measure="pictures_per_second", source=f"{name}/speed", estimate=speed, detail=detail))
        for device in ("cpu", *(("cuda",) if torch.cuda.is_available() else ())):
            detail = f"batches of {BATCH} on {device}, shape to smooth posed skin"
            found.append(
                Measured(
                    measure="bodies_posed_per_second",
                    source=f"{device}/speed",
                    estimate=bodies_posed(device),
                    detail=detail,
                )
            )
    except SynthesisError as error:
        print(f"synthesis_speed: nothing measured: {error}")
        return 0
    origin = Provenance.of_now("speed")
    rows = [result_rows.make_row(item, origin, "seed 77") for item in found]
    result_rows.replace_rows(RESULTS / "synthesis.csv", rows, [item.source for item in found])
    result_rows.print_rows(rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
