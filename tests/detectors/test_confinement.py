"""A confined thread opens no socket and starts no program; the rest of the process is free."""

import os
import socket
import subprocess
import sys
import threading
import urllib.request

import pytest

from limbfix.detectors.confinement import confined, process_restored

CALLS = {
    "connect": lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
    "resolve": lambda: socket.getaddrinfo("localhost", 9),
    "url": lambda: urllib.request.urlopen("file:///etc/hostname"),
    "child": lambda: subprocess.run([sys.executable, "-c", ""]),
    "shell": lambda: os.system("true"),
    "spawn": lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {}),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_confined_thread_cannot_call_out(call):
    with confined("detector x"), pytest.raises(PermissionError, match="detector x: expected no network"):
        call()


def test_the_refusal_ends_with_the_block_even_after_an_error():
    with pytest.raises(ZeroDivisionError), confined("a"):
        _ = 1 / 0
    assert os.system("true") == 0


def test_blocks_nest():
    with confined("outer"):
        with confined("inner"), pytest.raises(PermissionError, match="inner"):
            os.system("true")
        with pytest.raises(PermissionError, match="outer"):
            os.system("true")


def test_other_threads_stay_free():
    results = []
    with confined("a"):
        thread = threading.Thread(target=lambda: results.append(os.system("true")))
        thread.start()
        thread.join()
    assert results == [0]


def test_what_a_foreign_import_changes_is_put_back(monkeypatch):
    import cv2
    import numpy as np
    import torch
    from PIL import Image

    monkeypatch.setenv("LIMBFIX_TEST_KEPT", "old")
    monkeypatch.setenv("LIMBFIX_TEST_REMOVED", "old")
    monkeypatch.delenv("LIMBFIX_TEST_ADDED", raising=False)
    before = (cv2.getNumThreads(), Image.open, torch.save, np.get_printoptions(), dict(os.environ))
    with process_restored():
        cv2.setNumThreads(1)
        Image.open = torch.save = print
        np.set_printoptions(precision=2)
        os.environ |= {"LIMBFIX_TEST_KEPT": "new", "LIMBFIX_TEST_ADDED": "new"}
        del os.environ["LIMBFIX_TEST_REMOVED"]
    assert (cv2.getNumThreads(), Image.open, torch.save, np.get_printoptions(), dict(os.environ)) == before
