"""Embeddings and LoRAs reach the repair and never the caller's pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.errors import ModelCorrupt, ModelError, ModelMissing, RepairError, UsageError
from limbfix.inpainters import inpainter_from_pipe, open_inpainter
from limbfix.inpainters.additions import read_addition


@pytest.fixture(scope="module")
def embedding(tmp_path_factory):
    import torch
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("words") / "ada.safetensors"
    save_file({"emb_params": torch.randn(2, 32) * 3}, path)
    return path


@pytest.fixture(scope="module")
def lora(tmp_path_factory, tiny):
    import torch
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    net = UNet2DConditionModel.from_pretrained(tiny("sd"), subfolder="unet")
    net.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_k", "to_v"]))
    for name, weight in net.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=1.0)
    folder = tmp_path_factory.mktemp("loras")
    StableDiffusionPipeline.save_lora_weights(
        folder, unet_lora_layers=get_peft_model_state_dict(net), weight_name="style.safetensors"
    )
    return folder / "style.safetensors"


def test_an_embedding_changes_the_repair_and_not_the_callers_pipeline(user_pipe, ask, embedding):
    words, table = len(user_pipe.tokenizer), user_pipe.text_encoder.get_input_embeddings().weight.clone()
    plain = inpainter_from_pipe(user_pipe).inpaint(ask(seeds=(1,)))[0]
    inpainter = inpainter_from_pipe(user_pipe, embeddings=[embedding])
    assert not np.array_equal(inpainter.inpaint(ask(seeds=(1,)))[0], plain)
    assert len(user_pipe.tokenizer) == words
    assert user_pipe.text_encoder.get_input_embeddings().weight.equal(table)
    assert inpainter._pipe.unet is user_pipe.unet
    shared = dict(inpainter._pipe.text_encoder.named_parameters())
    assert sum(shared[name] is weight for name, weight in user_pipe.text_encoder.named_parameters()) == len(shared) - 1
    assert np.array_equal(inpainter_from_pipe(user_pipe).inpaint(ask(seeds=(1,)))[0], plain)


def test_a_lora_changes_the_repair_by_its_weight_and_not_the_callers_pipeline(user_pipe, ask, lora):
    plain = inpainter_from_pipe(user_pipe).inpaint(ask(seeds=(1,)))[0]
    full, none = (
        inpainter_from_pipe(user_pipe, loras=[f"{lora}={weight}"]).inpaint(ask(seeds=(1,)))[0] for weight in (1, 0)
    )
    assert not np.array_equal(full, plain)
    assert np.abs(none.astype(int) - plain).max() <= 1
    assert not [name for name, _ in user_pipe.unet.named_parameters() if "lora" in name]
    assert user_pipe.get_list_adapters() == {}
    assert np.array_equal(inpainter_from_pipe(user_pipe).inpaint(ask(seeds=(1,)))[0], plain)


def test_the_callers_own_lora_stays_on_beside_limbfixs(user_pipe, ask, lora):
    user_pipe.load_lora_weights(lora.parent, weight_name=lora.name, adapter_name="mine")
    user_pipe.set_adapters(["mine"], [0.5])
    inpainter = inpainter_from_pipe(user_pipe, loras=[lora])
    assert inpainter._pipe.get_list_adapters()["unet"] == ["mine", "limbfix_0"]
    assert set(inpainter._pipe.get_active_adapters()) == {"mine", "limbfix_0"}
    assert user_pipe.get_list_adapters()["unet"] == ["mine"]


def test_a_models_folder_takes_both(tiny, ask, embedding, lora):
    plain, added = (
        open_inpainter(tiny("sd"), device="cpu", **more).inpaint(ask(seeds=(1,)))[0]
        for more in ({}, {"embeddings": [embedding], "loras": [lora]})
    )
    assert not np.array_equal(plain, added)


def test_a_prompt_that_names_the_token_is_left_alone(tiny, ask, embedding):
    inpainter = open_inpainter(tiny("sd"), device="cpu", embeddings=[f"{embedding}=person1"])
    named, added = (inpainter.inpaint(ask(seeds=(1,), prompt=prompt))[0] for prompt in ("person1, a hand", "a hand"))
    assert np.array_equal(named, added)


def test_an_embedding_is_heard_beside_a_prompt_that_is_longer_than_clip_reads(tiny, ask, embedding):
    """The prompts that A1111 writes into its pictures are; what stands behind them is cut off."""
    request = ask(seeds=(1,), prompt="masterpiece, a person who waves, " * 8)
    plain, added = (
        open_inpainter(tiny("sd"), device="cpu", **more).inpaint(request)[0]
        for more in ({}, {"embeddings": [embedding]})
    )
    assert not np.array_equal(plain, added)


def test_an_embedding_for_another_model_is_refused(tiny, tmp_path, embedding):
    import torch
    from safetensors.torch import save_file

    save_file({"emb_params": torch.zeros(1, 48)}, tmp_path / "wide.safetensors")
    with pytest.raises(UsageError, match="does not fit"):
        open_inpainter(tiny("sd"), device="cpu", embeddings=[tmp_path / "wide.safetensors"])
    with pytest.raises(UsageError, match="made for another kind of model"):
        open_inpainter(tiny("sdxl-inpaint"), device="cpu", embeddings=[embedding])


def test_an_embedding_for_both_encoders_fits_sdxl(tiny, tmp_path, ask):
    import torch
    from safetensors.torch import save_file

    save_file({"clip_l": torch.ones(1, 32), "clip_g": torch.ones(1, 32)}, tmp_path / "both.safetensors")
    inpainter = open_inpainter(tiny("sdxl-inpaint"), device="cpu", embeddings=[tmp_path / "both.safetensors"])
    assert len(inpainter.inpaint(ask(seeds=(1,)))) == 1


def test_a_lora_for_another_model_is_refused(tiny, lora):
    with pytest.raises(UsageError, match="does not fit FluxFillPipeline"):
        open_inpainter(tiny("flux-fill"), device="cpu", loras=[lora])


def test_hooked_pipelines_are_not_edited(user_pipe, embedding):
    user_pipe.text_encoder._hf_hook = object()
    with pytest.raises(RepairError, match="offload hooks"):
        inpainter_from_pipe(user_pipe, embeddings=[embedding])


def test_files_are_checked_before_a_model_is_loaded(tmp_path):
    (tmp_path / "old.pt").write_bytes(b"x")
    (tmp_path / "web.safetensors").write_bytes(b"<!doctype html>")
    (tmp_path / "text.txt").write_bytes(b"x")
    for name, error in (
        ("old.pt", ModelError),
        ("web.safetensors", ModelCorrupt),
        ("text.txt", UsageError),
        ("no.safetensors", ModelMissing),
    ):
        with pytest.raises(error):
            read_addition(tmp_path / name, is_lora=False)


@pytest.mark.parametrize(
    ("more", "is_lora", "weight", "token"),
    [
        ("", True, 1.0, "ada"),
        ("=0.6", True, 0.6, "ada"),
        ("=-1", True, -1.0, "ada"),
        ("", False, 1.0, "ada"),
        ("=<ada>", False, 1.0, "<ada>"),
        ("=2024", False, 1.0, "2024"),
    ],
)
def test_weight_or_token_follow_the_path(embedding, more, is_lora, weight, token):
    addition = read_addition(f"{embedding}{more}", is_lora=is_lora)
    assert (addition.path, addition.weight, addition.token) == (embedding, weight, token)


@pytest.mark.parametrize("weight", ["0,8", "O.5", "nan", "inf"])
def test_a_weight_that_is_no_number_is_not_taken_for_one(embedding, weight):
    with pytest.raises(UsageError, match=weight):
        read_addition(f"{embedding}={weight}", is_lora=True)


@pytest.mark.parametrize(("more", "weight"), [("", 1.0), ("=0.5", 0.5)])
def test_a_file_whose_name_holds_an_equals_sign_is_found(embedding, tmp_path, more, weight):
    """As PyTorch Lightning names its checkpoints."""
    path = tmp_path / "epoch=12-step=900.safetensors"
    path.write_bytes(embedding.read_bytes())
    addition = read_addition(f"{path}{more}", is_lora=True)
    assert (addition.path, addition.weight) == (path, weight)
