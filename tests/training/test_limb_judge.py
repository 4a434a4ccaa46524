"""The limb judge's training: what is wrong is told of the right person, pairs stay pairs, and a training starts, goes on and hands over a file."""

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
from safetensors.torch import load_file, save_file

sys.path.append(str(Path(__file__).parent))

from learning import losses_of
from toy_people import person

from limbfix.findings import DefectCode
from limbfix.nets.limb_judge import LimbJudge
from limbfix.nets.limb_maps import JUDGED, PLACES, SIDE
from limbfix.synthesis.samples import Sample
from limbfix.synthesis.shards import ShardWriter
from limbfix.training import generator, limb_judge
from limbfix.training.checkpoints import halved
from limbfix.training.judge_setup import UNKNOWN, hold
from limbfix.training.limb_crops import cut_person, drawn_ground, drawn_view
from limbfix.training.limb_judge import LimbTraining, drawn_batch, limb_loss
from limbfix.training.limb_stock import LimbStock, store_picture

FEW = LimbTraining(wrong=2, usual=1, photographs=1)


def in_view(sample: Sample, share: float = 0.9) -> Sample:
    return replace(sample, instances=tuple(replace(item, visible_fraction=share) for item in sample.instances))


def third_leg(key: str = "toy-0-b", *, visible: bool = True) -> Sample:
    sample = in_view(person(key=key, fault="third_leg", order=1))
    defect = replace(sample.defects[0], instances=(50,), visible=visible)
    return replace(sample, defects=(defect,))


def pair(number: int) -> list[Sample]:
    return [in_view(person(key=f"toy-{number}-a")), third_leg(f"toy-{number}-b")]


def stock(photograph: bool = True) -> LimbStock:
    made = LimbStock()
    for number in range(2):
        made.add(pair(number))
    if photograph:
        data = cv2.imencode(".jpg", np.full((120, 90, 3), 130, np.uint8))[1].tobytes()
        made.photographs.append((data, (0.0, 0.0, 90.0, 120.0)))
    return made


def plain_view() -> np.ndarray:
    scale = SIDE / 128
    return np.array([[scale, 0, 0], [0, scale, 0]])


def same(pixels: np.ndarray) -> np.ndarray:
    return pixels


def test_a_third_leg_is_wrong_of_its_person_and_its_pixels_are_too_many():
    picture = store_picture(third_leg())
    (seen,) = picture.people.values()
    assert [name for name, wrong in zip(JUDGED, seen.wrong, strict=True) if wrong] == ["extra_leg"]
    assert seen.counts == (2, 3)
    arms, legs, extra = seen.limbs
    assert set(extra) == {50, 51} < set(legs)
    assert not set(arms) & set(legs)
    cut = cut_person(picture, 1, plain_view(), same)
    shares = dict(zip(PLACES, cut.places, strict=True))
    column = 64 * SIDE // 128 // 8
    assert shares["extra"][100 * SIDE // 128 // 8, column] > 0.2
    assert (shares["extra"] <= shares["leg"] + 1e-6).all() and shares["gone"].max() == 0


def test_its_twin_is_sound():
    (seen,) = store_picture(in_view(person())).people.values()
    assert not seen.wrong.any() and seen.known.all() and seen.counts == (2, 2) and seen.limbs[2] == ()


def test_a_defect_that_nobody_sees_is_neither_taught_nor_denied():
    (seen,) = store_picture(third_leg(visible=False)).people.values()
    assert not seen.wrong.any()
    assert [name for name, known in zip(JUDGED, seen.known, strict=True) if not known] == ["extra_leg"]


def test_limbs_of_which_little_is_seen_are_not_counted_for_sure():
    (seen,) = store_picture(in_view(person(), 0.3)).people.values()
    assert seen.counts == (UNKNOWN, UNKNOWN)
    (seen,) = store_picture(in_view(person(), 0.05)).people.values()
    assert seen.counts == (0, 0)


def test_the_place_of_a_missing_limb_is_told_where_the_pair_differs():
    region = np.zeros((128, 128), bool)
    region[80:100, 60:80] = True
    sample = third_leg()
    gone = replace(sample.defects[0], code=DefectCode.PERSON_MISSING_LEG, region=region)
    cut = cut_person(store_picture(replace(sample, defects=(gone,))), 1, plain_view(), same)
    assert cut.wrong[JUDGED.index("missing_leg")] == 1
    assert cut.places[PLACES.index("gone"), 90 * SIDE // 128 // 8, 70 * SIDE // 128 // 8] == 1
    assert cut.places[PLACES.index("extra")].max() == 0


def test_a_view_shows_all_of_the_person_upright_or_turned():
    box = (20.0, 40.0, 90.0, 120.0)
    for seed in range(20):
        view = drawn_view(box, np.random.default_rng(seed))
        middle = view @ (55, 80, 1)
        assert np.abs(middle - SIDE / 2).max() < 0.3 * SIDE
        scale = np.sqrt(abs(np.linalg.det(view[:, :2])))
        assert SIDE / 1.6 / 80 - 1e-6 <= scale <= SIDE / 80 + 1e-6


def test_another_ground_takes_the_place_of_the_own_and_of_nothing_else():
    sample = third_leg()
    picture = store_picture(sample)
    view = np.array([[SIDE / 256, 0, 0], [0, SIDE / 256, 0]])  # the picture fills a quarter of the crop
    ground = np.full((SIDE, SIDE, 3), (1, 250, 2), np.uint8)
    own, other = (cut_person(picture, 1, view, same, one) for one in (None, ground))
    shown = (other.pixels == ground).all(2)
    ids = cv2.warpAffine(sample.instance_map, view, (SIDE, SIDE), flags=cv2.INTER_NEAREST)
    half = SIDE // 2
    assert np.array_equal(shown[: half - 1, : half - 1], ids[: half - 1, : half - 1] == 0)
    assert not shown[half + 1 :].any() and not shown[:, half + 1 :].any()
    assert np.array_equal(own.pixels[~shown], other.pixels[~shown])
    assert np.array_equal(own.places, other.places)


def test_grounds_are_places_other_people_or_the_own_and_fill_the_crop(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "place.jpg"), np.full((300, 90, 3), (2, 240, 2), np.uint8))
    (tmp_path / "torn.jpg").write_bytes(b"no picture")
    some = stock()
    some.add_places(tmp_path)
    assert len(some.places) == 1
    assert "torn.jpg: expected a picture" in capsys.readouterr().out
    rng = np.random.default_rng(0)
    grounds = [drawn_ground(some, rng) for _ in range(60)]
    own = [one for one in grounds if one is None]
    places = [one for one in grounds if one is not None and (np.abs(one - (2.0, 240.0, 2.0)).max() < 30)]
    assert all(one is None or one.shape == (SIDE, SIDE, 3) for one in grounds)
    assert min(len(own), len(places), len(grounds) - len(own) - len(places)) >= 10


def test_a_step_draws_the_same_pairs_again_the_wrong_one_first():
    first, again, other = (drawn_batch(stock(), FEW, step) for step in (4, 4, 5))
    assert len(first) == 2 * (FEW.wrong + FEW.usual) + FEW.photographs
    assert all(np.array_equal(one.pixels, two.pixels) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0].pixels, other[0].pixels)
    assert all(cut.wrong.any() for cut in first[0 : 2 * FEW.wrong : 2])
    assert not any(cut.wrong.any() for cut in first[1 : 2 * FEW.wrong : 2])
    assert first[-1].place_weight == 0 and (first[-1].counts == UNKNOWN).all()


def test_it_learns_its_toys():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = LimbJudge().train()
    cuts = drawn_batch(stock(photograph=False), LimbTraining(wrong=2, usual=0, photographs=0), 0)
    losses = losses_of(network, lambda _: limb_loss(network, cuts, 2), 8)
    assert np.isfinite(losses).all() and losses[-1] < 0.8 * losses[0]


def test_the_first_layers_stay_as_published():
    network = LimbJudge()
    hold(network)
    held = {name for name, one in network.named_parameters() if not one.requires_grad}
    still = ("trunk.stem.", "trunk.norm.", "trunk.stages.0.", "trunk.stages.1.")
    assert held == {name for name, _ in network.named_parameters() if name.startswith(still)}


def test_weights_that_half_precision_cannot_hold_are_not_handed_over():
    assert halved({"a": torch.ones(2), "steps": torch.tensor(3)})["a"].dtype is torch.float16
    for wrong in (float("nan"), 1e6):
        with pytest.raises(ValueError, match=r"finite in half precision, got others in b;.*lower rate"):
            halved({"a": torch.ones(2), "b": torch.tensor([1.0, wrong])})


def test_a_training_hands_over_weights_that_load_and_goes_on(tmp_path, monkeypatch):
    folder = tmp_path / "shards"
    folder.mkdir()
    with ShardWriter(folder / "toys-000000.tar") as writer:
        for sample in (*pair(0), *pair(1)):
            writer.write(sample)
    start = LimbJudge()
    save_file({name: value.contiguous() for name, value in start.state_dict().items()}, tmp_path / "start.safetensors")
    ticks = itertools.count()
    monkeypatch.setattr(generator, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    arguments = [
        "--made",
        str(folder),
        "--out",
        str(tmp_path),
        "--start",
        str(tmp_path / "start.safetensors"),
        "--threads",
        "1",
    ]
    assert limb_judge.main([*arguments, "--minutes", "0.05"]) == 0
    facts = json.loads((tmp_path / "limb_judge.json").read_text())
    assert (facts["wrong"], facts["usual"], facts["photographs"]) == (2, 0, 0)
    LimbJudge().load_state_dict(load_file(tmp_path / "limb_judge.safetensors"))
    assert limb_judge.main([*arguments, "--minutes", "0.1"]) == 0
    assert json.loads((tmp_path / "limb_judge.json").read_text())["steps"] > facts["steps"]


def test_without_wrong_limbs_there_is_nothing_to_learn(tmp_path):
    start = tmp_path / "start.safetensors"
    save_file({name: value.contiguous() for name, value in LimbJudge().state_dict().items()}, start)
    with pytest.raises(SystemExit, match="expected shards that show wrong limbs, found none"):
        limb_judge.main(
            ["--made", str(tmp_path), "--out", str(tmp_path / "out"), "--start", str(start), "--minutes", "1"]
        )
