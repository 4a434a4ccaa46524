"""What tells a hand from a proposal that is none: close windows, what is asked of them, and the direction that is fitted."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).parents[1]))

from hand_weights import finder_file, parser_file  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from limbfix.training import presence  # noqa: E402
from limbfix.training.finder_stock import Stock  # noqa: E402


def stock(*boxes: tuple[float, float, float, float], side: int = 256) -> Stock:
    pixels = np.random.default_rng(2).integers(0, 256, (side, side, 3), dtype=np.uint8)
    corners = [np.array([(a, b), (c, b), (c, d), (a, d)], np.float32) for a, b, c, d in boxes]
    return Stock(pixels=pixels, mask=None, hands=tuple(corners))


def test_a_close_window_shows_the_pixels_and_boxes_that_lie_there():
    whole, close = presence.windows(stock((0, 0, 256, 256), (100, 100, 120, 130)), np.random.default_rng(0))
    assert len(whole[1]) == 2
    pixels, hands, vague = close
    assert pixels.shape[0] == pixels.shape[1] < 256
    # the hand that fills the picture is cut by every window: nothing is asked of it
    assert len(vague) >= 1
    for box in hands:
        assert (box[2] - box[0], box[3] - box[1]) == (20, 30)


def test_a_proposal_is_a_hand_none_or_unclear(monkeypatch, tmp_path):
    on, off, half = (40, 40, 100, 100), (180, 180, 240, 240), (70, 40, 130, 100)
    proposed = [(presence.Box(*map(float, box)), 0.5) for box in (on, off, half)]
    monkeypatch.setattr(presence, "proposals", lambda *_: proposed)
    monkeypatch.setattr(presence, "windows", lambda one, _: [(one.pixels, np.array([on], float), np.zeros((0, 4)))])
    found = presence.collect(finder_file(tmp_path), [stock(on)], 64, 7)
    assert found.truth == [True, True, False]  # the label itself, the good proposal, the bad one
    assert all(crop.shape == (64, 64, 3) for crop in found.crops)


def test_the_direction_parts_hands_from_others_however_their_numbers_are_scaled():
    rng = np.random.default_rng(1)
    truth = rng.random(400) < 0.3
    rows = rng.normal(0, 1, (400, 6)) * (1, 100, 0.01, 1, 1, 1) + 5
    rows[:, 1] += 150 * truth
    weights, bias = presence.direction(rows.astype(np.float32), truth)
    logits = rows @ weights + bias
    assert np.mean((logits > 0) == truth) > 0.75


def test_the_script_adds_the_presence_and_changes_nothing_else(tmp_path, monkeypatch):
    photos, places = [stock((40, 40, 100, 100))] * 2, [stock()] * 2
    monkeypatch.setattr(presence, "read_photos", lambda folder, say: photos)
    monkeypatch.setattr(presence, "read_places", lambda folder, say: places)
    parser, out = parser_file(tmp_path), tmp_path / "with.safetensors"
    arguments = ["--finder", str(finder_file(tmp_path)), "--parser", str(parser), "--out", str(out)]
    arguments += ["--photographs", "x", "--places", "x", "--every", "1", "--size", "64"]
    threads = torch.get_num_threads()
    assert presence.main(arguments) == 0
    torch.set_num_threads(threads)
    before, after = load_file(parser), load_file(out)
    changed = {name for name in after if name not in before or not torch.equal(after[name], before[name])}
    assert changed == {"presence.weight", "presence.bias"}
