from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from limbfix.actions import copy_file, move_file, sha256_of, target_of
from limbfix.errors import OutputError

DATA = b"picture" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(DATA)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


@pytest.fixture
def across_disks(monkeypatch):
    """Every hard link fails as it does between two disks."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)


def move(picture: Path, folder: Path, relative: str = "a.png") -> Path:
    target = target_of(str(picture), relative, folder, SHA256)
    move_file(str(picture), target, SHA256)
    return target


def test_a_move_keeps_bytes_and_time_and_makes_folders(picture, tmp_path):
    target = move(picture, tmp_path / "out", "deep/er/a.png")
    assert target == tmp_path / "out/deep/er/a.png"
    assert target.read_bytes() == DATA
    assert target.stat().st_mtime == 1_000_000_000
    assert not picture.exists()


def test_a_move_between_disks_is_a_checked_copy(picture, tmp_path, across_disks):
    target = move(picture, tmp_path / "out")
    assert target.read_bytes() == DATA
    assert target.stat().st_mtime == 1_000_000_000
    assert not picture.exists()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_other_content_is_never_overwritten(picture, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_bytes(b"precious")
    (out / "a-2.png").mkdir()
    (out / "a-3.png").symlink_to("nowhere")
    assert move(picture, out) == out / "a-4.png"
    assert (out / "a.png").read_bytes() == b"precious"


@pytest.mark.parametrize("is_linked", [True, False])
def test_a_move_that_was_killed_before_its_end_is_finished(picture, tmp_path, is_linked):
    out = tmp_path / "out"
    out.mkdir()
    if is_linked:
        os.link(picture, out / "a.png")
    else:
        (out / "a.png").write_bytes(DATA)
    assert move(picture, out) == out / "a.png"
    assert (out / "a.png").read_bytes() == DATA
    assert not picture.exists()


def test_a_file_that_lies_there_already_is_not_removed(picture, tmp_path):
    assert move(picture, tmp_path) == picture
    assert picture.read_bytes() == DATA


def test_a_folder_that_is_reached_through_a_link_is_the_same_folder(picture, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    move(picture, tmp_path / "link")
    assert picture.read_bytes() == DATA


def test_a_link_and_a_changed_file_stay(picture, tmp_path):
    link = tmp_path / "link.png"
    link.symlink_to(picture)
    with pytest.raises(OutputError, match="link"):
        move(link, tmp_path / "out")
    picture.write_bytes(b"changed")
    with pytest.raises(OutputError, match="changed after it was judged"):
        move(picture, tmp_path / "out")
    assert picture.read_bytes() == b"changed"
    assert link.is_symlink()


def test_a_full_disk_leaves_the_original_and_no_part(picture, tmp_path, across_disks, monkeypatch):
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left"):
        move(picture, tmp_path / "out")
    assert picture.read_bytes() == DATA
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_is_a_file_is_told(picture, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"a\.png"):
        move(picture, tmp_path / "out")
    assert picture.exists()


def test_a_copy_is_checked_and_made_once(picture, tmp_path):
    for _ in range(2):
        target = target_of(str(picture), "a.png", tmp_path / "out", SHA256)
        copy_file(str(picture), target, SHA256)
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [DATA]
    assert picture.exists()
    picture.write_bytes(b"changed")
    with pytest.raises(OutputError, match="differs"):
        copy_file(str(picture), tmp_path / "other/a.png", SHA256)
    assert list((tmp_path / "other").iterdir()) == []


def test_a_long_name_still_fits_with_a_number(picture, tmp_path):
    name = "é" * 125 + ".png"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_bytes(b"precious")
    target = target_of(str(picture), name, tmp_path / "out", SHA256)
    move_file(str(picture), target, SHA256)
    assert target.read_bytes() == DATA


def test_only_regular_files_have_a_content(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert sha256_of(tmp_path / "pipe.png") is None
    assert sha256_of(tmp_path) is None
    assert sha256_of(tmp_path / "nowhere") is None
    assert sha256_of("\0") is None


def test_many_pictures_of_one_name_are_not_read_again_for_each(tmp_path, monkeypatch):
    """As a list of `find` names them: `a/image.png`, `b/image.png`, and so on."""
    read = []
    monkeypatch.setattr("limbfix.actions.sha256_of", lambda path: read.append(path) or sha256_of(path))
    for number in range(30):
        picture = tmp_path / str(number) / "image.png"
        picture.parent.mkdir()
        picture.write_bytes(b"x" * (number + 1))
        sha256 = hashlib.sha256(picture.read_bytes()).hexdigest()
        target = target_of(str(picture), "image.png", tmp_path / "out", sha256)
        copy_file(str(picture), target, sha256)
    assert len(list((tmp_path / "out").iterdir())) == 30
    assert len(read) == 30  # each copy once, to compare it with what was judged
