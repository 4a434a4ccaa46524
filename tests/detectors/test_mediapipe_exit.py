"""A program that never closes its gate ends without complaint."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.models


def test_a_process_that_closes_nothing_ends_quietly(pictures):
    script = f"import limbfix; print(limbfix.inspect({str(pictures / 'third_arm.jpg')!r}).verdict)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "reject\n")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
