"""Which looks does a training picture of the finder get? Light, colours, grey, paint, flat colours with lines, and a chain of losses."""

from __future__ import annotations

import cv2
import numpy as np

from limbfix.synthesis.degradation import Degradation, sample_degradation

_DEGRADED = 0.6
_GREY, _DRAWN = 0.05, 0.08
"""Shares of pictures with losses, without colour, and as drawn."""

_TOO_SLOW = ("autoencode",)
"""Stages that are left out: they take longer than a training step."""


def dressed(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the picture, (h, w, 3) uint8, with a drawn look."""
    pixels = relit(pixels, rng)
    if rng.random() < _DRAWN:
        pixels = _as_drawn(pixels, rng)
    if rng.random() < _GREY:
        pixels = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if rng.random() < _DEGRADED:
        chain = sample_degradation(rng)
        chain = Degradation(tuple(stage for stage in chain.stages if stage.name not in _TOO_SLOW))
        pixels = chain.apply(pixels, rng)
    return pixels


def relit(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Changes brightness, contrast, colour of the light and saturation by one table per channel and one mixing step."""
    gain = np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.08, 3))
    gamma, lift = np.exp(rng.normal(0, 0.15)), rng.normal(0, 10)
    ramp = np.arange(256)[:, None] / 255
    table = np.clip(255 * (ramp**gamma * gain) + lift, 0, 255).astype(np.uint8)
    lit = cv2.LUT(pixels, np.ascontiguousarray(table.reshape(256, 1, 3)))
    amount = float(np.clip(np.exp(rng.normal(0, 0.3)), 0.3, 1.8))
    grey = np.repeat(cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    return cv2.addWeighted(lit, amount, grey, 1 - amount, 0)


def _as_drawn(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns flat colours with dark outlines, as comics and anime have them."""
    flat = pixels
    for _ in range(int(rng.integers(1, 4))):
        flat = cv2.bilateralFilter(flat, 5, rng.uniform(25, 70), 3)
    if rng.random() < 0.5:
        steps = rng.uniform(12, 40)
        flat = np.clip(np.rint(flat / steps) * steps, 0, 255).astype(np.uint8)
    grey = cv2.cvtColor(flat, cv2.COLOR_RGB2GRAY).astype(np.float32)
    rough = cv2.GaussianBlur(grey, (0, 0), 0.7) - cv2.GaussianBlur(grey, (0, 0), rng.uniform(1.2, 2.2))
    lines = np.clip(1 + rough / rng.uniform(8, 20), rng.uniform(0.1, 0.6), 1)
    return np.clip(flat * lines[..., None], 0, 255).astype(np.uint8)
