"""The digit parser's training: pairs stay pairs, labels follow the pixels, and a training starts, goes on and hands over a file that works."""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "synthesis")]

from learning import losses_of
from toy_streams import FIRST_DIGIT, HAND, ToyStream

from limbfix.nets.digit_parser import BORDER, JOINTS, JUDGEMENTS, PARTS, STRIDE, DigitParser
from limbfix.nets.hand_maps import READ_VIEW
from limbfix.synthesis.shards import ShardWriter
from limbfix.synthesis.streams import StreamOptions
from limbfix.training import generator, hands
from limbfix.training.parser_examples import ParserExamples, ShardReader, load_examples, plain_matrix
from limbfix.training.parser_losses import count_loss, heat_loss, pair_loss, parser_loss
from limbfix.training.parser_targets import CLEAR_SHARE, LEAST_WEIGHT, draw_heatmaps, seen_through, store_pair

SIZE = 64


def groups(count: int) -> list:
    stream = ToyStream(StreamOptions(seed=3, size_px=128))
    return [sample for index in range(count) for sample in stream.group(index)]


@pytest.fixture(scope="module")
def examples() -> ParserExamples:
    made = ParserExamples(SIZE, 5)
    made.add(groups(6))
    return made


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    with ShardWriter(folder / "toys.tar") as writer:
        for sample in groups(6):
            writer.write(sample)
    return folder


def test_groups_become_pairs_with_the_worse_hand_first(examples):
    assert len(examples.pairs) == 6
    for index, (worse, better) in enumerate(examples.pairs):
        assert worse.judgements.any() == (index % 3 != 2)
        assert not better.judgements.any()


def test_judgements_say_what_can_be_seen_and_nothing_else(examples):
    six, four, five = (examples.pairs[index][0] for index in range(3))
    judged = [{JUDGEMENTS[i] for i in np.flatnonzero(hand.judgements)} for hand in (six, four, five)]
    assert judged[0] == {"extra_digit", "fused_digits"}  # its malformed digit is marked invisible
    assert judged[1] == {"missing_digit"}
    assert judged[2] == set()
    assert [hand.counts.tolist() for hand in (six, four, five)] == [[6, 6], [4, 4], [5, 5]]


def test_a_pair_is_drawn_alike_but_for_its_defect():
    made = ParserExamples(SIZE, 5)
    made.add(groups(3)[4:])  # plain and twin: the same pixels
    assert len(made.pairs) == 1
    batch = made.batch(0, 4)
    for row in range(0, 8, 2):
        assert torch.equal(batch.pixels[row], batch.pixels[row + 1])
        assert torch.equal(batch.parts[row], batch.parts[row + 1])
    assert not batch.worse.any()


def test_the_same_step_draws_the_same_batch_and_another_step_another(examples):
    first, again, other = examples.batch(4, 3), examples.batch(4, 3), examples.batch(5, 3)
    assert all(torch.equal(getattr(first, name), getattr(again, name)) for name in first.__dataclass_fields__)
    assert not torch.equal(first.pixels, other.pixels)


def test_joints_lie_on_digits_after_every_turn(examples):
    digits = [PARTS.index(name) for name in ("proximal", "middle", "distal", "thumb", "nail")]
    on, all_ = 0, 0
    for step in range(8):
        batch = examples.batch(step, 4)
        tips = batch.heatmaps[:, JOINTS.index("pip")] > 0.95
        near = torch.nn.functional.max_pool2d(torch.isin(batch.parts, torch.tensor(digits)).float(), 3, 1, 1) > 0
        on, all_ = on + int((tips & near).sum()), all_ + int(tips.sum())
    assert all_ > 50
    assert on / all_ > 0.97


def test_a_small_hand_s_joint_lies_on_its_pixel():
    """A sample's joints count from the picture's corner, matrices from the centre of its first pixel: a small hand is enlarged five times."""
    sample = ToyStream(StreamOptions(seed=3, size_px=128)).group(0)[0]
    hand = next(item for item in sample.instances if item.id == HAND)
    ids = np.zeros_like(sample.instance_map)
    ids[50:74, 40:64] = HAND
    pixels = np.zeros_like(sample.pixels)
    pixels[60, 52] = 255
    digit = next(item for item in sample.instances if item.id == FIRST_DIGIT)
    joints = tuple(replace(joint, xy=(52.5, 60.5), visible=True) for joint in digit.joints)
    small = replace(sample, pixels=pixels, instance_map=ids, instances=(hand, replace(digit, joints=joints)))
    stored, _ = store_pair(small, hand, small, hand)
    y, x = np.unravel_index(int(stored.pixels[..., 0].argmax()), stored.parts.shape)
    tip = stored.joints[stored.joints[:, 0] == JOINTS.index("tip")][0, 1:]
    assert np.abs(tip - (x, y)).max() <= 1


def test_the_plain_crop_shows_the_hand_in_the_middle_at_the_agreed_size(examples):
    hand = examples.pairs[2][0]
    cut = seen_through(hand, plain_matrix(hand, SIZE), SIZE)
    rows, columns = np.nonzero(np.isin(cut.parts, [PARTS.index(name) for name in ("palm", "distal", "thumb")]))
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    assert longest * STRIDE == pytest.approx(SIZE / READ_VIEW, abs=STRIDE)
    assert (rows.min() + rows.max()) / 2 == pytest.approx((SIZE / STRIDE - 1) / 2, abs=1)


def test_what_lies_outside_the_picture_is_grey_and_not_a_mirrored_hand(examples):
    hand = replace(examples.pairs[2][0])
    matrix = plain_matrix(hand, SIZE)
    matrix[:, 2] += SIZE  # the hand leaves to the lower right
    cut = seen_through(hand, matrix, SIZE)
    assert (cut.pixels[:8, :8] == BORDER).all()
    assert (cut.parts[:2, :2] == 0).all()


def test_a_defect_that_changes_little_counts_little():
    worse, better = groups(1)[1], groups(1)[0]
    hand, twin = (next(item for item in one.instances if item.id == HAND) for one in (worse, better))
    clear = store_pair(worse, hand, better, twin)[0]
    hardly = better.pixels.copy()
    hardly[better.instance_map == FIRST_DIGIT] //= 2
    ys, xs = np.nonzero(better.instance_map == FIRST_DIGIT)
    hardly[ys[3:], xs[3:]] = better.pixels[ys[3:], xs[3:]]
    faint = store_pair(replace(worse, pixels=hardly), hand, better, twin)[0]
    assert clear.weight == 1.0 and CLEAR_SHARE < 1
    assert faint.weight == LEAST_WEIGHT


def test_edited_photographs_teach_digits_and_no_judgement():
    pairs = ParserExamples(SIZE, 5)
    pairs.add(replace(sample, stream="edits") for sample in groups(6))
    batch = pairs.batch(0, 4)
    assert pairs.pairs and not batch.weights.any() and not batch.worse.any()
    assert (batch.dense == 1).all()
    network = DigitParser().eval()
    losses = parser_loss(network.parse(batch.pixels.permute(0, 3, 1, 2).float() / 255), batch)
    assert losses["judgements"] == losses["pairs"] == 0
    assert losses["heat"] > 0 and losses["fields"] > 0


def test_a_batch_that_knows_no_number_of_digits_has_a_loss():
    logits, unknown = torch.randn(4, 2, 10), torch.full((4, 2), -1)
    assert count_loss(logits, unknown) == 0
    some = torch.tensor([[5, 4], [-1, -1], [-1, 6], [-1, -1]])
    known = some.flatten() >= 0
    wanted = torch.nn.functional.cross_entropy(logits.flatten(0, 1)[known], some.flatten()[known])
    assert count_loss(logits, some) == pytest.approx(float(wanted), abs=1e-5)


def test_a_picture_without_enough_digits_is_no_example():
    made = ParserExamples(SIZE, 5)
    twin, defect = groups(1)
    few = tuple(item for item in twin.instances if item.kind != "digit" or item.id < FIRST_DIGIT + 2)
    made.add([replace(twin, instances=few), defect])
    assert made.pairs == []


def test_counts_of_photographs_are_not_taught():
    made = ParserExamples(SIZE, 5)
    made.add([replace(sample, exact=False) for sample in groups(1)])
    assert made.pairs[0][0].counts.tolist() == [-1, -1]


def test_the_pair_loss_falls_when_the_worse_hand_scores_higher():
    right = torch.tensor([[2.0, 0, 0, 0, 0, 0], [-2.0, 0, 0, 0, 0, 0]])
    sure = torch.ones(1)
    assert pair_loss(right, sure) < pair_loss(right.flip(0), sure)
    assert pair_loss(right.flip(0), torch.zeros(1)) == 0  # two normal hands have no order


def test_the_parser_learns_its_toys(examples):
    torch.manual_seed(0)
    network = DigitParser().train()

    def terms_of(step: int) -> dict[str, torch.Tensor]:
        batch = examples.batch(step % 2, 4)
        return parser_loss(network.parse(hands.normalised(batch.pixels)), batch)

    losses = losses_of(network, terms_of, 12)
    assert np.isfinite(losses).all()
    assert np.mean(losses[-2:]) < 0.7 * np.mean(losses[:2])


def test_a_training_hands_over_weights_that_load_and_goes_on(shards, tmp_path, monkeypatch):
    ticks = itertools.count()
    clock = SimpleNamespace(
        monotonic=lambda: float(next(ticks))
    )  # a second each time it is asked: steps, not the machine, count
    monkeypatch.setattr(generator, "time", clock)
    arguments = [
        "--shards",
        str(shards),
        "--held-out",
        str(shards),
        "--out",
        str(tmp_path),
        "--size",
        "64",
        "--pairs",
        "2",
    ]
    assert hands.main([*arguments, "--minutes", "0.1"]) == 0
    facts = json.loads((tmp_path / "digit_parser.json").read_text())
    assert 0 <= facts["held_out"]["pairs_ranked"] <= 1
    network = DigitParser()
    network.load_state_dict(load_file(tmp_path / "digit_parser.safetensors"))
    assert hands.main([*arguments, "--minutes", "0.3"]) == 0
    assert json.loads((tmp_path / "digit_parser.json").read_text())["steps"] > facts["steps"]
    with safe_open(tmp_path / "digit_parser.safetensors", "np") as handed:
        assert handed.metadata() == {"size": "64"}  # without it the runtime would ask in crops of another size


def test_what_other_trainings_fitted_is_handed_on_to_the_bit(tmp_path):
    torch.manual_seed(0)
    start = {name: value + 1e-5 for name, value in DigitParser().state_dict().items() if value.is_floating_point()}
    hands.export(tmp_path, {name: value + 1 for name, value in start.items()}, {}, 64, start)
    handed = load_file(tmp_path / "digit_parser.safetensors")
    for name, value in start.items():
        is_held = name.startswith(("looks.", "appearance.", "moved.", "presence."))
        assert torch.equal(handed[name], value if is_held else (value + 1).half()), name


def test_frozen_stages_stay_to_the_bit_and_the_rest_learns(examples):
    torch.manual_seed(0)
    network = DigitParser()
    hands.freeze(network, 3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-3)
    batch = examples.batch(0, 2)
    torch.stack(list(parser_loss(network.parse(hands.normalised(batch.pixels)), batch).values())).sum().backward()
    optimiser.step()
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    held = (
        "looks.",
        "appearance.",
        "moved.",
        "trunk.stem",
        "trunk.norm",
        "trunk.stages.0",
        "trunk.stages.1",
        "trunk.stages.2",
    )
    assert not [name for name in moved if name.startswith(held)]
    assert any(name.startswith("trunk.stages.3") for name in moved)


def test_a_shard_that_comes_later_is_read_once(shards, tmp_path):
    made = ParserExamples(SIZE, 5)
    reader = ShardReader([tmp_path], made, lambda _: None)
    assert reader.read_new() == 0
    (tmp_path / "late.tar").write_bytes((shards / "toys.tar").read_bytes())
    (tmp_path / ".scratch").mkdir()
    (tmp_path / ".scratch" / "half.tar").write_bytes(b"unfinished")
    assert (reader.read_new(), reader.read_new(), len(made.pairs)) == (1, 0, 6)


def test_examples_are_read_from_shards_in_order(shards):
    said: list[str] = []
    read = load_examples([shards], SIZE, 5, said.append)
    assert len(read.pairs) == 6 and len(said) == 1


def test_a_joint_between_four_cells_is_a_joint_too():
    logits = torch.zeros(1, 5, 8, 8, requires_grad=True)
    truth = torch.from_numpy(draw_heatmaps(np.array([[4, 3.5, 3.45]], np.float32), 8))[None]
    heat_loss(logits, truth, torch.ones(1)).backward()
    assert logits.grad is not None
    rising = logits.grad[0, 4] < 0
    assert rising.any() and rising[3:5, 3:5].sum() == rising.sum()
