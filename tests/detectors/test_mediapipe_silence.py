"""MediaPipe's library calls home when a graph is closed; limbfix does not let it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace: C code is invisible to Python's hooks"),
]


def test_no_name_is_looked_up_and_nothing_is_sent_from_first_picture_to_closed_gate(tmp_path):
    trace = tmp_path / "trace"
    script = f"import limbfix\nwith limbfix.Gate() as gate: print(gate.inspect({str(ROOT / 'examples/pictures/third_arm.jpg')!r}).verdict)"
    command = ["strace", "-f", "-e", "trace=network", "-o", str(trace), sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    calls = trace.read_text()
    assert "googleapis" not in calls
    assert not [line for line in calls.splitlines() if "connect(" in line and "AF_INET" in line]
    assert not [line for line in calls.splitlines() if "sendmmsg(" in line or "sendto(" in line]
