"""The review's tests need the extra `review`; its ledgers are made once and copied for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parent.parent / "ledger"))

for package in ("sqlalchemy", "cryptography", "starlette", "uvicorn"):
    pytest.importorskip(package, reason="needs the extra `review`: pip install 'limbfix[review]'")

from review_ledgers import Site  # noqa: E402 - it needs them


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A served ledger of 12 flagged, 20 passed and 6 rejected pictures."""
    with Site(tmp_path, flags=12, passes=20, rejects=6) as made:
        yield made
