"""Run as a script it is `limbfix` in the drawn world: discs are hands, and the third one is one too many."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from blob_detector import BlobDetector
from drawn_repairs import extra_hand

import limbfix.cli
import limbfix.cli.check
import limbfix.gate

if __name__ == "__main__":
    limbfix.gate.check = extra_hand
    limbfix.cli.check.gate_maker = lambda settings, policy: (
        lambda: limbfix.gate.Gate(policy, detectors=[BlobDetector()])
    )
    limbfix.cli.main()
