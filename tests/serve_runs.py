"""Runs `limbfix serve` as a process of its own on a free port of this machine, and asks it."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
from cli_runs import FAKE, TESTS, environment

KEY = "a-key-of-a-test-0123456789"
BLOBS = [sys.executable, str(TESTS / "blob_gate.py")]


class Served:
    """A server that runs.

    Attributes:
        url: where.
        process: of the server; its workers are its children.
        client: asks it.
    """

    def __init__(self, process: subprocess.Popen, url: str) -> None:
        self.process, self.url = process, url
        self.client = httpx.Client(base_url=url, timeout=60, trust_env=False, verify=False)

    def inspect(self, body: bytes, **more) -> httpx.Response:
        return self.client.post("/v1/inspect", content=body, **more)

    def workers(self) -> list[int]:
        """Process ids of the judging children."""
        found = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
        return found

    def numbers(self) -> dict[str, float]:
        """The metrics, by name with labels."""
        lines = self.client.get("/metrics").text.splitlines()
        return {
            name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        }

    def stop(self) -> tuple[int, str]:
        """Ends it gently; returns its exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said.decode()


@contextlib.contextmanager
def served(
    *words: str, program: list[str] = FAKE, folder: Path, settings: str = "", **variables: str
) -> Iterator[Served]:
    """Starts a server in a folder with these settings in its `[serve]` table; ends it at the end."""
    (folder / "limbfix.toml").write_text(f"[serve]\n{settings}\n")
    process = subprocess.Popen(
        [*program, "serve", "--port", "0", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=environment(**{"TMPDIR": str(folder), **variables}),
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline().decode()
        place = re.search(r"serving at (http://\S+),", line)
        if place is None:
            process.kill()
            raise AssertionError(f"the server said: {line}{process.stderr.read().decode()}")
        server = Served(process, place[1])
        _until_it_listens(server)
        yield server
    finally:
        process.kill()
        process.wait()


def _until_it_listens(server: Served) -> None:
    for _ in range(200):
        with contextlib.suppress(httpx.ConnectError):
            if server.client.get("/healthz").status_code == 200:
                return
    raise AssertionError("the server does not answer /healthz")
