from __future__ import annotations

import io
import itertools
import os
import random
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbfix.discovery import REPORT_MARKER, find_pictures, told_unread, walk_pictures
from limbfix.errors import UnreadablePicture, UsageError
from limbfix.images import open_picture
from limbfix.printing import printable


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found(*paths: str | Path, stdin: io.TextIOBase | None = None) -> list[str]:
    return list(find_pictures([str(path) for path in paths], stdin=stdin))  # type: ignore[arg-type]


def below(folder: Path) -> list[str]:
    return [os.path.relpath(path, folder) for path in found(folder)]


def test_a_walk_counts_what_it_does_not_read_where_it_walks(tmp_path):
    touch(tmp_path, "a.png", "b.avif", "below/c.AVIF", "below/d.heic", "report/e.avif", ".hidden/f.avif", "g.txt")
    touch(tmp_path, f"report/{REPORT_MARKER}")
    unread: Counter[str] = Counter()
    assert [found.relative for found in walk_pictures([tmp_path], unread=unread)] == ["a.png"]
    assert unread == {".avif": 2, ".heic": 1}
    assert told_unread(unread).startswith("not judged: 2 .avif, 1 .heic (")
    assert told_unread({}) == ""


def test_a_walk_counts_a_file_once_and_no_link_to_a_folder(tmp_path):
    touch(tmp_path, "below/c.avif")
    (tmp_path / "link.tiff").symlink_to(tmp_path / "below", target_is_directory=True)
    unread: Counter[str] = Counter()
    assert not list(walk_pictures([tmp_path, tmp_path / "below", tmp_path], unread=unread))
    assert unread == {".avif": 1}


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1,)])
def test_a_file_of_another_kind_that_is_named_is_handed_on_and_not_counted(tmp_path, order):
    unread: Counter[str] = Counter()
    named = touch(tmp_path, "a.avif") / "a.avif"
    paths = [(tmp_path, named)[which] for which in order]
    assert [found.path for found in walk_pictures(paths, unread=unread)] == [str(named)]
    assert told_unread(unread) == ""


# -- files and folders ------------------------------------------------------------------------------------------------


def test_a_folder_gives_its_pictures_in_natural_order_whatever_order_the_disk_has(tmp_path):
    names = ["a.JPG", "b/img1.png", "b/img2.png", "b/img10.png", "b2.webp", "c1/z.png", "c10.png", "d.jpeg"]
    touch(tmp_path, *random.Random(3).sample(names, len(names)))
    touch(tmp_path, "notes.txt", "a.png.txt", "b/movie.gif", "noend", "png")
    assert below(tmp_path) == names
    assert found(tmp_path) == found(tmp_path)


def test_a_file_named_on_purpose_is_handed_on_whatever_its_suffix_in_the_order_given(tmp_path):
    touch(tmp_path, "z.txt", ".hidden", "a.png")
    paths = [str(tmp_path / name) for name in ("z.txt", ".hidden", "a.png")]
    assert found(*paths) == paths


def test_hidden_files_and_folders_are_passed_over_in_a_walk_but_not_when_named(tmp_path):
    touch(tmp_path, ".a.png", ".cache/b.png", "c.png", "d/.e/f.png")
    assert below(tmp_path) == ["c.png"]
    assert below(tmp_path / ".cache") == ["b.png"]


def test_paths_keep_the_form_in_which_they_were_given(tmp_path, monkeypatch):
    touch(tmp_path, "a/b.png")
    monkeypatch.chdir(tmp_path)
    assert found(".") == ["./a/b.png"]
    assert found("a/") == ["a/b.png"]
    assert found("a/../a") == ["a/../a/b.png"]


def test_a_missing_path_is_a_usage_error_that_names_it_before_anything_is_yielded(tmp_path):
    touch(tmp_path, "a.png")
    with pytest.raises(UsageError, match="nowhere"):
        find_pictures([str(tmp_path / "a.png"), str(tmp_path / "nowhere.png")])
    with pytest.raises(UsageError, match=r"a\\x1bb"):
        find_pictures(["a\x1bb"])
    with pytest.raises(UsageError):
        find_pictures(["a\x00b"])


def test_an_empty_folder_and_no_paths_give_nothing(tmp_path):
    assert found(tmp_path) == []
    assert found() == []


def test_a_picture_reached_twice_is_handed_on_once_under_the_first_path(tmp_path, monkeypatch):
    touch(tmp_path, "a/x.png", "a/y.png")
    monkeypatch.chdir(tmp_path)
    assert found("a/y.png", "a", "./a/x.png", str(tmp_path / "a"), "a/../a/y.png") == ["a/y.png", "a/x.png"]


def test_a_folder_that_cannot_be_listed_becomes_a_record_and_the_walk_goes_on(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.png", "b/2.png")
    scandir = os.scandir

    def refusing(path):  # Root may list any folder, so permissions cannot be taken away here.
        if str(path).endswith("a"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert below(tmp_path) == ["a", "b/2.png"]
    with pytest.raises(UnreadablePicture):
        open_picture(tmp_path / "a")


# -- links ------------------------------------------------------------------------------------------------------------


def test_links_to_files_are_followed_wherever_they_lead(tmp_path):
    outside = touch(tmp_path / "outside", "o.png") / "o.png"
    root = touch(tmp_path / "root", "a.png")
    (root / "b.png").symlink_to(outside)
    (root / "c.png").symlink_to("a.png")
    (root / "d.txt").symlink_to(outside)
    assert below(root) == ["a.png", "b.png"]


def test_hard_links_are_two_pictures(tmp_path):
    touch(tmp_path, "a.png")
    os.link(tmp_path / "a.png", tmp_path / "b.png")
    assert below(tmp_path) == ["a.png", "b.png"]


def test_linked_folders_inside_a_walk_add_nothing_and_loops_end(tmp_path):
    touch(tmp_path / "outside", "o.png")
    root = touch(tmp_path / "root", "a/x.png", "a/b/y.png")
    (root / "a" / "b" / "up").symlink_to(root)
    (root / "a" / "self").symlink_to(root / "a")
    (root / "again").symlink_to(root / "a")
    (root / "away.png").symlink_to(tmp_path / "outside")
    (root / "away").symlink_to("../outside")
    assert below(root) == ["a/b/y.png", "a/x.png"]


def test_linked_folders_elsewhere_are_told_and_those_that_are_read_are_not(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / "a", outside / "deep"):
        folder.mkdir(parents=True)
    (root / "inside").symlink_to(root / "a")
    for name in ("away", "again"):
        (root / name).symlink_to(outside)
    unread: Counter[str] = Counter()
    list(walk_pictures([root], unread=unread))
    assert told_unread(unread).startswith("not judged: what lies in 1 linked folder (")
    (root / "b.gif").touch()
    both: Counter[str] = Counter()
    list(walk_pictures([root], unread=both))
    assert [line[:20] for line in told_unread(both).splitlines()] == ["not judged: 1 .gif (", "not judged: what lie"]
    for paths, exclude in (([root, outside], []), ([root], [outside])):
        unread.clear()
        list(walk_pictures(paths, exclude=exclude, unread=unread))
        assert "linked folder" not in told_unread(unread)


def test_a_linked_folder_named_on_purpose_is_walked(tmp_path):
    touch(tmp_path / "outside", "o.png")
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    assert found(tmp_path / "link") == [str(tmp_path / "link" / "o.png")]


def test_broken_links_loops_and_pipes_with_the_name_of_a_picture_become_records(tmp_path):
    (tmp_path / "broken.png").symlink_to("nowhere")
    (tmp_path / "loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    touch(tmp_path, "z.png")
    paths = found(tmp_path)
    assert [Path(path).name for path in paths] == ["broken.png", "loop.png", "pipe.png", "z.png"]
    for path in paths:
        with pytest.raises(UnreadablePicture):
            open_picture(path)
    assert found(tmp_path / "broken.png") == [str(tmp_path / "broken.png")]


def test_a_folder_with_the_name_of_a_picture_is_a_folder(tmp_path):
    touch(tmp_path, "a.png/b.png")
    assert below(tmp_path) == ["a.png/b.png"]


# -- odd names --------------------------------------------------------------------------------------------------------

ODD_NAMES = [
    "new\nline.png",
    "tab\t.png",
    "n" * 251 + ".png",
    "caf\u00e9.png",
    "cafe\u0301.png",
    "CON.png",
    "con.png",
    "-rf.png",
    "a b'\"`$(x);&.png",
    "\x1b[31mred.png",
    "\u202egnp.png",
    "\U0001f590.png",
    "=1+1.png",
    os.fsdecode(b"latin-\xe9.png"),
]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse some of these names")
def test_odd_names_are_found_and_open_and_print_as_one_safe_line(tmp_path):
    touch(tmp_path, *ODD_NAMES)
    paths = found(tmp_path)
    assert sorted(Path(path).name for path in paths) == sorted(ODD_NAMES)
    for path in paths:
        assert Path(path).exists()
        with pytest.raises(UnreadablePicture):  # They are empty.
            open_picture(path)
        line = printable(path)
        line.encode("utf-8")
        assert "\n" not in line
        assert "\x1b" not in line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x9b31m\x7f\x00", "\\x9b31m\\x7f\\x00"),
        ("a\u202egnp.exe\u2066", "a\\u202egnp.exe\\u2066"),
        ("latin-\udce9", "latin-\\xe9"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\u65e5\u672c caf\u00e9 \U0001f590 C:\\x 👩\u200d🔬", "\u65e5\u672c caf\u00e9 \U0001f590 C:\\x 👩\u200d🔬"),
    ],
)
def test_printable_shows_what_would_act_and_leaves_the_rest(text, shown):
    assert printable(text) == shown


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=())))
def test_printable_text_never_acts(text):
    shown = printable(text)
    shown.encode("utf-8")
    assert shown.isprintable() or not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in shown)


# -- lists on stdin ---------------------------------------------------------------------------------------------------


class Pipe(io.TextIOWrapper):
    """A text stream over raw bytes that arrive in pieces, as from a pipe."""

    def __init__(self, *pieces: bytes):
        self.pieces = list(pieces)

        class Raw(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer) -> int:
                piece = pieces_left.pop(0) if pieces_left else b""
                buffer[: len(piece)] = piece
                return len(piece)

        pieces_left = self.pieces
        super().__init__(io.BufferedReader(Raw()), encoding="utf-8")


def test_a_list_names_files_folders_and_things_that_are_not_there(tmp_path):
    touch(tmp_path, "a.png", "d/b.png", "d/c.txt")
    lines = [str(tmp_path / "a.png"), "", str(tmp_path / "d"), "/nowhere/x.png"]
    expected = [str(tmp_path / "a.png"), str(tmp_path / "d" / "b.png"), "/nowhere/x.png"]
    for end in ("\n", "\r\n", "\x00"):
        assert found("-", stdin=io.StringIO(end.join(lines))) == expected
        assert found("-", stdin=io.StringIO(end.join(lines) + end)) == expected
        assert found("-", stdin=Pipe((end.join(lines)).encode())) == expected


def test_nul_separated_names_may_hold_newlines_and_bytes_that_are_no_utf8():
    names = [b"new\nline.png", b"latin-\xe9.png", b"c\r"]
    assert found("-", stdin=Pipe(b"\x00".join(names) + b"\x00")) == [os.fsdecode(name) for name in names]


def test_newline_separated_names_may_hold_bytes_that_are_no_utf8():
    assert found("-", stdin=Pipe(b"latin-\xe9.png\ncaf\xc3\xa9.png")) == [
        os.fsdecode(b"latin-\xe9.png"),
        "caf\u00e9.png",
    ]


@pytest.mark.parametrize("separator", [b"\n", b"\x00"])
def test_names_are_whole_wherever_the_pipe_breaks_them(separator):
    data = b"".join(b"dir/picture%d.png%s" % (number, separator) for number in range(50))
    expected = [f"dir/picture{number}.png" for number in range(50)]
    for size in (1, 2, 7, 100):
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        assert found("-", stdin=Pipe(*pieces)) == expected


def test_a_list_is_handed_on_as_it_arrives():
    pipe = Pipe(b"a.png\nb.png\n", b"c.png\n")
    pictures = find_pictures(["-"], stdin=pipe)
    assert next(pictures) == "a.png"
    assert pipe.pieces == [b"c.png\n"]
    assert list(pictures) == ["b.png", "c.png"]


def test_a_list_may_stand_among_paths_but_needs_a_stdin(tmp_path):
    touch(tmp_path, "a.png")
    assert found(tmp_path, "-", stdin=io.StringIO("b.png\na.png")) == [str(tmp_path / "a.png"), "b.png", "a.png"]
    with pytest.raises(UsageError, match="stdin"):
        find_pictures(["-"], stdin=None)


def test_a_stream_without_lines_is_no_list():
    with pytest.raises(UsageError, match="longer"):
        found("-", stdin=io.StringIO("x" * 200_000))


@pytest.mark.parametrize("name", ["six_fingers.png", "third_arm.jpg", "extra_thumb.webp"])
def test_a_picture_is_no_list(name):
    data = (Path(__file__).parent.parent / "examples/pictures" / name).read_bytes()[:4096]
    with pytest.raises(UsageError, match="got a picture; name the file, or send it to `limbfix serve`"):
        found("-", stdin=Pipe(data))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_list_in_utf_16_is_refused_and_names_no_folder(tmp_path, monkeypatch, encoding):
    touch(tmp_path, "not_asked_for.png")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="UTF-8"):
        found("-", stdin=Pipe("\ufeffa.png\n".encode(encoding)))


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert found("-", stdin=Pipe(b"\xef\xbb\xbfa.png\r\nb.png\r\n")) == ["a.png", "b.png"]
    assert found("-", stdin=io.StringIO("\ufeffa.png\n")) == ["a.png"]


def test_names_may_begin_like_a_container():
    assert found("-", stdin=Pipe(b"RIFF_1.png\nRIFF.png\n")) == ["RIFF_1.png", "RIFF.png"]


# -- size -------------------------------------------------------------------------------------------------------------


def test_20_000_files_take_little_memory_and_the_first_comes_at_once(tmp_path):
    folders = [tmp_path / f"d{number}" for number in range(20)]
    for folder in folders:
        folder.mkdir()
        (folder / "0.png").touch()
    for folder, number in itertools.product(folders, range(1, 1000)):
        os.link(folder / "0.png", folder / f"{number}.png")
    start = time.process_time()
    tracemalloc.start()
    pictures = find_pictures([str(tmp_path)])
    assert next(pictures).endswith("d0/0.png")
    assert time.process_time() - start < 1
    count = 1 + sum(1 for _ in pictures)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak / count < 250, "bytes per picture: a set of digests, and one folder's names"


def test_deep_trees_do_not_end_the_walk(tmp_path, monkeypatch):
    depth = 1200  # Deeper than Python lets functions call themselves; the path stays below 4,096 bytes.
    monkeypatch.chdir(tmp_path)
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    Path("x.png").touch()
    try:
        os.chdir(tmp_path)
        assert found(".") == ["./" + "d/" * depth + "x.png"]
    finally:  # pytest cannot delete a tree this deep.
        os.chdir(tmp_path / "/".join("d" * depth))
        Path("x.png").unlink()
        for _ in range(depth):
            os.chdir("..")
            Path("d").rmdir()
