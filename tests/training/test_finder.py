"""The finder's training: outlines give tight boxes, what is covered is not asked for, and a training starts, goes on and hands over a file."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

sys.path.append(str(Path(__file__).parents[1] / "synthesis"))

from toy_streams import ToyStream

from limbfix.errors import AssetMissing
from limbfix.nets.hand_boxes import STRIDE, decode
from limbfix.nets.hand_finder import HandFinder
from limbfix.synthesis.shards import ShardWriter
from limbfix.synthesis.streams import StreamOptions
from limbfix.training import finder, generator
from limbfix.training.finder_losses import FinderTargets, draw_targets, finder_loss
from limbfix.training.finder_scenes import SceneMaker, _Canvas
from limbfix.training.finder_stock import Stock, ellipse_of, held_out, outline_of, photo_group, read_places, stock_of
from limbfix.training.generator_settings import GeneratorTraining

SIZE = 64


def toy_samples() -> list:
    stream = ToyStream(StreamOptions(seed=3, size_px=128))
    return [sample for index in range(4) for sample in stream.group(index)]


def place(seed: int = 0) -> Stock:
    pixels = np.random.default_rng(seed).integers(0, 90, (96, 128, 3), dtype=np.uint8)
    return Stock(pixels=pixels, mask=None, hands=())


def as_targets(hands: np.ndarray, vague: np.ndarray, side: int = SIZE) -> FinderTargets:
    drawn = (torch.from_numpy(array)[None] for array in draw_targets(hands, vague, side))
    return FinderTargets(**dict(zip(("centres", "counted", "boxes", "weights"), drawn, strict=True)))


def test_an_outline_is_the_box_of_palm_and_digits_without_the_arm():
    sample = toy_samples()[0]
    stock = stock_of(sample)
    assert len(stock.hands) == 1
    hand = next(item for item in sample.instances if item.kind == "hand")
    ids = [hand.id, *(digit.id for digit in sample.hand_digits(hand.id))]
    rows, columns = np.nonzero(np.isin(sample.instance_map, ids))
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert [*stock.hands[0].min(0), *stock.hands[0].max(0)] == box


def test_a_turned_outline_is_tighter_than_its_turned_box():
    seen = np.zeros((80, 80), bool)
    cv2_disc = (np.indices((80, 80)) - 40) ** 2
    seen[cv2_disc.sum(0) < 20**2] = True
    for outline in (outline_of(seen), ellipse_of(20, 20, 60, 60)):
        turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
        turned = (outline - 40) @ turn.T
        assert np.abs(turned).max() < 21.5  # the box's corners would lie at 28


def test_held_out_files_follow_their_names_and_sessions():
    names = [f"picture_{index}.jpg" for index in range(3000)]
    assert 0.30 < np.mean([held_out(name, 1 / 3) for name in names]) < 0.37
    assert photo_group("subhih/1528664299.56_pic00000.jpg") == photo_group("subhih/1528664299.56_pic00009.jpg")
    assert photo_group("epsrc/a.jpg") != photo_group("epsrc/b.jpg")


def test_what_is_laid_over_a_hand_hides_it():
    canvas = _Canvas(np.zeros((SIZE, SIZE, 3), np.uint8))
    left, right = ellipse_of(2, 10, 26, 40), ellipse_of(36, 10, 60, 40)
    canvas.lay(np.full((SIZE, SIZE, 3), 200, np.uint8), np.full((SIZE, SIZE), 255, np.uint8), [left, right])
    assert len(canvas.hands) == 2
    over = np.zeros((SIZE, SIZE), np.uint8)
    over[:, :16] = 255  # more than half of the left hand
    canvas.lay(np.zeros((SIZE, SIZE, 3), np.uint8), over)
    assert len(canvas.hands) == 1
    assert canvas.hands[0].min(0)[0] == pytest.approx(36, abs=0.01)
    assert len(canvas.vague) == 1
    over[:] = 255
    canvas.lay(np.zeros((SIZE, SIZE, 3), np.uint8), over)
    assert canvas.hands == canvas.vague == []
    assert not canvas.pixels.any()


@pytest.mark.parametrize("side", [20, 300])
def test_outlines_lie_where_the_pixels_come_to_lie(side: int):
    """Enlarged, shrunk, turned and mirrored: outlines count from the picture's corner, matrices of OpenCV from the centre of its first pixel."""
    seen = np.zeros((2 * side, 2 * side), bool)
    seen[side // 2 : side // 2 + side, side // 2 : side // 2 + side] = True
    pixels = np.repeat(255 * seen[..., None].astype(np.uint8), 3, 2)
    stock = Stock(pixels=pixels, mask=None, hands=(outline_of(seen),))
    maker, middles = SceneMaker([[stock]], [], [place()], 256), np.arange(256) + 0.5
    gaps = []
    for seed in range(40):
        canvas = _Canvas(np.zeros((256, 256, 3), np.uint8))
        maker._lay(canvas, stock, np.random.default_rng(seed), whole=True)
        if not canvas.hands or canvas.hands[0].min() <= 1 or canvas.hands[0].max() >= 255:
            continue  # cut by the frame
        weight = canvas.pixels[..., 0] / canvas.pixels[..., 0].sum()
        shown = [(weight.sum(axis) * middles).sum() for axis in (0, 1)]
        gaps.append(np.abs(shown - canvas.hands[0].mean(0)))  # four corners of a square
    assert len(gaps) > 10 and np.max(gaps) < 0.2


def test_a_hand_outside_the_picture_is_no_hand():
    canvas = _Canvas(np.zeros((SIZE, SIZE, 3), np.uint8))
    nothing = np.zeros((SIZE, SIZE), np.uint8)
    nothing[0, 0] = 255
    canvas.lay(np.zeros((SIZE, SIZE, 3), np.uint8), nothing, [ellipse_of(50, 20, 120, 60)])
    assert canvas.hands == []
    assert len(canvas.vague) == 1


def test_scenes_follow_their_seed_and_their_boxes_hold_the_hand():
    bright = np.zeros((100, 100, 3), np.uint8)
    mask = np.zeros((100, 100), np.uint8)
    cv2.ellipse(mask, (50, 50), (20, 30), 0, 0, 360, 1, -1)
    bright[mask > 0] = 255
    hand = Stock(pixels=bright, mask=mask, hands=(outline_of(mask > 0),))
    maker = SceneMaker([[hand]], [hand], [Stock(pixels=np.zeros((64, 64, 3), np.uint8), mask=None, hands=())], 128)
    asked = 0
    for seed in range(30):
        scene, again = (maker.scene(np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(scene.pixels, again.pixels)
        for x0, y0, x1, y1 in np.rint(scene.hands).astype(int):
            inside = scene.pixels[y0:y1, x0:x1].mean()
            asked += 1
            assert inside > 40, (seed, inside)  # a box on black ground would hold nothing
    assert asked > 15


def test_perfect_maps_cost_less_than_any_shifted_ones_and_vague_places_cost_nothing():
    hands = np.array([(10, 10, 40, 50)], np.float32)
    targets = as_targets(hands, np.zeros((0, 4), np.float32))
    maps = torch.full((1, 5, 8, 8), -8.0)
    row, column = divmod(int(targets.centres[0].argmax()), 8)
    centre = (np.array([column, row]) + 0.5) * STRIDE
    maps[0, 0, row, column] = 8.0
    grid = (torch.arange(8) + 0.5) * STRIDE
    maps[0, 1], maps[0, 3] = ((grid - 10).clamp(min=1) / 8).log()[None], ((40 - grid).clamp(min=1) / 8).log()[None]
    maps[0, 2], maps[0, 4] = (
        ((grid - 10).clamp(min=1) / 8).log()[:, None],
        ((50 - grid).clamp(min=1) / 8).log()[:, None],
    )
    boxes, _ = decode(maps[0].numpy())
    assert np.abs(boxes[0] - hands[0]).max() < 0.5
    assert np.abs(centre - (25, 30)).max() <= STRIDE / 2 + 1
    perfect = sum(float(value) for value in finder_loss(maps, targets).values())
    shifted = sum(float(value) for value in finder_loss(torch.roll(maps, 2, -1), targets).values())
    assert perfect < 0.3 * shifted
    false = maps.clone()
    false[0, 0, 7, 7] = 6.0
    costly = finder_loss(false, targets)["centres"]
    vague = as_targets(hands, np.array([(50, 50, 64, 64)], np.float32))
    assert float(costly) > 5
    assert float(finder_loss(false, vague)["centres"]) < 0.5


def test_small_and_large_hands_each_have_one_centre_of_one():
    hands = np.array([(8, 8, 20, 20), (0, 0, 64, 64)], np.float32)
    centres, counted, boxes, weights = draw_targets(hands, np.zeros((0, 4), np.float32), SIZE)
    assert (centres == 1).sum() == 2
    assert counted.all()
    assert boxes[:, 1, 1].tolist() == [8, 8, 20, 20]
    assert (weights[centres == 1] > 0).all()


def test_places_need_a_folder_with_pictures(tmp_path):
    with pytest.raises(AssetMissing, match="--places"):
        read_places(tmp_path, print)


def test_the_trunk_learns_slowly_and_its_first_stages_not_at_all(tmp_path):
    settings = finder.FinderTraining(size=SIZE, batch=2, again=0, still=3, trunk_share=0.0, rate=0.1)
    torch.manual_seed(0)
    network = HandFinder()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    phase = finder._phase(network, 1e-9, settings)
    assert [group["share"] for group in phase.optimiser.param_groups] == [1.0, 0.0]
    maker = SceneMaker([[stock_of(sample) for sample in toy_samples()]], [place()], [place()], SIZE)
    phase.seconds = 1.0

    def one_step(phase, step: int):
        phase.seconds = 0.0
        return finder.training_step(phase, step, maker, settings)

    generator.train(phase, one_step, tmp_path, GeneratorTraining())
    after = network.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved
    assert not [name for name in moved if name.startswith("trunk.")]
    learning = {id(parameter) for group in phase.optimiser.param_groups for parameter in group["params"]}
    assert id(network.trunk.stem.weight) not in learning
    assert id(next(iter(network.trunk.down[3].parameters()))) in learning


def test_a_training_starts_goes_on_and_writes_weights_that_fit(tmp_path, monkeypatch):
    shards = tmp_path / "made" / "shards"
    shards.mkdir(parents=True)
    with ShardWriter(shards / "toys.tar") as writer:
        for sample in toy_samples():
            writer.write(sample)
    monkeypatch.setattr(finder, "read_photos", lambda folder, say: [stock_of(sample) for sample in toy_samples()])
    monkeypatch.setattr(finder, "read_places", lambda folder, say: [place()])
    out = tmp_path / "out"
    settings = finder.FinderTraining(size=SIZE, batch=2, again=1)
    ticks = itertools.count()  # a second each time it is asked: steps, not the machine, count
    monkeypatch.setattr(generator, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    threads = torch.get_num_threads()
    torch.manual_seed(settings.seed)
    start = tmp_path / "start.safetensors"
    save_file(HandFinder().state_dict(), start)
    for minutes in ("0.1", "0.2"):
        arguments = [
            "--made",
            str(tmp_path / "made"),
            "--photographs",
            "x",
            "--places",
            "x",
            "--out",
            str(out),
            "--start",
            str(start),
        ]
        assert finder.main([*arguments, "--minutes", minutes], settings) == 0
    torch.set_num_threads(threads)
    facts = json.loads((out / "hand_finder.json").read_text())
    assert 4 <= facts["steps"] <= 8
    network = HandFinder()
    network.load_state_dict({name: value.float() for name, value in load_file(out / "hand_finder.safetensors").items()})
    torch.manual_seed(settings.seed)
    still, learnt = HandFinder().state_dict(), network.state_dict()
    assert torch.equal(learnt["trunk.stem.weight"].half(), still["trunk.stem.weight"].half())
    assert not torch.equal(learnt["reaches.weight"].half(), still["reaches.weight"].half())
