"""When a server does not start, it says why."""

from __future__ import annotations

import socket
import sys

import pytest
from cli_runs import FAKE, last_line, run
from fake_gate import FakeGate

from limbfix.errors import LimbfixError
from limbfix.serve_settings import ServeSettings
from limbfix.service import running
from limbfix.service.judging_queue import JudgingQueue
from limbfix.settings import Settings

pytestmark = pytest.mark.enable_socket


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["--host", "0.0.0.0"], {}, "expected API keys on an address that others reach"),
        (["--keys", "none.txt"], {}, "expected a readable file none.txt"),
        (["--host", "192.0.2.1"], {"LIMBFIX_API_KEYS": "a:" + "k" * 20}, "choose another --port"),
        ([], {"LIMBFIX_TEST_NO_MODEL": "1"}, "limbfix models pull"),
        (["--require-models"], {"LIMBFIX_TEST_NOTE": "no bodies"}, "limbfix models pull"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(tmp_path, words, variables, said):
    done = run("serve", "--port", "0", *words, program=FAKE, cwd=tmp_path, TMPDIR=str(tmp_path), **variables)
    assert done.returncode == 2
    assert said in last_line(done.stderr)
    assert "k" * 20 not in done.stderr.decode()
    assert list(tmp_path.glob("limbfix-serve-*")) == []


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port), cwd=tmp_path)
    assert done.returncode == 2
    assert f"port {port}" in last_line(done.stderr)


def test_a_port_that_another_server_took_while_models_were_loaded_is_named(tmp_path, monkeypatch):
    said: list[str] = []
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        monkeypatch.setattr(JudgingQueue, "start", lambda queue: other.listen())
        settings = Settings(serve=ServeSettings(port=port))
        with pytest.raises(LimbfixError, match=f"port {port}.*choose another --port"):
            running.serve(settings, FakeGate, policy="fake", jobs=1, say=said.append)
    assert said == []


def test_without_the_extra_the_command_says_how_to_get_it(tmp_path):
    script = "import sys; sys.modules['fastapi'] = None; import limbfix.cli; sys.argv = ['limbfix', 'serve']; limbfix.cli.main()"
    done = run(program=[sys.executable, "-c", script], cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'limbfix[serve]'" in last_line(done.stderr)
