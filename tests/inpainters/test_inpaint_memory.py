"""Where a pipeline fits, and what happens when it does not: each way down is tried once, in order, and pixels do not change by it."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.errors import RepairError, UsageError
from limbfix.inpainters import memory, open_inpainter, pipelines
from limbfix.inpainters.memory import Placement, is_out_of_memory, place_for, put, steps_down
from limbfix.inpainters.pipelines import PipelineInpainter

SDXL = {"unet": 2_567_000_000, "text_encoder": 123_000_000, "text_encoder_2": 695_000_000, "vae": 84_000_000}
GB = 1_000_000_000
STEPS = ("text_encoder.forward", "vae.encode", "unet.forward", "vae.decode")


@pytest.fixture
def cuda(monkeypatch):
    """A machine whose torch sees a GPU; nothing is put on it."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)


@pytest.mark.parametrize(
    ("free", "way"),
    [(24, "resident"), (11, "resident"), (10, "offload"), (9, "offload"), (6, "sequential"), (0, "sequential")],
)
def test_the_free_memory_decides_how_a_gpu_is_used(cuda, free, way):
    placement = place_for(SDXL, free=free * GB)
    assert (placement.device, placement.dtype, placement.way) == ("cuda", "float16", way)
    assert f"{free}.0 GB free" in placement.why


def test_transformers_get_bfloat16(cuda):
    assert place_for({"transformer": 12 * GB, "vae": GB}, free=80 * GB).dtype == "bfloat16"


@pytest.mark.parametrize(("free", "dtype"), [(64, "float32"), (12, "bfloat16")])
def test_a_cpu_works_in_full_precision_where_it_fits(free, dtype):
    placement = place_for(SDXL, device="cpu", free=free * GB)
    assert (placement.device, placement.dtype, placement.way) == ("cpu", dtype, "resident")


def test_what_the_caller_says_is_done():
    assert place_for(SDXL, device="cpu", dtype="bfloat16", free=99 * GB).dtype == "bfloat16"


@pytest.mark.parametrize("words", [{"device": "tpu"}, {"device": "cuda"}, {"device": "cpu", "dtype": "int8"}])
def test_what_this_machine_lacks_is_an_error(words):
    import torch

    if torch.cuda.is_available() and words.get("device") == "cuda":
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(UsageError, match="expected"):
        place_for(SDXL, **words)


def test_free_memory_is_a_number_with_and_without_psutil(monkeypatch):
    import sys

    first = memory.free_bytes("cpu")
    monkeypatch.setitem(sys.modules, "psutil", None)
    second = memory.free_bytes("cpu")
    assert 0 < first < 1 << 50
    assert abs(first - second) < 0.5 * max(first, second)


def test_the_ways_down_end_on_the_cpu():
    gpu = Placement(device="cuda", dtype="float16", way="resident", why="")
    assert [(step.device, step.way) for step in steps_down(gpu)] == [("cuda", "offload"), ("cpu", "resident")]
    assert steps_down(gpu)[-1].dtype == "bfloat16"
    assert steps_down(Placement(device="cpu", dtype="float32", way="resident", why="")) == ()


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error, is_memory):
    assert is_out_of_memory(error) is is_memory


def failing(monkeypatch, pipe, step: str, error: BaseException, times: int) -> None:
    """Makes one step of a pipeline fail the first `times` times."""
    part, method = step.split(".")
    owner, left = getattr(pipe, part), [times]
    real = getattr(owner, method)

    def call(*args, **kw):
        if left[0] > 0:
            left[0] -= 1
            raise error
        return real(*args, **kw)

    monkeypatch.setattr(owner, method, call)


@pytest.mark.parametrize("step", STEPS)
def test_out_of_memory_at_any_step_halves_the_batch_and_changes_no_candidate(tiny, opened, ask, monkeypatch, step):
    import torch

    inpainter = PipelineInpainter(opened("sd-inpaint")._pipe, batch=4)
    expected = inpainter.inpaint(ask(seeds=(1, 2, 3)))
    failing(monkeypatch, inpainter._pipe, step, torch.OutOfMemoryError("CUDA out of memory"), 1)
    got = inpainter.inpaint(ask(seeds=(1, 2, 3)))
    assert inpainter.notes == ["out of memory with 3 candidates at once: went on with 1"]
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(expected, got, strict=True)) <= 1


def test_then_the_weights_are_moved_to_the_next_places_in_order(opened, ask, monkeypatch):
    gpu = Placement(device="cuda", dtype="float32", way="resident", why="")
    placed = []
    monkeypatch.setattr(pipelines, "put", lambda pipe, placement: placed.append((placement.device, placement.way)))
    inpainter = PipelineInpainter(opened("sd-inpaint")._pipe, batch=2, steps_down=steps_down(gpu))
    failing(monkeypatch, inpainter._pipe, "unet.forward", MemoryError(), 3)
    assert len(inpainter.inpaint(ask(seeds=(1, 2)))) == 2
    assert placed == [("cuda", "offload"), ("cpu", "resident")]
    assert len(inpainter.notes) == 3


def test_when_nothing_is_left_the_error_says_what_helps(opened, ask, monkeypatch):
    inpainter = PipelineInpainter(opened("sd-inpaint")._pipe, batch=4)
    failing(monkeypatch, inpainter._pipe, "vae.decode", MemoryError(), 99)
    with pytest.raises(RepairError, match="nothing left to try; use a smaller model"):
        inpainter.inpaint(ask(seeds=(1, 2)))


def test_another_failure_is_not_taken_for_memory(opened, ask, monkeypatch):
    inpainter = PipelineInpainter(opened("sd-inpaint")._pipe, batch=4)
    failing(monkeypatch, inpainter._pipe, "unet.forward", RuntimeError("device-side assert triggered"), 1)
    with pytest.raises(RepairError, match="RuntimeError: device-side assert"):
        inpainter.inpaint(ask(seeds=(1,)))
    assert inpainter.notes == []


def test_ctrl_c_passes_through_frees_memory_and_leaves_the_inpainter_usable(tiny, ask, monkeypatch):
    stopped, freed = [], []

    def stop(step: int, _steps: int) -> None:
        if step == 2 and not stopped:
            stopped.append(step)
            raise KeyboardInterrupt

    monkeypatch.setattr(pipelines, "release", lambda: freed.append(True))
    inpainter = open_inpainter(tiny("sd-inpaint"), device="cpu", on_step=stop)
    with pytest.raises(KeyboardInterrupt):
        inpainter.inpaint(ask(seeds=(1,)))
    assert freed == [True]
    assert len(inpainter.inpaint(ask(seeds=(1,), steps=1, strength=1.0))) == 1


def test_a_pipeline_is_really_put_on_the_cpu(opened):
    pipe = opened("sd-inpaint")._pipe
    put(pipe, Placement(device="cpu", dtype="float32", way="resident", why=""))
    assert str(pipe.device) == "cpu"


@pytest.mark.gpu
def test_offloading_gives_the_picture_of_a_resident_model(tiny, ask):
    resident = open_inpainter(tiny("sd-inpaint"), device="cuda", dtype="float32")
    expected = resident.inpaint(ask(seeds=(1,)))[0]
    put(resident._pipe, Placement(device="cuda", dtype="float32", way="offload", why=""))
    assert np.abs(resident.inpaint(ask(seeds=(1,)))[0].astype(int) - expected).max() <= 2
