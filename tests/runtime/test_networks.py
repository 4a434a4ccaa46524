"""The ONNX that is written from weights computes what torch computes, in every batch, and says what is wrong with a file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).parents[1]))

from hand_weights import finder_file, parser_file, save, seeded  # noqa: E402

from limbfix.detectors.devices import runtime_providers  # noqa: E402
from limbfix.errors import DetectorError, ModelCorrupt  # noqa: E402
from limbfix.nets.digit_parser import DigitParser  # noqa: E402
from limbfix.nets.efficientnet_lite import normalised  # noqa: E402
from limbfix.nets.hand_finder import HandFinder  # noqa: E402
from limbfix.nets.hand_maps import JUDGEMENTS, MOST_DIGITS  # noqa: E402
from limbfix.runtime.sessions import finder_network, parser_network, presence_network  # noqa: E402


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)


def test_the_parser_is_the_one_of_torch(tmp_path):
    torch.set_num_threads(1)
    pixels = noise(2, 64, 64, 3)
    with torch.no_grad():
        expected = seeded(DigitParser)(normalised(torch.from_numpy(pixels)))
    found = parser_network(parser_file(tmp_path)).run(pixels)
    for name in ("heatmaps", "fields", "parts"):
        np.testing.assert_allclose(found[name], getattr(expected, name), atol=1e-4, err_msg=name)
    judged, counts = found["judged"][:, : len(JUDGEMENTS)], found["judged"][:, len(JUDGEMENTS) :]
    np.testing.assert_allclose(judged, expected.judgements, atol=1e-4)
    np.testing.assert_allclose(counts.reshape(2, 2, MOST_DIGITS + 1), expected.counts, atol=1e-4)
    presence = presence_network(parser_file(tmp_path)).run(pixels)["presence"]
    np.testing.assert_allclose(presence[:, 0], expected.presence, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 96, 64, 3), (1, 32, 160, 3)])
def test_the_finder_is_the_one_of_torch_at_any_size(tmp_path, shape):
    torch.set_num_threads(1)
    pixels = noise(*shape)
    network = seeded(HandFinder)
    with torch.no_grad():
        expected = network(normalised(torch.from_numpy(pixels)))
    found = finder_network(save(network, tmp_path / "finder.safetensors")).run(pixels)["maps"]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_batch_of_sixteen_is_sixteen_batches_of_one(tmp_path):
    network = parser_network(parser_file(tmp_path))
    pixels = noise(16, 64, 64, 3)
    together = network.run(pixels)
    for i in (0, 7, 15):
        for name, values in network.run(pixels[i : i + 1]).items():
            np.testing.assert_allclose(values[0], together[name][i], atol=1e-4, err_msg=name)


def test_model_and_answer_are_the_same_every_time(tmp_path):
    file = finder_file(tmp_path)
    first, second = finder_network(file), finder_network(file)
    assert first.model() == second.model()
    pixels = noise(1, 64, 64, 3)
    np.testing.assert_array_equal(first.run(pixels)["maps"], second.run(pixels)["maps"])


def test_half_precision_weights_are_taken_as_they_are(tmp_path):
    network = seeded(HandFinder)
    halves = {
        name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()
    }
    network.load_state_dict(halves)
    pixels = noise(1, 64, 64, 3)
    with torch.no_grad():
        expected = network(normalised(torch.from_numpy(pixels)))
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in halves.items()}, tmp_path / "half.safetensors")
    np.testing.assert_allclose(finder_network(tmp_path / "half.safetensors").run(pixels)["maps"], expected, atol=1e-4)


def test_the_size_is_read_from_the_file(tmp_path):
    assert parser_network(parser_file(tmp_path, 96)).side == 96
    with pytest.raises(ModelCorrupt, match="got '100'"):
        _ = parser_network(parser_file(tmp_path, 100)).side


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x10" + b"\0" * 40])
def test_a_file_that_holds_no_weights_is_named(tmp_path, content):
    file = tmp_path / "broken.safetensors"
    file.write_bytes(content)
    with pytest.raises(ModelCorrupt, match=r"broken\.safetensors"):
        parser_network(file).run(noise(1, 64, 64, 3))


def test_weights_of_another_network_are_refused(tmp_path):
    with pytest.raises(ModelCorrupt, match="this version's network"):
        parser_network(finder_file(tmp_path)).model()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_a_failure_and_never_nothing_found(tmp_path, number):
    network = seeded(HandFinder)
    network.state_dict()["centres.bias"].fill_(number)
    file = save(network, tmp_path / "finder.safetensors")
    with pytest.raises(DetectorError, match=r"finder\.safetensors.*in maps"):
        finder_network(file).run(noise(1, 64, 64, 3))


def test_the_gpu_that_was_named_reaches_the_session(tmp_path, monkeypatch):
    import onnxruntime

    asked = []
    real = onnxruntime.InferenceSession

    def on_the_cpu(model, options, providers):
        asked.append(providers)
        return real(model, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", on_the_cpu)
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    finder_network(finder_file(tmp_path), runtime_providers("cuda:1")).run(noise(1, 64, 64, 3))
    assert asked == [[("CUDAExecutionProvider", {"device_id": "1"}), "CPUExecutionProvider"]]
