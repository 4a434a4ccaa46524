"""A fill that continues its surroundings is not seen; one of another colour, or without their grain, is."""

from __future__ import annotations

import numpy as np

from limbfix.digits import Mask as Patch
from limbfix.repair.focus import composite, focus_on
from limbfix.repair.seams import seam_of


def wall(seed: int = 3, grain: float = 8.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    slope = np.linspace(60, 180, 240)[None, :, None] + np.zeros((240, 240, 3))
    return np.clip(slope + rng.normal(0, grain, slope.shape), 0, 255).astype(np.uint8)


def seam(before: np.ndarray, painted: np.ndarray, **options):
    focus = focus_on(Patch(left=90, top=90, pixels=np.ones((60, 60), bool)), 240, 240)
    after = composite(before, painted[focus.window], focus)
    return seam_of(before[focus.window], after[focus.window], focus.alpha, **options)


def test_another_sample_of_the_same_wall_is_not_seen():
    found = seam(wall(3), wall(4))
    assert not found.is_visible and found.step_share < 0.02


def test_another_colour_is_seen():
    before = wall()
    assert seam(before, np.full_like(before, 250)).step_share > 0.5
    assert seam(before, np.clip(before.astype(int) + 40, 0, 255).astype(np.uint8)).is_visible


def test_a_smear_without_the_grain_is_seen():
    found = seam(wall(3), wall(3, grain=0.0))
    assert found.is_visible and found.grain_ratio < 0.35


def test_noise_in_a_clean_render_is_seen():
    found = seam(wall(3, grain=0.0), wall(3, grain=40.0))
    assert found.is_visible and found.grain_ratio > 3


def test_an_outline_that_stays_is_not_taken_for_a_seam():
    """An arm that went leaves the trunk beside it: that edge is an edge of the picture."""
    before = wall(3, grain=1.0)
    before[:, :90] = 20  # the trunk
    painted = wall(4, grain=1.0)
    ends = np.zeros((240, 240), bool)
    ends[:, :90] = True
    focus = focus_on(Patch(left=90, top=90, pixels=np.ones((60, 60), bool)), 240, 240)
    free = seam(before, painted)
    told = seam(before, painted, ends=ends[focus.window] & (focus.alpha == 0))
    assert told.step_share < free.step_share and not told.is_visible


def test_a_repair_of_nothing_or_everything_has_no_border():
    before = wall()
    for alpha in (np.zeros((240, 240), np.float32), np.ones((240, 240), np.float32)):
        assert seam_of(before, 255 - before, alpha).step_share == 0


def test_a_large_window_is_measured_reduced_and_still_tells_good_from_bad():
    rng = np.random.default_rng(0)
    before = rng.integers(90, 110, (1000, 1700, 3), dtype=np.uint8)
    alpha = np.zeros((1000, 1700), np.float32)
    alpha[300:700, 500:1100] = 1
    glued = np.where(alpha[..., None] > 0, np.uint8(250), before)
    assert not seam_of(before, before, alpha, ends=np.zeros((1000, 1700), bool)).is_visible
    assert seam_of(before, glued, alpha).is_visible
