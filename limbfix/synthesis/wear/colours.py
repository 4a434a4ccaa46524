"""What colours do skin, hair, eyes, nails and cloth have? Anchors in sRGB, drawn and mixed in linear RGB."""

from __future__ import annotations

import numpy as np

SKIN_TONES = np.array(
    [
        (0.94, 0.80, 0.73), (0.90, 0.73, 0.63), (0.84, 0.64, 0.52), (0.75, 0.54, 0.41),
        (0.63, 0.43, 0.31), (0.49, 0.32, 0.23), (0.37, 0.235, 0.17), (0.265, 0.17, 0.13),
    ]
)  # fmt: skip
"""From very light to very dark; between two anchors colours are mixed. Read off photographs in even light."""

HAIR_COLOURS = np.array(
    [
        (0.07, 0.06, 0.055), (0.11, 0.08, 0.065), (0.20, 0.13, 0.09), (0.32, 0.21, 0.13),
        (0.48, 0.34, 0.20), (0.70, 0.56, 0.36), (0.50, 0.22, 0.11), (0.62, 0.61, 0.60), (0.86, 0.85, 0.83),
    ]
)  # fmt: skip
"""Black to light blond, red, grey, white."""

EYE_COLOURS = np.array(
    [(0.25, 0.14, 0.07), (0.34, 0.21, 0.10), (0.40, 0.36, 0.18), (0.33, 0.45, 0.52), (0.45, 0.50, 0.50)]
)

POLISHES = np.array(
    [
        (0.72, 0.05, 0.09), (0.45, 0.03, 0.10), (0.93, 0.55, 0.62), (0.95, 0.83, 0.78), (0.05, 0.05, 0.06),
        (0.15, 0.22, 0.55), (0.10, 0.45, 0.42), (0.93, 0.93, 0.92), (0.55, 0.30, 0.55), (0.80, 0.62, 0.25),
    ]
)  # fmt: skip


def linear(srgb: np.ndarray) -> np.ndarray:
    """Returns linear RGB of sRGB values 0-1, by the plain power that the shader's last step undoes."""
    return np.asarray(srgb, np.float64).clip(0, 1) ** 2.2


def between(anchors: np.ndarray, place: float) -> np.ndarray:
    """Returns the (3,) colour at a place 0-1 along a row of anchors."""
    x = place * (len(anchors) - 1)
    low = min(int(x), len(anchors) - 2)
    return anchors[low] + (x - low) * (anchors[low + 1] - anchors[low])


def sample_cloth_colour(rng: np.random.Generator) -> np.ndarray:
    """Returns a (3,) linear colour as clothes have it: black, white, grey, navy and muted tones more often than loud ones."""
    kind = rng.random()
    if kind < 0.35:
        value = rng.choice([0.06, 0.12, 0.25, 0.45, 0.65, 0.85, 0.93]) + rng.uniform(-0.03, 0.03)
        return linear(value * (1 + rng.normal(0, 0.02, 3)))
    if kind < 0.5:
        return linear(np.array([0.13, 0.18, 0.34]) * rng.uniform(0.6, 1.8))  # navy to denim
    if kind < 0.62:
        return linear(np.array([0.62, 0.53, 0.42]) * rng.uniform(0.6, 1.4))  # beige, khaki, brown
    hue, saturation, value = rng.uniform(0, 1), rng.beta(2.2, 2.2), rng.uniform(0.25, 0.92)
    ramp = np.abs((hue + np.array([0, 2 / 3, 1 / 3])) % 1 * 6 - 3) - 1
    return linear(value * (1 - saturation * (1 - ramp.clip(0, 1))))
