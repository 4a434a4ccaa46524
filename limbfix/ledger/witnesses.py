"""What does this machine remember of a ledger's end? Without it, nobody could see that an old copy was put back.

A ledger cut off at an earlier signed head is whole in itself. So each machine that writes keeps the last head that it
saw, beside its signing key, and `verify` asks whether the ledger has since become shorter.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock

from limbfix.errors import LedgerError
from limbfix.ledger.chain import Head

_WAIT_S = 10.0
"""Longest wait for another writer who notes an end here; each takes less than a millisecond."""


def witness_path(key_path: Path, ledger: str) -> Path:
    """Returns where the last head of a ledger is remembered."""
    return key_path.parent / "ledger_heads" / f"{ledger}.json"


def note_head(key_path: Path, head: Head) -> None:
    """Remembers a head, unless a longer one is remembered already. Threads and processes may do so at once.

    Raises:
        LedgerError: it cannot be kept there, or what is remembered already cannot be read.
    """
    path = witness_path(key_path, head.ledger)
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Whoever compares and replaces is alone: an older head could land on a newer one otherwise.
        with FileLock(path.with_suffix(".lock"), timeout=_WAIT_S):
            known = read_head(path) if path.is_file() else None
            if known is not None and known.count > head.count:
                return
            try:
                part.write_text(head_text(head), encoding="ascii")
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        raise LedgerError(f"ledger: expected to write the last head to {path}, got: {error}") from error


def head_text(head: Head) -> str:
    """Returns a head as a JSON file, for those who keep it elsewhere."""
    return json.dumps(asdict(head), indent=2) + "\n"


def read_head(path: Path) -> Head:
    """Reads a head file.

    Raises:
        LedgerError: it is none.
    """
    try:
        return Head(**json.loads(path.read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError) as error:
        raise LedgerError(f"head {path}: expected a file of `limbfix ledger head`, got: {error}") from error
