"""Many writers, SQLite and a real PostgreSQL: no entry is lost, none forks, and both databases tell the same story."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from ledger_cases import Ticking, add, judged, new_ledger, order, sha_of_file

from limbfix.errors import CaseChanged, LedgerError, UsageError
from limbfix.ledger.cases import current_cases
from limbfix.ledger.chain import Head
from limbfix.ledger.keys import load_key
from limbfix.ledger.migrations import STEPS, migrate, version_of
from limbfix.ledger.overrides import Decision, decide
from limbfix.ledger.store import Ledger, open_ledger
from limbfix.ledger.verifying import verify
from limbfix.ledger.witnesses import head_text, note_head, read_head, witness_path
from limbfix.refund_reports.writing import write_report

WRITERS, EACH = 4, 5
DROP = "DROP TABLE IF EXISTS entries, evidence, head, ledger_versions"


def _programs() -> Path | None:
    """Debian's folder of PostgreSQL's programs, the newest."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory) -> Iterator[str]:
    """The address of a server of its own, on a free port of the loopback; a root user lends it to `postgres` or `nobody`."""
    pytest.importorskip("psycopg", reason="needs the extra `postgres`: pip install 'limbfix[postgres]'")
    programs = _programs()
    if programs is None:
        pytest.skip("needs PostgreSQL's server: apt-get install postgresql")
    folder = Path(
        subprocess.run(
            ["mktemp", "-d", "/tmp/limbfix-pg-XXXXXX"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )
    user: dict[str, object] = {}
    if os.geteuid() == 0:
        import pwd

        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            owner = pwd.getpwnam("nobody")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    surroundings = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    data = folder / "data"

    def run(*words: object) -> None:
        subprocess.run(
            list(map(str, words)), check=True, capture_output=True, timeout=120, cwd=folder, env=surroundings, **user
        )

    options = (
        f"-F -c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c max_connections=30"
    )
    run(programs / "initdb", "-D", data, "-U", "limbfix", "--auth=trust", "--no-sync", "-E", "UTF8")
    run(programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield f"postgresql://limbfix@127.0.0.1:{port}/postgres"
    finally:
        run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path) -> Iterator[str]:
    """Where an empty ledger may lie."""
    if request.param == "sqlite":
        yield str(tmp_path / "ledger.db")
        return
    from sqlalchemy import create_engine

    address = request.getfixturevalue("postgres")
    request.getfixturevalue("socket_enabled")
    engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(DROP)
    engine.dispose()
    yield address


@pytest.fixture
def ledger(place, tmp_path) -> Iterator[Ledger]:
    with open_ledger(place, create=True, key=tmp_path / "key.pem", clock=Ticking()) as made:
        yield made


def is_whole(ledger: Ledger, key: Path) -> bool:
    found = verify(ledger, trusted=[load_key(key).public_hex])
    assert found.problems == ()
    return found.is_trusted


def test_both_databases_tell_the_same_story(ledger, tmp_path, pictures):
    record = judged("real", path=str(pictures / "third_arm.jpg"), sha256=sha_of_file(pictures / "third_arm.jpg"))
    pairs = [
        (judged("a é 中"), order("a é 中", customer="Zoë")),
        (record, order("real", sha256=record["sha256"])),
        (judged("c", "flag"), order("c")),
    ]
    add(ledger, pairs)
    assert add(ledger, pairs).unchanged == 3
    add(ledger, [(judged("c", "pass"), order("c"))])
    case = current_cases(ledger)[0]
    decide(ledger, case.case_id[:10], Decision(who="Ada", why="fine", answer="decline"))
    cases = {case.entry.order_id: (case.status, case.give, str(case.amount)) for case in current_cases(ledger)}
    assert cases == {
        "order-a é 中": ("declined", "none", "0.00"),
        "order-real": ("recommended", "full", "10.00"),
        "order-c": ("none", "none", "0.00"),
    }
    assert is_whole(ledger, tmp_path / "key.pem")
    assert ledger.head().count == 6
    write_report(ledger, tmp_path / "report.html")
    assert "data:image/jpeg;base64," in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_changed_row_is_found_in_both(ledger, tmp_path):
    add(ledger, [(judged("a"), order("a"))])
    with ledger._engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("UPDATE entries SET customer = 'x' WHERE seq = 2")
    assert any("entry 2" in problem for problem in verify(ledger).problems)


def test_two_people_cannot_decide_on_what_they_did_not_see(ledger, tmp_path):
    add(ledger, [(judged("a", "flag"), order("a"))])
    (seen,) = current_cases(ledger)
    decide(ledger, seen.case_id, Decision(who="Ada", why="six", answer="confirm"), saw=seen.latest_hash)
    with pytest.raises(CaseChanged, match="Look again"):
        decide(ledger, seen.case_id, Decision(who="Ben", why="five", answer="decline"), saw=seen.latest_hash)
    (now,) = current_cases(ledger)
    assert (now.status, now.override["who"]) == ("confirmed", "Ada")
    decide(ledger, now.case_id, Decision(who="Ben", why="five", answer="decline"), saw=now.latest_hash)
    assert current_cases(ledger)[0].status == "declined"


def test_undo_takes_back_the_last_decision_and_keeps_the_trace(ledger):
    add(ledger, [(judged("a", "flag"), order("a"))])
    name = current_cases(ledger)[0].case_id
    decide(ledger, name, Decision(who="Ada", why="x", answer="confirm"))
    decide(ledger, name, Decision(who="Ada", why="x", answer="set", give="part", amount="2.50"))
    assert str(current_cases(ledger)[0].amount) == "2.50"
    for status, amount in (("confirmed", "10.00"), ("waiting", "10.00")):
        decide(ledger, name, Decision(who="Ada", why="wrong key", answer="undo"))
        case = current_cases(ledger)[0]
        assert (case.status, str(case.amount)) == (status, amount)
    with pytest.raises(UsageError, match="decision to undo"):
        decide(ledger, name, Decision(who="Ada", why="x", answer="undo"))
    assert ledger.head().count == 6


def test_a_new_verdict_takes_a_decision_with_it_and_says_so(ledger):
    add(ledger, [(judged("a", "flag"), order("a"))])
    name = current_cases(ledger)[0].case_id
    decide(ledger, name, Decision(who="Ada", why="x", answer="confirm"))
    done = add(ledger, [(judged("a", "pass"), order("a"))])
    assert done.decided_before == (name,)
    assert current_cases(ledger)[0].overrides == ()


def test_threads_that_write_at_once_lose_nothing_and_fork_nothing(ledger, tmp_path):
    add(ledger, [(judged("start"), order("start"))])

    def work(number: int) -> None:
        for index in range(EACH):
            name = f"{number}-{index}"
            add(ledger, [(judged(name), order(name, customer=f"c{number}"))])

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, range(WRITERS)))
    assert is_whole(ledger, tmp_path / "key.pem")
    with ledger.reading() as reader:
        entries = list(reader.entries())
    assert len({entry.case_id for entry in entries if entry.kind == "case"}) == WRITERS * EACH + 1
    assert len({entry.prev for entry in entries}) == len(entries) == WRITERS * EACH + 2


def test_threads_that_note_ends_at_once_do_not_stand_in_each_others_way(tmp_path):
    ends = [Head(ledger="0" * 32, count=count, last="a", at="", key="", signature="") for count in range(400)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda end: note_head(tmp_path / "key.pem", end), ends))
    assert read_head(witness_path(tmp_path / "key.pem", ends[0].ledger)) == ends[-1]


def test_an_older_end_is_never_remembered_over_a_newer_one(tmp_path, monkeypatch):
    older = Head(ledger="0" * 32, count=4, last="a", at="", key="", signature="")
    newer = replace(older, count=5, last="b")
    is_writing, may_go_on = Event(), Event()

    def slow_text(head: Head) -> str:
        if head == older:
            is_writing.set()
            may_go_on.wait(5)
        return head_text(head)

    monkeypatch.setattr("limbfix.ledger.witnesses.head_text", slow_text)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(note_head, tmp_path / "key.pem", older)
        assert is_writing.wait(5)
        second = pool.submit(note_head, tmp_path / "key.pem", newer)
        wait([second], timeout=0.3)
        may_go_on.set()
        for done in (first, second):
            done.result()
    path = witness_path(tmp_path / "key.pem", older.ledger)
    assert read_head(path) == newer
    assert not list(path.parent.glob(".*"))


def test_adding_goes_on_where_the_end_cannot_be_remembered_and_warns_once(ledger, tmp_path, caplog):
    heads = witness_path(tmp_path / "key.pem", ledger.head().ledger).parent
    shutil.rmtree(heads)
    heads.write_text("")
    done = add(ledger, [(judged(str(index)), order(str(index), customer=f"c{index}")) for index in range(150)])
    assert (done.added, len(current_cases(ledger))) == (150, 150)
    (record,) = caplog.records
    assert (record.levelname, "cannot remember its end" in record.getMessage()) == ("WARNING", True)
    heads.unlink()
    add(ledger, [(judged("later"), order("later"))])
    assert read_head(witness_path(tmp_path / "key.pem", ledger.head().ledger)) == ledger.head()


def test_two_writers_with_the_same_input_write_it_once(ledger):
    pairs = [(judged(str(index)), order(str(index), customer=f"c{index}")) for index in range(6)]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: add(ledger, pairs), range(2)))
    assert sum(one.added for one in done) == 6
    assert ledger.head().count == 7


WRITER = """
import json, sys
from pathlib import Path
from ledger_cases import add, judged, order, open_ledger, Ticking
place, key, number, each = sys.argv[1:]
with open_ledger(place, key=Path(key), clock=Ticking()) as ledger:
    for index in range(int(each)):
        add(ledger, [(judged(f"{number}-{index}"), order(f"{number}-{index}", customer=number))])
"""


def test_processes_that_write_at_once_lose_nothing(ledger, place, tmp_path):
    here = Path(__file__).parent
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), str(here.parent.parent)])}
    words = [sys.executable, "-c", WRITER, place, str(tmp_path / "key.pem")]
    writers = [subprocess.Popen([*words, str(number), str(EACH)], env=surroundings) for number in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert is_whole(ledger, tmp_path / "key.pem")
    assert ledger.head().count == 1 + 3 * EACH


def test_a_writer_that_fails_leaves_nothing_behind(ledger, tmp_path):
    with pytest.raises(RuntimeError), ledger.writing() as writer:
        writer.append(kind="note", case_id="", body={})
        raise RuntimeError
    assert ledger.head().count == 1
    assert is_whole(ledger, tmp_path / "key.pem")


def test_an_older_ledger_gets_the_missing_steps_and_keeps_its_entries(ledger, tmp_path, place):
    add(ledger, [(judged("a"), order("a"))])
    with ledger._engine.connect() as connection, connection.begin():
        for name in ("entries_kind", "entries_picture"):
            connection.exec_driver_sql(f"DROP INDEX {name}")
        connection.exec_driver_sql("DELETE FROM ledger_versions WHERE version = 2")
        assert version_of(connection) == 1
    with open_ledger(place, create=True, key=tmp_path / "key.pem") as again:
        with again.reading() as reader:
            assert reader.version() == len(STEPS)
        assert is_whole(again, tmp_path / "key.pem")
        assert again.head().count == 2


def test_a_newer_ledger_is_left_alone(ledger):
    with (
        ledger._engine.connect() as connection,
        connection.begin(),
        pytest.raises(LedgerError, match="newer limbfix"),
    ):
        migrate(connection, steps=STEPS[:1])


def test_the_address_of_another_kind_of_database_is_refused(tmp_path):
    with pytest.raises(LedgerError, match="postgresql"):
        open_ledger("mysql://x/y", key=tmp_path / "k.pem")


@pytest.mark.parametrize(
    "wrong",
    [
        {"who": " "}, {"why": ""}, {"answer": "yes"}, {"answer": "set"}, {"give": "full", "amount": "1"},
        {"answer": "set", "give": "full"}, {"answer": "set", "give": "rerender", "amount": "1"}, {"who": "a\x1bb"},
    ],
)  # fmt: skip
def test_an_impossible_decision_is_an_error(wrong):
    with pytest.raises(UsageError):
        Decision(**({"who": "Ada", "why": "x", "answer": "confirm"} | wrong))


def test_nobody_gives_back_more_than_was_paid(tmp_path):
    with new_ledger(tmp_path) as ledger:
        add(ledger, [(judged("a"), order("a"))])
        with pytest.raises(UsageError, match="at most the price"):
            decide(ledger, "@order-a", Decision(who="A", why="x", answer="set", give="full", amount="10.01"))


def test_the_file_is_in_wal_mode_and_readers_do_not_wait_for_a_writer(tmp_path):
    with new_ledger(tmp_path) as ledger:
        add(ledger, [(judged("a"), order("a"))])
        with ledger.writing() as writer:
            writer.append(kind="note", case_id="", body={})
            assert len(current_cases(ledger)) == 1
            assert ledger.head().count == 2
        with ledger.reading() as reader:
            assert reader.connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_an_export_is_made_of_json_lines(tmp_path):
    from limbfix.ledger.exporting import export_lines

    with new_ledger(tmp_path) as ledger:
        add(ledger, [(judged("a"), order("a"))])
        assert [json.loads(line).get("kind", "head") for line in export_lines(ledger)] == ["head", "genesis", "case"]
