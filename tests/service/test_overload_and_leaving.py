"""More pictures than a server can hold, workers killed in the middle, and a server that is told to go while it works."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import socket
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from serve_runs import Served, served

pytestmark = pytest.mark.enable_socket

SETTINGS = "queue = 4\nmax_batch = 8\nwait_seconds = 20"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    with served("--jobs", "1", "--timeout", "2", folder=folder, settings=SETTINGS) as server:
        yield server


def ask(server: Served, text: str) -> httpx.Response:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False, verify=False) as client:
        return client.post("/v1/inspect", content=text.encode())


def at_once(server: Served, texts: list[str]) -> list[Future]:
    with ThreadPoolExecutor(len(texts)) as threads:
        return [threads.submit(ask, server, text) for text in texts]


def until(holds, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def test_what_does_not_fit_is_told_to_come_again_and_the_rest_is_judged(small: Served):
    answers = [future.result() for future in at_once(small, [f"pass slow {number}" for number in range(20)])]
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) == {200, 429}
    assert counts[200] >= 5
    for answer in answers:
        if answer.status_code == 429:
            assert answer.json()["type"] == "urn:limbfix:problem:queue-full"
            assert 1 <= int(answer.headers["retry-after"]) <= 120
    assert ask(small, "pass").status_code == 200


def test_a_batch_that_does_not_fit_is_refused_whole(small: Served):
    before = small.numbers().get('limbfix_pictures_total{error="",verdict="flag"}', 0)
    files = [("picture", (f"{number}.png", b"flag")) for number in range(6)]
    assert small.client.post("/v1/batch", files=files).status_code == 429
    numbers = small.numbers()
    assert numbers.get('limbfix_pictures_total{error="",verdict="flag"}', 0) == before
    assert numbers["limbfix_places_taken"] == 0
    assert small.client.post("/v1/batch", files=files[:5]).status_code == 200


def test_a_picture_that_takes_too_long_is_given_up_and_the_next_is_judged(small: Served):
    slow, fast = at_once(small, ["hang", "pass"])
    assert (slow.result().status_code, slow.result().json()["type"]) == (504, "urn:limbfix:problem:timeout")
    assert fast.result().status_code == 200


def test_a_worker_killed_in_the_middle_costs_one_picture(small: Served):
    (worker,) = small.workers()
    with ThreadPoolExecutor(4) as threads:
        hanging = threads.submit(ask, small, "hang")
        until(lambda: small.numbers()["limbfix_places_taken"] == 1 and small.numbers()["limbfix_line_length"] == 0)
        others = [threads.submit(ask, small, "flag") for _ in range(3)]
        os.kill(worker, signal.SIGKILL)
        lost = hanging.result()
        assert (lost.status_code, lost.json()["type"]) == (500, "urn:limbfix:problem:crashed")
        assert "SIGKILL" in lost.json()["actual"]
        assert [other.result().json()["verdict"] for other in others] == ["flag"] * 3


def is_dead(process: int) -> bool:
    """Whether a process has ended, whoever has still to be told."""
    try:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_an_idle_worker_that_is_killed_costs_nothing(small: Served):
    (worker,) = small.workers()
    os.kill(worker, signal.SIGKILL)
    until(lambda: is_dead(worker))  # a worker that dies with a picture in hand is the case above
    time.sleep(1)  # its other threads end, and with the last one its end of the pipe
    assert ask(small, "pass").status_code == 200
    assert small.workers() != [worker]


def test_a_client_that_does_not_wait_leaves_the_line(small: Served):
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(ask, small, "hang")
        until(lambda: small.numbers()["limbfix_places_taken"] == 1)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{small.url}/v1/inspect", content=b"pass", timeout=0.3, trust_env=False, verify=False)
        until(lambda: small.numbers()["limbfix_places_taken"] == 1)
        assert hanging.result().status_code == 504


def test_ctrl_c_ends_it_as_gently(small: Served):
    """The last test of `small`."""
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(ask, small, "pass slow slow")
        until(lambda: small.numbers()["limbfix_places_taken"] == 1 or asked.done())
        small.process.send_signal(signal.SIGINT)
        assert asked.result().json()["verdict"] == "pass"
    assert small.process.wait(timeout=30) == 0


def test_a_server_that_is_told_to_go_answers_everybody_it_let_in(tmp_path):
    """Clients keep asking until nobody listens. What was judged was answered; what was not answered was never read."""
    log = tmp_path / "judged.txt"
    with served("--jobs", "1", folder=tmp_path, settings="queue = 50", LIMBFIX_TEST_LOG=str(log)) as server:
        assert ask(server, "bug").status_code == 500
        answered: list[str] = []
        unanswered: list[str] = []

        def keep_asking(name: int) -> None:
            with httpx.Client(base_url=server.url, timeout=60, trust_env=False, verify=False) as client:
                for number in itertools.count():
                    body = b"pass slow %d %d" % (name, number)
                    try:
                        assert client.post("/v1/inspect", content=body).json()["verdict"] == "pass"
                    except httpx.TransportError:
                        unanswered.append(hashlib.sha256(body).hexdigest())
                        return
                    answered.append(hashlib.sha256(body).hexdigest())

        clients = [threading.Thread(target=keep_asking, args=(name,)) for name in range(6)]
        for client in clients:
            client.start()
        until(lambda: len(answered) > 6)
        inside = len(answered)
        for worker in server.workers():  # as an init system does that tells every process of a service
            os.kill(worker, signal.SIGTERM)
        server.process.send_signal(signal.SIGTERM)
        _, said = server.process.communicate(timeout=60)
        for client in clients:
            client.join()
        judged = set(log.read_text().split()) - {hashlib.sha256(b"bug").hexdigest()}
        assert judged == set(answered)
        assert len(unanswered) == 6
        assert len(answered) >= inside + 5
        assert server.process.returncode == 0
        assert "every accepted request is answered" in said.decode()
        assert "TypeError: nobody foresaw this" in said.decode()  # the answer has the error, the log its traceback
        assert list(tmp_path.glob("limbfix-serve-*")) == []


def test_a_second_ctrl_c_waits_for_nobody(tmp_path):
    with served("--timeout", "100", folder=tmp_path) as server, ThreadPoolExecutor(1) as threads:
        asked = threads.submit(ask, server, "hang")
        until(lambda: server.numbers()["limbfix_places_taken"] == 1)
        (worker,) = server.workers()
        for _ in range(2):
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        assert server.process.wait(timeout=20) == 130
        assert asked.exception() or asked.result().status_code == 500
        until(lambda: not Path(f"/proc/{worker}").exists())
        assert list(tmp_path.glob("limbfix-serve-*")) == []


def hang_up(server: Served, text: bytes) -> None:
    """Asks, and goes away as soon as the picture is being judged."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        head = f"POST /v1/inspect HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(text)}\r\n\r\n"
        client.sendall(head.encode() + text)
        until(lambda: server.numbers()["limbfix_places_taken"] == 1 and server.numbers()["limbfix_line_length"] == 0)


def test_a_second_ctrl_c_waits_for_no_picture_whose_client_is_gone(tmp_path):
    with served("--timeout", "100", folder=tmp_path) as server:
        hang_up(server, b"hang")
        (worker,) = server.workers()
        server.process.send_signal(signal.SIGINT)
        assert "leaving" in server.process.stderr.readline().decode()
        time.sleep(0.3)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=10) == 130
        until(lambda: not Path(f"/proc/{worker}").exists())
        assert list(tmp_path.glob("limbfix-serve-*")) == []


def test_a_client_that_hangs_up_is_nothing_to_complain_of(tmp_path):
    with served("--timeout", "1", folder=tmp_path) as server:
        hang_up(server, b"hang")
        until(lambda: server.numbers()["limbfix_places_taken"] == 0)
        assert server.stop() == (0, "limbfix: leaving; every accepted request is answered\n")
