"""How much noise is there at a time, and how does one step back in time? The cosine schedule, v, and DDIM.

Time runs from 0 (no noise) to 1 (nothing but noise). A strength of renoising is the time to which a picture is sent.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LAST = 0.995
"""Latest time: at 1 itself v would say nothing about the picture's noise."""


def signal_noise(times: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the shares of picture and noise at times (n,), as (n, 1, 1, 1) each: cosine and sine (Nichol and Dhariwal, 2021)."""
    angle = (times.clamp(0.0, _LAST) * (math.pi / 2)).view(-1, 1, 1, 1)
    return torch.cos(angle), torch.sin(angle)


def add_noise(latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """Returns what is seen of latents at a time."""
    signal, share = signal_noise(times)
    return signal * latents + share * noise


def velocity(latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """Returns v, the denoiser's target (Salimans and Ho, 2022)."""
    signal, share = signal_noise(times)
    return signal * noise - share * latents


def step_back(noisy: Tensor, v: Tensor, times: Tensor, earlier: Tensor) -> Tensor:
    """Returns the latents at an earlier time by one deterministic DDIM step (Song et al., 2021)."""
    signal, share = signal_noise(times)
    latents, noise = signal * noisy - share * v, share * noisy + signal * v
    return add_noise(latents, noise, earlier)
