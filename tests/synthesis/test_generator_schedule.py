"""Noise is added and taken away by one rule, and the maps lie where the hand lies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from limbfix.synthesis.generator.conditions import CHANNELS, condition_maps
from limbfix.synthesis.generator.schedule import add_noise, signal_noise, step_back, velocity


@pytest.fixture
def pair():
    torch.manual_seed(0)
    return torch.randn(5, 4, 8, 8), torch.randn(5, 4, 8, 8)


def test_steps_with_the_true_velocity_lead_back(pair):
    latents, noise = pair
    times = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0])
    now = add_noise(latents, noise, times)
    for step in range(4):
        here, earlier = times * (1 - step / 4), times * (1 - (step + 1) / 4)
        now = step_back(now, velocity(latents, noise, here), here, earlier)
    assert torch.allclose(now, latents, atol=1e-5)


def test_variance_stays_one_and_noise_grows():
    signal, share = signal_noise(torch.linspace(0, 1, 11))
    assert torch.allclose(signal**2 + share**2, torch.ones_like(signal))
    assert (share.flatten().diff() > 0).all()
    assert signal.min() > 0


def hand_joints() -> np.ndarray:
    """Digits as upright lines at x = 20, 40, 60, 80, 100 of a picture of 128 px."""
    joints = [(64.0, 120.0)]
    for digit in range(5):
        joints += [(20.0 * digit + 20, y) for y in (80.0, 60.0, 40.0, 20.0)]
    return np.array(joints)


def test_each_digit_has_a_map_where_it_lies():
    maps = condition_maps(None, hand_joints(), side=32, scale_xy=(0.25, 0.25))
    assert maps.shape == (CHANNELS, 32, 32)
    for digit in range(5):
        row, column = np.unravel_index(maps[1 + digit][:, :].argmax(), (32, 32))
        assert abs(column - (5 * digit + 4.6)) <= 0.5
        assert 4 <= row <= 20
    assert maps[6, 29:, 14:18].max() > 0.4, "the wrist is among the joints"


def test_what_is_not_told_is_zero():
    mask = np.zeros((128, 128), bool)
    mask[64:] = True
    told = condition_maps(mask, None, side=32, scale_xy=(0.25, 0.25))
    assert told[0].mean() == pytest.approx(0.5)
    assert not told[1:].any()
    assert not condition_maps(None, None, side=32, scale_xy=(0.25, 0.25)).any()


def test_joints_outside_the_picture_and_on_one_spot_do_no_harm():
    for joints in (hand_joints() - 1000, np.full((21, 2), 64.0)):
        maps = condition_maps(None, joints, side=32, scale_xy=(0.25, 0.25))
        assert np.isfinite(maps).all()
        assert maps.max() <= 1
