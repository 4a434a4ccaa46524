"""What do the generator's two networks get wrong on a batch? Their losses, as functions of networks, batch and chance."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limbfix.synthesis.generator.conditions import condition_maps
from limbfix.synthesis.generator.networks import PICTURE_PX, STRIDE, Autoencoder, Denoiser
from limbfix.synthesis.generator.schedule import add_noise, signal_noise, velocity
from limbfix.training.generator_settings import GeneratorTraining
from limbfix.training.hand_crops import Batch

_SIDE = PICTURE_PX // STRIDE
_SHRUNKEN = (16, 28)
"""Sides of shrunken latents, of 32."""


def as_pictures(pixels: np.ndarray, device: torch.device) -> Tensor:
    """Returns (n, 3, h, w), -1 to 1, of (n, h, w, 3) uint8."""
    pictures = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pictures.contiguous(memory_format=torch.channels_last)


def autoencoder_loss(
    network: Autoencoder, batch: Batch, settings: GeneratorTraining, rng: np.random.Generator
) -> Tensor:
    """Returns mean absolute error of pixels and of their differences, through noisy and sometimes shrunken latents."""
    device = next(network.parameters()).device
    pictures = as_pictures(batch.pixels, device)
    raw = network.encode_raw(pictures).float()  # antialiasing knows no bfloat16 on a CPU
    if rng.random() < settings.shrink_chance:
        side = int(rng.integers(_SHRUNKEN[0], _SHRUNKEN[1] + 1))
        raw = functional.interpolate(raw, size=side, mode="bilinear", antialias=True)
        pictures = functional.interpolate(pictures, size=side * STRIDE, mode="bilinear", antialias=True)
    noise = rng.standard_normal(tuple(raw.shape), dtype=np.float32)
    decoded = network.decode_raw(raw + settings.latent_noise * torch.from_numpy(noise).to(device)).float()
    return picture_error(decoded, pictures, settings.gradient_weight)


def picture_error(decoded: Tensor, pictures: Tensor, gradient_weight: float) -> Tensor:
    """Returns the mean absolute error of pixels, and of differences between neighbours at full and half size."""
    error = (decoded - pictures).abs().mean()
    for _ in range(2):
        for axis in (2, 3):
            error = error + gradient_weight / 4 * (decoded.diff(dim=axis) - pictures.diff(dim=axis)).abs().mean()
        decoded, pictures = functional.avg_pool2d(decoded, 2), functional.avg_pool2d(pictures, 2)
    return error


def draw_maps(batch: Batch, settings: GeneratorTraining, rng: np.random.Generator, device: torch.device) -> Tensor:
    """Returns the condition maps of a batch; some hands come without joints, some without anything."""
    maps = []
    for mask, keypoints in zip(batch.masks, batch.keypoints, strict=True):
        chance = rng.random()
        told = chance >= settings.no_condition
        jointed = chance >= settings.no_condition + settings.no_keypoints
        maps.append(
            condition_maps(
                mask if told else None,
                keypoints if jointed else None,
                side=_SIDE,
                scale_xy=(1 / STRIDE, 1 / STRIDE),
            )
        )
    return torch.from_numpy(np.stack(maps)).to(device)


def denoiser_loss(
    network: Denoiser, autoencoder: Autoencoder, batch: Batch, settings: GeneratorTraining, rng: np.random.Generator
) -> Tensor:
    """Returns the squared error of v, weighted by min-SNR. Times of a batch are spread evenly: less noise in the loss."""
    device = next(network.parameters()).device
    with torch.no_grad():
        latents = autoencoder.encode(as_pictures(batch.pixels, device)).float()
    count = len(latents)
    times = (np.arange(count) + rng.random(count)) / count
    spread = torch.from_numpy(times.astype(np.float32)).to(device)
    noise = torch.from_numpy(rng.standard_normal(tuple(latents.shape), dtype=np.float32)).to(device)
    maps = draw_maps(batch, settings, rng, device)
    v = network(add_noise(latents, noise, spread), maps, spread).float()
    errors = (v - velocity(latents, noise, spread)).square().mean(dim=(1, 2, 3))
    signal, share = signal_noise(spread)
    snr = (signal / share).square().flatten()
    return (errors * snr.clamp(max=settings.snr_limit) / (snr + 1)).mean() * 2
