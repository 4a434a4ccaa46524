"""One device setting, read by MediaPipe, by ONNX Runtime and by torch."""

import pytest

from limbfix.detectors.devices import mediapipe_device, runtime_providers, torch_device
from limbfix.errors import UsageError


@pytest.mark.parametrize(
    ("device", "expected"),
    [("auto", "cpu"), ("cpu", "cpu"), ("gpu", "gpu"), ("cuda", "cpu"), ("cuda:1", "cpu"), ("mps", "cpu")],
)
def test_mediapipe_knows_only_cpu_and_opengl(device, expected):
    assert mediapipe_device(device) == expected


@pytest.mark.parametrize("device", ["", "CPU", "cuda:", "cuda:-1", "cuda:0,1", "tpu", "cpu "])
@pytest.mark.parametrize("read", [mediapipe_device, runtime_providers, torch_device])
def test_an_unknown_word_is_refused_by_all(read, device):
    with pytest.raises(UsageError, match="expected auto, cpu"):
        read(device)


CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("auto", (CUDA, CPU)),
        ("gpu", (CUDA, CPU)),
        ("cuda", (CUDA, CPU)),
        ("cuda:0", ((CUDA, {"device_id": "0"}), CPU)),
        ("cuda:1", ((CUDA, {"device_id": "1"}), CPU)),
        ("cuda:01", ((CUDA, {"device_id": "1"}), CPU)),
        ("cpu", (CPU,)),
        ("mps", (CPU,)),
    ],
)
def test_onnx_runtime_is_asked_for_the_gpu_that_was_named(monkeypatch, device, expected):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    assert runtime_providers(device) == expected
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    assert runtime_providers(device) == (CPU,)


def test_auto_takes_the_first_gpu_that_torch_sees(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert torch_device("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert torch_device("auto") == "cuda:0"


def test_a_gpu_that_is_not_there_is_refused_and_not_replaced(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert [torch_device(device) for device in ("gpu", "cuda", "cuda:0", "cpu")] == [
        "cuda:0",
        "cuda:0",
        "cuda:0",
        "cpu",
    ]
    with pytest.raises(UsageError, match="cuda:1"):
        torch_device("cuda:1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UsageError, match="try cpu or auto"):
        torch_device("cuda")
