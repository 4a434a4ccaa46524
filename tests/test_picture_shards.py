"""All shards together are all pictures, each exactly once, whoever mounts the folder where."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from cli_runs import check, last_line, records, write
from hypothesis import given
from hypothesis import strategies as st

from limbfix.discovery import FoundPicture, walk_pictures
from limbfix.errors import UsageError
from limbfix.settings import load_settings
from limbfix.shards import Shard, Sharing


def below(path: str) -> FoundPicture:
    return FoundPicture(path=f"/mnt/{path}", relative=path)


def shares(folder: Path, count: int) -> list[set[str]]:
    return [
        {found.relative for found in Sharing(Shard(number, count)).of(walk_pictures([folder]))}
        for number in range(1, count + 1)
    ]


def test_the_share_is_the_sha256_of_the_path_below_the_folder():
    """Written out once more: other programs may divide a folder the same way."""
    for name in ("a.png", "sub/b 2.jpg", "café.png", "日本.webp"):
        number = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 16 + 1
        assert [n for n in range(1, 17) if Shard(n, 16).holds(below(name))] == [number]


@given(st.lists(st.binary(min_size=1).map(os.fsdecode), unique=True), st.integers(1, 20))
def test_every_picture_is_of_exactly_one_share(names, count):
    for name in names:
        assert sum(Shard(number, count).holds(below(name)) for number in range(1, count + 1)) == 1


def test_a_picture_stays_in_its_share_wherever_the_folder_lies_and_whatever_else_is_in_it(tmp_path):
    one = write(tmp_path / "one" / "deep", **{f"p{index}": "pass" for index in range(40)}).parent
    before = shares(one, 4)
    write(one, more="pass")
    one.rename(tmp_path / "two")
    after = shares(tmp_path / "two", 4)
    assert [share - {"more.png"} for share in after] == before
    assert sum(map(len, before)) == 40 and all(before)


def test_a_name_is_the_same_whether_its_accents_stand_apart_or_not():
    assert all(
        Shard(n, 50).holds(below("cafe\u0301.png")) == Shard(n, 50).holds(below("caf\u00e9.png")) for n in range(1, 51)
    )


def test_a_named_file_goes_by_its_path_as_given(tmp_path, monkeypatch):
    write(tmp_path / "p", a="pass")
    monkeypatch.chdir(tmp_path)
    (named,) = walk_pictures(["p/a.png"])
    assert Shard(1, 1 << 20).holds(named) == Shard(1, 1 << 20).holds(below("p/a.png"))
    number = int(hashlib.sha256(b"p/a.png").hexdigest(), 16) % 1000 + 1
    assert Shard(number, 1000).holds(named)
    (found,) = walk_pictures(["p"])
    assert not Shard(number, 1000).holds(found)


def test_a_folder_that_cannot_be_listed_is_of_every_share(tmp_path, monkeypatch):
    shut = write(tmp_path / "p" / "shut", a="pass")
    list_folder = os.scandir

    def refuse(path):
        if Path(path) == shut:
            raise PermissionError
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert shares(tmp_path / "p", 3) == [{"shut"}] * 3


@pytest.mark.parametrize("text", ["0/4", "5/4", "a/b", "1/0", "3", "", "1/2/3", "-1/4", "1.0/4", "³/4"])
def test_a_share_that_does_not_exist_is_a_clear_error(text, monkeypatch):
    with pytest.raises(UsageError, match=r"shard: .*expected NUMBER/COUNT .* 3/16, got"):
        load_settings({"shard": text})


def test_the_share_is_a_setting_like_the_others(monkeypatch):
    Path("limbfix.toml").write_text('shard = "3/16"\n')
    assert load_settings({}).shard == Shard(3, 16)
    monkeypatch.setenv("LIMBFIX_SHARD", "2/16")
    assert load_settings({}).shard == Shard(2, 16)
    assert load_settings({"shard": "1/1"}).shard == Shard(1, 1)
    Path("limbfix.toml").write_text("shard = 3\n")
    monkeypatch.delenv("LIMBFIX_SHARD")
    with pytest.raises(UsageError, match="NUMBER/COUNT"):
        load_settings({})


def test_machines_share_a_folder_without_talking(tmp_path):
    write(tmp_path / "p", **{f"p{index}": "pass" for index in range(12)})
    write(tmp_path / "p" / "below", q="reject")
    done = [check("p", "--shard", f"{number}/3", "--format", "jsonl", cwd=tmp_path) for number in (1, 2, 3)]
    judged = [record["path"] for one in done for record in records(one.stdout)]
    assert len(judged) == len(set(judged)) == 13
    assert sorted(one.returncode for one in done) == [0, 0, 1]


def test_an_empty_share_is_done_and_an_empty_folder_is_still_an_error(tmp_path):
    write(tmp_path / "p", a="reject")
    number = int(hashlib.sha256(b"a.png").hexdigest(), 16) % 2 + 1
    done = check("p", "--shard", f"{3 - number}/2", "--format", "junit", cwd=tmp_path)
    assert done.returncode == 0
    assert b'tests="0"' in done.stdout
    *_, told, last = done.stderr.decode().splitlines()
    assert told == f"limbfix: shard {3 - number}/2: nothing to do, the only picture is not of this share"
    assert last.startswith("limbfix: DONE - 0 pictures (")
    (tmp_path / "empty").mkdir()
    done = check("empty", "--shard", "1/2", cwd=tmp_path)
    assert done.returncode == 5
    assert last_line(done.stderr).startswith("limbfix: NO PICTURES")
