"""What may somebody else's model do while it loads and runs? Compute; never call out, never start a program.

Safe loading alone does not promise that: ultralytics 8.4.190 reads a checkpoint with an allow-list of classes, and one
of these (`TorchVision`) downloads weights when a checkpoint asks for it. So the promise is kept one floor lower, where
Python tells audit hooks of every socket and every child process. It holds for the calling thread; it cannot hold for C
code that opens a socket of its own, and neither torch nor OpenCV does.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED_EVENTS = frozenset(
    {
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
        "urllib.Request",
        "subprocess.Popen",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.startfile",
        "os.system",
        "pty.spawn",
        "webbrowser.open",
    }
)
"""Names of the audit events by which Python announces a socket or a child process, before it acts."""

_thread = threading.local()
_lock = threading.Lock()
_is_watching = False


@contextmanager
def confined(who: str) -> Iterator[None]:
    """Refuses sockets and child processes to the calling thread.

    The refusal is a PermissionError in whatever called out: an OSError, since that is what code that tries its luck
    with a network or a tool is prepared for.

    Args:
        who: whose name the refusal holds.
    """
    _watch()
    before = getattr(_thread, "who", None)
    _thread.who = who
    try:
        yield
    finally:
        _thread.who = before


@contextmanager
def process_restored() -> Iterator[None]:
    """Undoes what importing and building a foreign model changes for everybody else in the process.

    ultralytics replaces `PIL.Image.open` by a function that tries to install a plug-in for a picture it cannot read,
    replaces `torch.save`, sets OpenCV and OpenMP to one thread, changes how NumPy prints, and sets variables in the
    environment. Needs cv2, numpy, Pillow and torch; not safe against other threads that change the same things.
    """
    import cv2
    import numpy as np
    import torch
    from PIL import Image

    environment = dict(os.environ)
    threads, image_open, torch_save = cv2.getNumThreads(), Image.open, torch.save
    try:
        with np.printoptions():
            yield
    finally:
        Image.open, torch.save = image_open, torch_save
        cv2.setNumThreads(threads)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        for name, value in environment.items():
            if os.environ.get(name) != value:
                os.environ[name] = value


def _watch() -> None:
    """Adds the audit hook once; Python offers no way to take one off, so it is idle outside `confined`."""
    global _is_watching
    with _lock:
        if not _is_watching:
            sys.addaudithook(_refuse)
            _is_watching = True


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event in REFUSED_EVENTS and (who := getattr(_thread, "who", None)) is not None:
        raise PermissionError(f"{who}: expected no network and no other program, got {event}; refused")
