"""Weights come into the package with a card and a row that fits their bytes."""

from __future__ import annotations

import pytest

from limbfix import shipped
from limbfix.errors import AssetMissing
from limbfix.training.shipping import ship


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "shipped")
    (tmp_path / "shipped").mkdir()
    shipped.shipped_file.cache_clear()
    yield tmp_path / "shipped"
    shipped.shipped_file.cache_clear()


def test_what_was_shipped_is_found_and_others_stay(folder, tmp_path):
    for name in ("b", "a"):
        (folder / f"{name}.md").write_text("card")
        (tmp_path / f"{name}.safetensors").write_bytes(name.encode())
        ship(tmp_path / f"{name}.safetensors", "Apache-2.0", folder)
    for name in ("a", "b"):
        assert shipped.shipped_file(f"{name}.safetensors").read_bytes() == name.encode()


def test_weights_without_a_card_are_not_shipped(folder, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"x")
    with pytest.raises(AssetMissing, match="model card"):
        ship(tmp_path / "a.safetensors", "Apache-2.0", folder)
    with pytest.raises(AssetMissing, match="expected weights"):
        ship(tmp_path / "none.safetensors", "Apache-2.0", folder)
    assert not list(folder.iterdir())


def test_a_file_without_a_row_is_refused(folder, tmp_path):
    (folder / "a.md").write_text("card")
    (tmp_path / "a.safetensors").write_bytes(b"x")
    ship(tmp_path / "a.safetensors", "Apache-2.0", folder)
    (folder / "stray.safetensors").write_bytes(b"x")
    with pytest.raises(AssetMissing, match="expected a row"):
        shipped.shipped_file("stray.safetensors")
