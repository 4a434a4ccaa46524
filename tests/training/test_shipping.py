"""Weights come into the package with a card and a row that fits their bytes."""

from __future__ import annotations

import pytest

from limbfix import shipped
from limbfix.errors import AssetMissing, UsageError
from limbfix.training import shipping
from limbfix.training.shipping import FACTS, main, ship


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


def body_parser(folder, tmp_path):
    (folder / "body_parser.md").write_text("card")
    file = tmp_path / shipped.BODY_PARSER
    file.write_bytes(b"x")
    return file


def test_notes_come_into_the_row_beside_the_facts(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "FOLDER", folder)
    file = body_parser(folder, tmp_path)
    asked = [str(file), "--licence", "Apache-2.0"]
    assert main([*asked, "--note", "reads=no", "--note", "source = a=b"]) == 0
    row = shipped.shipped_rows()[file.name]
    assert row == {
        "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        "bytes": 1,
        "licence": "Apache-2.0",
        "card": "body_parser.md",
        "reads": "no",
        "source": "a=b",
    }
    assert shipped.sees_bodies() and not shipped.reads_bodies()
    assert main(asked) == 0
    assert shipped.shipped_rows()[file.name].keys() == FACTS
    assert shipped.reads_bodies()


@pytest.mark.parametrize("key", sorted(FACTS))
def test_a_note_never_takes_the_place_of_a_fact(folder, tmp_path, monkeypatch, capsys, key):
    monkeypatch.setattr(shipping, "FOLDER", folder)
    file = body_parser(folder, tmp_path)
    with pytest.raises(UsageError, match=f"got {key}"):
        ship(file, "Apache-2.0", folder, {"reads": "no", key: "x"})
    with pytest.raises(SystemExit) as stopped:
        main([str(file), "--licence", "Apache-2.0", "--note", f"{key}=x"])
    assert stopped.value.code == 2
    assert f"got {key}" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["body_parser.md"]


@pytest.mark.parametrize("notes", [["reads"], ["=no"], ["reads="], [" = "], ["reads=no", "reads=yes"]])
def test_a_note_that_says_nothing_or_is_said_twice_is_refused(folder, tmp_path, monkeypatch, capsys, notes):
    monkeypatch.setattr(shipping, "FOLDER", folder)
    file = body_parser(folder, tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main([str(file), "--licence", "Apache-2.0", *(word for note in notes for word in ("--note", note))])
    assert stopped.value.code == 2
    assert "--note" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["body_parser.md"]
