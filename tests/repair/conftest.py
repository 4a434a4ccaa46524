"""The gate of the drawn world in which repairs can be judged."""

from __future__ import annotations

import pytest
from blob_detector import BlobDetector
from drawn_repairs import extra_hand

from limbfix.gate import Gate


@pytest.fixture
def gate(monkeypatch):
    """Sees black discs as hands, and asks only whether one is too many."""
    monkeypatch.setattr("limbfix.gate.check", extra_hand)
    with Gate(detectors=[BlobDetector()]) as made:
        yield made
