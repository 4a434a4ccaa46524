"""A renderer shares its process with torch's compiler: both bring an LLVM, and the order of loading decides whether it lives."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_diffusers_can_be_imported_after_a_render(graphics):
    pytest.importorskip("triton", reason="without triton there is only one LLVM")
    script = (
        "from limbfix.synthesis.rendering.renderer import Renderer\n"
        "renderer = Renderer(64)\n"
        "import diffusers.models.unets.unet_2d\n"
        "print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip().endswith("alive"), done.stderr[-2000:]
