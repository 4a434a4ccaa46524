"""What every test stands on: fixed seeds, a home and a working folder of its own, and the real model files."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from limbfix.weights import FOLDER_VARIABLE, installed_models, model_folder

PICTURES = Path(__file__).parent.parent / "examples" / "pictures"
_HOME_VARIABLES = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
_KEPT = (FOLDER_VARIABLE, "LIMBFIX_TEST_")

MODELS = model_folder()
"""Where the models lie for whoever started the suite; read before any test moves the home."""


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hides the user's configuration: settings are searched in the working folder, its parents and the environment."""
    place = tmp_path_factory.mktemp("place")
    (place / "home").mkdir()
    (place / "work").mkdir()
    for name in list(os.environ):
        if name.startswith("LIMBFIX_") and not name.startswith(_KEPT):
            monkeypatch.delenv(name)
    for name in _HOME_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(place / "home"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(MODELS))
    monkeypatch.chdir(place / "work")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips, with the reason, what this machine cannot run."""
    if item.get_closest_marker("models") and (missing := [row for row in installed_models() if row.state != "ok"]):
        names = ", ".join(f"{row.model.file} is {row.state}" for row in missing)
        pytest.skip(f"{names} in {MODELS}; run `limbfix models pull`")
    if item.get_closest_marker("network") and os.environ.get("LIMBFIX_TEST_NETWORK") != "1":
        pytest.skip("needs the internet; set LIMBFIX_TEST_NETWORK=1")
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device; torch sees none")


@pytest.fixture(scope="session")
def pictures() -> Path:
    """The folder of example pictures."""
    if not (PICTURES / "truth.csv").is_file():
        pytest.skip(f"no example pictures in {PICTURES}")
    return PICTURES


@pytest.fixture(scope="session")
def real_gate() -> Iterator[object]:
    """A gate with the real detectors and the full search; ask for it in tests marked `models` only."""
    from limbfix.gate import Gate

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(MODELS))
        gate = Gate()
    with gate:
        yield gate
