"""Rotations turn what they should, by as much as they should."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.synthesis.figures.rotations import cross, turn, turn_between, unit


def test_a_quarter_turn_about_z_takes_x_to_y():
    np.testing.assert_allclose(turn([0, 0, 5.0], np.pi / 2) @ [1, 0, 0], [0, 1, 0], atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_rotations_keep_lengths_their_axis_and_hands(seed):
    rng = np.random.default_rng(seed)
    axis, angle = rng.normal(size=3), rng.uniform(-4, 4)
    rotation = turn(axis, angle)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(rotation @ unit(axis), unit(axis), atol=1e-5)
    np.testing.assert_allclose(turn(axis, -angle), rotation.T, atol=1e-5)


def test_no_axis_is_no_turn():
    np.testing.assert_array_equal(turn([0, 0, 0.0], 1.0), np.eye(3))


@pytest.mark.parametrize("end", [[0, 1, 0], [1, 0, 0], [-1, 0, 0], [0.2, -0.5, 3]])
def test_the_smallest_turn_reaches_its_end(end):
    np.testing.assert_allclose(
        turn_between(np.array([1.0, 0, 0]), np.array(end, float)) @ [1, 0, 0], unit(np.array(end)), atol=1e-5
    )


def test_the_cross_product_is_numpys():
    a, b = np.random.default_rng(0).normal(size=(2, 3))
    np.testing.assert_allclose(cross(a, b), np.cross(a, b))
