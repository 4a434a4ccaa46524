"""Ctrl-C during `limbfix fix`: what is done is kept, what is not done leaves nothing, and no file is without its record."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from blob_detector import BlobDetector
from drawn_repairs import extra_hand, three_hands
from picture_files import encoded
from PIL import Image

import limbfix.cli.check
import limbfix.fixing
import limbfix.gate
from limbfix.cli.fix import run_fix
from limbfix.cli.painters import PainterFlags
from limbfix.settings import load_settings

ODD_WIDTH = 340
"""Of the picture during whose repair somebody presses Ctrl-C."""


class Interrupted(BlobDetector):
    """Presses Ctrl-C at the first repaired look of the wide picture, and would then look for ever."""

    def detect(self, picture, known):
        parts = super().detect(picture, known)
        if picture.width == ODD_WIDTH and sum(part.kind.value == "hand" for part in parts) < 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(30)
        return parts


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Runs `limbfix fix` over the folder `p` with a detector; returns exit code, records and last line."""
    (tmp_path / "p").mkdir()
    monkeypatch.setattr(limbfix.gate, "check", extra_hand)

    def fixed(detector):
        maker = lambda settings, policy: lambda: limbfix.gate.Gate(policy, detectors=[detector])  # noqa: E731
        monkeypatch.setattr(limbfix.cli.check, "gate_maker", maker)
        settings = load_settings({"format": "jsonl", "report": tmp_path / "r"})
        code = run_fix([str(tmp_path / "p")], settings, PainterFlags(out=tmp_path / "out", candidates=2))
        stdout, stderr = capfd.readouterr()
        return code, [json.loads(line) for line in stdout.splitlines()], stderr.splitlines()[-1]

    return fixed


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_an_interrupted_fix_keeps_what_is_done_and_nothing_half_done(run, tmp_path):
    (tmp_path / "p/a.png").write_bytes(encoded(three_hands()))
    (tmp_path / "p/b.png").write_bytes(encoded(three_hands(size_wh=(ODD_WIDTH, 240))))
    (tmp_path / "p/c.png").write_bytes(encoded(three_hands()))
    before = [(tmp_path / "p" / name).read_bytes() for name in ("a.png", "b.png", "c.png")]
    began = time.monotonic()
    code, records, line = run(Interrupted())
    assert code == 130 and time.monotonic() - began < 25, "it did not wait for the detector"
    assert [record["repair"]["accepted"] for record in records] == [1]
    assert line.startswith("limbfix: INTERRUPTED - 1 picture: 1 passed")
    assert files(tmp_path / "out") == ["a.png"]
    Image.open(tmp_path / "out/a.png").load()
    assert len((tmp_path / "r/records.jsonl").read_text().splitlines()) == 1
    assert json.loads((tmp_path / "r/summary.json").read_text())["provenance"]["interrupted"] is True
    assert not list(tmp_path.rglob("*.part"))
    assert [(tmp_path / "p" / name).read_bytes() for name in ("a.png", "b.png", "c.png")] == before


def test_a_file_that_is_being_written_is_finished_and_gets_its_record(run, tmp_path, monkeypatch):
    (tmp_path / "p/a.png").write_bytes(encoded(three_hands()))
    (tmp_path / "p/b.png").write_bytes(encoded(three_hands()))
    write_new = limbfix.fixing.write_new

    def interrupted(target, data):
        os.kill(os.getpid(), signal.SIGINT)
        write_new(target, data)

    monkeypatch.setattr(limbfix.fixing, "write_new", interrupted)
    code, records, line = run(BlobDetector())
    assert code == 130 and line.startswith("limbfix: INTERRUPTED - 1 picture: 1 passed")
    assert [record["repair"]["output"] for record in records] == [str(tmp_path / "out/a.png")]
    assert files(tmp_path / "out") == ["a.png"]
