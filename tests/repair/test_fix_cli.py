"""`limbfix fix` as its users meet it: records, exit codes, new files, untouched originals, and clear refusals."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from blob_detector import GOOD, drawn
from cli_runs import last_line, records, run
from drawn_repairs import three_hands
from picture_files import animated, encoded, with_png_chunk
from PIL import Image

import limbfix

DRAWN = [sys.executable, str(Path(__file__).parent / "drawn_fix.py")]


def fix(*words, **more):
    return run("fix", *words, program=DRAWN, **more)


def hashes(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    """One run over a folder with everything in it."""
    place = tmp_path_factory.mktemp("fix")
    folder = place / "renders"
    (folder / "deep").mkdir(parents=True)
    (folder / "good.png").write_bytes(encoded(drawn(GOOD)))
    (folder / "deep" / "bad.jpg").write_bytes(encoded(three_hands(), "JPEG"))
    (folder / "signed.png").write_bytes(with_png_chunk(encoded(three_hands()), b"caBX", b"jumb"))
    (folder / "broken.png").write_bytes(encoded(three_hands())[:200])
    (folder / "moving.png").write_bytes(moving())
    before = hashes(folder)
    done = fix(folder, "--out", place / "out", "--format", "jsonl", "--report", place / "report")
    return place, folder, before, done


def moving() -> bytes:
    import io

    buffer = io.BytesIO()
    three_hands().save(buffer, "PNG", save_all=True, append_images=[drawn(GOOD)], duration=20)
    return buffer.getvalue()


def by_name(done) -> dict[str, dict]:
    return {Path(record["path"]).name: record for record in records(done.stdout)}


def test_records_are_those_of_check_and_say_what_was_done(fixed):
    place, _, _, done = fixed
    found = by_name(done)
    assert set(found) == {"good.png", "bad.jpg", "signed.png", "broken.png", "moving.png"}
    for record in found.values():
        jsonschema.validate(record, limbfix.record_schema())
    bad = found["bad.jpg"]
    assert bad["verdict"] == "reject" and bad["repair"]["before"]["verdict"] == "reject"
    assert bad["repair"]["after"]["verdict"] == "pass" and bad["repair"]["accepted"] == 1
    assert bad["repair"]["output"] == str(place / "out" / "deep" / "bad.png")
    assert bad["repair"]["parent_sha256"] == bad["sha256"]
    assert found["good.png"]["repair"]["plan"] == [] and found["good.png"]["repair"]["output"] is None
    assert "repair" not in found["broken.png"] and found["broken.png"]["verdict"] == "unjudged"


def test_originals_are_not_touched(fixed):
    _, folder, before, _ = fixed
    assert hashes(folder) == before


def test_only_repaired_pictures_are_written_and_they_pass(fixed):
    place, _, _, done = fixed
    assert sorted(path.name for path in (place / "out").rglob("*") if path.is_file()) == ["bad.png", "signed.png"]
    pixels = np.asarray(Image.open(place / "out" / "deep" / "bad.png"))
    assert pixels[130, 290].min() > 230
    digest = hashlib.sha256((place / "out" / "deep" / "bad.png").read_bytes()).hexdigest()
    assert by_name(done)["bad.jpg"]["repair"]["output_sha256"] == digest


def test_an_animation_is_judged_and_never_flattened(fixed):
    record = by_name(fixed[3])["moving.png"]
    assert record["verdict"] == "reject" and record["repair"]["output"] is None


def test_a_lost_c2pa_manifest_is_in_the_record_and_the_log(fixed):
    done = fixed[3]
    assert by_name(done)["signed.png"]["repair"]["c2pa"] == "dropped"
    assert by_name(done)["bad.jpg"]["repair"]["c2pa"] == "none"
    assert "signed.png: the original carries a C2PA manifest" in done.stderr.decode()


def test_the_verdict_counts_what_is_left(fixed):
    """The animation is still rejected, so the run fails; the repaired ones count as they are now."""
    done = fixed[3]
    assert done.returncode == 1
    line = last_line(done.stderr)
    assert line.startswith("limbfix: FAIL - 5 pictures: 1 rejected, 3 passed, 1 not judged, 2 of them repaired")


def test_the_report_holds_before_and_after(fixed):
    report = fixed[0] / "report"
    assert len(list((report / "evidence").glob("*-after.jpg"))) == 2
    page = (report / "index.html").read_text()
    assert page.count('class="repaired"') == 2 and "repaired, was reject" in page
    summary = json.loads((report / "summary.json").read_text())
    assert summary["repaired"] == 2 and summary["verdicts"]["reject"] == 1


def test_a_repaired_folder_ends_well_and_a_second_run_overwrites_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(three_hands()))
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_bytes(b"somebody's file")
    first, second = (fix(tmp_path / "a.png", "--out", out, "--format", "jsonl") for _ in range(2))
    assert first.returncode == second.returncode == 0
    assert (out / "a.png").read_bytes() == b"somebody's file"
    assert sorted(path.name for path in out.iterdir()) == ["a-2.png", "a.png"]
    assert by_name(first)["a.png"]["repair"]["output"] == by_name(second)["a.png"]["repair"]["output"]


def test_a_repaired_picture_never_gets_the_name_of_another_original(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.webp").write_bytes(encoded(three_hands(), "WEBP"))
    (tmp_path / "in" / "a.png").write_bytes(encoded(drawn(GOOD)))
    (tmp_path / "in" / "b.webp").write_bytes(encoded(three_hands(), "WEBP"))
    fix(tmp_path / "in", "--out", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.webp.png", "b.png"]


def test_the_output_folder_inside_the_input_is_not_read(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(three_hands()))
    out = tmp_path / "fixed"
    fix(tmp_path, "--out", out)
    done = fix(tmp_path, "--out", out, "--format", "jsonl")
    assert [Path(record["path"]).name for record in records(done.stdout)] == ["a.png"]


def test_text_says_what_became_of_each_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(three_hands()))
    done = fix(tmp_path / "a.png", "--out", tmp_path / "out")
    line = done.stdout.decode()
    assert line.startswith("pass") and "repaired: " in line and "(was reject 0.90)" in line


REFUSALS = {
    "focus without a model": (["--focus", "hand"], "--model"),
    "an unknown area": (["--focus", "elbow"], "face, hand, foot"),
    "a LoRA without a model": (["--lora", "a.safetensors"], "add --model"),
    "an embedding without a model": (["--embedding", "a.safetensors"], "add --model"),
    "a ControlNet without a model": (["--controlnet", "x/y"], "add --model"),
    "an upscaler without areas": (["--upscaler", "x.safetensors"], "--focus"),
    "no candidates": (["--candidates", "0"], "1 to 64"),
    "a strength beyond 1": (["--strength", "1.5"], "up to 1"),
    "no steps": (["--steps", "0"], "at least 1"),
}


@pytest.mark.parametrize(("words", "remedy"), REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_go_together_is_refused_before_anything_is_loaded(words, remedy, tmp_path):
    from limbfix.cli.painters import PainterFlags
    from limbfix.errors import UsageError

    names = {"--lora": "loras", "--embedding": "embeddings", "--strength": "strengths"}
    casts = {"--candidates": int, "--steps": int, "--strength": lambda v: (float(v),), "--focus": lambda v: (v,)}
    casts |= {"--lora": lambda v: (v,), "--embedding": lambda v: (v,), "--upscaler": Path}
    flags = {names.get(words[0], words[0].strip("-")): casts.get(words[0], str)(words[1])}
    with pytest.raises(UsageError) as caught:
        PainterFlags(out=tmp_path, **flags).check()
    assert remedy in str(caught.value)


def test_refusals_reach_the_user_with_exit_code_2(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(three_hands()))
    for words in (["--out", tmp_path], ["--out", tmp_path / "a.png"], ["--out", tmp_path / "o", "--focus", "hand"]):
        done = fix(tmp_path, *words)
        assert done.returncode == 2 and last_line(done.stderr).startswith("limbfix: ERROR - ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]


@pytest.mark.parametrize("has_report", [False, True])
def test_repaired_pictures_may_not_lie_in_the_report(tmp_path, has_report):
    """They would be deleted with it, and the records would name files that are not there."""
    (tmp_path / "a.png").write_bytes(encoded(three_hands()))
    report = tmp_path / "report"
    if has_report:
        fix(tmp_path / "a.png", "--out", tmp_path / "out", "--report", report)
    before = hashes(tmp_path)
    done = fix(tmp_path / "a.png", "--out", report / "fixed", "--report", report, "--force")
    assert done.returncode == 2 and done.stdout == b""
    assert "--out: expected a place outside the report folder" in last_line(done.stderr)
    assert hashes(tmp_path) == before


def test_a_model_that_is_not_there_is_one_clear_error(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(three_hands()))
    done = fix(tmp_path / "a.png", "--out", tmp_path / "out", "--model", tmp_path / "no_model")
    assert done.returncode == 2
    assert "limbfix: ERROR - " in last_line(done.stderr) and "model" in last_line(done.stderr)
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written_is_said_and_the_run_ends_with_2(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(three_hands()))
    (tmp_path / "block").write_text("a file where a folder is wanted")
    done = fix(tmp_path / "a.png", "--out", tmp_path / "block" / "out", "--format", "jsonl")
    assert done.returncode == 2
    assert "not written" in done.stderr.decode()
    assert by_name(done)["a.png"]["repair"]["output"] is None


def test_frames_of_a_picture_are_still_frames():
    """The fixture above rests on it."""
    assert animated(2)[:8] == moving()[:8]
