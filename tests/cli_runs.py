"""Runs the command line as a process of its own, with the fake gate or the real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
FAKE = [sys.executable, str(TESTS / "fake_gate.py")]
REAL = [sys.executable, "-m", "limbfix"]


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIMBFIX_")}
    # the checkout itself, too: an installed limbfix may be that of another checkout
    kept |= {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]), "PYTHONSAFEPATH": ""}
    if models := os.environ.get("LIMBFIX_MODELS"):
        kept["LIMBFIX_MODELS"] = models
    return kept | variables


def run(*words: object, program: list[str] = FAKE, cwd: Path | None = None, stdin: bytes = b"", **variables: str):
    """Runs `limbfix check WORDS` unless the first word is another command."""
    return subprocess.run(
        [*program, *map(os.fspath, map(as_word, words))],
        capture_output=True,
        cwd=cwd,
        input=stdin,
        env=environment(**variables),
        timeout=120,
    )


def check(*words: object, **more):
    return run("check", *words, **more)


def as_word(word: object) -> str | bytes:
    return word if isinstance(word, bytes) else os.fspath(word) if isinstance(word, os.PathLike) else str(word)


def start(*words: object, program: list[str] = FAKE, cwd: Path | None = None, stdout=subprocess.PIPE, **variables: str):
    return subprocess.Popen(
        [*program, "check", *map(as_word, words)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env=environment(**variables),
    )


def records(stdout: bytes) -> list[dict]:
    return [json.loads(line) for line in stdout.splitlines()]


def timeless(stdout: bytes) -> list[dict]:
    return [record | {"seconds": 0} for record in records(stdout)]


def last_line(stderr: bytes) -> str:
    return stderr.decode().splitlines()[-1]


def write(folder: Path, **texts: str) -> Path:
    """Writes `name.png` files; the texts say what the fake gate makes of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.png").write_text(text)
    return folder
