"""By what light is a scene seen? A shadowed key light, a fill light, and surroundings as spherical harmonics.

`lights.json` holds 17 real surroundings: Poly Haven environment maps (CC0) reduced to nine irradiance coefficients and their key light.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from limbfix.synthesis.figures.rotations import unit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Light:
    """All the light of one scene.

    Attributes:
        key_direction: (3,) towards the key light; key_colour: (3,) linear RGB.
        fill_direction, fill_colour: the same of a second light without shadow.
        surroundings: (9, 3) irradiance coefficients: 1, y, z, x, xy, yz, 3zz-1, xz, xx-yy.
        exposure: factor on everything.
        occlusion: 0-1, strength of the ambient occlusion between things close together.
        reach: decimetres over which that occlusion is looked for.
    """

    key_direction: np.ndarray
    key_colour: np.ndarray
    fill_direction: np.ndarray
    fill_colour: np.ndarray
    surroundings: np.ndarray
    exposure: float
    occlusion: float = 0.8
    reach: float = 0.35


@lru_cache(maxsize=1)
def stored_surroundings() -> tuple[dict[str, np.ndarray], ...]:
    """Returns the stored surroundings: name, `irradiance` (9, 3), `key_direction` (3,), `key_colour` (3,)."""
    rows = json.loads((Path(__file__).parent / "lights.json").read_text(encoding="utf-8"))["surroundings"]
    return tuple({name: np.array(value) for name, value in row.items()} for row in rows)


def _basis(normals: np.ndarray) -> np.ndarray:
    x, y, z = normals.T
    return np.stack([np.ones(len(x)), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], 1)


def turned(irradiance: np.ndarray, yaw: float) -> np.ndarray:
    """Returns surroundings (9, 3) turned about the vertical by `yaw` radians (least squares over 64 fixed directions)."""
    directions = unit(np.random.default_rng(1).normal(size=(64, 3)))
    cosine, sine = np.cos(yaw), np.sin(yaw)
    about = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    return np.linalg.lstsq(_basis(directions @ about.T), _basis(directions) @ irradiance, rcond=None)[0]


def _studio(rng: np.random.Generator, towards_camera: np.ndarray) -> Light:
    key = rng.normal(0, 1, 3) + towards_camera * rng.uniform(0.2, 1.6) + [0, 1.0, 0]
    white = np.array([1, rng.uniform(0.86, 1.0), rng.uniform(0.7, 1.08)])
    ambient = rng.uniform(0.35, 0.8) * (1 + rng.normal(0, 0.08, 3))
    surroundings = np.zeros((9, 3))
    surroundings[0] = ambient
    surroundings[1:4] = rng.normal(0, 0.22, (3, 1)) * ambient * (1 + rng.normal(0, 0.2, (3, 3)))
    surroundings[1] += 0.15 * ambient
    surroundings[4:] = rng.normal(0, 0.05, (5, 1)) * ambient
    return Light(
        key_direction=unit(key),
        key_colour=white * rng.uniform(0.4, 2.2),
        fill_direction=unit(rng.normal(0, 1, 3)),
        fill_colour=rng.uniform(0, 0.5) * (1 + rng.normal(0, 0.15, 3)).clip(0.3),
        surroundings=surroundings,
        exposure=rng.uniform(0.85, 1.35),
        occlusion=rng.uniform(0.6, 1.0),
    )


BRIGHTEST_KEY = 1.4
"""Mean linear colour of the strongest key light; brighter ones burn light skin out to paper white."""

KEY_SHARE = 0.4
"""How much of the key light a surface gets on the average; it turns away from it as often as not."""

CAST_LEFT = 0.35
"""Exponent on a light's colour cast. Cameras balance white and generators even more so: about a third of the cast is left."""

_CAST_LIMITS = (0.85, 1.18)


def _white_balance(light: np.ndarray) -> np.ndarray:
    """Returns (3,) factors that leave of a light's colour (3,) what a camera leaves."""
    cast = np.maximum(light / max(light.mean(), 1e-6), 0.02)
    return np.clip(cast**CAST_LEFT, *_CAST_LIMITS) / cast


def _outside(rng: np.random.Generator) -> Light:
    stored = stored_surroundings()[rng.integers(len(stored_surroundings()))]
    yaw = rng.uniform(0, 2 * np.pi)
    irradiance = turned(stored["irradiance"], yaw)
    cosine, sine = np.cos(yaw), np.sin(yaw)
    key = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]]) @ stored["key_direction"]
    gain = rng.uniform(0.45, 0.75) / max(irradiance[0].mean(), 1e-3)
    key_colour = stored["key_colour"] * gain
    key_colour *= min(1.0, BRIGHTEST_KEY / max(key_colour.mean(), 1e-3))
    balance = _white_balance(irradiance[0] * gain + KEY_SHARE * key_colour)
    return Light(
        key_direction=unit(key + rng.normal(0, 0.15, 3)),
        key_colour=key_colour * balance + 0.1,
        fill_direction=np.array([0.0, 1.0, 0.0]),
        fill_colour=np.zeros(3),
        surroundings=irradiance * gain * balance,
        exposure=rng.uniform(0.85, 1.35),
        occlusion=rng.uniform(0.6, 1.0),
    )


def sample_light(rng: np.random.Generator, towards_camera: np.ndarray) -> Light:
    """Returns a random light: three of four from real surroundings, else a studio's. `towards_camera` is a (3,) direction."""
    return _outside(rng) if rng.random() < 0.75 else _studio(rng, towards_camera)
