"""The ledger's tests need the extra `ledger`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

for package in ("sqlalchemy", "cryptography", "pdqhash"):
    pytest.importorskip(package, reason="needs the extra `ledger`: pip install 'limbfix[ledger]'")
