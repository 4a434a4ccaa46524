"""`limbfix review REPORT`: a report folder without orders; what people say goes to REPORT.review.db beside it."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import http.client
import os
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

from limbfix.ledger.cases import Case, current_cases
from limbfix.ledger.deciding import Status
from limbfix.ledger.store import Ledger, open_ledger
from limbfix.ledger.verifying import verify
from limbfix.policies import load_policy
from limbfix.review.answering import Said, take_back, write_answer
from limbfix.review.auditing import Rates
from limbfix.review.folder import add_report
from limbfix.review.index import Index
from limbfix.review.pictures import Pictures
from limbfix.review.reviews import Review
from limbfix.review.serving import new_token, serve

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
        while first.startswith("limbfix: policy "):
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


def cases_of(ledger: Ledger) -> dict[str, Case]:
    return {Path(case.data["record"]["path"]).name: case for case in current_cases(ledger)}


def say(ledger: Ledger, name: str, who: str, choice: str) -> str:
    case = cases_of(ledger)[name]
    return write_answer(ledger, case, Said(who=who, choice=choice, saw=case.latest_hash, codes=("hand.malformed",)))


def test_a_copied_report_is_no_other_one(report: Path, tmp_path: Path):
    with open_ledger(str(tmp_path / "a.db"), create=True, key=tmp_path / "key.pem") as ledger:
        assert add_report(ledger, report, pictures=tmp_path).added == 3
        say(ledger, "bad.png", "Ada", "reject")
        entries = ledger.head().count
        os.utime(report / "records.jsonl", (2e9, 2e9))
        assert add_report(ledger, report, pictures=tmp_path).added == 0
        assert ledger.head().count == entries
        assert cases_of(ledger)["bad.png"].label == "defective"


def test_what_people_saw_outlives_a_new_check(report: Path, tmp_path: Path):
    with open_ledger(str(tmp_path / "a.db"), create=True, key=tmp_path / "key.pem") as ledger:
        add_report(ledger, report, pictures=tmp_path)
        say(ledger, "bad.png", "Ada", "reject")
        say(ledger, "bad.png", "Ben", "accept")
        say(ledger, "good.png", "Ada", "accept")
        take_back(
            ledger, cases_of(ledger)["right.png"].case_id, who="Ada", answer=say(ledger, "right.png", "Ada", "accept")
        )
        before = cases_of(ledger)
        (tmp_path / "policy.toml").write_text("reject_at = 0.5\n")
        again = ("good.png", "right.png", "bad.png", "--report", "shots", "--force", "--policy", "policy.toml")
        assert check(*again, program=BLOBS, cwd=tmp_path).returncode == 1
        for _ in range(2):  # and is said once, however often the review is opened
            assert add_report(ledger, report, pictures=tmp_path).added == 0
            now = cases_of(ledger)
            assert (before["bad.png"].verdict, now["bad.png"].verdict) == ("flag", "reject")
            assert {name: case.label for name, case in now.items()} == {
                "bad.png": "fine", "good.png": "fine", "right.png": None,
            }  # fmt: skip
            old, new = ([(one.data["who"], one.data["label"], one.data["codes"], one.data["why"]) for one in
                         cases["bad.png"].overrides] for cases in (before, now))  # fmt: skip
            assert new == old
            at = [one.data["decided_at"] for one in now["bad.png"].overrides]
            assert at == [one.at[:19] + "+00:00" for one in before["bad.png"].overrides]
        assert verify(ledger).problems == ()


def test_a_review_that_is_opened_again_without_the_policy_stays_as_it_was(report: Path, tmp_path: Path):
    policy = load_policy(tmp_path / "policy.toml")
    with open_ledger(str(tmp_path / "a.db"), create=True, key=tmp_path / "key.pem") as ledger:
        add_report(ledger, report, pictures=tmp_path, check_policy=policy)
        say(ledger, "bad.png", "Ada", "reject")
        before, head = Index(ledger).refresh(), ledger.head()
        added = add_report(ledger, report, pictures=tmp_path)
        assert (added.unchanged, added.unknown_policies) == (3, ())
        assert (Index(ledger).refresh(), ledger.head()) == (before, head)


def test_the_policy_of_the_check_says_what_is_most_uncertain(report: Path):
    thresholds = {}
    for words in ((), ("--check-policy", "policy.toml")):
        with (
            reviewed("shots", "--ledger", "a.db", *words, folder=report.parent),
            open_ledger(str(report.parent / "a.db")) as ledger,
        ):
            thresholds[words] = cases_of(ledger)["bad.png"].data["thresholds"]
    assert list(thresholds.values()) == [None, {"flag_at": "0.5", "reject_at": "0.95"}]
    done = run("review", "--check-policy", "policy.toml", "--ledger", "a.db", program=BLOBS, cwd=report.parent)
    assert done.returncode == 2 and b"expected with a REPORT" in done.stderr


def test_ctrl_c_ends_a_review_as_soon_as_its_address_is_out(report: Path, tmp_path: Path):
    def interrupted(address: str) -> None:
        raise KeyboardInterrupt

    with open_ledger(str(tmp_path / "a.db"), create=True, key=tmp_path / "key.pem") as ledger:
        add_report(ledger, report, pictures=tmp_path)
        shown = Pictures(ledger, folder=tmp_path, report=report)
        desk = Review(ledger=ledger, pictures=shown, rates=Rates(), token=new_token())
        try:
            serve(desk, ready=interrupted)
        except KeyboardInterrupt:  # which would end pytest
            pytest.fail("expected serve to end in good order")


def test_a_folder_that_is_no_report_is_refused_and_gets_no_answers(tmp_path: Path):
    (tmp_path / "shots").mkdir()
    (tmp_path / "shots" / "records.jsonl").write_text("")
    done = run("review", "shots", program=BLOBS, cwd=tmp_path)
    assert done.returncode == 2
    assert b"expected a finished report" in done.stderr
