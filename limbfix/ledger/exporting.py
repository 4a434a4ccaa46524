"""How does a ledger leave, so that others can check it without limbfix? JSON Lines: the head, then every entry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from limbfix.ledger import NOTICE
from limbfix.ledger.chain import COLUMNS
from limbfix.ledger.store import Ledger


def export_lines(ledger: Ledger) -> Iterator[str]:
    """Yields lines of ASCII. `body` stays the text that was hashed; `limbfix.ledger.chain` says how."""
    with ledger.reading() as reader:
        yield json.dumps({"head": asdict(reader.head()), "notice": NOTICE})
        for entry in reader.entries():
            yield json.dumps({name: getattr(entry, name) for name in (*COLUMNS, "hash")})
