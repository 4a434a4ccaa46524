"""What does a signal end, and when? A run between two records, and nothing in the middle of a line, row or move."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_TWICE_SECONDS = 1.0
"""Signals within this time are one wish: `timeout` sends two, and so do programs that start others."""


@contextmanager
def handled(*numbers: signal.Signals, by: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Has signals handled for the time of the block, and gives them back the handlers that they have now, whoever set others meanwhile."""
    before = {number: signal.signal(number, by) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interruption:
    """Turns SIGINT and SIGTERM into an end between two records, and into KeyboardInterrupt only while waiting.

    So no line, row or move is cut in the middle, and a run that waits for a worker or for stdin still ends at once.
    """

    def __init__(self) -> None:
        self.is_requested = False
        self._requested_at = 0.0
        self._may_raise = self._is_patient = False

    @contextmanager
    def installed(self) -> Iterator[Interruption]:
        """Holds the two signals for the time of the block."""
        with handled(signal.SIGINT, signal.SIGTERM, by=self._on_signal):
            yield self

    @contextmanager
    def allowed(self, *, is_patient: bool = False) -> Iterator[None]:
        """Lets the block be left by KeyboardInterrupt; a patient one only by a signal that comes after another."""
        self._may_raise, self._is_patient = True, is_patient
        try:
            if self.is_requested and not is_patient:
                raise KeyboardInterrupt
            yield
        finally:
            self._may_raise = False

    def hold(self) -> None:
        """Keeps the present `allowed` block from being left by a signal: a file is written, and its record must follow."""
        self._may_raise = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        is_insisted = self.is_requested and now - self._requested_at > _TWICE_SECONDS
        if not self.is_requested:
            self.is_requested, self._requested_at = True, now
        if self._may_raise and (is_insisted or not self._is_patient):
            raise KeyboardInterrupt
