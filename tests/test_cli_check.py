from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import jsonschema
import psutil
import pytest
from cli_runs import FAKE, check, environment, last_line, records, run, start, timeless, write

import limbfix
from limbfix.cli.places import refuse_in_report
from limbfix.errors import UsageError

ALL = {"a": "pass", "b": "reject", "c": "flag", "d": "no_subject", "e": "unjudged", "f": "unreadable"}


@pytest.fixture
def pictures(tmp_path):
    return write(tmp_path / "pictures", **ALL)


@pytest.mark.parametrize(
    ("word", "flags", "code", "outcome"),
    [
        ("flag", ["--fail-on", "flag"], 1, "failure"),
        ("flag", [], 0, "system-out"),
        ("no_subject", ["--policy", "strict.toml"], 3, "error"),
        ("no_subject", [], 0, "skipped"),
        ("reject", ["--fail-on", "never"], 0, "failure"),
    ],
)
def test_what_fails_the_run_fails_in_junit_too(tmp_path, word, flags, code, outcome):
    (tmp_path / "strict.toml").write_text("require_subject = true\n")
    write(tmp_path / "p", a=word)
    done = check("p", "--format", "junit", *flags, cwd=tmp_path)
    suites = ElementTree.fromstring(done.stdout)
    assert done.returncode == code
    assert [one.tag for one in suites.find("testsuite/testcase")] == [outcome]
    assert (suites.get("failures"), suites.get("errors"), suites.get("skipped")) == tuple(
        str(int(outcome == kind)) for kind in ("failure", "error", "skipped")
    )


# -- exit codes and the verdict ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "flags", "code", "word"),
    [
        (["pass"], [], 0, "PASS"),
        (["pass", "no_subject"], [], 0, "PASS"),
        (["pass", "flag", "no_subject"], [], 0, "DONE"),
        (["pass", "reject"], [], 1, "FAIL"),
        (["pass", "flag"], ["--fail-on", "flag"], 1, "FAIL"),
        (["reject", "flag"], ["--fail-on", "never"], 0, "DONE"),
        (["reject", "unjudged"], ["--fail-on", "never"], 3, "NOT JUDGED"),
        (["reject", "pass"], ["--max-reject-rate", "0.5"], 0, "DONE"),
        (["reject", "pass", "no_subject"], ["--max-reject-rate", "0.4"], 1, "FAIL"),
        (["pass", "unjudged"], [], 3, "NOT JUDGED"),
        (["pass", "unreadable"], [], 3, "NOT JUDGED"),
        (["reject", "unreadable"], [], 1, "FAIL"),
        (["no_subject"], ["--policy", "strict.toml"], 3, "NOT JUDGED"),
        ([], [], 5, "NO PICTURES"),
    ],
)
def test_the_exit_code_and_the_last_line_say_what_it_came_to(tmp_path, texts, flags, code, word):
    (tmp_path / "strict.toml").write_text("require_subject = true\n")
    write(tmp_path / "p", **{f"p{index}": text for index, text in enumerate(texts)})
    done = check("p", *flags, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert last_line(done.stderr).startswith(f"limbfix: {word} - {len(texts)} picture")


@pytest.mark.parametrize(
    "words",
    [
        ["nowhere"],
        [],
        ["p", "--format", "xml"],
        ["p", "--masks"],
        ["p", "--masks", "--format", "csv"],
        ["p", "--policy", "nowhere.toml"],
        ["p", "--select", "hand.sixth"],
        ["p", "--jobs", "-1"],
        ["p", "--max-reject-rate", "2"],
        ["p", "--timeout", "0"],
        ["p", "--timeout", "inf"],
        ["p", "--no-such-flag"],
        ["p", "--report", "p"],
        ["p", "--state", "p"],
    ],
)
def test_a_wrong_call_is_exit_2_with_the_reason_and_nothing_on_stdout(tmp_path, words):
    write(tmp_path / "p", a="pass")
    done = check(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"rror" in done.stderr or b"ERROR" in done.stderr
    assert b"Traceback" not in done.stderr and b"internal error" not in done.stderr


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_missing_model_is_one_line_before_anything_is_judged(pictures, jobs):
    done = check(pictures, "--jobs", jobs, LIMBFIX_TEST_NO_MODEL="1")
    assert done.returncode == 2
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) == 1
    assert b"limbfix models pull" in done.stderr


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_gate_lacks_is_told_once_before_the_last_line(tmp_path, jobs):
    write(tmp_path, a="pass", b="pass")
    done = check(tmp_path, "--jobs", jobs, LIMBFIX_TEST_NOTE="no bodies: nobody fetched them")
    told = done.stderr.decode().splitlines()
    assert [line.partition(" - ")[0] for line in told] == ["limbfix: no bodies: nobody fetched them", "limbfix: PASS"]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("place", ["flag", "variable", "file"])
def test_a_gate_that_lacks_something_judges_nothing_where_its_models_are_required(tmp_path, jobs, place):
    write(tmp_path / "p", a="pass", b="reject")
    variables = {"LIMBFIX_TEST_NOTE": "no bodies: nobody fetched them", "LIMBFIX_TEST_LOG": str(tmp_path / "log")}
    if place == "variable":
        variables["LIMBFIX_REQUIRE_MODELS"] = "true"
    if place == "file":
        (tmp_path / "limbfix.toml").write_text("require_models = true\n")
    flags = ["--require-models"] if place == "flag" else []
    done = check("p", "--jobs", jobs, "--report", "r", *flags, cwd=tmp_path, **variables)
    assert (done.returncode, done.stdout) == (2, b"")
    assert len(done.stderr.splitlines()) == 1 and b"limbfix models pull" in done.stderr
    assert not (tmp_path / "log").exists() and not (tmp_path / "r").exists()
    del variables["LIMBFIX_TEST_NOTE"]
    assert check("p", "--jobs", jobs, *flags, cwd=tmp_path, **variables).returncode == 1


def test_a_flag_takes_the_requirement_of_a_file_back(tmp_path):
    write(tmp_path / "p", a="pass")
    (tmp_path / "limbfix.toml").write_text("require_models = true\n")
    done = check("p", "--no-require-models", cwd=tmp_path, LIMBFIX_TEST_NOTE="no bodies")
    assert done.returncode == 0
    assert b"limbfix: no bodies\n" in done.stderr


def test_the_last_line_counts_every_verdict(pictures):
    line = last_line(check(pictures).stderr)
    expected = "limbfix: FAIL - 6 pictures: 1 rejected, 1 flagged, 1 passed, 1 no subject, 2 not judged ("
    assert line.startswith(expected)
    assert re.fullmatch(r"\d+\.\d s\)", line.removeprefix(expected))


@pytest.mark.parametrize(("texts", "code"), [(["pass"], 0), ([], 5)])
def test_pictures_of_other_kinds_in_a_folder_are_told_before_the_last_line(tmp_path, texts, code):
    write(tmp_path / "p", **{f"p{index}": text for index, text in enumerate(texts)})
    for name in ("a.avif", "B.AVIF", "c.gif", ".d.gif", "notes.txt"):
        (tmp_path / "p" / name).touch()
    done = check("p", cwd=tmp_path)
    assert done.returncode == code
    told, last = done.stderr.decode().splitlines()[-2:]
    assert told.startswith("limbfix: not judged: 2 .avif, 1 .gif (")
    assert "limbfix: " in last


def test_chatter_of_libraries_does_not_reach_stderr(pictures):
    for jobs in (1, 2):
        assert len(check(pictures, "--jobs", jobs).stderr.splitlines()) == 1


# -- stdout -----------------------------------------------------------------------------------------------------------


def test_text_is_one_line_per_picture(tmp_path):
    write(tmp_path / "p", **ALL)
    assert check("p", cwd=tmp_path).stdout.decode() == (
        "pass        0.10  p/a.png\n"
        "reject      0.90  p/b.png  person.extra_arm: Person 0 has 3 arms; 2 are expected.\n"
        "flag        0.60  p/c.png  person.extra_arm: Person 0 has 3 arms; 2 are expected.\n"
        "no_subject     -  p/d.png\n"
        "unjudged       -  p/e.png  It is unjudged.\n"
        "unjudged       -  p/f.png  unreadable: unreadable\n"
    )


@pytest.mark.parametrize("jobs", [1, 3])
def test_jsonl_is_one_valid_record_per_picture_in_input_order(tmp_path, jobs):
    texts = {f"p{index}": f"{'pass' if index % 3 else 'reject slow'} {index}" for index in range(20)}
    write(tmp_path / "p", **texts)
    found = records(check("p", "--format", "jsonl", "--jobs", jobs, cwd=tmp_path).stdout)
    assert [record["path"] for record in found] == [f"p/p{index}.png" for index in range(20)]
    for record in found:
        jsonschema.validate(record, limbfix.record_schema())


def test_csv_and_junit_hold_every_picture(pictures):
    rows = list(csv.DictReader(io.StringIO(check(pictures, "--format", "csv").stdout.decode())))
    assert [row["verdict"] for row in rows] == [*list(ALL.values())[:-1], "unjudged"]
    suites = ElementTree.fromstring(check(pictures, "--format", "junit").stdout)
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("6", "1", "2")


def test_the_first_record_comes_before_the_last_picture_is_judged(tmp_path):
    write(tmp_path / "p", a="pass", b="hang")
    process = start("p", "--format", "jsonl", cwd=tmp_path)
    assert json.loads(process.stdout.readline())["path"] == "p/a.png"
    process.kill()
    process.communicate()


def test_odd_names_are_harmless_on_stdout_and_whole_in_the_records(tmp_path):
    names = ["-rf", "new\nline", "\x1b[31mred", "\udce9", "é", "é", "[bold]x", "\u202egnp", "=cmd()", "a" * 250 + "b"]
    folder = tmp_path / "p"
    folder.mkdir()
    for name in names:
        Path(os.fsencode(folder / f"{name}.png").decode("utf-8", "surrogateescape")).write_text(f"reject {name!a}")
    for format in ("text", "csv", "junit", "jsonl"):
        done = check("p", "--format", format, cwd=tmp_path)
        assert done.returncode == 1
        assert b"\x1b" not in done.stdout + done.stderr
        done.stdout.decode("utf-8")
    assert {record["path"] for record in records(done.stdout)} == {f"p/{name}.png" for name in names}


def test_a_list_on_stdin_may_hold_anything(tmp_path):
    write(tmp_path, a="pass", b="reject")
    done = check("-", "--format", "jsonl", cwd=tmp_path, stdin=b"b.png\0nowhere.png\0a.png\0")
    assert [(record["path"], record["verdict"]) for record in records(done.stdout)] == [
        ("b.png", "reject"),
        ("nowhere.png", "unjudged"),
        ("a.png", "pass"),
    ]


def test_a_reader_that_goes_away_ends_the_run_quietly(tmp_path):
    write(tmp_path / "p", **{f"p{index}": f"pass slow {index}" for index in range(100)})
    process = start("p", "--format", "jsonl", "--state", "s.db", cwd=tmp_path)
    process.stdout.readline()
    process.stdout.close()
    stderr = process.stderr.read()
    assert process.wait(20) == 130
    assert len(stderr.splitlines()) == 1
    assert stderr.startswith(b"limbfix: INTERRUPTED")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_neither_verdict_nor_files(tmp_path, closed):
    write(tmp_path / "p", a="pass", b="reject")
    command = f'"{FAKE[0]}" "{FAKE[1]}" check p --state s.db --report r --format jsonl {closed}'
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, timeout=60)
    assert done.returncode == 1
    assert len(records((tmp_path / "r/records.jsonl").read_bytes())) == 2
    assert len(records(done.stdout)) == (0 if ">&-" in closed.replace("2>&-", "") else 2)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(("text", "code"), [("pass", 0), ("reject", 1), ("unreadable", 3), (None, 2)])
@pytest.mark.parametrize("stderr", ["/dev/full", "a closed pipe"])
def test_a_stderr_that_takes_nothing_does_not_change_the_exit_code(tmp_path, text, code, stderr):
    if stderr == "/dev/full" and not Path(stderr).exists():
        pytest.skip("no /dev/full on this system")
    if text is not None:
        write(tmp_path / "p", a=text)
    reader, writer = (None, os.open(stderr, os.O_WRONLY)) if stderr == "/dev/full" else os.pipe()
    if reader is not None:
        os.close(reader)
    command = [*FAKE, "check", str(tmp_path / "p")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, env=environment(), timeout=60)
    os.close(writer)
    assert done.returncode == code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_under_stdout_is_exit_2_in_one_line(pictures):
    with Path("/dev/full").open("wb") as full:
        process = start(pictures, "--format", "jsonl", stdout=full)
        stderr = process.communicate(timeout=30)[1]
    assert process.returncode == 2
    assert len(stderr.splitlines()) == 1
    assert b"No space left" in stderr


def test_a_progress_bar_is_drawn_only_where_a_person_looks(pictures):
    assert b"judged" not in check(pictures, "--format", "jsonl").stderr.replace(b"not judged", b"")
    assert b"\x1b" not in check(pictures).stderr
    done = check(pictures, "--progress", "--format", "jsonl")
    assert len(records(done.stdout)) == 6


# -- settings ---------------------------------------------------------------------------------------------------------


def test_flags_win_over_variables_over_files(tmp_path):
    write(tmp_path / "p", a="flag")
    (tmp_path / "pyproject.toml").write_text('[tool.limbfix]\nformat = "csv"\nfail_on = "flag"\n')
    assert check("p", cwd=tmp_path).stdout.startswith(b"path,verdict")
    (tmp_path / "limbfix.toml").write_text('format = "junit"\n')
    done = check("p", cwd=tmp_path)
    assert done.stdout.startswith(b"<?xml")
    assert done.returncode == 1
    assert check("p", cwd=tmp_path, LIMBFIX_FORMAT="jsonl").stdout.startswith(b"{")
    done = check("p", "--format", "text", "--fail-on", "reject", cwd=tmp_path, LIMBFIX_FORMAT="jsonl")
    assert done.stdout.startswith(b"flag ")
    assert done.returncode == 0


@pytest.mark.parametrize("text", ["colour = 1\n", "jobs = 'many'\n", "not toml"])
def test_an_unknown_or_impossible_setting_is_exit_2(tmp_path, text):
    write(tmp_path / "p", a="pass")
    (tmp_path / "limbfix.toml").write_text(text)
    assert check("p", cwd=tmp_path).returncode == 2


def test_an_unknown_variable_is_exit_2_and_names_the_known_ones(tmp_path):
    write(tmp_path / "p", a="pass")
    done = check("p", cwd=tmp_path, LIMBFIX_FROMAT="csv")
    assert done.returncode == 2
    assert b"LIMBFIX_FORMAT" in done.stderr


# -- trouble on the way -----------------------------------------------------------------------------------------------


def test_a_worker_that_dies_costs_its_picture_and_nothing_else(tmp_path):
    write(tmp_path / "p", a="pass 1", b="crash", c="pass 2", d="crash 2", e="pass 3")
    done = check("p", "--format", "jsonl", "--jobs", 2, cwd=tmp_path)
    found = {record["path"]: record for record in records(done.stdout)}
    assert list(found) == [f"p/{name}.png" for name in "abcde"]
    assert [name for name, record in found.items() if record["error"]] == ["p/b.png", "p/d.png"]
    assert found["p/b.png"]["error"]["code"] == "crashed"
    assert "SIGSEGV" in found["p/b.png"]["error"]["message"]
    assert done.returncode == 3
    for record in found.values():
        jsonschema.validate(record, limbfix.record_schema())


def test_a_worker_that_hangs_is_killed_and_the_run_goes_on(tmp_path):
    write(tmp_path / "p", a="pass 1", b="hang", c="pass 2")
    for jobs in (1, 2):
        done = check("p", "--format", "jsonl", "--jobs", jobs, "--timeout", 1, cwd=tmp_path)
        found = records(done.stdout)
        assert [record["error"] and record["error"]["code"] for record in found] == [None, "timeout", None]
        assert done.returncode == 3


def test_workers_that_cannot_start_are_an_error_not_a_loop(pictures):
    done = check(pictures, "--jobs", 2, LIMBFIX_TEST_DIES_AT_START="1")
    assert done.returncode == 2
    assert b"exit code 7" in done.stderr
    assert done.stdout == b""


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_unforeseen_exception_is_a_record_and_exit_2_with_its_trace(tmp_path, jobs):
    write(tmp_path / "p", a="bug", b="pass")
    done = check("p", "--format", "jsonl", "--jobs", jobs, cwd=tmp_path)
    assert [record["verdict"] for record in records(done.stdout)] == ["unjudged", "pass"]
    assert records(done.stdout)[0]["error"]["code"] == "internal_error"
    assert done.returncode == 2
    assert b"nobody foresaw this" in done.stderr
    assert last_line(done.stderr).startswith("limbfix: ERROR - 2 pictures")


@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGINT, 2)])
def test_an_interrupted_run_keeps_what_is_done(tmp_path, number, jobs):
    write(tmp_path / "p", a="pass 1", b="reject 2", c="hang")
    words = ["--jobs", jobs, "--format", "junit", "--report", "r", "--state", "s.db"]
    process = start("p", *words, cwd=tmp_path, LIMBFIX_TEST_LOG=str(tmp_path / "log"))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and len(logged(tmp_path)) < 3:
        time.sleep(0.02)
    time.sleep(0.3)  # so that the second record has arrived as well
    children = psutil.Process(process.pid).children()
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert ElementTree.fromstring(stdout).get("tests") == "2"
    assert last_line(stderr).startswith("limbfix: INTERRUPTED - 2 pictures: 1 rejected, 1 passed (")
    assert json.loads((tmp_path / "r/summary.json").read_text())["provenance"]["interrupted"] is True
    assert len((tmp_path / "r/records.jsonl").read_text().splitlines()) == 2
    assert not psutil.wait_procs(children, timeout=5)[1]


def test_a_killed_run_leaves_no_workers_behind(tmp_path):
    write(tmp_path / "p", a="pass", b="hang", c="pass slow")
    process = start("p", "--jobs", 2, "--format", "jsonl", cwd=tmp_path)
    process.stdout.readline()
    children = psutil.Process(process.pid).children()
    process.kill()
    process.communicate()
    assert len(children) >= 2
    assert not psutil.wait_procs(children, timeout=10)[1]


# -- resume -----------------------------------------------------------------------------------------------------------


def logged(folder: Path) -> list[str]:
    return (folder / "log").read_text().split() if (folder / "log").exists() else []


@pytest.mark.parametrize("jobs", [1, 2])
def test_runs_killed_at_any_point_lose_nothing_and_judge_nothing_twice(tmp_path, jobs):
    words = ["pass", "reject", "flag", "no_subject", "unjudged"]
    write(tmp_path / "p", **{f"p{index}": f"{words[index % 5]} {index} slow" for index in range(18)})
    whole = check("p", "--format", "jsonl", cwd=tmp_path)
    flags = ["--format", "jsonl", "--state", "s.db"]
    log = {"LIMBFIX_TEST_LOG": str(tmp_path / "log")}
    for kill_after in (1, 5, 9):
        process = start("p", *flags, "--jobs", jobs, cwd=tmp_path, **log)
        for _ in range(kill_after):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.2)  # workers end when they see that nobody listens
    resumed = check("p", *flags, "--jobs", 2, cwd=tmp_path, **log)
    assert timeless(resumed.stdout) == timeless(whole.stdout)
    assert resumed.returncode == whole.returncode == 1
    # Only what a kill interrupted in a worker's hands is judged again: at most one picture per worker and kill.
    assert len(logged(tmp_path)) <= 18 + 3 * jobs
    before = len(logged(tmp_path))
    assert timeless(check("p", *flags, cwd=tmp_path, **log).stdout) == timeless(whole.stdout)
    assert len(logged(tmp_path)) == before


def test_resuming_knows_contents_not_names_and_judges_again_under_another_policy(tmp_path):
    write(tmp_path / "p", a="pass 1", b="reject 2")
    log = {"LIMBFIX_TEST_LOG": str(tmp_path / "log")}
    flags = ["--state", "s.db", "--format", "jsonl"]
    check("p", *flags, cwd=tmp_path, **log)
    (tmp_path / "p/b.png").rename(tmp_path / "p/z.png")
    found = records(check("p", *flags, cwd=tmp_path, **log).stdout)
    assert [(record["path"], record["verdict"]) for record in found] == [("p/a.png", "pass"), ("p/z.png", "reject")]
    assert len(logged(tmp_path)) == 2
    write(tmp_path / "p", a="flag 3")
    assert records(check("p", *flags, cwd=tmp_path, **log).stdout)[0]["verdict"] == "flag"
    assert len(logged(tmp_path)) == 3
    check("p", *flags, "--ignore", "foot", cwd=tmp_path, **log)
    assert len(logged(tmp_path)) == 5
    check("p", *flags, "--masks", cwd=tmp_path, **log)
    assert len(logged(tmp_path)) == 7, "records with masks are other records"
    check("p", *flags, "--no-masks", cwd=tmp_path, **log)
    assert len(logged(tmp_path)) == 7


def test_what_could_not_be_judged_is_tried_again(tmp_path):
    write(tmp_path / "p", a="unreadable")
    log = {"LIMBFIX_TEST_LOG": str(tmp_path / "log")}
    for _ in range(2):
        assert check("p", "--state", "s.db", cwd=tmp_path, **log).returncode == 3
    assert len(logged(tmp_path)) == 2


def test_a_pipe_with_a_pictures_name_stops_nobody(tmp_path):
    write(tmp_path / "p", a="pass")
    os.mkfifo(tmp_path / "p/b.png")
    done = run(
        "check", "p", "--state", "s.db", "--format", "jsonl", program=[sys.executable, "-m", "limbfix"], cwd=tmp_path
    )
    assert [record["error"]["code"] for record in records(done.stdout)] == ["unsupported_format", "unreadable"]


@pytest.mark.parametrize("flags", [["--state", "s.db"], ["--report", "r"]])
def test_a_second_writer_is_refused_at_once(tmp_path, flags):
    write(tmp_path / "p", a="pass", b="hang")
    first = start("p", *flags, "--format", "jsonl", cwd=tmp_path)
    first.stdout.readline()
    began = time.monotonic()
    second = check("p", *flags, cwd=tmp_path)
    assert second.returncode == 2
    assert second.stdout == b""
    assert b"another limbfix" in second.stderr
    assert time.monotonic() - began < 15
    first.send_signal(signal.SIGINT)
    first.communicate()


# -- moved and copied files -------------------------------------------------------------------------------------------


def test_rejected_files_are_moved_with_their_folders_and_still_listed_on_resume(tmp_path):
    write(tmp_path / "p", a="pass", b="reject 1")
    write(tmp_path / "p/deep", c="reject 2", d="flag")
    plain = check("p", "--format", "jsonl", cwd=tmp_path)
    flags = ["--format", "jsonl", "--state", "s.db", "--move-rejected", "p/out", "--jobs", "2"]
    for _ in range(2):
        done = check("p", *flags, cwd=tmp_path)
        assert timeless(done.stdout) == timeless(plain.stdout)
        assert done.returncode == 1
    left = sorted(path.relative_to(tmp_path / "p").as_posix() for path in (tmp_path / "p").rglob("*.png"))
    assert left == ["a.png", "deep/d.png", "out/b.png", "out/deep/c.png"]
    assert (tmp_path / "p/out/deep/c.png").read_text() == "reject 2"
    assert len(records(check("p/b.png", *flags, cwd=tmp_path).stdout)) == 1
    write(tmp_path / "p", b="pass new")
    found = records(check("p", *flags, cwd=tmp_path).stdout)
    assert {record["path"]: record["verdict"] for record in found}["p/b.png"] == "pass"


def test_moved_files_are_judged_where_they_lie_when_the_policy_changes(tmp_path):
    write(tmp_path / "p", b="reject 1")
    flags = ["--format", "jsonl", "--state", "s.db", "--move-rejected", "out"]
    check("p", *flags, cwd=tmp_path)
    found = records(check("p", *flags, "--ignore", "foot", cwd=tmp_path).stdout)
    assert [(record["path"], record["verdict"]) for record in found] == [("p/b.png", "reject")]


def test_copies_leave_the_originals_and_never_overwrite(tmp_path):
    write(tmp_path / "p", b="reject 1")
    write(tmp_path / "out", b="precious")
    for _ in range(2):
        assert check("p", "--copy-rejected", "out", cwd=tmp_path).returncode == 1
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        "b.png": "precious",
        "b-2.png": "reject 1",
    }
    assert (tmp_path / "p/b.png").read_text() == "reject 1"


ROUTES = {"--copy-rejected": "reject", "--copy-flagged": "flag", "--copy-passed": "pass", "--copy-unjudged": "unjudged"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_verdict_has_a_folder_of_its_own_and_a_resumed_run_copies_nothing_twice(tmp_path, jobs):
    write(tmp_path / "p", **ALL)
    write(tmp_path / "p/deep", **ALL)
    plain = check("p", "--format", "jsonl", cwd=tmp_path)
    flags = [word for flag, verdict in ROUTES.items() for word in (flag, f"out/{verdict}")]
    for _ in range(2):
        done = check("p", "--format", "jsonl", "--state", "s.db", "--jobs", jobs, *flags, cwd=tmp_path)
        assert (done.returncode, timeless(done.stdout)) == (1, timeless(plain.stdout))
        assert last_line(done.stderr).partition(" (")[0] == last_line(plain.stderr).partition(" (")[0]
    copies = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    kept = {"reject": "b", "flag": "c", "pass": "a", "unjudged": "ef"}  # d, without a subject, is nobody's
    assert copies == {
        f"{verdict}/{place}{name}.png" for verdict, names in kept.items() for name in names for place in ("", "deep/")
    }
    assert (tmp_path / "out/flag/deep/c.png").read_text() == "flag"
    assert len(list((tmp_path / "p").rglob("*.png"))) == 12


@pytest.mark.parametrize(("flag", "text"), [*ROUTES.items(), ("--copy-unjudged", "unreadable")])
def test_no_copy_is_written_over_another_file_or_changes_the_exit_code(tmp_path, flag, text):
    write(tmp_path / "p", a=f"{text} 1")
    write(tmp_path / "p/a", a=f"{text} 2")
    write(tmp_path / "out", a="precious")
    plain = check("p/a.png", "p/a/a.png", cwd=tmp_path)
    for _ in range(2):
        done = check("p/a.png", "p/a/a.png", flag, "out", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout)
    texts = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert texts == {"a.png": "precious", "a-2.png": f"{text} 1", "a-3.png": f"{text} 2"}


def test_a_picture_that_killed_its_judge_is_copied_as_it_lies_there(tmp_path):
    write(tmp_path / "p", a="crash", b="pass")
    done = check("p", "--copy-unjudged", "out", "--timeout", 60, cwd=tmp_path)
    assert done.returncode == 3
    assert [path.read_text() for path in (tmp_path / "out").iterdir()] == ["crash"]


def test_what_cannot_be_read_cannot_be_copied_and_is_told(tmp_path):
    write(tmp_path / "p", b="pass")
    (tmp_path / "p/a.png").symlink_to("nowhere")
    done = check("p", "--copy-unjudged", "out", cwd=tmp_path)
    told = done.stderr.decode().splitlines()
    assert told[0].startswith("limbfix: p/a.png: not copied: expected a readable file")
    assert (done.returncode, told[1].startswith("limbfix: NOT JUDGED")) == (3, True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        (("--copy-passed", "out"), ("--copy-flagged", "out")),
        (("--copy-rejected", "p/../out/no"), ("--copy-passed", "out")),
        (("--move-rejected", "link/no"), ("--copy-unjudged", "out")),
    ],
)
def test_files_of_two_verdicts_do_not_share_a_folder(tmp_path, inner, outer):
    """A passed `no/a.png` would lie among the rejected ones."""
    write(tmp_path / "p", a="reject")
    (tmp_path / "link").symlink_to("out")
    done = check("p", *outer, *inner, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"ERROR - {inner[0]}: expected a place apart from {outer[0]} {outer[1]}, got {inner[1]}; " in last_line(
        done.stderr
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--move-rejected", *ROUTES])
@pytest.mark.parametrize("folder", ["p", "link", "p/a.png"])
def test_copied_and_moved_files_need_a_folder_that_is_not_read(tmp_path, flag, folder):
    """What a run writes is passed over, so nothing would be judged."""
    write(tmp_path / "p", a="reject")
    (tmp_path / "link").symlink_to("p")
    done = check("p", flag, folder, cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(rf"ERROR - {flag}: expected (another|a) folder.*; (name|choose)", last_line(done.stderr))
    assert (tmp_path / "p/a.png").read_text() == "reject"


def test_a_file_that_cannot_be_moved_stays_and_is_told(tmp_path):
    write(tmp_path / "p", a="pass")
    write(tmp_path / "elsewhere", b="reject 1")
    (tmp_path / "p/link.png").symlink_to(tmp_path / "elsewhere/b.png")
    done = check("p", "--move-rejected", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert b"p/link.png" in done.stderr
    assert last_line(done.stderr).startswith("limbfix: ERROR - 2 pictures: 1 rejected")
    assert (tmp_path / "elsewhere/b.png").exists()
    assert (tmp_path / "p/link.png").is_symlink()


def test_originals_are_untouched(tmp_path):
    write(tmp_path / "p", **ALL)
    before = {
        path: (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns)
        for path in (tmp_path / "p").iterdir()
    }
    check("p", "--report", "r", "--state", "s.db", "--copy-rejected", "c", "--jobs", 2, cwd=tmp_path)
    after = {
        path: (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns)
        for path in (tmp_path / "p").iterdir()
    }
    assert after == before


def test_reports_are_not_judged_as_pictures(tmp_path):
    write(tmp_path, a="pass")
    check(".", "--report", "r", cwd=tmp_path)
    write(tmp_path / "r/evidence", thumb="reject")
    assert len(check(".", cwd=tmp_path).stdout.splitlines()) == 1


def test_a_report_is_replaced_only_with_force(tmp_path):
    write(tmp_path / "p", a="pass")
    assert check("p", "--report", "r", cwd=tmp_path).returncode == 0
    done = check("p", "--report", "r", cwd=tmp_path)
    assert done.returncode == 2
    assert b"--force" in done.stderr
    assert check("p", "--report", "r", "--force", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("has_report", [False, True])
@pytest.mark.parametrize(
    "flags",
    [
        ["--move-rejected", "r/rejected"],
        ["--move-rejected", "link/rejected"],
        ["--move-rejected", "p/../r"],
        ["--copy-rejected", "r/evidence/rejected"],
        ["--copy-flagged", "r/flagged"],
        ["--copy-passed", "r"],
        ["--copy-unjudged", "link/unjudged"],
        ["--state", "r/s.db"],
    ],
)
def test_nothing_of_the_users_may_lie_in_the_report(tmp_path, flags, has_report):
    """It would be deleted with the report, an original that was moved there among it."""
    write(tmp_path / "p", a="reject")
    (tmp_path / "link").symlink_to("r")
    if has_report:
        check("p", "--report", "r", cwd=tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = check("p", "--report", "r", "--force", *flags, cwd=tmp_path)
    assert done.returncode == 2
    assert f"{flags[0]}: expected a place outside the report folder r, got {flags[1]}; ".encode() in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_report_that_differs_in_case_alone_counts_as_the_same_while_neither_is_there():
    """On disks that know no case they will be one folder."""
    with pytest.raises(UsageError, match="--state"):
        refuse_in_report(
            Path("out/report"), {"--move-rejected": Path("out/rejected"), "--state": Path("Out/Report/s.db")}
        )


def test_outputs_may_lie_beside_the_report_and_around_it(tmp_path):
    write(tmp_path / "p", a="reject")
    flags = ["--report", "out/r", "--move-rejected", "out", "--copy-rejected", "out/r2", "--state", "out/s.db"]
    assert check("p", *flags, cwd=tmp_path).returncode == 1
    assert (tmp_path / "out/a.png").read_text() == (tmp_path / "out/r2/a.png").read_text() == "reject"


def test_a_file_put_into_the_old_report_during_a_run_is_kept_and_the_user_is_told_where(tmp_path):
    write(tmp_path / "p", a="pass 1", b="pass slow")
    check("p/a.png", "--report", "r", cwd=tmp_path)
    running = start("p", "--report", "r", "--force", cwd=tmp_path)
    assert running.stdout is not None
    running.stdout.readline()
    (tmp_path / "r/mine.txt").write_text("mine")
    _, stderr = running.communicate()
    assert (tmp_path / ".r.limbfix-new/mine.txt").read_text() == "mine"
    assert (tmp_path / "r/manifest.json").exists() and not (tmp_path / "r/mine.txt").exists()
    assert (
        f"{tmp_path / '.r.limbfix-new'}: expected nothing but what limbfix wrote, found 'mine.txt'".encode() in stderr
    )
    assert last_line(stderr).startswith("limbfix: PASS - 2 pictures")
    again = check("p", "--report", "r", "--force", cwd=tmp_path)
    assert again.returncode == 2 and b"mine.txt" in again.stderr


def test_no_pictures_leave_no_report(tmp_path):
    (tmp_path / "p").mkdir()
    done = check("p", "--report", "r", cwd=tmp_path)
    assert done.returncode == 5
    assert last_line(done.stderr).startswith(
        "limbfix: NO PICTURES - 0 pictures in p (of a folder, .png, .jpg, .jpeg and .webp count) ("
    )
    assert not (tmp_path / "r").exists()


# -- size -------------------------------------------------------------------------------------------------------------


def test_ten_thousand_files_take_flat_memory_and_answer_soon(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    for index in range(10_000):
        (folder / f"{index}.png").write_text(f"pass {index}")
    began = time.monotonic()
    process = start("p", "--format", "jsonl", cwd=tmp_path)
    sizes, count = [], 0
    for _ in process.stdout:
        count += 1
        if count == 1:
            assert time.monotonic() - began < 20
        if count in (1000, 9900):
            sizes.append(psutil.Process(process.pid).memory_info().rss)
    process.communicate()
    assert count == 10_000
    assert sizes[1] - sizes[0] < 20_000_000


def test_help_is_quick_and_loads_nothing_heavy(tmp_path):
    probe = (
        "import sys; sys.argv = ['limbfix', '--help']\n"
        "import limbfix.cli\n"
        "try: limbfix.cli.main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'cv2', 'mediapipe', 'numpy', 'pydantic'} & set(sys.modules)), file=sys.stderr)\n"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, env=environment(), cwd=tmp_path, timeout=60
    )
    assert time.monotonic() - began < 10
    assert done.stderr == b"[]\n"
    assert all(word in done.stdout for word in (b"check", b"models", b"doctor", b"explain"))
