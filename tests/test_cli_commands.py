from __future__ import annotations

import json
import os
import pty
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
from cli_runs import FAKE, REAL, as_word, environment, last_line, records, run, timeless, write

import limbfix
from limbfix import discovery, weights
from limbfix.explanations import explanations_of
from limbfix.findings import CODES
from limbfix.reports import site

EXAMPLES = Path(__file__).parents[1] / "examples/pictures"
needs_models = pytest.mark.skipif(
    any(row.state != "ok" for row in weights.installed_models()), reason="no model files: limbfix models pull"
)
SOCKETLESS = (
    "import pathlib, socket\n"
    "pathlib.Path(__file__).with_name('loaded').touch()\n"
    "def refuse(*words, **more): raise AssertionError('a socket was opened')\n"
    "socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse\n"
)


def command(*words: object, **more):
    return run(*words, program=REAL, **more)


# -- explain, models, doctor, version ---------------------------------------------------------------------------------


def test_every_code_is_explained_with_what_is_measured_now():
    for code in CODES:
        (one,) = explanations_of(code)
        assert one.code == code
        for text in (one.meaning, one.measured, one.mistaken, one.remedy):
            assert text.endswith(".")
            assert len(text) > 10


def test_a_family_explains_all_its_codes():
    done = command("explain", "hand")
    assert done.returncode == 0
    for code in CODES:
        assert (code.encode() + b"\n" in done.stdout) == code.startswith("hand.")


def test_an_unknown_code_is_exit_2_and_names_the_known_ones():
    done = command("explain", "hand.sixth\x1b[31m")
    assert done.returncode == 2
    assert all(code.encode() in done.stderr for code in CODES)
    assert b"\x1b" not in done.stderr


def test_models_are_listed_with_size_hash_licence_and_place(tmp_path):
    for row, line in zip(
        weights.installed_models(), command("models", "list").stdout.decode().splitlines(), strict=True
    ):
        cells = re.split(r"  +", line)
        assert cells[0] == row.model.name
        assert cells[1] == row.state
        assert cells[4] == (row.sha256 or "-")
        assert cells[6] == str(row.path.parent)
    assert command("models").stdout == command("models", "list").stdout
    missing = command("models", "list", LIMBFIX_MODELS=str(tmp_path))
    assert missing.stdout.count(b"  missing  ") == len(weights.installed_models())


def test_pulling_an_unknown_model_is_exit_2(tmp_path):
    done = command("models", "pull", "nothing", LIMBFIX_MODELS=str(tmp_path))
    assert done.returncode == 2
    assert b"hand_landmarker" in done.stderr


@needs_models
def test_pulling_what_is_there_asks_nobody():
    done = command("models", "pull")
    assert done.returncode == 0
    assert done.stdout.count(b"  present  ") == len(weights.installed_models())


def test_doctor_says_what_is_not_seen_without_models_and_what_to_do(tmp_path):
    done = command("doctor", LIMBFIX_MODELS=str(tmp_path))
    assert done.returncode == 0  # our own networks judge hands without them
    assert done.stdout.count(b"finds fewer hands and sees no faces") == 3
    assert b"limbfix models pull" in done.stdout
    assert last_line(done.stderr).startswith("limbfix doctor: PASS")


HOOK = Path(__file__).parents[1] / ".pre-commit-hooks.yaml"


@pytest.mark.parametrize("words", ["check --require-models", "fix --require-models --out out", "hook"])
def test_without_model_files_nothing_is_judged_where_they_are_required(tmp_path, words):
    if words == "hook":
        (words,) = re.findall(r"^  entry: limbfix (.*)$", HOOK.read_text(encoding="utf-8"), re.MULTILINE)
    picture = EXAMPLES / "third_arm.jpg"
    done = command(*words.split(), picture, cwd=tmp_path, LIMBFIX_MODELS=str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert re.search(
        r"ERROR - expected the model file .*; fetch it once with: limbfix models pull", last_line(done.stderr)
    )


def test_the_version_is_the_packages():
    assert command("--version").stdout == f"limbfix {limbfix.__version__}\n".encode()


def test_discovery_knows_reports_by_the_name_that_reports_write():
    assert discovery.REPORT_MARKER == site.MARKER


# -- a person at a terminal -------------------------------------------------------------------------------------------


def test_at_a_terminal_a_bar_is_drawn_and_the_records_stand_whole(tmp_path):
    write(tmp_path / "p", a="pass", b="reject")
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execvpe(FAKE[0], [*map(str, map(as_word, FAKE)), "check", "p"], environment(TERM="xterm", COLUMNS="200"))
    shown = b""
    while True:
        try:
            block = os.read(terminal, 4096)
        except OSError:
            break
        if not block:
            break
        shown += block
    os.waitpid(process, 0)
    plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown).replace(b"\r", b"\n")
    assert b"loading models" in plain
    assert b"pass        0.10  p/a.png" in plain
    assert b"\x1b[1;31mreject" in shown
    assert plain.split(b"\n")[-2].startswith(b"limbfix: FAIL - 2 pictures") or b"limbfix: FAIL - 2 pictures" in plain


# -- the real gate ----------------------------------------------------------------------------------------------------


@pytest.fixture
def three(tmp_path):
    folder = tmp_path / "three"
    folder.mkdir()
    for name in ("clean_person_standing.jpg", "six_fingers.png", "third_arm.jpg"):
        shutil.copy(EXAMPLES / name, folder)
    return folder


@needs_models
@pytest.mark.models
def test_real_pictures_get_valid_records_whoever_judges_and_without_a_network(three, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SOCKETLESS)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parent)])
    flags = ["--format", "jsonl", "--search", "single"]
    here = command("check", three, *flags, PYTHONPATH=path)
    assert (tmp_path / "loaded").exists()
    assert len(here.stderr.splitlines()) == 1, here.stderr
    found = records(here.stdout)
    assert [Path(record["path"]).name for record in found] == sorted(path.name for path in three.iterdir())
    for record in found:
        jsonschema.validate(record, limbfix.record_schema())
        assert record["error"] is None
        assert {"hand_landmarker.task", "pose_landmarker.task"} <= set(record["models"])
    there = command("check", three, *flags, "--jobs", 2, PYTHONPATH=path)
    assert timeless(there.stdout) == timeless(here.stdout)
    assert there.returncode == here.returncode


@needs_models
@pytest.mark.models
def test_a_resumed_report_equals_an_uninterrupted_one(three, tmp_path):
    (three / "broken.png").write_bytes((three / "six_fingers.png").read_bytes()[:3000])
    flags = ["--search", "single", "--format", "jsonl", "--state", tmp_path / "s.db"]
    first = command("check", three, *flags, "--report", tmp_path / "r1")
    second = command("check", three, *flags, "--report", tmp_path / "r2", "--jobs", 2)
    assert timeless(first.stdout) == timeless(second.stdout)
    assert first.returncode == second.returncode
    for name in ("r1", "r2"):
        assert (tmp_path / name / "manifest.json").exists()
    evidence = [
        {path.name: path.read_bytes() for path in (tmp_path / name / "evidence").iterdir()} for name in ("r1", "r2")
    ]
    assert len(evidence[0]) >= 3
    assert evidence[0] == evidence[1]
    listed = [json.loads(line) for line in (tmp_path / "r2/records.jsonl").read_text().splitlines()]
    assert listed[0]["error"]["code"] == "unreadable"


@needs_models
@pytest.mark.models
def test_too_large_a_picture_is_a_record(three):
    done = command("check", three / "six_fingers.png", "--max-pixels", 1000, "--format", "jsonl")
    assert records(done.stdout)[0]["error"]["code"] == "too_large"
    assert done.returncode == 3


def test_a_detector_that_nobody_knows_is_exit_2(three):
    done = command("check", three, "--detector", "crystal-ball")
    assert done.returncode == 2
    assert b"crystal-ball" in done.stderr
