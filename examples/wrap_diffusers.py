"""Put a gate behind a diffusers pipeline: what fails is made again, the best attempt is kept, and every seed is recorded.

    python examples/wrap_diffusers.py                                # a tiny pipeline with random weights, made here; offline
    python examples/wrap_diffusers.py FOLDER "a woman waving"        # your own: any folder that from_pretrained takes

The tiny pipeline's pictures are noise, in which nobody is seen: the reports say so (`no_subject`).
"""

import json
import sys
import tempfile
from pathlib import Path

import limbfix


def save_tiny_pipeline(folder: Path) -> None:
    """Builds a Stable Diffusion of 64 px with random weights, 0.3 million of them, and saves it as a real one is saved."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=32,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=8,
        cross_attention_dim=16,
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
    tokenizer = make_tokenizer(folder)
    words = len(tokenizer)
    text = CLIPTextConfig(
        vocab_size=words,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=words - 2,
        eos_token_id=words - 1,
        pad_token_id=words - 1,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False
    )
    pipe = StableDiffusionPipeline(
        vae=vae,
        unet=unet,
        scheduler=scheduler,
        tokenizer=tokenizer,
        text_encoder=CLIPTextModel(text).eval(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.save_pretrained(folder, safe_serialization=True)


def make_tokenizer(folder: Path):
    """Writes a vocabulary of single letters and returns its tokenizer."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    return CLIPTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=77)


def main() -> int:
    import diffusers

    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as place:
        folder, prompt, steps = Path(place) / "tiny", "a woman waving with both hands", 8
        if len(sys.argv) > 1:
            folder, steps = Path(sys.argv[1]), 30
            prompt = sys.argv[2] if len(sys.argv) > 2 else prompt
        else:
            save_tiny_pipeline(folder)
        pipe = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True)
        pipe.set_progress_bar_config(disable=True)

        gated = limbfix.wrap(pipe, max_attempts=3, seed=7)
        output = gated(prompt, num_inference_steps=steps, num_images_per_prompt=2)

    for image, report in zip(output.images, output.reports, strict=True):
        seeds = [attempt.seed for attempt in report.attempts]
        print(f"{image.size[0]}x{image.size[1]}  {report.verdict:<10}  seeds {seeds}, kept number {report.kept}")
        print(f"    {report.reason}")
    return 1 if any(report.has_failed for report in output.reports) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except limbfix.LimbfixError as error:
        print(f"wrap_diffusers: {error}", file=sys.stderr)
        sys.exit(2)
