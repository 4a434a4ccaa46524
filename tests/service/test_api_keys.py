from __future__ import annotations

from pathlib import Path

import pytest

from limbfix.errors import UsageError
from limbfix.service.keys import KEYS_VARIABLE, load_keys

KEY, OTHER = "k" * 20, "o" * 30


def test_keys_come_from_the_file_and_the_environment(tmp_path: Path):
    (tmp_path / "keys").write_text(f"# one\n\n a:{KEY}\n")
    keys = load_keys(tmp_path / "keys", {KEYS_VARIABLE: f"b:{OTHER}"})
    assert keys is not None
    assert [keys.owner(key) for key in (KEY, OTHER, KEY[:-1], KEY + " ", "", None)] == [
        "a",
        "b",
        None,
        None,
        None,
        None,
    ]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path):
    (tmp_path / "keys").write_text(f"a:{KEY}\n", encoding="utf-8-sig")
    keys = load_keys(tmp_path / "keys", {})
    assert keys is not None
    assert keys.owner(KEY) == "a"


def test_no_key_stands_in_the_object():
    keys = load_keys(None, {KEYS_VARIABLE: f"a:{KEY}"})
    assert KEY not in repr(keys)
    assert all(KEY.encode() != digest for _, digest in keys.digests)  # type: ignore[union-attr]


def test_no_keys_are_none():
    assert load_keys(None, {}) is None
    assert load_keys(None, {KEYS_VARIABLE: " , "}) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        KEY,
        f":{KEY}",
        f"a b:{KEY}",
        "a:short",
        f"a:{KEY} x",
        f"a:{KEY}é",
        f"a:{KEY}\na:{OTHER}",
        f"a:{KEY}\nb:{KEY}",
    ],
)
def test_what_is_no_list_of_keys_is_an_error_that_shows_none(tmp_path: Path, text: str):
    (tmp_path / "keys").write_text(text)
    with pytest.raises(UsageError) as caught:
        load_keys(tmp_path / "keys", {})
    assert KEY not in str(caught.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(UsageError, match="keys_file"):
        load_keys(tmp_path / "none", {})
