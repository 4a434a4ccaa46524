"""What will a half-rendered picture look like? The clean picture that two successive steps point to, decoded by the pipeline's VAE.

After a step the latents are `a * x + s * n`: the picture x under noise n, with levels a and s that the scheduler knows. A
deterministic first-order sampler moves along fixed x and n, so two successive latents are two equations for both. That is
exact for Euler, flow matching and DDIM, near enough for their multistep kin, and wrong where noise is added at each step
(ancestral, SDE, LCM): there the latents themselves are decoded, noise and all.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_FLOW = ("FlowMatch",)
_KARRAS = ("EulerDiscrete", "HeunDiscrete", "LMSDiscrete", "KDPM2Discrete")
_PRESERVING = ("DPMSolver", "UniPC", "DEIS", "SASolver")
_BY_TIMESTEP = ("DDIMScheduler", "PNDM", "DDIMParallel")
_LEAST_DETERMINANT = 1e-4


def decode_preview(pipe: Any, step: int, before: Any, after: Any) -> list[np.ndarray]:
    """Returns uint8 (h, w, 3) previews of a batch.

    Args:
        pipe: in the middle of its loop.
        step: the one that was just done, from 0.
        before: latents before that step, or None.
        after: latents after it.

    Raises:
        ValueError: the latents are not of the plain kind (b, c, h, w) that the VAE takes.
    """
    if getattr(after, "ndim", 0) != 4:
        shape = tuple(getattr(after, "shape", ()))
        raise ValueError(
            f"expected latents (b, c, h, w), got {shape}; give EarlyStop(preview=...), such as a TAESD for this model"
        )
    return _decoded(pipe, estimate_clean(pipe.scheduler, step, before, after))


def estimate_clean(scheduler: Any, step: int, before: Any, after: Any) -> Any:
    """Returns the latents of the clean picture as far as they can be told, else `after` as it is."""
    levels = _levels(scheduler, step), _levels(scheduler, step + 1)
    if before is None or levels[0] is None or levels[1] is None:
        return after
    (a_0, s_0), (a_1, s_1) = levels[0], levels[1]
    determinant = s_0 * a_1 - s_1 * a_0
    if abs(determinant) < _LEAST_DETERMINANT:
        return after
    return (s_0 * after - s_1 * before) / determinant


def _levels(scheduler: Any, index: int) -> tuple[float, float] | None:
    """Returns (level of the picture, level of the noise) of the latents before the step of this index; None where unknown."""
    name = type(scheduler).__name__
    if "Ancestral" in name or "SDE" in name or "sde" in str(getattr(scheduler.config, "algorithm_type", "")):
        return None
    sigmas, timesteps = getattr(scheduler, "sigmas", None), scheduler.timesteps
    if name.startswith(_BY_TIMESTEP):
        if index >= len(timesteps):
            return None
        kept = float(scheduler.alphas_cumprod[int(timesteps[index])])
        return math.sqrt(kept), math.sqrt(1 - kept)
    if sigmas is None or index >= len(sigmas):
        return None
    sigma = float(sigmas[index])
    if name.startswith(_FLOW) or getattr(scheduler.config, "use_flow_sigmas", False):
        return 1 - sigma, sigma
    if name.startswith(_KARRAS):
        return 1.0, sigma
    if name.startswith(_PRESERVING):
        kept = 1 / math.sqrt(sigma**2 + 1)
        return kept, sigma * kept
    return None


def _decoded(pipe: Any, latents: Any) -> list[np.ndarray]:
    import torch

    config = pipe.vae.config
    shift = getattr(config, "shift_factor", None) or 0.0
    scaled = (latents / config.scaling_factor + shift).to(pipe.vae.dtype)
    with torch.no_grad():
        pixels = pipe.vae.decode(scaled, return_dict=False)[0].float()
    levels = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return list(levels.permute(0, 2, 3, 1).cpu().numpy())
