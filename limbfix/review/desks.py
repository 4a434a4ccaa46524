"""Who sits where, and who looks at what? A desk is one tab of one person; a lease keeps a picture for one desk at a time.

Leases only keep two people from doing the same work. That no decision is lost is the ledger's doing: it compares what
the person saw with what stands.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_DESKS = 200
LEASE_S = 90.0
_MOST_UNDO = 500


@dataclass(slots=True, kw_only=True)
class Desk:
    """One tab.

    Attributes:
        id: in its address; nobody can guess it.
        name: of the person.
        written: (case, hash of the entry) of what was answered here, oldest first.
        skipped: cases that this person left for later.
        word: what the next page says first, or empty.
    """

    id: str
    name: str
    written: list[tuple[str, str]] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)
    word: str = ""

    def note(self, case_id: str, entry_hash: str) -> None:
        """Remembers an answer, so that it can be taken back; one that was sent twice is one."""
        if (case_id, entry_hash) not in self.written:
            self.written.append((case_id, entry_hash))
        del self.written[:-_MOST_UNDO]
        self.skipped.discard(case_id)

    def forget(self, case_id: str, entry_hash: str) -> None:
        """Forgets an answer that was taken back, or no longer can be."""
        if (case_id, entry_hash) in self.written:
            self.written.remove((case_id, entry_hash))

    def take_word(self) -> str:
        """Returns what is to be said, once."""
        word, self.word = self.word, ""
        return word


class Room:
    """All desks and leases of one server. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._desks: OrderedDict[str, Desk] = OrderedDict()
        self._leases: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def open_desk(self, name: str) -> Desk:
        """Returns a new desk; where there are too many, the one that was idle longest is forgotten."""
        with self._lock:
            desk = Desk(id=secrets.token_urlsafe(12), name=name)
            self._desks[desk.id] = desk
            while len(self._desks) > MOST_DESKS:
                self._desks.popitem(last=False)
            return desk

    def desk(self, desk_id: str) -> Desk | None:
        """Returns a desk, or None."""
        with self._lock:
            if desk_id in self._desks:
                self._desks.move_to_end(desk_id)
            return self._desks.get(desk_id)

    def hold(self, case_id: str, desk: Desk) -> str | None:
        """Takes or renews a lease, which ends the desk's other one; returns who holds it instead, or None."""
        with self._lock:
            holder = self._holder(case_id)
            if holder not in (None, desk.id):
                other = self._desks.get(str(holder))
                return other.name if other else None
            for held in [held for held, (owner, _) in self._leases.items() if owner == desk.id]:
                del self._leases[held]
            self._leases[case_id] = (desk.id, self._clock() + LEASE_S)
            return None

    def held_by_others(self, desk: Desk) -> set[str]:
        """Returns the cases that somebody else looks at now."""
        with self._lock:
            return {case_id for case_id in list(self._leases) if self._holder(case_id) not in (None, desk.id)}

    def _holder(self, case_id: str) -> str | None:
        owner, until = self._leases.get(case_id, ("", 0.0))
        if owner and until < self._clock():
            del self._leases[case_id]
            return None
        return owner or None
