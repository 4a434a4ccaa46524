"""`limbfix review REPORT`: a report folder without orders; what people say goes to REPORT.review.db beside it."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import http.client
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from blob_detector import BAD, GOOD, drawn
from cli_runs import check, environment, run
from serve_runs import BLOBS

from limbfix.ledger.cases import current_cases
from limbfix.ledger.deciding import Status
from limbfix.ledger.store import open_ledger
from limbfix.ledger.verifying import verify

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of two right pictures and a flagged one."""
    drawn(GOOD).save(tmp_path / "good.png")
    drawn(GOOD, radius=19).save(tmp_path / "right.png")
    drawn(BAD).save(tmp_path / "bad.png")
    (tmp_path / "policy.toml").write_text("reject_at = 0.95\n")
    words = ("good.png", "right.png", "bad.png", "--report", "shots", "--policy", "policy.toml")
    done = check(*words, program=BLOBS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "shots"


@contextlib.contextmanager
def reviewed(*words: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Runs the review; gives its address and what it said of the ledger, and ends it with Ctrl+C."""
    process = subprocess.Popen(
        [*BLOBS, "review", *words], cwd=folder, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        place = re.search(r"the review is at (http://\S+) ", first)
        assert place, first + process.stderr.read()
        yield place[1], process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def ask(url: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Returns status, location and body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    with contextlib.closing(connection):
        headers = {"Origin": f"http://{parts.netloc}", "Content-Type": "application/x-www-form-urlencoded"}
        body = None if form is None else urlencode(form)
        connection.request("GET" if form is None else "POST", parts.path, body, {} if form is None else headers)
        answer = connection.getresponse()
        to = answer.getheader("location")
        return answer.status, f"http://{parts.netloc}{to}" if to else "", answer.read().decode()


def first_picture(address: str) -> tuple[str, str]:
    """Sits down as Ada; returns the address of the first picture and its page."""
    status, following, _ = ask(f"{address}desks", {"name": "Ada"})
    assert status == 303
    _, place, _ = ask(following)
    return place, ask(place)[2]


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_answers_about_a_report_go_to_a_ledger_beside_it(report: Path):
    before = contents(report)
    with reviewed("shots", "--audit-passed", "0", folder=report.parent) as (address, said):
        assert said == "limbfix: shots.review.db: 1 pictures to look at\n"
        place, page = first_picture(address)
        assert "bad.png" in page
        saw = re.search(r'name="saw" value="([0-9a-f]{64})"', page)
        assert saw is not None
        assert ask(place, {"choice": "reject", "saw": saw[1], "code": "person.extra_arm"})[0] == 303
    assert contents(report) == before
    with open_ledger(str(report.with_name("shots.review.db"))) as ledger:
        assert verify(ledger).problems == ()
        cases = {Path(case.data["record"]["path"]).name: case for case in current_cases(ledger)}
    assert sorted(cases) == ["bad.png", "good.png", "right.png"]
    assert (cases["bad.png"].label, cases["good.png"].label) == ("defective", None)
    assert cases["bad.png"].overrides[0].data["who"] == "Ada"
    assert cases["bad.png"].status is Status.NONE  # sold for nothing: there is nothing to give back


def test_a_second_review_knows_what_was_said(report: Path):
    words = ("shots", "--audit-passed", "1")
    with reviewed(*words, folder=report.parent) as (address, said):
        assert "3 pictures" in said
        place, page = first_picture(address)
        name = next(name for name in ("good.png", "right.png", "bad.png") if name in page)
        saw = re.search(r'name="saw" value="([0-9a-f]{64})"', page)
        assert saw is not None
        assert ask(place, {"choice": "accept", "saw": saw[1]})[0] == 303
    with reviewed(*words, folder=report.parent) as (address, _):
        place, page = first_picture(address)
        assert f"<h1>{name}" not in page
    done = run(
        "labels", "--ledger", "shots.review.db", "--out", "labels.csv", "--audit-passed", "1",
        program=BLOBS, cwd=report.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with (report.parent / "labels.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["path"], line["label"], line["who"]) == (name, "fine", "Ada")


def test_a_folder_that_is_no_report_is_refused_and_gets_no_answers(tmp_path: Path):
    (tmp_path / "shots").mkdir()
    (tmp_path / "shots" / "records.jsonl").write_text("")
    done = run("review", "shots", program=BLOBS, cwd=tmp_path)
    assert done.returncode == 2
    assert b"expected a finished report" in done.stderr
