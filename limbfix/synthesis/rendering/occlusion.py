"""How dark is it where things come close together? Ambient occlusion from the depth buffer, with a range check."""

from __future__ import annotations

import cv2
import numpy as np

from limbfix.synthesis.rendering.lights import Light

TAPS = 12
"""Depth samples around each pixel, on a sunflower spiral; more gain nothing at 256 px."""

GOLDEN_ANGLE = 2.4
RED_BLEED = np.array([0.75, 1.05, 1.1], np.float32)
"""Exponents for red, green, blue: light between fingers is red, for it comes through skin."""


def occluded_light(depth: np.ndarray, px_per_dm_at_1: float, light: Light) -> np.ndarray:
    """Returns (h, w, 3) float32 factors, 1 = open.

    Args:
        depth: (h, w) decimetres, inf where nothing is.
        px_per_dm_at_1: pixels that one decimetre spans at a distance of one decimetre.
        light: `occlusion` and `reach` are read.
    """
    shown = np.isfinite(depth)
    if not shown.any() or light.occlusion <= 0:
        return np.ones((*depth.shape, 3), np.float32)
    filled = np.where(shown, depth, 1e4).astype(np.float32)
    radius = float(np.clip(light.reach * px_per_dm_at_1 / np.median(depth[shown]), 2, 40))
    rim = int(radius) + 1
    wide = np.pad(filled, rim, mode="wrap")
    total, rise, near = np.zeros_like(filled), np.empty_like(filled), np.empty(filled.shape, bool)
    height, width = depth.shape
    for k in range(TAPS):
        step = radius * np.sqrt((k + 0.7) / TAPS)
        dx, dy = round(step * np.cos(k * GOLDEN_ANGLE)), round(step * np.sin(k * GOLDEN_ANGLE))
        np.subtract(filled, wide[rim - dy : rim - dy + height, rim - dx : rim - dx + width], out=rise)
        np.less(rise, light.reach * 1.6, out=near)
        rise /= light.reach * 0.5
        rise -= 0.08
        np.clip(rise, 0, 1, out=rise)
        rise *= near
        total += rise
    total = cv2.GaussianBlur(total / TAPS, (0, 0), max(1.0, radius * 0.12)) * 0.9
    dark = 1 - np.float32(light.occlusion) * np.clip(total * 2.2, 0, 0.75) * shown
    return np.exp(np.log(dark)[..., None] * RED_BLEED)  # a power, in single precision
