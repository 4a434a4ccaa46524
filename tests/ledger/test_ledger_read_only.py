"""A ledger that cannot be written is read as it stands: nothing is made beside it, and nothing in it changes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ledger_cases import add, judged, new_ledger, order
from typer.testing import CliRunner

from limbfix.cli import app
from limbfix.errors import LedgerError
from limbfix.ledger.cases import current_cases
from limbfix.ledger.overrides import Decision, decide
from limbfix.ledger.store import open_ledger
from limbfix.ledger.verifying import verify
from limbfix.refund_reports.writing import write_report
from limbfix.review.serving import check_key

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
YES = Decision(who="Ada", why="six fingers", answer="confirm")
NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a ledger that everybody may reach, with a second folder for what is written."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    (place / "out").mkdir()
    (place / "out").chmod(0o777)
    with new_ledger(place) as ledger:
        add(ledger, [(judged("a"), order("a")), (judged("b", "flag"), order("b"))])
        write_report(ledger, place / "out" / "first.json")  # what is imported on the way may not be readable to others
        verify(ledger)
    yield place
    place.chmod(0o755)
    shutil.rmtree(place)


@contextmanager
def read_only(folder: Path, what: str) -> Iterator[None]:
    """Makes a ledger's file or folder read-only, for root too, who does without root's rights meanwhile."""
    files = [path for path in folder.glob("ledger.db*") if path.is_file()]
    for path in files:
        path.chmod(0o444 if what == "file" else 0o666)
    folder.chmod(0o777 if what == "file" else 0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)
        for path in files:
            path.chmod(0o644)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("ledger.db*")}


@pytest.mark.parametrize("what", ["file", "folder"])
def test_who_only_reads_needs_no_place_to_write_and_leaves_nothing(folder, what):
    before = contents(folder)
    with read_only(folder, what), open_ledger(folder / "ledger.db") as ledger:
        assert [case.verdict for case in current_cases(ledger)] == ["reject", "flag"]
        assert verify(ledger).problems == ()
        assert len(write_report(ledger, folder / "out" / "second.json").cases) == 2
        assert contents(folder) == before
    assert contents(folder) == before


@pytest.mark.parametrize("what", ["file", "folder"])
def test_the_commands_that_read_do_so_and_those_that_write_say_why_not(folder, what, monkeypatch):
    public = folder / "out" / "public.pem"
    public.write_text(CliRunner().invoke(app, ["ledger", "key", "--key", str(folder / "key.pem")]).stdout)
    monkeypatch.setenv("LIMBFIX_LEDGER_KEY", str(folder / "out" / "absent.pem"))
    monkeypatch.setenv("COLUMNS", "200")
    commands = (
        ["list"], ["show", "@order-a"], ["head"], ["export"], ["verify", "--public-key", str(public)],
    )  # fmt: skip
    calls = [["ledger", *words, "--ledger", str(folder / "ledger.db")] for words in commands]
    calls.append(
        ["report", "--ledger", str(folder / "ledger.db"), "--out", str(folder / "out" / "report.html"), "--force"]
    )
    for call in calls:
        assert CliRunner().invoke(app, call).exit_code == 0
    before = contents(folder)
    with read_only(folder, what):
        for call in calls:
            result = CliRunner().invoke(app, call)
            assert result.exit_code == 0, (call, result.output)
    assert contents(folder) == before


@pytest.mark.parametrize("what", ["file", "folder"])
def test_who_would_write_is_told_what_is_read_only_before_anything_is_made(folder, what):
    before, expected = contents(folder), f"expected to write it, got a {what} that is read-only"
    with read_only(folder, what):
        with open_ledger(folder / "ledger.db", key=folder / "key.pem") as ledger:
            with pytest.raises(LedgerError, match=expected):
                decide(ledger, "@order-b", YES)
            with pytest.raises(
                LedgerError, match=expected
            ):  # as `limbfix review` asks before anybody works for nothing
                check_key(ledger, folder / "key.pem")
        with pytest.raises(LedgerError, match=expected):
            open_ledger(folder / "ledger.db", create=True, key=folder / "key.pem")
    assert contents(folder) == before


def test_no_ledger_is_begun_in_a_read_only_folder(folder):
    with read_only(folder, "folder"), pytest.raises(LedgerError, match="got a folder that is read-only"):
        open_ledger(folder / "new.db", create=True, key=folder / "out" / "k.pem")
    assert not (folder / "out" / "k.pem").exists()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_entries_beside_a_ledger_are_read_with_it_or_refused_and_never_left_out(folder, what):
    with sqlite3.connect(folder / "ledger.db") as keeps_it_open:
        keeps_it_open.execute("SELECT count(*) FROM entries").fetchall()
        with open_ledger(folder / "ledger.db", key=folder / "key.pem") as ledger:
            decide(ledger, "@order-b", YES)
        for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
            shutil.copy(folder / name, folder / "out" / name)
    keeps_it_open.close()
    copy = folder / "out"
    database, wal = (contents(copy)[name] for name in ("ledger.db", "ledger.db-wal"))
    with read_only(copy, what), open_ledger(copy / "ledger.db") as ledger:
        assert ledger.head().count == 4
    assert (contents(copy)["ledger.db"], contents(copy)["ledger.db-wal"]) == (database, wal)
    (copy / "ledger.db-shm").unlink()
    with read_only(copy, what), pytest.raises(LedgerError, match=r"got ledger\.db-wal; copy ledger\.db and"):
        open_ledger(copy / "ledger.db")
    assert contents(copy) == {"ledger.db": database, "ledger.db-wal": wal}


def test_a_ledger_that_somebody_writes_meanwhile_is_not_half_read(folder):
    with read_only(folder, "folder"):
        reader = open_ledger(folder / "ledger.db")
    with open_ledger(folder / "ledger.db", key=folder / "key.pem") as writer:
        decide(writer, "@order-b", YES)
    with reader, pytest.raises(LedgerError, match="open it again"):
        current_cases(reader)
    with read_only(folder, "folder"), open_ledger(folder / "ledger.db") as again:
        assert current_cases(again)[1].decided is not None
