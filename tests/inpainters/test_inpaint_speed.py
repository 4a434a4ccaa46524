"""The benchmark of inpainting runs where there is no GPU, and refuses politely what needs one."""

import csv
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import inpaint_speed


def test_the_script_measures_both_ways_on_a_tiny_model(tmp_path, capsys):
    out = tmp_path / "speed.csv"
    assert inpaint_speed.main(["--tiny", "--regions", "2", "--steps", "1", "--rounds", "1", "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.open()))
    assert [row["way"] for row in rows] == ["one by one", "batched"]
    assert all(float(row["s_per_region"]) > 0 and 0 < float(row["overhead"]) < 1 for row in rows)
    assert "s per region" in capsys.readouterr().out


def test_without_a_gpu_the_real_size_is_refused(monkeypatch, capsys):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert inpaint_speed.main([]) == 2
    assert "CUDA device" in capsys.readouterr().out
