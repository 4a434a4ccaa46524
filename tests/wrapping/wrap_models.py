"""Tiny pipelines of diffusers' real classes, saved and loaded again offline: the example's builder, and its kin for other tasks."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "wrap_diffusers.py"


def example_module() -> Any:
    spec = importlib.util.spec_from_file_location("wrap_diffusers_example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save_tiny_xl(folder: Path) -> Path:
    """Saves a Stable Diffusion XL with two text encoders, pooled embeddings and size conditioning."""
    import torch
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    tokenizer = example_module().make_tokenizer(folder / "words")
    words = len(tokenizer)
    text = CLIPTextConfig(
        vocab_size=words,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=16,
        bos_token_id=words - 2,
        eos_token_id=words - 1,
        pad_token_id=words - 1,
    )
    unet = UNet2DConditionModel(
        sample_size=32,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=(2, 4),
        cross_attention_dim=32,
        transformer_layers_per_block=(1, 1),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=64,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        norm_num_groups=8,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )
    pipe = StableDiffusionXLPipeline(
        vae=vae,
        unet=unet,
        scheduler=EulerDiscreteScheduler(),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        text_encoder=CLIPTextModel(text).eval(),
        text_encoder_2=CLIPTextModelWithProjection(text).eval(),
    )
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder


def load_tiny(folder: Path, kind: str = "StableDiffusionPipeline") -> Any:
    """Loads the saved pipeline as another class of the same parts; quiet."""
    import diffusers

    diffusers.utils.logging.set_verbosity_error()
    pipe = getattr(diffusers, kind).from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def with_flags(pipe: Any, flagged: list[list[bool]]) -> Any:
    """Gives a pipeline a safety checker that flags and blackens as told, call by call."""
    import torch

    class Checker(torch.nn.Module):
        device, dtype = torch.device("cpu"), torch.float32

        def forward(self, images: Any, clip_input: Any) -> Any:
            flags = flagged.pop(0) if flagged else [False] * len(images)
            images = images.clone()
            for place, is_flagged in enumerate(flags):
                if is_flagged:
                    images[place] = 0
            return images, flags

    class Extractor:
        def __call__(self, images: Any, return_tensors: str) -> Any:
            class Answer(dict):
                pixel_values = torch.zeros(len(images), 3, 8, 8)

                def to(self, device: Any) -> Any:
                    return self

            return Answer()

    pipe.safety_checker, pipe.feature_extractor = Checker(), Extractor()
    return pipe
