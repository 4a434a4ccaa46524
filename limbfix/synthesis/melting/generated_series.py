"""What does a generator make of a normal hand? A series of the small diffusion model, from its texture to its failures.

SDEdit (Meng et al. 2022): a hand is noised in part and denoised. A little keeps the anatomy and carries the generator's texture: the
twin. Seven tenths and more break it, if the denoiser is told neither mask nor joints: with them the outline holds, and at half the way
most hands are still whole (benchmarks/results/synthesis_generator.csv). Only the hand and its edge change, in twin and defects alike.
The labels say an order, not an anatomy: what exactly broke nobody knows.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from limbfix.errors import AssetMissing
from limbfix.findings import DefectCode
from limbfix.synthesis.melting.melted_samples import CHANGED_LEVELS, LEAST_CHANGED
from limbfix.synthesis.melting.targets import hand_target
from limbfix.synthesis.samples import Defect, Sample

STRENGTHS = (0.15, 0.7, 0.85)
"""Share of the diffusion that is undone and done again."""

_BEYOND_HAND = 0.3
"""How far the change reaches beyond the hand, in palm lengths: room for what melts out of it."""

OPERATOR = "generated_series.renoise"


def generated_series(plain: Sample, hand: int, rng: np.random.Generator) -> tuple[Sample, ...] | None:
    """Returns (plain, twin, defect, defect); None where the generator or its weights are not there, or the hand is not whole."""
    target = hand_target(plain, hand)
    if target is None:
        return None
    view = target.view
    try:
        from limbfix.synthesis.generator import renoise
    except ImportError:
        return None
    seed, made, region = int(rng.integers(2**31)), [plain], _region(view.mask, view.unit_px)
    for order, strength in enumerate(STRENGTHS):
        same_noise = np.random.Generator(np.random.PCG64(seed))
        try:
            pixels = renoise(view.pixels, mask=None, keypoints=None, strength=strength, rng=same_noise, region=region)
        except AssetMissing:
            return None
        made.append(_sample(plain, hand, np.asarray(pixels), order, strength, view.unit_px, region))
    return tuple(made)


def _region(mask: np.ndarray, palm_px: float) -> np.ndarray:
    """Returns (h, w) bool: where a hand may change."""
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) <= _BEYOND_HAND * palm_px


def _sample(
    plain: Sample, hand: int, pixels: np.ndarray, order: int, strength: float, palm_px: float, region: np.ndarray
) -> Sample:
    recipe = {**plain.recipe, "renoised": strength}
    if order == 0:
        return replace(plain, role="twin", operator=OPERATOR, pixels=pixels, exact=False, recipe=recipe)
    changed = np.abs(pixels.astype(np.int16) - plain.pixels).max(axis=2) >= CHANGED_LEVELS
    instances = tuple(
        replace(item, faults=("malformed",)) if item.id == hand or item.owner == hand else item
        for item in plain.instances
    )
    defect = Defect(
        code=DefectCode.HAND_MALFORMED,
        operator=OPERATOR,
        instances=(hand,),
        visible=bool(changed.sum() >= LEAST_CHANGED * palm_px**2),
        region=region,
    )
    return replace(
        plain,
        role="defect",
        operator=OPERATOR,
        order=order,
        pixels=pixels,
        instances=instances,
        defects=(defect,),
        exact=False,
        recipe=recipe,
    )
