"""What is an entry, and how does each hold the one before it?

    hash = SHA-256("limbfix ledger entry 1" LF seq LF kind LF case_id LF at LF customer LF order_id LF picture LF
                   likeness LF evidence LF prev LF body)

in UTF-8. All fields but the last hold no line break, so no two entries share these bytes. `prev` is the hash of entry
seq - 1, 64 zeros for the first. The head signs ledger, count and last hash; see `head_message`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

FIRST_PREV = "0" * 64
_ENTRY = "limbfix ledger entry 1"
_HEAD = "limbfix ledger head 1"

COLUMNS: tuple[str, ...] = (
    "seq", "kind", "case_id", "at", "customer", "order_id", "picture", "likeness", "evidence", "prev", "body",
)  # fmt: skip
"""What is hashed, in this order."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the ledger. Never changed, never deleted.

    Attributes:
        seq: 1, 2, 3 ... without gaps.
        kind: `genesis`, `case` (a picture's verdict and what follows) or `override` (what a person decided).
        case_id: which case it is about; empty for the genesis.
        at: when it was written, UTC, ISO 8601.
        customer, order_id: of the order; empty where there is none.
        picture: SHA-256 of the picture's file; empty where it could not be read.
        likeness: perceptual hash, hex; empty where there is none.
        evidence: SHA-256 of each picture kept for it, parted by spaces.
        prev, hash: hex; see the module.
        body: canonical JSON with everything else.
    """

    seq: int
    kind: str
    case_id: str
    at: str
    customer: str = ""
    order_id: str = ""
    picture: str = ""
    likeness: str = ""
    evidence: str = ""
    prev: str
    body: str
    hash: str

    @cached_property
    def data(self) -> dict[str, Any]:
        """The body, parsed."""
        return json.loads(self.body)


def entry_hash(fields: Sequence[object]) -> str:
    """Returns the hash of an entry's fields, in the order of COLUMNS."""
    return hashlib.sha256("\n".join((_ENTRY, *map(str, fields))).encode("utf-8", "surrogatepass")).hexdigest()


def sealed(**fields: Any) -> Entry:
    """Returns an entry with its hash.

    Raises:
        ValueError: a field other than the body holds a line break, which would blur where it ends.
    """
    bare = Entry(hash="", **fields)
    values = [getattr(bare, name) for name in COLUMNS]
    if any("\n" in str(value) for value in values):
        raise ValueError("sealed: expected fields without line breaks")
    return Entry(hash=entry_hash(values), **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How long the ledger is and how it ends, signed.

    Attributes:
        ledger: the ledger's own name, 32 hex digits, made by chance at its birth.
        count, last: number of entries; hash of the last.
        at: when it was signed.
        key: the signer's public key, Ed25519, hex.
        signature: over `head_message`, hex.
    """

    ledger: str
    count: int
    last: str
    at: str
    key: str
    signature: str = ""


def head_message(head: Head) -> bytes:
    """Returns the bytes that are signed."""
    return "\n".join((_HEAD, head.ledger, str(head.count), head.last, head.at, head.key)).encode("utf-8")
