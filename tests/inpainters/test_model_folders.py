"""A model's folder is whole and safe, or one error names the file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from limbfix.errors import InpainterMissing, ModelCorrupt, ModelError, ModelMissing, ModelUnavailable
from limbfix.inpainters import open_inpainter
from limbfix.inpainters.model_folders import parameters_in, read_model_folder


@pytest.fixture
def folder(tiny, tmp_path) -> Path:
    return shutil.copytree(tiny("sd-inpaint"), tmp_path / "model")


def test_a_whole_folder_says_what_it_is(folder):
    read = read_model_folder(folder)
    assert (read.pipeline, read.variant) == ("StableDiffusionInpaintPipeline", None)
    assert set(read.parameters) == {"unet", "vae", "text_encoder"}
    assert read.parameters["unet"] > 100_000


FILES = (
    "model_index.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
    "scheduler/scheduler_config.json",
    "tokenizer/tokenizer.json",
)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelMissing) as caught:
        open_inpainter(folder)
    assert str((folder / name).parent) in str(caught.value)
    assert Path(name).suffix in str(caught.value) or "config" in str(caught.value)


def test_a_folder_of_another_kind_is_told_from_one_that_is_not_whole(tiny, tmp_path):
    for name in ("checkpoints", "cache/snapshots", "empty"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "checkpoints" / "sd15.safetensors").write_bytes(b"x")
    for folder, remedy in (
        (tiny("controlnet"), "a ControlNetModel; name it with --controlnet"),
        (tiny("sd") / "unet", "a UNet2DConditionModel; name the folder of the whole pipeline"),
        (tmp_path / "checkpoints", r"sd15\.safetensors.*from_single_file"),
        (tmp_path / "cache", "the folder below snapshots"),
        (tmp_path / "empty", "found no such file"),
    ):
        with pytest.raises(ModelMissing, match=rf"model_index\.json.*{remedy}"):
            open_inpainter(folder)


def test_a_missing_part_is_named(folder):
    shutil.rmtree(folder / "vae")
    with pytest.raises(ModelMissing, match="vae"):
        open_inpainter(folder)


def test_a_missing_shard_is_named(folder):
    listing = {"weight_map": {"a": "diffusion_pytorch_model-00002-of-00002.safetensors"}}
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(listing))
    with pytest.raises(ModelMissing, match="00002-of-00002"):
        open_inpainter(folder)


@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".pt"])
def test_pickles_are_refused_and_never_opened(folder, suffix):
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    canary = weights.with_suffix(suffix)
    weights.unlink()
    canary.write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
    with pytest.raises(ModelError, match="can run code when they are loaded"):
        open_inpainter(folder)
    with pytest.raises(ModelError, match="can run code when they are loaded"):
        open_inpainter(canary)


def test_code_of_a_model_is_refused(folder):
    (folder / "unet" / "mine.py").write_text("raise SystemExit")
    with pytest.raises(ModelError, match="code that comes with a model is not run"):
        open_inpainter(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [("unet", ["mine", "MyUNet"]), ("_class_name", ["pipeline", "MyPipeline"]), ("vae", ["../evil", "VAE"])],
)
def test_classes_from_elsewhere_are_refused(folder, key, value):
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(ModelError, match=r"not run"):
        open_inpainter(folder)


@pytest.mark.parametrize("harm", ["truncate", "html", "empty"])
def test_weights_that_are_none_are_corrupt(folder, harm):
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    data = path.read_bytes()
    path.write_bytes({"truncate": data[:-100], "html": b"<!doctype html><title>503</title>", "empty": b""}[harm])
    with pytest.raises(ModelCorrupt, match=r"diffusion_pytorch_model\.safetensors"):
        open_inpainter(folder)
    with pytest.raises(ModelCorrupt):
        parameters_in(path)


def test_an_index_that_is_no_json_is_corrupt(folder):
    (folder / "model_index.json").write_text("<html>")
    with pytest.raises(ModelCorrupt, match="model_index"):
        open_inpainter(folder)


def test_a_model_that_cannot_inpaint_is_refused_with_the_reason(folder):
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": "AuraFlowPipeline"}))
    with pytest.raises(InpainterMissing, match="no inpainting class"):
        open_inpainter(folder)


@pytest.mark.parametrize("net", [False, True])
def test_a_model_that_needs_a_hint_nobody_draws_is_refused_before_it_is_loaded(folder, tiny, monkeypatch, net):
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": "FluxControlPipeline"}))
    monkeypatch.setattr("limbfix.inpainters.opening.load_pipeline", lambda *_: pytest.fail("loaded"))
    with pytest.raises(InpainterMissing, match=r"FluxControlPipeline.*depth map or the edges.*FLUX Fill.*`control`"):
        open_inpainter(folder, controlnet=tiny("controlnet") if net else None, gives_hints=False)
    if net:  # a hint for a ControlNet is none for the transformer
        with pytest.raises(InpainterMissing, match=r"FluxControlPipeline.*takes no ControlNet"):
            open_inpainter(folder, controlnet=tiny("controlnet"))


def test_halves_alone_are_loaded_as_the_variant(folder):
    for path in [*folder.glob("*/diffusion_pytorch_model.safetensors"), *folder.glob("*/model.safetensors")]:
        path.rename(path.with_suffix(".fp16.safetensors"))
    assert read_model_folder(folder).variant == "fp16"
    assert open_inpainter(folder, device="cpu").native_px == 64


@pytest.mark.parametrize("whole", ["vae", "text_encoder"])
def test_a_part_without_the_variant_does_not_keep_the_others_from_loading(folder, whole):
    """Halves with another VAE put in, such as sdxl-vae-fp16-fix, whose file bears no variant."""
    for path in folder.glob("*/*.safetensors"):
        if path.parent.name != whole:
            path.rename(path.with_suffix(".fp16.safetensors"))
    assert read_model_folder(folder).variant == "fp16"
    assert open_inpainter(folder, device="cpu").native_px == 64


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "nothing"])
def test_neither_folder_nor_hub_name_is_missing(name):
    with pytest.raises(ModelMissing, match="found no folder"):
        open_inpainter(name)


def test_a_hub_that_does_not_answer_gives_the_command(monkeypatch):
    from limbfix.inpainters import locating

    def down(name: str, *, is_offline: bool, is_pipeline: bool):
        raise OSError("Connection refused")

    monkeypatch.setattr(locating, "_fetch", down)
    with pytest.raises(ModelUnavailable, match=r"Connection refused.*hf download owner/model --exclude '\*.bin'"):
        open_inpainter("owner/model")


def test_without_leave_to_download_nothing_is_asked(socket_disabled):
    with pytest.raises(ModelMissing, match="hf download owner/model"):
        open_inpainter("owner/model", download=False)


def test_what_the_hubs_cache_holds_needs_no_network(tiny, monkeypatch):
    from limbfix.inpainters import locating

    asked = []

    def cached(name: str, *, is_offline: bool, is_pipeline: bool) -> Path:
        asked.append(is_offline)
        return tiny("sd-inpaint")

    monkeypatch.setattr(locating, "_fetch", cached)
    assert open_inpainter("owner/model", device="cpu").native_px == 64
    assert asked == [True]
