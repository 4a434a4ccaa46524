"""How does a made picture get the look of a generated, scaled, sent and saved one? A sampled chain of losses.

A chain is a value: both pictures of a pair pass the same one, with the same noise, so that it says nothing about which is wrong.
Moderate on average: a hand stays readable at 256 px, and `UNTOUCHED` of the pictures pass as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbfix.errors import SynthesisError
from limbfix.synthesis import picture_losses as losses

UNTOUCHED = 0.15
"""Share of pictures that are not degraded: clean renders and sharp files exist too."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One loss with its numbers.

    Attributes:
        name: a key of the table of stages.
        values: arguments, in the order of the function in `picture_losses`; plain JSON values.
    """

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Degradation:
    """A chain of losses, applied in order; an empty one leaves pictures as they are."""

    stages: tuple[Stage, ...] = ()

    def apply(self, pixels: np.ndarray, noise_rng: np.random.Generator) -> np.ndarray:
        """Returns the degraded picture, (h, w, 3) uint8; give the twin a generator in the same state for the same noise."""
        for stage in self.stages:
            pixels = _STAGES[stage.name].apply(pixels, stage.values, noise_rng)
        return pixels

    def recipe(self) -> list[list[Any]]:
        """Returns the chain as plain JSON values: `[["blur", 0.8, 1.0, 0.0], ...]`."""
        return [[stage.name, *stage.values] for stage in self.stages]


def degrade(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns a single picture, (h, w, 3) uint8, after a chain drawn from `rng`; for pairs draw the chain once."""
    return sample_degradation(rng).apply(pixels, rng)


def sample_degradation(rng: np.random.Generator) -> Degradation:
    """Draws a chain. About three stages on average; generator losses come first and the file comes last, as in life."""
    if rng.random() < UNTOUCHED:
        return Degradation()
    drawn = [(name, rng.random() < kind.chance, kind.draw(rng)) for name, kind in _STAGES.items()]
    return Degradation(tuple(Stage(name, values) for name, chosen, values in drawn if chosen))


@dataclass(frozen=True, slots=True)
class _Kind:
    chance: float
    draw: Callable[[np.random.Generator], tuple[Any, ...]]
    apply: Callable[[np.ndarray, tuple[Any, ...], np.random.Generator], np.ndarray]


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 4)


def _draw_paint(rng: np.random.Generator) -> tuple[Any, ...]:
    return (("bilateral", "median", "kuwahara")[int(rng.integers(3))], _uniform(rng, 0, 1))


def _draw_grade(rng: np.random.Generator) -> tuple[Any, ...]:
    gains = tuple(_uniform(rng, 0.9, 1.1) for _ in range(3))
    return (gains, round(float(np.exp(rng.normal(0, 0.15))), 4), _uniform(rng, 0.85, 1.2), _uniform(rng, 0.6, 1.35))


def _draw_resample(rng: np.random.Generator) -> tuple[Any, ...]:
    kernels = losses.KERNELS if rng.random() < 0.1 else losses.KERNELS - 1
    return (_uniform(rng, 0.4, 0.95), int(rng.integers(kernels)), int(rng.integers(kernels)))


def _draw_blur(rng: np.random.Generator) -> tuple[Any, ...]:
    moving = rng.random() < 0.3
    return (_uniform(rng, 0.3, 1.1), _uniform(rng, 1.5, 3) if moving else 1.0, _uniform(rng, 0, np.pi))


def _draw_seams(rng: np.random.Generator) -> tuple[Any, ...]:
    xy, gains = (tuple(_uniform(rng, low, high) for _ in range(n)) for low, high, n in ((0.2, 0.8, 2), (0.96, 1.04, 4)))
    return (xy, gains, tuple(int(step) for step in rng.integers(-1, 2, 2)))


def _autoencode(pixels: np.ndarray, kept: float) -> np.ndarray:
    """Passes the small autoencoder of the engine; where its weights are not there, loses bands as it would."""
    try:
        from limbfix.synthesis.generator import autoencode
    except ImportError:
        return losses.lose_bands(pixels, kept, 0)
    try:
        return autoencode(pixels)
    except SynthesisError:
        return losses.lose_bands(pixels, kept, 0)


def _plain(loss: Callable[..., np.ndarray]) -> Callable[[np.ndarray, tuple[Any, ...], np.random.Generator], np.ndarray]:
    return lambda pixels, values, rng: loss(pixels, *values)


def _codec(container: str, low: int, high: int) -> _Kind:
    draw = lambda rng: (container, int(rng.integers(low, high)))  # noqa: E731
    return _Kind(0.35 if container == "jpeg" else 0.2, draw, _plain(losses.code))


_STAGES: dict[str, _Kind] = {
    "autoencode": _Kind(0.06, lambda rng: (_uniform(rng, 0.4, 0.7),), _plain(_autoencode)),
    "lose_bands": _Kind(0.15, lambda rng: (_uniform(rng, 0.35, 0.8), int(rng.integers(8))), _plain(losses.lose_bands)),
    "shrink_details": _Kind(0.12, lambda rng: (_uniform(rng, 3, 14),), _plain(losses.shrink_details)),
    "paint": _Kind(0.2, _draw_paint, _plain(losses.paint)),
    "seam_tiles": _Kind(0.05, _draw_seams, _plain(losses.seam_tiles)),
    "grade": _Kind(0.5, _draw_grade, _plain(losses.grade)),
    "blur": _Kind(0.25, _draw_blur, _plain(losses.blur)),
    "sensor_noise": _Kind(
        0.3,
        lambda rng: (_uniform(rng, 0.5, 6), _uniform(rng, 0, 5), _uniform(rng, 0, 0.9)),
        lambda pixels, values, rng: losses.sensor_noise(pixels, *values, rng=rng),
    ),
    "first_file": _codec("jpeg", 40, 96),
    "resample": _Kind(0.3, _draw_resample, _plain(losses.resample)),
    "sharpen": _Kind(0.2, lambda rng: (_uniform(rng, 0.6, 3), _uniform(rng, 0.2, 1.1)), _plain(losses.sharpen)),
    "jpeg": _codec("jpeg", 35, 96),
    "webp": _codec("webp", 35, 96),
}
"""All stages in the order of a picture's life: generator, grading, camera, first file, scaling, sharpening, last file."""
