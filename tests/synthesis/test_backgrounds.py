"""Backgrounds: the same from the same generator, whatever was drawn before; bad folders say so; bad files are passed over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limbfix.errors import AssetMissing
from limbfix.synthesis.backgrounds import Backgrounds
from limbfix.synthesis.procedural_backgrounds import PAINTERS
from limbfix.synthesis.seeds import rng_for


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, name in enumerate(("b.png", "a.jpg", "deep/c.webp")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng_for(index).integers(0, 255, (90, 120 + 40 * index, 3)).astype(np.uint8)).save(path)
    return tmp_path


@pytest.mark.parametrize("painter", sorted(set(PAINTERS), key=lambda painter: painter.__name__))
def test_every_painter_is_deterministic_and_varied(painter) -> None:
    first, again, other = (painter(64, rng_for(seed)) for seed in (1, 1, 2))
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, again)
    assert np.abs(first - other).mean() > 1


def test_a_background_does_not_depend_on_what_was_drawn_before(folder: Path) -> None:
    for source in (None, folder):
        fresh, used = Backgrounds(source), Backgrounds(source)
        for index in range(5):
            used.sample(48, rng_for(index, "before"))
        one, two = (backgrounds.sample(64, rng_for(9)) for backgrounds in (fresh, used))
        assert one.shape == (64, 64, 3) and one.dtype == np.uint8
        assert np.array_equal(one, two)


def test_all_pictures_of_a_folder_are_drawn_sooner_or_later(folder: Path) -> None:
    backgrounds = Backgrounds(folder)
    crops = {backgrounds.sample(16, rng_for(index)).tobytes() for index in range(12)}
    assert len(crops) == 12
    assert backgrounds._open.cache_info().currsize == 3


def test_a_file_that_is_no_picture_is_passed_over(folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"no picture")
    backgrounds = Backgrounds(folder)
    for index in range(12):
        assert backgrounds.sample(16, rng_for(index)).shape == (16, 16, 3)


def test_an_absent_an_empty_and_a_broken_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(AssetMissing, match="--backgrounds"):
        Backgrounds(tmp_path / "absent")
    with pytest.raises(AssetMissing, match="got none"):
        Backgrounds(tmp_path)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(AssetMissing, match="can be read"):
        Backgrounds(tmp_path).sample(16, rng_for(1))
