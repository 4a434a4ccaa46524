"""`limbfix` with real decoding and drawn eyes (`blob_detector`); run it as a script."""

from __future__ import annotations

import sys
from functools import partial

import limbfix.cli
import limbfix.cli.check

MAX_PIXELS = 2_000_000


def make_gate(policy=None):
    from blob_detector import BlobDetector

    from limbfix.gate import Gate

    return Gate(policy, detectors=[BlobDetector()], max_pixels=MAX_PIXELS)


if __name__ == "__main__":
    from blob_gate import make_gate as picklable

    limbfix.cli.check.gate_maker = lambda settings, policy: partial(picklable, policy)
    limbfix.cli.main()
    sys.exit()
