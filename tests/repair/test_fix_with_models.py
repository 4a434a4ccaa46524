"""`limbfix fix --model FOLDER` and `on_fail="repair"` with real, tiny diffusers pipelines: flags, loop and painter run as one."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from blob_detector import GOOD, BlobDetector, drawn
from drawn_repairs import extra_hand, three_hands
from picture_files import encoded
from PIL import Image

import limbfix
import limbfix.cli.check
import limbfix.gate
from limbfix.cli.fix import run_fix
from limbfix.cli.painters import PainterFlags
from limbfix.settings import load_settings

sys.path.insert(0, str(Path(__file__).parents[1] / "inpainters"))

from tiny_pipelines import save_tiny

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
PAINTER = "diffusers:StableDiffusionInpaintPipeline"


def whitened(pipe):
    """Lets a pipeline's decoder paint white everywhere, outside of the mask too: in the drawn world that removes a hand."""
    import torch

    torch.nn.init.zeros_(pipe.vae.decoder.conv_out.weight)
    torch.nn.init.ones_(pipe.vae.decoder.conv_out.bias)
    return pipe


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Gives the folders of tiny pipelines: `noise` paints at random, `white` white, and `flagging` is blacked out."""
    import torch
    from diffusers import StableDiffusionInpaintPipeline

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("models")
    noise = save_tiny("sd-inpaint", root / "noise")
    whitened(StableDiffusionInpaintPipeline.from_pretrained(noise)).save_pretrained(root / "white")
    save_tiny("sd-flagging", root / "flagging")
    yield root
    torch.set_num_threads(threads)


@pytest.fixture
def fix(tiny, tmp_path, monkeypatch, capfd):
    """Runs `limbfix fix --model` in the drawn world on one picture; returns exit code, record and the original's bytes."""
    monkeypatch.setattr(limbfix.gate, "check", extra_hand)
    monkeypatch.setattr(
        limbfix.cli.check,
        "gate_maker",
        lambda settings, policy: lambda: limbfix.gate.Gate(policy, detectors=[BlobDetector()]),
    )
    original = tmp_path / "a.png"

    def fixed(model, image=None, **flags):
        original.write_bytes(encoded(image or three_hands()))
        before = original.read_bytes()
        flags = {"steps": 2, "candidates": 2, **flags}
        painting = PainterFlags(out=tmp_path / "out", model=str(tiny / model), **flags)
        code = run_fix([str(original)], load_settings({"format": "jsonl", "device": "cpu"}), painting)
        assert original.read_bytes() == before
        lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
        assert len(lines) == 1
        return code, json.loads(lines[0])

    return fixed


def test_a_pipeline_repairs_and_what_it_paints_outside_the_mask_is_lost(fix, tmp_path):
    code, record = fix("white")
    repair = record["repair"]
    assert code == 0
    assert repair["inpainter"] == PAINTER and repair["accepted"] == 1
    assert len(repair["attempts"]) == 2 and len({attempt["seed"] for attempt in repair["attempts"]}) == 2
    assert repair["after"]["verdict"] == "pass"
    before = np.asarray(three_hands())
    after = np.asarray(Image.open(repair["output"]).convert("RGB"))
    changed = (after != before).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert changed[130, 290] and columns.min() > 256, "only beside the person, who ends at 256 px"
    x0, y0, x1, y1 = repair["plan"][0]["box_xyxy"]
    assert x0 <= columns.min() and columns.max() <= x1 and y0 <= rows.min() and rows.max() <= y1


def test_what_a_pipeline_paints_badly_is_not_kept(fix, tmp_path):
    code, record = fix("noise", strengths=(0.5, 1.0))
    repair = record["repair"]
    assert code == 1
    assert repair["inpainter"] == PAINTER and repair["accepted"] == 0 and repair["output"] is None
    assert [attempt["strength"] for attempt in repair["attempts"]] == [0.5, 0.5, 1.0, 1.0]
    assert all(attempt["defect_score_after"] is not None for attempt in repair["attempts"]), "each was judged"
    assert not (tmp_path / "out").exists()


def test_a_focus_pass_goes_through_the_same_pipeline(fix):
    code, record = fix("noise", image=drawn(GOOD), focus=("hand",))
    repair = record["repair"]
    assert code == 0 and repair["inpainter"] == PAINTER
    assert [step["action"] for step in repair["plan"]] == ["refine", "refine"]
    assert {attempt["strength"] for attempt in repair["attempts"]} == {0.4}
    assert len(repair["attempts"]) == 4


def test_a_safety_checker_ends_the_attempts_at_that_place(fix):
    code, record = fix("flagging", strengths=(0.5, 0.75, 1.0))
    attempts = record["repair"]["attempts"]
    assert code == 1 and record["repair"]["accepted"] == 0
    assert [attempt["strength"] for attempt in attempts] == [0.5]
    assert "safety checker" in attempts[0]["reason"]


def test_a_wrapped_pipeline_repairs_its_pictures_with_its_own_parts(tiny, monkeypatch):
    """Its render of noise is drawn over before it is judged: the third hand is what the repair must take away."""
    from diffusers import StableDiffusionPipeline

    pipe = whitened(StableDiffusionPipeline.from_pretrained(save_tiny("sd", tiny / "own"), use_safetensors=True))
    pipe.set_progress_bar_config(disable=True)
    rendered = np.asarray(three_hands(), np.float32)[None] / 255
    own_call = type(pipe).__call__

    @functools.wraps(own_call)
    def call(self, *args, **more):
        return type(own_call(self, *args, **more))(rendered.copy(), None)

    monkeypatch.setattr(type(pipe), "__call__", call)
    known = limbfix.capabilities(pipe)
    assert known.repairs_with == PAINTER and known.kind == "pipeline"
    monkeypatch.setattr(limbfix.gate, "check", extra_hand)
    gate = limbfix.gate.Gate(detectors=[BlobDetector()])
    gated = limbfix.wrap(pipe, gate=gate, on_fail="repair")
    done = gated("a person", num_inference_steps=2, output_type="np")
    (report,) = done.reports
    assert report.is_repaired and [attempt.kind for attempt in report.attempts] == ["render", "repair"]
    changed = (np.abs(np.asarray(done.images[0]) - rendered[0]) > 1e-6).any(axis=2)
    assert changed[130, 290] and np.nonzero(changed)[1].min() > 256
