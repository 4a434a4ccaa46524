"""The commands, as a user types them: files in, exit codes and files out, nothing of the user's overwritten."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ledger_cases import finding, judged
from typer.testing import CliRunner

from limbfix.cli import app
from limbfix.errors import LimbfixError
from limbfix.ledger import NOTICE
from limbfix.ledger.orders import read_orders
from limbfix.ledger.refunds import load_refund_policy
from limbfix.policies import load_policy

EXAMPLES = Path(__file__).parents[2] / "examples" / "refunds"
runner = CliRunner()


def run(*words: object):
    """Runs a command; errors that the last boundary would print are its exit code 2."""
    done = runner.invoke(app, [str(word) for word in words])
    if isinstance(done.exception, LimbfixError):
        return 2, str(done.exception)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with records, orders and a key of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIMBFIX_LEDGER_KEY", str(tmp_path / "keys" / "key.pem"))
    records = [judged("a"), judged("b", "flag"), judged("c", "pass"), judged("nobody's")]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    rows = ["path,order_id,customer,price,currency,generated_at,campaign"]
    rows += [f"renders/{name}.png,o-{name},c,12.50,EUR,2026-11-01T10:00:00Z,=1+1" for name in "abc"]
    rows.append("renders/late.png,o-late,c,12.50,EUR,2026-11-01T10:00:00Z,")
    (tmp_path / "orders.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def add():
    return run("ledger", "add", "records.jsonl", "--orders", "orders.csv")


def test_from_records_and_orders_to_a_report(files):
    code, output = add()
    assert code == 0
    assert "3 added, 0 judged anew, 0 unchanged" in output
    assert "no order names renders/nobody's.png" in output
    assert "order o-late: no record of renders/late.png" in output
    assert stat.S_IMODE((files / "keys" / "key.pem").stat().st_mode) == 0o600
    assert "0 added, 0 judged anew, 3 unchanged" in add()[1]
    code, output = run("ledger", "list", "--status", "waiting")
    assert "o-b" in output
    assert "o-a" not in output
    assert run("ledger", "decide", "@o-b", "decline", "--by", "Ada", "--why", "five fingers")[0] == 0
    code, output = run("ledger", "show", "@o-b")
    assert "five fingers" in output
    assert run("ledger", "verify")[0] == 0
    assert run("report", "--out", "r.html")[0] == 0
    assert run("report", "--out", "r.html")[0] == 2
    assert "12.50 EUR" in (files / "r.html").read_text(encoding="utf-8")


def test_every_command_that_speaks_of_refunds_says_that_it_moves_none(files):
    for words in (
        ("ledger", "add", "records.jsonl", "--orders", "orders.csv"),
        ("ledger", "list"),
        ("ledger", "show", "@o-a"),
        ("ledger", "decide", "@o-b", "confirm", "--by", "A", "--why", "x"),
        ("ledger", "export"),
        ("report", "--out", "r.csv"),
    ):
        assert NOTICE in run(*words)[1]


def test_verify_tells_changed_from_unknown(files):
    import sqlite3

    add()
    head = run("ledger", "head")[1]
    (files / "head.json").write_text(head)
    public = run("ledger", "key")[1]
    assert "BEGIN PUBLIC KEY" in public
    (files / "public.pem").write_text(public)
    assert run("ledger", "verify", "--public-key", "public.pem", "--head", "head.json")[0] == 0
    (files / "keys" / "key.pem").rename(files / "keys" / "away.pem")
    code, output = run("ledger", "verify")
    assert (code, "UNKNOWN KEY" in output) == (3, True)
    assert run("ledger", "verify", "--public-key", "public.pem")[0] == 0
    with sqlite3.connect(files / "ledger.db") as database:
        database.execute("UPDATE entries SET customer = 'me' WHERE seq = 3")
    code, output = run("ledger", "verify", "--public-key", "public.pem")
    assert (code, "entry 3" in output) == (1, True)


def test_what_was_written_is_not_told_as_a_failure_where_its_end_cannot_be_remembered(files, caplog):
    add()
    assert "remembered here" not in run("ledger", "verify")[1]
    (witness,) = (files / "keys" / "ledger_heads").glob("*.json")
    shutil.rmtree(witness.parent)
    witness.parent.write_text("")  # takes no files, as a read-only mount or a full disk
    code, output = run("ledger", "decide", "@o-b", "confirm", "--by", "Ada", "--why", "thumb")
    assert (code, "written for Ada" in output) == (0, True)
    (warning,) = caplog.messages
    assert "cannot remember its end" in warning and str(witness.parent) in warning
    code, output = run("ledger", "verify")
    assert (code, "no end of it is remembered here" in output) == (0, True)
    (files / "head.json").write_text(run("ledger", "head")[1])
    assert "remembered here" not in run("ledger", "verify", "--head", "head.json")[1]


def test_verify_tells_how_much_of_the_ledger_its_memory_covers(files):
    add()
    (witness,) = (files / "keys" / "ledger_heads").glob("*.json")
    older = witness.read_text()
    run("ledger", "decide", "@o-b", "confirm", "--by", "Ada", "--why", "thumb")
    witness.write_text(older)
    assert "the longest end known here has 4 of its entries" in run("ledger", "verify")[1]


def test_an_export_goes_to_a_new_file_only(files):
    add()
    assert run("ledger", "export", "--out", "export.jsonl")[0] == 0
    lines = (files / "export.jsonl").read_text().splitlines()
    assert len(lines) == 1 + 4
    code, output = run("ledger", "export", "--out", "export.jsonl")
    assert (code, "left as it is" in output) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("ledger", "verify", "--ledger", "absent.db"),
        ("ledger", "show", "zz"),
        ("ledger", "decide", "@o-b", "undo", "--by", "A", "--why", "x"),
        ("ledger", "decide", "@o-b", "set", "--by", "A", "--why", "x"),
        ("ledger", "add", "records.jsonl", "--orders", "absent.csv"),
        ("ledger", "add", "absent.jsonl", "--orders", "orders.csv"),
        ("report", "--out", "r.html", "--since", "soon"),
    ],
)
def test_a_mistake_is_one_clear_error_and_changes_nothing(files, words):
    add()
    before = run("ledger", "head")[1]
    code, output = run(*words)
    assert code == 2
    assert "expected" in output
    assert run("ledger", "head")[1] == before
    assert not (files / "r.html").exists()


def test_the_examples_of_the_demo_can_be_read():
    orders = read_orders(EXAMPLES / "orders.csv")
    assert all((EXAMPLES.parents[1] / one.path).is_file() for one in orders)
    assert load_refund_policy(EXAMPLES / "refunds.toml").attempt_cost.keys() == {"EUR", "JPY"}
    assert load_policy(EXAMPLES / "check_policy.toml").flag_at < 0.5


def test_terminal_escapes_of_strangers_are_shown_and_not_obeyed(files):
    record = judged("a", "reject", finding(message="x"), path="renders/\x1b[31ma.png")
    (files / "records.jsonl").write_text(json.dumps(record) + "\n")
    code, output = add()
    assert code == 0
    assert "\x1b" not in output
    assert "\\x1b[31m" in output


def test_a_key_in_the_environment_is_no_setting_of_a_check(files):
    from limbfix.settings import load_settings

    assert os.environ["LIMBFIX_LEDGER_KEY"]
    assert load_settings({}).format == "text"


def test_the_command_line_starts_without_the_ledgers_packages():
    script = "import sys, limbfix.cli; print([n for n in ('sqlalchemy', 'cryptography', 'jinja2', 'pyarrow', 'weasyprint') if n in sys.modules])"
    here = str(EXAMPLES.parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": here},
    )
    assert done.stdout.strip() == "[]"
