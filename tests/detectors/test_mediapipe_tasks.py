"""MediaPipe's graphs begin and end in several threads at once, and the process is afterwards what it was before."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from limbfix.detectors import mediapipe_tasks

THREADS = 4


STEP_S = 0.02


class Graph:
    """Takes its time to end."""

    def close(self) -> None:
        time.sleep(THREADS * STEP_S)


def slowly() -> Graph:
    time.sleep(THREADS * STEP_S)
    return Graph()


@pytest.fixture(autouse=True)
def _no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mediapipe_tasks, "silence", lambda: True)  # it would remember that no library was loaded


@pytest.fixture
def stderr() -> Iterator[Callable[[], tuple[int, int]]]:
    """Tells which file stderr is; puts it back however the test ends."""
    saved = os.dup(2)

    def which() -> tuple[int, int]:
        return os.fstat(2).st_dev, os.fstat(2).st_ino

    yield which
    os.dup2(saved, 2)
    os.close(saved)


def at_once(call: Callable[[], Any]) -> list[Any]:
    """Calls in threads, each a little after the one before and before that one has ended."""
    barrier = threading.Barrier(THREADS)

    def one(number: int) -> Any:
        barrier.wait()
        time.sleep(number * STEP_S)
        return call()

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(one, range(THREADS)))


def test_graphs_that_start_at_once_leave_stderr_as_it_was(stderr):
    before = stderr()
    at_once(lambda: mediapipe_tasks.start(slowly))
    assert stderr() == before


def test_a_detector_that_several_threads_ask_first_has_one_graph():
    graphs: dict[str, Any] = {}
    found = at_once(lambda: mediapipe_tasks.started(graphs, "one", slowly))
    assert len({id(graph) for graph in found}) == 1
    mediapipe_tasks.stop_all(graphs)
    assert not graphs


@pytest.mark.parametrize("proxy", [None, "http://proxy.example:8080"])
def test_graphs_that_stop_at_once_leave_the_proxy_as_it_was(proxy, monkeypatch):
    monkeypatch.delenv("https_proxy", raising=False)
    if proxy is not None:
        monkeypatch.setenv("https_proxy", proxy)
    at_once(lambda: mediapipe_tasks.stop(Graph()))
    assert os.environ.get("https_proxy") == proxy
