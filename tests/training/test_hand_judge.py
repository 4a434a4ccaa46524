"""The hand judge's training: pairs stay pairs, what is wrong is shown where it is, and a training starts, goes on and hands over a file."""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "synthesis")]

from learning import losses_of
from toy_streams import ToyStream

from limbfix.nets.hand_judge import HandJudge
from limbfix.nets.hand_maps import JUDGE_PLACES, JUDGE_SIDE, JUDGEMENTS
from limbfix.synthesis.shards import ShardWriter
from limbfix.synthesis.streams import StreamOptions
from limbfix.training import generator, hand_judge
from limbfix.training.hand_judge import HandJudgeTraining, HandStock, drawn_batch, hand_judge_loss
from limbfix.training.hand_judge_crops import Way, drawn_way, seen, wrong_pixels
from limbfix.training.judge_setup import ranked_loss
from limbfix.training.parser_examples import ParserExamples, plain_matrix
from limbfix.training.parser_targets import StoredHand

FEW = HandJudgeTraining(made=3, photographs=1, melts=0.0, photograph_melts=0.0)
WRONG = JUDGE_PLACES.index("wrong")


def groups(count: int) -> list:
    stream = ToyStream(StreamOptions(seed=3, size_px=128))
    return [sample for index in range(count) for sample in stream.group(index)]


def pairs(count: int = 2) -> list[tuple[StoredHand, StoredHand]]:
    examples = ParserExamples(JUDGE_SIDE, 5)
    examples.add(groups(count))
    return examples.pairs


def stock() -> HandStock:
    made = HandStock(made=pairs())
    normal = replace(made.made[0][1], counts=np.full(2, -1), dense=0.5)  # as of a photograph
    made.photographs.append((normal, normal))
    made.places.append(
        cv2.imencode(".png", np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8))[1].tobytes()
    )
    return made


def plain_way(hand: StoredHand) -> Way:
    same = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    return Way(matrix=plain_matrix(hand, JUDGE_SIDE, 1.4), losses=None, seed=0, curve=same, ground=None)


def test_a_step_draws_the_same_pairs_again_the_wrong_one_first():
    first, again, other = (drawn_batch(stock(), FEW, step) for step in (4, 4, 5))
    assert len(first) == 2 * (FEW.made + FEW.photographs)
    assert all(np.array_equal(one.pixels, two.pixels) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0].pixels, other[0].pixels)
    assert all(crop.judged.any() for crop in first[0 : 2 * FEW.made : 2])
    assert not any(crop.judged.any() for crop in first[1::2])
    assert all((crop.counts == -1).all() for crop in first[-2:])


def test_pairs_are_seen_alike_or_apart_as_the_settings_say():
    normal = HandStock(made=[(pairs()[0][1],) * 2])  # the same hand twice: only the ways can differ
    for apart, alike in ((0.0, 4), (1.0, 0)):
        crops = drawn_batch(normal, HandJudgeTraining(made=4, melts=0.0, apart=apart), 0)
        same = [np.array_equal(crops[k].pixels, crops[k + 1].pixels) for k in range(0, 8, 2)]
        assert sum(same) == alike


def test_melted_hands_are_wrong_where_they_were_melted():
    crops = drawn_batch(HandStock(made=pairs()), HandJudgeTraining(made=24, melts=1.0), 3)
    melted = [crop for crop in crops[0::2] if crop.dense == 0]  # nobody knows what lies where in a melted hand
    assert all(crop.judged[[JUDGEMENTS.index(name) for name in ("fused_digits", "malformed")]].any() for crop in melted)
    assert len(melted) >= 3 and all(crop.places[WRONG].max() > 0 for crop in melted)


def test_what_is_wrong_is_shown_where_the_twin_differs_and_moves_with_the_view():
    worse, better = pairs()[0]
    wrong = wrong_pixels(worse, better)
    assert wrong is not None and 0 < wrong.mean() < 0.3 and wrong_pixels(better, better) is None
    plain = seen(worse, wrong, plain_way(worse))
    way = plain_way(worse)
    mirrored = replace(way, matrix=np.array([[-1, 0, JUDGE_SIDE], [0, 1, 0]]) @ np.vstack([way.matrix, [0, 0, 1]]))
    other = seen(worse, wrong, mirrored)
    assert plain.places[WRONG].sum() > 0.5
    assert np.abs(plain.places[WRONG] - other.places[WRONG][:, ::-1]).mean() < 0.01
    assert not seen(better, None, way).places[WRONG].any()


def test_only_hands_of_renders_change_their_ground_and_what_stands_before_it_stays():
    made = stock()
    hand = made.made[0][1]
    rng = np.random.default_rng(2)
    ways = [drawn_way(hand, made.places, rng) for _ in range(40)]
    assert 10 <= sum(way.ground is not None for way in ways) <= 35
    photograph = made.photographs[0][0]
    assert all(drawn_way(photograph, made.places, rng).ground is None for _ in range(20))
    own = plain_way(hand)
    green = np.zeros((JUDGE_SIDE, JUDGE_SIDE, 3), np.uint8)
    green[..., 1] = 255
    before, after = seen(hand, None, own), seen(hand, None, replace(own, ground=green))
    shown = cv2.resize(before.places[:3].sum(0), (JUDGE_SIDE,) * 2) > 0.99
    assert np.abs(before.pixels[shown].astype(int) - after.pixels[shown]).max() < 40
    assert (after.pixels == (0, 255, 0)).all(-1).mean() > 0.2


def test_a_wrong_hand_judged_below_its_twin_costs_more():
    wrong = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    right, upside_down = torch.tensor([[2.0, 0.0], [-2.0, 9.0]]), torch.tensor([[-2.0, 0.0], [2.0, -9.0]])
    assert ranked_loss(right, wrong) < 0.1 < 3 < ranked_loss(upside_down, wrong)
    assert ranked_loss(upside_down, torch.zeros(2, 2)) == 0
    assert ranked_loss(upside_down, wrong, torch.zeros(1, 1)) == 0


def test_it_learns_its_toys():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = HandJudge().train()
    crops = drawn_batch(stock(), HandJudgeTraining(made=2, photographs=1, melts=0.0, photograph_melts=0.0), 0)
    losses = losses_of(network, lambda _: hand_judge_loss(network, crops), 8)
    assert np.isfinite(losses).all() and losses[-1] < 0.8 * losses[0]


def test_a_training_hands_over_weights_that_load_and_goes_on(tmp_path, monkeypatch):
    folder = tmp_path / "shards"
    folder.mkdir()
    with ShardWriter(folder / "toys-000000.tar") as writer:
        for sample in groups(2):
            writer.write(sample)
    start = {name: value.contiguous() for name, value in HandJudge().state_dict().items()}
    save_file(start, tmp_path / "start.safetensors")
    ticks = itertools.count()
    monkeypatch.setattr(generator, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    monkeypatch.setattr(hand_judge, "HandJudgeTraining", lambda **given: replace(FEW, **given))
    arguments = ["--made", str(folder), "--out", str(tmp_path), "--threads", "1"]
    arguments += ["--start", str(tmp_path / "start.safetensors")]
    assert hand_judge.main([*arguments, "--minutes", "0.05"]) == 0
    facts = json.loads((tmp_path / "hand_judge.json").read_text())
    assert facts["stock"] == {"made": 2, "photographs": 0, "places": 0}
    HandJudge().load_state_dict(load_file(tmp_path / "hand_judge.safetensors"))
    assert hand_judge.main([*arguments, "--minutes", "0.1"]) == 0
    assert json.loads((tmp_path / "hand_judge.json").read_text())["steps"] > facts["steps"]
    with safe_open(tmp_path / "hand_judge.safetensors", "np") as handed:
        assert handed.metadata() == {
            "size": str(JUDGE_SIDE)
        }  # without it the runtime would ask in crops of another size


def test_without_hands_there_is_nothing_to_learn(tmp_path):
    start = {name: value.contiguous() for name, value in HandJudge().state_dict().items()}
    save_file(start, tmp_path / "start.safetensors")
    arguments = ["--made", str(tmp_path), "--out", str(tmp_path / "out"), "--minutes", "1"]
    with pytest.raises(SystemExit, match="expected shards that show hands, found none"):
        hand_judge.main([*arguments, "--start", str(tmp_path / "start.safetensors")])
