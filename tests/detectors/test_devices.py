"""One device setting, read by MediaPipe and by torch."""

import pytest

from limbfix.detectors.devices import mediapipe_device, torch_device
from limbfix.errors import UsageError


@pytest.mark.parametrize(
    ("device", "expected"),
    [("auto", "cpu"), ("cpu", "cpu"), ("gpu", "gpu"), ("cuda", "cpu"), ("cuda:1", "cpu"), ("mps", "cpu")],
)
def test_mediapipe_knows_only_cpu_and_opengl(device, expected):
    assert mediapipe_device(device) == expected


@pytest.mark.parametrize("device", ["", "CPU", "cuda:", "cuda:-1", "cuda:0,1", "tpu", "cpu "])
@pytest.mark.parametrize("read", [mediapipe_device, torch_device])
def test_an_unknown_word_is_refused_by_both(read, device):
    with pytest.raises(UsageError, match="expected auto, cpu"):
        read(device)


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
