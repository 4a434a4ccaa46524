"""What does a repair of eight regions cost? Side by side against one by one, and the share of limbfix's own adapter in it.

    python benchmarks/inpaint_speed.py [--regions 8] [--steps 30] [--rounds 3] [--out benchmarks/results/inpaint_speed.csv]
    python benchmarks/inpaint_speed.py --tiny          # proves the script on any machine; its numbers mean nothing

An SDXL of real size with random weights: what it paints is noise, what it costs is what a trained one costs. Needs a CUDA device with
12 GB free. *Overhead* is the share of the time that is spent outside the pipeline's own call: masks, pictures, seeds, checks, sizes.
Cropping, pasting and judging belong to `limbfix fix` and are not in it.
"""

from __future__ import annotations

import argparse
import csv
import functools
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from limbfix.inpainters import PipelineInpainter
from limbfix.inpainting import InpaintRequest, Mask

COLUMNS = (
    "model",
    "device",
    "dtype",
    "px",
    "regions",
    "steps",
    "way",
    "s_per_region",
    "peak_gb",
    "overhead",
    "torch",
    "diffusers",
)
LEAST_FREE = 12_000_000_000

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "inpainters"))


def random_sdxl(device: str) -> Any:
    """Builds SDXL as its configuration files describe it, with random half-precision weights."""
    import torch
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLInpaintPipeline, UNet2DConditionModel
    from tiny_pipelines import save_clip_tokenizer
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.set_default_dtype(torch.float16)
    with torch.device(device):
        unet = UNet2DConditionModel(
            sample_size=128, in_channels=4, out_channels=4, block_out_channels=(320, 640, 1280), layers_per_block=2,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(5, 10, 20),
            transformer_layers_per_block=(1, 2, 10), cross_attention_dim=2048, use_linear_projection=True,
            addition_embed_type="text_time", addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
        )  # fmt: skip
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, scaling_factor=0.13025,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, force_upcast=False,
        )  # fmt: skip
        first = CLIPTextModel(CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, projection_dim=768
        ))  # fmt: skip
        second = CLIPTextModelWithProjection(CLIPTextConfig(
            hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, projection_dim=1280
        ))  # fmt: skip
    torch.set_default_dtype(torch.float32)
    words = save_clip_tokenizer(Path(tempfile.mkdtemp()))
    return StableDiffusionXLInpaintPipeline(
        vae=vae, text_encoder=first.eval(), text_encoder_2=second.eval(), tokenizer=words, tokenizer_2=words,
        unet=unet, scheduler=EulerDiscreteScheduler(), add_watermarker=False,
    ).to(device)  # fmt: skip


def tiny_sdxl(device: str) -> Any:
    """Builds the pipeline of the tests."""
    from diffusers import StableDiffusionXLInpaintPipeline
    from tiny_pipelines import save_tiny

    folder = save_tiny("sdxl-inpaint", Path(tempfile.mkdtemp()) / "tiny")
    return StableDiffusionXLInpaintPipeline.from_pretrained(folder, use_safetensors=True).to(device)


def requests_of(count: int, px: int, steps: int) -> list[InpaintRequest]:
    """Makes regions of noise with a round mask, one candidate each."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:px, :px] / px - 0.5
    mask = Mask(edit=(np.hypot(x, y) < 0.3).astype(np.float32))
    return [
        InpaintRequest(
            pixels=rng.integers(0, 255, (px, px, 3), dtype=np.uint8), mask=mask, purpose="redraw", seeds=(seed,), strength=1.0,
            prompt="a hand", steps=steps,
        )
        for seed in range(count)
    ]  # fmt: skip


def measured(pipe: Any, batch: int, requests: list[InpaintRequest], rounds: int) -> tuple[float, float, float]:
    """Returns (seconds per region, peak GB, overhead share) of the fastest round."""
    import torch

    is_cuda = pipe.device.type == "cuda"
    kind, inside = type(pipe), [0.0]
    real = kind.__call__

    @functools.wraps(real)
    def timed(self, *args, **words):
        start = _now(is_cuda)
        answer = real(self, *args, **words)
        inside[0] += _now(is_cuda) - start
        return answer

    inpainter = PipelineInpainter(pipe, batch=batch)
    kind.__call__ = timed
    try:
        inpainter.inpaint_many(requests[:batch])  # kernels are chosen, caches filled
        best = (float("inf"), 0.0)
        if is_cuda:
            torch.cuda.reset_peak_memory_stats()
        for _ in range(rounds):
            inside[0], start = 0.0, _now(is_cuda)
            inpainter.inpaint_many(requests)
            whole = _now(is_cuda) - start
            best = min(best, (whole, 1 - inside[0] / whole))
    finally:
        kind.__call__ = real
    if inpainter.notes:
        raise SystemExit(f"not what was asked for: {'; '.join(inpainter.notes)}")
    return best[0] / len(requests), _peak(is_cuda), best[1]


def _now(is_cuda: bool) -> float:
    import torch

    if is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter()


def _peak(is_cuda: bool) -> float:
    import resource

    import torch

    return (
        torch.cuda.max_memory_allocated() / 1e9 if is_cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    )


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regions", type=int, default=8)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="a tiny model on the CPU, to prove the script")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(arguments)
    import diffusers
    import torch

    if not asked.tiny and not torch.cuda.is_available():
        print(
            f"expected a CUDA device, torch {torch.__version__} sees none; on a CPU an SDXL needs minutes a picture. Try --tiny"
        )
        return 2
    if not asked.tiny and torch.cuda.mem_get_info()[0] < LEAST_FREE:
        print(
            f"expected {LEAST_FREE / 1e9:.0f} GB free on the GPU, got {torch.cuda.mem_get_info()[0] / 1e9:.1f}; close other programs"
        )
        return 2
    pipe = tiny_sdxl("cpu") if asked.tiny else random_sdxl("cuda")
    px = 64 if asked.tiny else 1024
    device = "cpu" if asked.tiny else torch.cuda.get_device_name()
    requests, rows = requests_of(asked.regions, px, asked.steps), []
    for way, batch in (("one by one", 1), ("batched", asked.regions)):
        seconds, peak, overhead = measured(pipe, batch, requests, asked.rounds)
        rows.append(
            dict(zip(COLUMNS, (
                "tiny" if asked.tiny else "sdxl", device, str(pipe.unet.dtype).removeprefix("torch."), px, asked.regions, asked.steps, way,
                round(seconds, 4), round(peak, 2), round(overhead, 4), torch.__version__, diffusers.__version__,
            ), strict=True))
        )  # fmt: skip
        print(
            f"{way:>10}: {seconds:.3f} s per region, peak {peak:.2f} GB, overhead of the adapter {overhead:.1%}",
            flush=True,
        )
    if asked.out:
        with asked.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
