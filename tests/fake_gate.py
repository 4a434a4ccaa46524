"""A gate without models for tests of everything around it: a file's own text says what becomes of it.

`pass`, `flag`, `reject`, `no_subject`, `unjudged`, `unreadable`; `crash` (the process dies), `hang`, `bug` (an exception
that nobody foresaw). After a space may follow anything, so that contents differ; `slow` there takes 0.1 s.
LIMBFIX_TEST_NOTE is what the gate lacks, which `require_models` refuses. LIMBFIX_TEST_LOG names a file to which every judgement adds the content's SHA-256.

Run as a script it is `limbfix` with this gate.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import limbfix.cli
import limbfix.cli.check
from limbfix.errors import ModelMissing
from limbfix.inspections import Inspection
from limbfix.records import make_error_record

POLICY = "fake@000000000000"
SCORES = {"pass": 0.1, "flag": 0.6, "reject": 0.9}


MODELS = {"fake": "0" * 64}


class FakeGate:
    def __init__(self, *, require_models: bool = False) -> None:
        self.models = MODELS
        self.notes = tuple(filter(None, [os.environ.get("LIMBFIX_TEST_NOTE")]))
        if os.environ.get("LIMBFIX_TEST_NO_MODEL") or (require_models and self.notes):
            raise ModelMissing("expected the model file fake, found none; fetch it once with: limbfix models pull")
        if os.environ.get("LIMBFIX_TEST_DIES_AT_START"):
            os._exit(7)
        os.write(2, b"C++ chatter\n")

    def judge_path(self, path: str) -> Inspection:
        os.write(2, b"more C++ chatter\n")
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            record = make_error_record(
                path, None, code="unreadable", message=str(error), policy=POLICY, models=self.models, seconds=0
            )
            return Inspection(record=record)
        sha256 = hashlib.sha256(data).hexdigest()
        word, _, rest = data.decode("utf-8", "replace").partition(" ")
        if log := os.environ.get("LIMBFIX_TEST_LOG"):
            with Path(log).open("a") as file:
                file.write(f"{sha256}\n")
        if word == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if word == "bug":
            raise TypeError("nobody foresaw this")
        if word == "hang" or "slow" in rest:
            time.sleep(1000 if word == "hang" else 0.1)
        return Inspection(record=make_fake_record(path, sha256, word))

    def close(self) -> None:
        pass


def make_fake_record(path: str, sha256: str, word: str) -> dict:
    record = make_error_record(
        path, sha256, code="unreadable", message="unreadable", policy=POLICY, models=MODELS, seconds=0.25
    )
    if word == "unreadable":
        return record
    record |= {"verdict": word, "error": None, "width": 64, "height": 48, "reason": f"It is {word}."}
    record["defect_score"] = SCORES.get(word)
    if word in ("flag", "reject"):
        finding = {
            "code": "person.extra_arm",
            "severity": "error" if word == "reject" else "warning",
            "defect_score": SCORES[word],
            "measured": 3.0,
            "expected": 2.0,
            "unit": "arms",
            "box_xyxy": [1.0, 2.0, 30.0, 40.0],
            "person_index": None,
            "hand_index": None,
            "message": "Person 0 has 3 arms; 2 are expected.",
            "exception": None,
        }
        record |= {"findings": [finding], "reason": finding["message"]}  # as the real gate says it
    return record


if __name__ == "__main__":
    from fake_gate import FakeGate as PicklableGate  # under its own name, so that workers can import it

    limbfix.cli.check.gate_maker = lambda settings, policy: partial(
        PicklableGate, require_models=settings.require_models
    )
    limbfix.cli.main()
    sys.exit()
