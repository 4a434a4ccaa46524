"""A watch judges each picture that comes, once, when it has come to rest; and Ctrl-C is its normal end."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest
from cli_runs import check, last_line, start, write
from fake_gate import make_fake_record

from limbfix import watching
from limbfix.discovery import walk_pictures
from limbfix.errors import UsageError
from limbfix.interruption import Interruption
from limbfix.watching import Watch
from limbfix.workers import Judged, Task


class Watching:
    """`limbfix check --watch` as a process of its own, and the records that it has written so far."""

    def __init__(self, folder: Path, *words: object) -> None:
        self.folder, self.log = folder, folder / "log"
        self.process = start("p", "--watch", "--format", "jsonl", *words, cwd=folder, LIMBFIX_TEST_LOG=str(self.log))
        self.records: list[dict] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self.process.stderr is not None
        self.first_line = self.process.stderr.readline().decode()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.records.append(json.loads(line))

    def wait_for(self, count: int, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while len(self.records) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(self.records) >= count

    def judged(self) -> Counter[str]:
        return Counter(self.log.read_text().split())

    def end(self, *signals: int) -> tuple[int, list[str]]:
        """Sends the signals at once; returns the exit code and the lines of stderr behind the first."""
        for number in signals:
            self.process.send_signal(number)
        assert self.process.stderr is not None
        stderr = self.process.stderr.read().decode().splitlines()
        code = self.process.wait(timeout=20)
        self._reader.join()
        return code, stderr


@pytest.fixture
def quick(monkeypatch):
    """A watch that asks for a twentieth of the rest."""
    monkeypatch.setattr(watching, "REST_SECONDS", 0.05)
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(watching, "LOOK_SHARE", 0)
    monkeypatch.setattr(watching, "_PAUSE_SECONDS", 0.01)


class Hand:
    """Holds a watch of its own and judges by the fake gate's words, in this process."""

    def __init__(self, folder: Path, **more) -> None:
        self.told: list[str] = []
        self.is_over = False

        def look(paths, gone, unread):
            return walk_pictures(paths, gone=gone, unread=unread)

        self.watch = Watch([str(folder)], look=look, is_over=lambda: self.is_over, tell=self.told.append, **more)
        self.pictures = self.watch.pictures()

    def given(self, count: int = 0, *, seconds: float = 0.2) -> list[str]:
        """The names that are handed on: so many as soon as they are there, or all within a time."""
        names, deadline = [], time.monotonic() + (10 if count else seconds)
        while time.monotonic() < deadline and (not count or len(names) < count):
            if (found := next(self.pictures)) is not None:
                names.append(Path(found.path).name)
        return names

    def judge(self, path: Path) -> bool:
        """Judges what lies there; says whether that is news."""
        try:
            data = path.read_bytes()
            record = make_fake_record(str(path), hashlib.sha256(data).hexdigest(), data.decode().split(" ")[0])
        except OSError:
            record = make_fake_record(str(path), "", "unreadable") | {"sha256": None}
        return self.watch.is_news(Judged(task=Task(path=str(path), file=str(path), relative=path.name), record=record))


def pieces(text: str) -> list[str]:
    return [text[:3], text[3:7], text[7:]]


# -- coming to rest ---------------------------------------------------------------------------------------------------


def test_files_that_come_in_chunks_and_by_rename_are_judged_once_each(tmp_path):
    folder = write(tmp_path / "p", **{f"old{index}": f"pass old {index}" for index in range(10)})
    watched = Watching(tmp_path, "--jobs", 2)
    texts = {f"c{index}": f"pass chunk {index}" for index in range(80)}
    for part in range(3):
        for name, text in texts.items():
            with (folder / f"{name}.png").open("a") as file:
                file.write(pieces(text)[part])
        time.sleep(0.4)  # shorter than the rest that is asked for, and long enough to be looked at in between
    for index in range(80):
        (folder / f".r{index}.part").write_text(f"pass rename {index}")
        (folder / f".r{index}.part").rename(folder / f"r{index}.png")
    watched.wait_for(170)
    code, stderr = watched.end(signal.SIGINT)
    assert code == 0
    assert stderr[-1].startswith("limbfix: PASS - 170 pictures: 170 passed (")
    assert Counter(record["path"] for record in watched.records).most_common(1)[0][1] == 1
    assert len(watched.judged()) == 170 and set(watched.judged().values()) == {1}
    assert watched.first_line == "limbfix: watching p until Ctrl-C\n"


def test_a_file_is_handed_on_only_when_it_has_been_at_rest(tmp_path, quick):
    hand = Hand(write(tmp_path, a="p"))
    for _ in range(6):
        assert hand.given(seconds=0.03) == []
        with (tmp_path / "a.png").open("a") as file:
            file.write("a")
    assert hand.given(1) == ["a.png"]


def test_touching_changes_nothing_and_another_content_is_judged_again(tmp_path, quick):
    hand = Hand(write(tmp_path, a="pass 1"))
    path = tmp_path / "a.png"
    assert hand.given(1) == ["a.png"] and hand.judge(path)
    path.touch()
    assert hand.given() == []
    path.write_text("pass 1")
    assert hand.given() == []
    path.write_text("pass 2")
    assert hand.given(1) == ["a.png"] and hand.judge(path)
    before = path.stat()
    (tmp_path / "new").write_text("pass 3")
    os.utime(tmp_path / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (tmp_path / "new").rename(path)  # as rsync does it: the same size and time
    assert hand.given(1) == ["a.png"] and hand.judge(path)
    assert hand.given() == []


def test_what_changes_while_it_is_judged_is_judged_again_unless_that_was_what_was_read(tmp_path, quick):
    hand = Hand(write(tmp_path, a="pass 1", b="pass 1"))
    assert hand.given(2) == ["a.png", "b.png"]
    old = hashlib.sha256(b"pass 1").hexdigest()
    task = Task(path=str(tmp_path / "a.png"), file=str(tmp_path / "a.png"), relative="a.png")
    for name in "ab":
        (tmp_path / f"{name}.png").write_text("pass 2")
    assert hand.given() == []  # both are being judged
    hand.watch.is_news(Judged(task=task, record=make_fake_record(task.path, old, "pass")))
    hand.judge(tmp_path / "b.png")
    assert hand.given(1) == ["a.png"]


# -- files that are not there, or not whole ---------------------------------------------------------------------------


def test_a_file_that_goes_before_it_rests_was_never_there(tmp_path, quick):
    hand = Hand(write(tmp_path, a="pass", b="pass"))
    next(hand.pictures)
    (tmp_path / "a.png").unlink()
    assert hand.given(1) == ["b.png"]
    hand.judge(tmp_path / "b.png")
    (tmp_path / "b.png").unlink()
    assert hand.given() == [] and not hand.watch._files  # nothing of it is kept
    write(tmp_path, b="pass")
    assert hand.given(1) == ["b.png"]


def test_a_writer_that_pauses_makes_one_unjudged_record_and_one_of_the_whole_picture(tmp_path, quick):
    hand = Hand(write(tmp_path, a="unreadable 1"))
    path, news = tmp_path / "a.png", []
    for text in ("unreadable 1", "unreadable 2", "unreadable 3", "pass", "unreadable 4"):
        path.write_text(text)
        assert hand.given(1) == ["a.png"]
        news.append(hand.judge(path))
    assert news == [True, False, False, True, True]


def test_what_could_not_be_read_is_tried_again_when_its_rights_change(tmp_path, quick):
    hand = Hand(write(tmp_path, a="pass"))
    path = tmp_path / "a.png"
    assert hand.given(1) == ["a.png"]
    path.rename(tmp_path / "away")
    assert hand.judge(path)
    (tmp_path / "away").rename(path)
    path.chmod(0o600)
    assert hand.given(1) == ["a.png"] and hand.judge(path)


def test_an_internal_error_is_always_told(tmp_path, quick):
    hand = Hand(write(tmp_path, a="unreadable"))
    assert hand.given(1) == ["a.png"] and hand.judge(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    record = make_fake_record(path, "00", "unreadable")
    task = Task(path=path, file=path, relative="a.png")
    assert hand.watch.is_news(Judged(task=task, record=record, trace="TypeError"))


def test_a_folder_that_goes_away_is_told_once_and_watched_again_when_it_is_back(tmp_path, quick):
    hand = Hand(write(tmp_path / "p", a="pass"))
    assert hand.given(1) == ["a.png"]
    hand.judge(tmp_path / "p" / "a.png")
    (tmp_path / "p").rename(tmp_path / "q")
    assert hand.given() == []
    assert hand.told == [f"{tmp_path / 'p'}: gone; it is watched again as soon as it is back"]
    write(tmp_path / "q", b="pass")
    (tmp_path / "q").rename(tmp_path / "p")
    assert hand.given(1) == ["b.png"]  # what was judged is remembered


def test_a_folder_that_cannot_be_listed_for_a_while_costs_no_second_judgement(tmp_path, quick, monkeypatch):
    shut, list_folder = write(tmp_path / "p" / "shut", a="pass"), os.scandir
    hand = Hand(tmp_path / "p")
    assert hand.given(1) == ["a.png"]
    hand.judge(shut / "a.png")

    def refuse(path):
        if Path(path) == shut:
            raise PermissionError
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert hand.given(1) == ["shut"] and hand.judge(shut)
    monkeypatch.setattr(os, "scandir", list_folder)
    assert hand.given() == []


# -- the end ----------------------------------------------------------------------------------------------------------


def test_what_was_seen_and_not_judged_is_counted_at_the_end(tmp_path, quick):
    hand = Hand(write(tmp_path, a="pass", b="pass"))
    assert hand.given(2) == ["a.png", "b.png"]
    hand.judge(tmp_path / "a.png")
    hand.judge(tmp_path / "b.png")
    write(tmp_path, a="flag", c="pass")  # c came, a is another, b was only touched
    (tmp_path / "b.png").touch()
    hand.is_over = True
    assert list(hand.pictures) in ([], [None])
    assert hand.watch.left() == 2


def test_the_first_signal_ends_after_the_pictures_in_hand_and_tells_what_is_left(tmp_path):
    write(tmp_path / "p", **{f"p{index}": f"pass {index} slow" for index in range(60)})
    watched = Watching(tmp_path, "--jobs", 2)
    watched.wait_for(1)
    for worker in psutil.Process(watched.process.pid).children():
        worker.send_signal(signal.SIGTERM)  # to the whole group, and twice at once: so `timeout` sends it
    code, stderr = watched.end(signal.SIGTERM, signal.SIGTERM)
    done = len(watched.records)
    assert code == 3 and done < 60
    assert {record["verdict"] for record in watched.records} == {"pass"}
    assert stderr[-2].startswith(f"limbfix: {60 - done} picture")
    assert stderr[-1].startswith(f"limbfix: NOT JUDGED - {done} picture")
    assert len(watched.judged()) == done


def test_a_second_signal_does_not_wait_for_the_picture_in_hand(monkeypatch):
    monkeypatch.setattr("limbfix.interruption._TWICE_SECONDS", 0.1)
    with Interruption().installed() as interruption:
        with interruption.allowed(is_patient=True):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)  # the same wish, sent twice
        time.sleep(0.15)
        with pytest.raises(KeyboardInterrupt), interruption.allowed(is_patient=True):
            signal.raise_signal(signal.SIGINT)
            time.sleep(10)


# -- with the other outputs -------------------------------------------------------------------------------------------


def test_a_watch_that_is_started_again_goes_on_where_it_was(tmp_path):
    folder = write(tmp_path / "p", a="pass 1", b="flag 2")
    first = Watching(tmp_path, "--state", "s.db")
    first.wait_for(2)
    assert first.end(signal.SIGTERM)[0] == 0
    write(folder, c="reject 3")
    second = Watching(tmp_path, "--state", "s.db")
    second.wait_for(3)
    code, stderr = second.end(signal.SIGINT)
    assert code == 1
    assert stderr[-1].startswith("limbfix: FAIL - 3 pictures: 1 rejected, 1 flagged, 1 passed (")
    assert set(second.judged().values()) == {1} and len(second.judged()) == 3


def test_rejected_files_are_moved_each_time_that_they_come_and_the_report_is_written_at_the_end(tmp_path):
    folder = write(tmp_path / "p", a="reject", b="pass")
    watched = Watching(tmp_path, "--move-rejected", "p/bad", "--report", "r", "--state", "s.db")
    watched.wait_for(2)
    time.sleep(0.7)  # the next look sees that it went
    write(folder, a="reject")
    watched.wait_for(3)
    assert not (tmp_path / "r" / "index.html").exists()
    assert watched.end(signal.SIGINT)[0] == 1
    assert not (folder / "a.png").exists() and (folder / "bad" / "a.png").exists()
    assert len((tmp_path / "r" / "records.jsonl").read_text().splitlines()) == 3
    assert "interrupted" not in json.loads((tmp_path / "r" / "summary.json").read_text())["provenance"]


def test_a_moved_picture_that_comes_at_once_under_its_old_name_is_judged_again(tmp_path, quick):
    hand = Hand(write(tmp_path, a="reject", b="pass"), is_moving=True)
    assert hand.given(2) == ["a.png", "b.png"]
    hand.judge(tmp_path / "a.png")
    hand.judge(tmp_path / "b.png")
    for name in "ab":
        shutil.move(tmp_path / f"{name}.png", tmp_path / "away")
        shutil.copy(tmp_path / "away", tmp_path / f"{name}.png")
    assert hand.given(1) == ["a.png"]


def test_pictures_that_an_earlier_run_moved_away_are_handed_on_once(tmp_path, quick):
    hand = Hand(write(tmp_path, b="pass"), gone=[str(tmp_path.resolve() / "a.png")])
    assert hand.given(2) == ["a.png", "b.png"]
    assert hand.given() == []


def test_junit_is_written_at_the_end_and_a_watch_takes_its_share_alone(tmp_path):
    folder = write(tmp_path / "p", **{f"p{index}": "pass" for index in range(30)})
    mine = [path for path in folder.iterdir() if int(hashlib.sha256(path.name.encode()).hexdigest(), 16) % 3 == 1]
    log = tmp_path / "log"
    process = start("p", "--watch", "--shard", "2/3", "--format", "junit", cwd=tmp_path, LIMBFIX_TEST_LOG=str(log))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (log.exists() and len(log.read_text().split()) == len(mine)):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 0
    assert last_line(stderr).startswith(f"limbfix: PASS - {len(mine)} pictures")
    names = [str(case.get("name")) for case in ElementTree.fromstring(stdout).iter("testcase")]
    assert sorted(names) == sorted(path.name for path in mine)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["-"], "got a list on stdin"),
        (["p", "p/a.png"], "got 'p/a.png'; name the folder"),
        (["nowhere"], "got 'nowhere', which does not exist"),
    ],
)
def test_only_folders_can_be_watched(tmp_path, words, reason):
    write(tmp_path / "p", a="pass")
    done = check(*words, "--watch", cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == b""
    assert f"--watch: expected folders, {reason}" in done.stderr.decode()


def test_a_folder_that_is_not_there_at_the_beginning_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        next(Hand(tmp_path / "nowhere").pictures)
