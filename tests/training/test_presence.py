"""What tells a hand from a proposal that is none: close windows, what is asked of them, and the direction that is fitted."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "synthesis")]

from hand_weights import body_file, finder_file, parser_file  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from toy_streams import ToyStream  # noqa: E402

from limbfix.detectors.belief_model import DIRECTIONS, Around, model_from  # noqa: E402
from limbfix.detectors.belief_model import FILE as BELIEFS  # noqa: E402
from limbfix.detectors.body_sight import BodySight  # noqa: E402
from limbfix.detectors.hand_context import context  # noqa: E402
from limbfix.detectors.hand_surroundings import NAMES, surroundings  # noqa: E402
from limbfix.images import Picture  # noqa: E402
from limbfix.synthesis.streams import StreamOptions  # noqa: E402
from limbfix.training import presence  # noqa: E402
from limbfix.training.finder_stock import Stock, stock_of  # noqa: E402


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
    found = presence.collect(finder_file(tmp_path), None, [stock(on)] * 2, 64, 7)
    assert found.truth == [True, True, False] * 2  # the label itself, the good proposal, the bad one
    assert all(crop.shape == (64, 64, 3) for crop in found.crops)
    assert found.pictures == [0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(found.scores, [np.nan, 0.5, 0.5] * 2)
    assert found.around == []


def test_a_pair_is_one_picture_so_that_no_fit_sees_the_twin_of_what_it_is_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(presence, "proposals", lambda *_: [])
    twin, defect, alone = (replace(stock((40, 40, 100, 100)), group=group) for group in ("hands-1", "hands-1", ""))
    found = presence.collect(finder_file(tmp_path), None, [twin, defect, alone, alone], 64, 7)
    assert sorted(set(found.pictures)) == [0, 1, 2]
    sample = ToyStream(StreamOptions(seed=3, size_px=128)).group(0)[0]
    assert stock_of(sample).group == sample.group


def test_bodies_are_looked_for_in_every_window_and_found_around_every_example(monkeypatch, tmp_path):
    on, off = (40, 40, 100, 100), (180, 180, 240, 240)
    boxes = [presence.Box(*map(float, box)) for box in (on, off)]
    monkeypatch.setattr(presence, "proposals", lambda *_: [(box, 0.5) for box in boxes])
    one = stock(on)
    whole = (one.pixels, np.array([on], float), np.zeros((0, 4)))
    flipped = (one.pixels[:, ::-1], np.zeros((0, 4)), np.zeros((0, 4)))
    monkeypatch.setattr(presence, "windows", lambda *_: [whole, flipped])
    monkeypatch.setattr(presence, "hand_places", lambda *_: [])
    file = body_file(tmp_path)
    found = presence.collect(finder_file(tmp_path), file, [one], 64, 7)
    assert found.truth == [True, True, False, False, False]

    sight = BodySight(search="single", file=file)
    for start, (pixels, _, _) in ((1, whole), (3, flipped)):
        seen = sight.look(Picture(pixels=np.ascontiguousarray(pixels), sha256="0" * 64))
        for row, box in zip(found.around[start : start + 2], boxes, strict=True):
            np.testing.assert_allclose(row.joints, surroundings(seen.points, seen.view, box), atol=1e-4)
            np.testing.assert_allclose(row.context, context(seen.stages, seen.view, box), atol=1e-4)
    assert len(found.around) == 5
    assert not np.allclose(found.around[1].joints, found.around[3].joints)


def test_the_direction_parts_hands_from_others_however_their_numbers_are_scaled():
    rng = np.random.default_rng(1)
    truth = rng.random(400) < 0.3
    rows = rng.normal(0, 1, (400, 6)) * (1, 100, 0.01, 1, 1, 1) + 5
    rows[:, 1] += 150 * truth
    weights, bias = presence.direction(rows.astype(np.float32), truth)
    logits = rows @ weights + bias
    assert np.mean((logits > 0) == truth) > 0.75


@pytest.mark.parametrize("bodies", [False, True])
def test_the_script_adds_the_presence_and_changes_nothing_else(tmp_path, monkeypatch, bodies):
    photos, places = [stock((40, 40, 100, 100))] * 2, [stock()] * 2
    monkeypatch.setattr(presence, "read_photos", lambda folder, say: photos)
    monkeypatch.setattr(presence, "read_places", lambda folder, say: places)
    parser, out = parser_file(tmp_path), tmp_path / "with.safetensors"
    arguments = ["--finder", str(finder_file(tmp_path)), "--parser", str(parser), "--out", str(out)]
    arguments += ["--photographs", "x", "--places", "x", "--every", "1", "--size", "64"]
    if bodies:  # this finder, which nobody trained, would hit no hand, and of mistakes alone no belief is fitted
        boxes = [presence.Box(40.0, 40.0, 100.0, 100.0), presence.Box(180.0, 180.0, 240.0, 240.0)]
        monkeypatch.setattr(presence, "proposals", lambda *_: [(box, 0.5) for box in boxes])
        arguments += ["--bodies", str(body_file(tmp_path)), "--sure-at", "2.5"]
    threads = torch.get_num_threads()
    assert presence.main(arguments) == 0
    torch.set_num_threads(threads)
    before, after = load_file(parser), load_file(out)
    changed = {name for name in after if name not in before or not torch.equal(after[name], before[name])}
    assert changed == {"presence.weight", "presence.bias"}
    assert (tmp_path / BELIEFS).is_file() is bodies
    if bodies:
        data = json.loads((tmp_path / BELIEFS).read_text(encoding="utf-8"))
        around = Around(joints=np.zeros(len(NAMES)), context=np.zeros(DIRECTIONS["context"]))
        assert np.isfinite(model_from(data).surety(0.0, 0.0, around, np.zeros(DIRECTIONS["close"])))
        told = json.loads(out.with_suffix(".presence.json").read_text(encoding="utf-8"))
        assert 0 < data["facts"]["proposals"] < told["proposals"]  # of the labelled hands nobody knows a score


def test_beliefs_are_fitted_on_a_presence_that_is_kept_and_no_parser_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(presence, "read_photos", lambda folder, say: [stock((40, 40, 100, 100))] * 4)
    monkeypatch.setattr(presence, "read_places", lambda folder, say: [stock()] * 2)
    boxes = [presence.Box(40.0, 40.0, 100.0, 100.0), presence.Box(180.0, 180.0, 240.0, 240.0)]
    monkeypatch.setattr(presence, "proposals", lambda *_: [(box, 0.5) for box in boxes])
    whole = presence.windows
    monkeypatch.setattr(presence, "windows", lambda one, rng: [next(whole(one, rng))])
    place = presence.Box(10.0, 200.0, 60.0, 250.0)
    monkeypatch.setattr(presence, "hand_places", lambda parts, view, size_wh, known: [place])
    parser, out = parser_file(tmp_path), tmp_path / "with.safetensors"
    before = parser.read_bytes()
    arguments = ["--finder", str(finder_file(tmp_path)), "--parser", str(parser), "--out", str(out), "--keep-presence"]
    arguments += ["--photographs", "x", "--places", "x", "--every", "1", "--size", "64"]
    with pytest.raises(SystemExit, match="expected --bodies"):
        presence.main(arguments)
    threads = torch.get_num_threads()
    assert presence.main([*arguments, "--bodies", str(body_file(tmp_path))]) == 0
    torch.set_num_threads(threads)
    assert parser.read_bytes() == before and not out.exists()
    data = json.loads((tmp_path / BELIEFS).read_text(encoding="utf-8"))
    told = json.loads(out.with_suffix(".presence.json").read_text(encoding="utf-8"))
    assert data["facts"] == {"proposals": 18, "hands": 4}  # two boxes and a place in every picture
    assert told["proposals"] == 18 + 4  # and the labels
