"""What does a generator make of a normal hand? A series of the small diffusion model, from its texture to its failures.

SDEdit (Meng et al. 2022): a hand is noised in part and denoised. A little keeps the anatomy and carries the generator's texture: the
twin. Half and more breaks it. The labels say an order, not an anatomy: what exactly broke nobody knows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from limbfix.errors import AssetMissing
from limbfix.findings import DefectCode
from limbfix.synthesis.melting.melted_samples import CHANGED_LEVELS, LEAST_CHANGED
from limbfix.synthesis.melting.targets import hand_target
from limbfix.synthesis.samples import Defect, Sample

STRENGTHS = (0.15, 0.5, 0.8)
"""Share of the diffusion that is undone and done again."""

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
    seed, made = int(rng.integers(2**31)), [plain]
    for order, strength in enumerate(STRENGTHS):
        same_noise = np.random.Generator(np.random.PCG64(seed))
        try:
            pixels = renoise(
                view.pixels, mask=view.mask, keypoints=view.keypoints, strength=strength, rng=same_noise, region=None
            )
        except AssetMissing:
            return None
        made.append(_sample(plain, hand, np.asarray(pixels), order, strength, view.unit_px))
    return tuple(made)


def _sample(plain: Sample, hand: int, pixels: np.ndarray, order: int, strength: float, palm_px: float) -> Sample:
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
        region=np.ones(changed.shape, bool),
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
