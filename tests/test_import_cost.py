"""`import limbfix` is cheap: tools that only might judge a picture pay nothing for it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "cv2",
    "mediapipe",
    "diffusers",
    "transformers",
    "sklearn",
    "PIL",
    "numpy",
    "pydantic",
    "rich",
    "typer",
)
MAX_SECONDS = 0.3

SCRIPT = """
import json, sys, time
start = time.perf_counter()
import limbfix
print(json.dumps([time.perf_counter() - start, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def _fresh(script: str) -> list:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_importing_takes_less_than_a_third_of_a_second_and_loads_nothing_heavy():
    runs = [_fresh(SCRIPT) for _ in range(3)]
    assert min(seconds for seconds, _ in runs) < MAX_SECONDS
    assert not set(HEAVY) & set(runs[0][1])


@pytest.mark.parametrize("name", ["limbfix.gate", "limbfix.settings", "limbfix.detectors", "limbfix.reports.folder"])
def test_no_module_loads_an_engine_before_it_is_used(name):
    loaded = _fresh(f"import json, sys, {name}\nprint(json.dumps(sorted(sys.modules)))")
    assert not {"torch", "cv2", "mediapipe", "diffusers", "transformers", "ultralytics"} & set(loaded)


def test_wrapping_loads_no_repair_before_a_picture_is_repaired():
    script = (
        "import json, sys, limbfix\n"
        "limbfix.wrap(lambda prompt, seed: None, gate=object())\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = set(_fresh(script))
    assert not {"torch", "cv2", "mediapipe", "diffusers", "transformers"} & loaded
    assert not {name for name in loaded if name.startswith(("limbfix.repair", "limbfix.inpainters"))}


def test_every_public_name_resolves():
    import limbfix

    assert [name for name in limbfix.__all__ if getattr(limbfix, name, None) is None] == []


def test_an_unknown_name_is_an_attribute_error():
    import limbfix

    with pytest.raises(AttributeError, match="no attribute 'Gates'"):
        _ = limbfix.Gates
