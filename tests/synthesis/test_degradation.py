"""Degradation: pairs pass the same chain, shapes hold, pictures stay readable."""

from __future__ import annotations

import json

import numpy as np
import pytest

from limbfix.synthesis import picture_losses as losses
from limbfix.synthesis.degradation import UNTOUCHED, Degradation, degrade, sample_degradation
from limbfix.synthesis.seeds import rng_for


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    y, x = np.mgrid[:96, :96]
    disc = ((x - 48) ** 2 + (y - 40) ** 2 < 26**2)[..., None]
    texture = rng_for(1, "texture").integers(-12, 12, (96, 96, 1))
    return np.clip(np.where(disc, [205, 150, 120], [60, 90, 110]) + texture, 0, 255).astype(np.uint8)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(picture: np.ndarray) -> None:
    first, again, other = (degrade(picture, rng_for(seed, "d")) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_pair_differs_after_the_chain_only_where_it_differed_before(picture: np.ndarray) -> None:
    """A chain without filters that reach far: noise and grading must be the very same for both."""
    twin = picture.copy()
    twin[70:, 70:] = 0
    chain = next(
        chain
        for chain in (sample_degradation(rng_for(i, "pair")) for i in range(200))
        if {stage.name for stage in chain.stages} == {"grade", "sensor_noise"}
    )
    one, two = (chain.apply(pixels, rng_for(5, "noise")) for pixels in (picture, twin))
    changed = (one != two).any(axis=2)
    assert changed[70:, 70:].any()
    assert not changed[:64, :64].any()


def test_pictures_keep_shape_type_and_most_of_their_look(picture: np.ndarray) -> None:
    for index in range(60):
        made = degrade(picture, rng_for(index, "look"))
        assert made.shape == picture.shape and made.dtype == np.uint8
        likeness = np.corrcoef(made.mean(axis=2).ravel(), picture.mean(axis=2).ravel())[0, 1]
        assert likeness > 0.8, f"chain {index} hides the picture"


def test_a_share_of_the_pictures_passes_as_it_is(picture: np.ndarray) -> None:
    chains = [sample_degradation(rng_for(index, "share")) for index in range(1000)]
    empty = [chain for chain in chains if not chain.stages]
    assert abs(len(empty) / 1000 - UNTOUCHED) < 0.04
    assert np.array_equal(Degradation().apply(picture, rng_for(0)), picture)
    assert 2 < np.mean([len(chain.stages) for chain in chains]) < 4


def test_a_recipe_is_plain_json() -> None:
    for index in range(50):
        json.dumps(sample_degradation(rng_for(index)).recipe())


@pytest.mark.parametrize(
    "loss",
    [
        lambda p: losses.lose_bands(p, 0.3, 5),
        lambda p: losses.shrink_details(p, 20),
        lambda p: losses.paint(p, "kuwahara", 1),
        lambda p: losses.paint(p, "median", 0.5),
        lambda p: losses.paint(p, "bilateral", 1),
        lambda p: losses.blur(p, 1, 2, 0.5),
        lambda p: losses.resample(p, 0.4, 0, 1),
    ],
)
def test_smoothing_losses_take_texture_and_keep_the_mean(picture: np.ndarray, loss) -> None:
    made = loss(picture)

    def texture(pixels: np.ndarray) -> float:
        return float(np.abs(np.diff(pixels[8:88, :16].astype(float), axis=1)).mean())

    assert texture(made) < 0.8 * texture(picture)
    assert abs(made.mean() - picture.mean()) < 3


def test_sizes_that_are_no_multiple_of_a_block_pass_every_loss() -> None:
    odd = rng_for(2).integers(0, 255, (61, 75, 3)).astype(np.uint8)
    assert losses.lose_bands(odd, 0.5, 3).shape == odd.shape
    assert losses.seam_tiles(odd, (0.4, 0.6), (1, 0.97, 1.02, 1), (1, -1)).shape == odd.shape
    assert losses.code(odd, "webp", 50).shape == odd.shape
