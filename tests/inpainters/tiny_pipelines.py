"""Pipelines of diffusers' real classes with random weights, small enough for a test, saved as a hub's folders are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIDE = 32
"""Samples of a tiny UNet; with a VAE of factor 2 its native side is 64 px."""

CLASSES = ("sd", "sd-inpaint", "sdxl-inpaint", "flux-fill", "sd-flagging")


def save_tiny(kind: str, folder: Path, seed: int = 0) -> Path:
    """Builds one pipeline and saves it as safetensors; returns its folder."""
    import torch

    torch.manual_seed(seed)
    build = {
        "sd": lambda: _stable(4),
        "sd-inpaint": lambda: _stable(9),
        "sd-flagging": lambda: _stable(9, is_flagging=True),
        "sdxl-inpaint": _stable_xl,
        "flux-fill": _flux_fill,
    }[kind]
    build().save_pretrained(folder, safe_serialization=True)
    return folder


def save_tiny_controlnet(folder: Path) -> Path:
    """Builds a ControlNet that fits the tiny Stable Diffusion, with weights that are not zero, so that a hint matters."""
    import torch
    from diffusers import ControlNetModel

    torch.manual_seed(1)
    net = ControlNetModel(
        block_out_channels=(32, 64), layers_per_block=1, in_channels=4, cross_attention_dim=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), conditioning_embedding_out_channels=(16, 32),
        attention_head_dim=4,
    )  # fmt: skip
    for name, weight in net.named_parameters():
        if "controlnet_" in name or "cond_embedding.conv_out" in name:
            torch.nn.init.normal_(weight, std=0.3)
    net.save_pretrained(folder, safe_serialization=True)
    return folder


def save_clip_tokenizer(folder: Path) -> Any:
    """Writes a tokenizer that spells words letter by letter."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(33, 127)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        vocab=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
        model_max_length=77,
        unk_token="<|endoftext|>",
    )


def _clip(projection: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=190, hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
        bos_token_id=188, eos_token_id=189, pad_token_id=189, projection_dim=32,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config).eval()


def _tokenizer() -> Any:
    import tempfile

    return save_clip_tokenizer(Path(tempfile.mkdtemp()))


def _unet(channels: int, **more: Any) -> Any:
    from diffusers import UNet2DConditionModel

    settings = {
        "block_out_channels": (32, 64), "layers_per_block": 1, "sample_size": SIDE, "in_channels": channels,
        "out_channels": 4, "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "cross_attention_dim": 32, "attention_head_dim": 4,
    }  # fmt: skip
    return UNet2DConditionModel(**{**settings, **more})


def _vae(latent_channels: int = 4, **more: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(32, 64), in_channels=3, out_channels=3, latent_channels=latent_channels,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, **more,
    )  # fmt: skip


def _scheduler() -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False
    )


def _stable(channels: int, is_flagging: bool = False) -> Any:
    from diffusers import StableDiffusionInpaintPipeline, StableDiffusionPipeline

    checker, extractor = _safety_checker() if is_flagging else (None, None)
    kind = StableDiffusionPipeline if channels == 4 else StableDiffusionInpaintPipeline
    return kind(
        vae=_vae(), text_encoder=_clip(), tokenizer=_tokenizer(), unet=_unet(channels), scheduler=_scheduler(),
        safety_checker=checker, feature_extractor=extractor, requires_safety_checker=False,
    )  # fmt: skip


def _safety_checker() -> tuple[Any, Any]:
    """Builds a real safety checker that flags everything: its thresholds are below any similarity."""
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    vision = {
        "hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 1, "num_attention_heads": 4, "image_size": 32,
        "patch_size": 8, "projection_dim": 32,
    }  # fmt: skip
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=32))
    torch.nn.init.constant_(checker.concept_embeds_weights, -2.0)
    return checker, CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def _stable_xl() -> Any:
    from diffusers import StableDiffusionXLInpaintPipeline

    unet = _unet(
        4, attention_head_dim=(2, 4), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=8, transformer_layers_per_block=(1, 1), projection_class_embeddings_input_dim=80,
        cross_attention_dim=64,
    )  # fmt: skip
    return StableDiffusionXLInpaintPipeline(
        vae=_vae(force_upcast=False), text_encoder=_clip(), text_encoder_2=_clip(projection=True), unet=unet,
        tokenizer=_tokenizer(), tokenizer_2=_tokenizer(), scheduler=_scheduler(), add_watermarker=False,
    )  # fmt: skip


def _flux_fill() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxFillPipeline, FluxTransformer2DModel
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0)]
    pieces += [(chr(code), -2.0) for code in range(97, 123)]
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=48, out_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    )  # fmt: skip
    text = T5Config(vocab_size=len(pieces), d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4)
    return FluxFillPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), transformer=transformer,
        vae=_vae(4, shift_factor=0.06, scaling_factor=1.5, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=_clip(), tokenizer=_tokenizer(), text_encoder_2=T5EncoderModel(text).eval(),
        tokenizer_2=T5Tokenizer(vocab=pieces),
    )  # fmt: skip


def tiny_flux_and_union() -> tuple[Any, Any]:
    """Builds a text-to-image FLUX, and a ControlNet for seven kinds of hints that fits it."""
    import torch
    from diffusers import FluxControlNetModel, FluxPipeline, FluxTransformer2DModel

    torch.manual_seed(2)
    sizes = {
        "patch_size": 1, "in_channels": 16, "num_layers": 1, "num_single_layers": 1, "attention_head_dim": 16,
        "num_attention_heads": 2, "joint_attention_dim": 32, "pooled_projection_dim": 32, "axes_dims_rope": [4, 4, 8],
        "guidance_embeds": True,
    }  # fmt: skip
    parts = {**_flux_fill().components, "transformer": FluxTransformer2DModel(**sizes)}
    net = FluxControlNetModel(**sizes, num_mode=7)
    for name, weight in net.named_parameters():
        if name.startswith("controlnet_"):
            torch.nn.init.normal_(weight, std=0.3)
    return FluxPipeline(**parts), net


def tiny_flux_control() -> Any:
    """Builds a FLUX of the kind of Depth and Canny, whose transformer takes a control image beside the latents."""
    import torch
    from diffusers import FluxControlPipeline, FluxTransformer2DModel

    torch.manual_seed(3)
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=32, out_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    )  # fmt: skip
    return FluxControlPipeline(**{**_flux_fill().components, "transformer": transformer})


def tiny_xl_and_union() -> tuple[Any, Any]:
    """Builds a text-to-image SDXL, and a ControlNet for many kinds of hints that fits it; its class asks for 320 channels."""
    import torch
    from diffusers import ControlNetUnionModel, StableDiffusionXLPipeline

    torch.manual_seed(2)
    sizes = {
        "block_out_channels": (320, 64), "layers_per_block": 1, "cross_attention_dim": 64, "attention_head_dim": (4, 4),
        "use_linear_projection": True, "addition_embed_type": "text_time", "addition_time_embed_dim": 8,
        "transformer_layers_per_block": (1, 1), "projection_class_embeddings_input_dim": 80,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    }  # fmt: skip
    net = ControlNetUnionModel(conditioning_embedding_out_channels=(16, 32), **sizes)
    for name, weight in net.named_parameters():
        if "controlnet_" in name or "cond_embedding.conv_out" in name:
            torch.nn.init.normal_(weight, std=0.3)
    names = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
    kept = _stable_xl().components
    pipe = StableDiffusionXLPipeline(
        **{name: kept[name] for name in names}, unet=_unet(4, **sizes), add_watermarker=False
    )
    return pipe, net
