"""The state remembers every judgement, survives being killed, and is never shared or mistaken."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from limbfix.errors import OutputLocked, StateError
from limbfix.records import make_error_record
from limbfix.states import State


def record(number: int, path: str = "a.png", **changes):
    made = make_error_record(
        path, f"{number:064x}", code="x", message="m", policy="p@" + "0" * 12, models={}, seconds=0.1
    )
    return made | {"error": None} | changes


def test_a_judgement_is_found_by_content_and_settings_only(tmp_path):
    keypoints = ({"layout": "hand21", "xy": [[1.0, None]], "score": [None]},)
    with State(tmp_path / "s.db") as state:
        state.add(record(1), keypoints, "settings-a")
        assert state.find(f"{1:064x}", "settings-a") == (record(1), list(keypoints))
        assert state.find(f"{1:064x}", "settings-b") is None
        assert state.find(f"{2:064x}", "settings-a") is None


def test_a_judgement_survives_closing(tmp_path):
    with State(tmp_path / "deep" / "er" / "s.db") as state:
        state.add(record(1), (), "a")
    with State(tmp_path / "deep" / "er" / "s.db") as state:
        assert state.find(f"{1:064x}", "a") is not None


def test_errors_are_tried_again(tmp_path):
    with State(tmp_path / "s.db") as state:
        state.add(record(1, error={"code": "unreadable", "message": "m"}), (), "a")
        state.add(record(2, sha256=None), (), "a")
        assert state.find(f"{1:064x}", "a") is None


def test_a_second_judgement_replaces_the_first(tmp_path):
    with State(tmp_path / "s.db") as state:
        state.add(record(1), (), "a")
        state.add(record(1, path="renamed.png"), (), "a")
        assert state.find(f"{1:064x}", "a")[0]["path"] == "renamed.png"


def test_names_that_are_no_text_are_kept(tmp_path):
    name = "caf\udce9\n.png"
    with State(tmp_path / "s.db") as state:
        state.add(record(1, path=name), (), "a")
        state.note_move(name, "moved/x.png", "c")
        assert state.find(f"{1:064x}", "a")[0]["path"] == name
        assert list(state.moves()) == [(name, "moved/x.png", "c")]


def test_two_writers_are_refused_at_once(tmp_path):
    with State(tmp_path / "s.db"):
        start = time.perf_counter()
        with pytest.raises(OutputLocked, match="another limbfix run"):
            State(tmp_path / "s.db")
        assert time.perf_counter() - start < 10
    with State(tmp_path / "s.db"):
        pass


@pytest.mark.parametrize("content", [b"not a database" * 100, b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_something_else_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "holiday.png"
    path.write_bytes(content)
    with pytest.raises(StateError, match="was left as it is"):
        State(path)
    assert path.read_bytes() == content


def test_another_database_is_left_as_it_is(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE mine (x)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="another database"):
        State(path)
    assert path.read_bytes() == before


def test_a_state_of_another_version_is_refused(tmp_path):
    State(tmp_path / "s.db").close()
    with sqlite3.connect(tmp_path / "s.db") as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StateError, match="version 1"):
        State(tmp_path / "s.db")


def test_a_refused_state_gives_its_lock_back(tmp_path):
    path = tmp_path / "s.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StateError):
        State(path)
    path.unlink()
    with State(path):
        pass


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError):
        State(tmp_path / "file" / "s.db")


WRITER = """
import sys
from limbfix.records import make_error_record
from limbfix.states import State
with State(sys.argv[1]) as state:
    for number in range(100_000):
        made = make_error_record("a", f"{number:064x}", code="x", message="m", policy="p@" + "0" * 12, models={}, seconds=0)
        state.add(made | {"error": None}, (), "a")
        print(number, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 40, 173])
def test_nothing_that_was_reported_is_lost_by_kill_9(tmp_path, lines):
    path = tmp_path / "s.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    reported = [int(writer.stdout.readline()) for _ in range(lines)]
    writer.send_signal(signal.SIGKILL)
    writer.wait(10)
    writer.stdout.close()
    with State(path) as state:  # the lock of the dead does not hold
        assert all(state.find(f"{number:064x}", "a") for number in reported)
        state.add(record(10**9), (), "a")
