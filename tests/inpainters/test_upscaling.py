"""An upscaler is a function or a safetensors file; what comes back has the size that was asked for, or is an error."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from limbfix.errors import ModelCorrupt, ModelError, ModelMissing, RepairError
from limbfix.inpainters import open_upscaler
from limbfix.inpainters.upscaling import Upscaler

PIXELS = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)


def doubled(pixels):
    return pixels.repeat(2, 0).repeat(2, 1)


def test_a_function_enlarges_and_the_result_fits():
    upscaler = open_upscaler(doubled)
    assert upscaler.name == "upscaler:doubled"
    assert np.array_equal(upscaler.enlarged(PIXELS, (60, 40)), doubled(PIXELS))
    assert upscaler.enlarged(PIXELS, (64, 48)).shape == (48, 64, 3)
    assert open_upscaler(upscaler) is upscaler


def test_a_function_may_give_a_pillow_picture_and_may_restore_without_enlarging():
    assert open_upscaler(lambda pixels: Image.fromarray(pixels)).enlarged(PIXELS, (30, 20)).tolist() == PIXELS.tolist()


@pytest.mark.parametrize(
    "answer",
    [
        lambda pixels: None,
        lambda pixels: pixels[:, :10],
        lambda pixels: pixels.astype(float),
        lambda pixels: pixels[..., 0],
        lambda pixels: pixels.repeat(20, 0).repeat(20, 1),
        lambda pixels: 1 / 0,
    ],
)
def test_what_is_no_enlarged_picture_is_an_error(answer):
    with pytest.raises(RepairError, match="upscaler"):
        open_upscaler(answer).enlarged(PIXELS, (60, 40))


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "model.pth").write_bytes(b"x")
    (tmp_path / "web.safetensors").write_bytes(b"<!doctype html>")
    for name, error in (("model.pth", ModelError), ("web.safetensors", ModelCorrupt), ("no.safetensors", ModelMissing)):
        with pytest.raises(error):
            open_upscaler(tmp_path / name)


@pytest.fixture(scope="module")
def esrgan(tmp_path_factory):
    """A real architecture of spandrel's with random weights, as a file."""
    pytest.importorskip("spandrel", reason="spandrel is not installed; pip install 'limbfix[upscale]'")
    import torch
    from safetensors.torch import save_file
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("upscalers") / "tiny.safetensors"
    save_file(ESRGAN(num_filters=8, num_blocks=1, scale=2).state_dict(), path)
    return path


def test_a_model_file_enlarges_and_tiles_do_not_show(esrgan):
    upscaler = open_upscaler(esrgan, device="cpu")
    pixels = np.random.default_rng(1).integers(0, 255, (90, 150, 3), dtype=np.uint8)
    whole = upscaler.enlarged(pixels, (300, 180))
    model = upscaler._enlarge
    assert (upscaler.name, model.scale) == ("upscaler:tiny", 2)
    model._tile = 96
    assert np.abs(whole.astype(int) - upscaler.enlarged(pixels, (300, 180))).max() <= 1


def test_out_of_memory_halves_the_tiles_and_ends(esrgan, monkeypatch):
    model = open_upscaler(esrgan, device="cpu")._enlarge
    real, left = model._run, [2]

    def run(pixels):
        if left[0]:
            left[0] -= 1
            raise MemoryError
        return real(pixels)

    monkeypatch.setattr(model, "_run", run)
    assert model(PIXELS).shape == (40, 60, 3)
    assert model._tile == 128
    left[0] = 99
    with pytest.raises(RepairError, match="MemoryError"):
        Upscaler(model, name="upscaler:tiny").enlarged(PIXELS, (60, 40))


def test_a_file_that_is_no_upscaler_is_refused(tmp_path):
    pytest.importorskip("spandrel", reason="spandrel is not installed; pip install 'limbfix[upscale]'")
    import torch
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="spandrel knows"):
        open_upscaler(tmp_path / "other.safetensors", device="cpu")
