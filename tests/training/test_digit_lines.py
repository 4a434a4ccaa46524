"""The model of lines is fitted on what is really there: lines near true tips are digits, each tip once, and the fit tells them apart."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "synthesis")]

from test_digit_assembly import fan
from test_readings import maps_of
from toy_streams import HAND, ToyStream

from limbfix.digit_assembly import DigitLine
from limbfix.digit_beliefs import LINE_FEATURES, line_features, model_from
from limbfix.nets.hand_maps import JOINTS, MOST_DIGITS
from limbfix.synthesis.streams import StreamOptions
from limbfix.training.digit_lines import NEAR, MadeHand, fit, held_out_numbers, matched, outer_ends
from limbfix.training.parser_examples import plain_matrix
from limbfix.training.parser_targets import seen_through, store_pair
from limbfix.training.photograph_lines import LinedHand

SIDE = 56


def hand(rng: np.random.Generator, group: int) -> MadeHand:
    """Five true digits, and up to two lines that are as faint as true ones are hot."""
    maps = maps_of(fan(5))
    lines = list(fan(5).assemble())
    features = line_features(lines, maps.heat, maps.fields, maps.parts)
    wrong = features[: rng.integers(0, 3)] * 0.3
    rows = np.concatenate([features, wrong]) + rng.normal(0, 0.02, (5 + len(wrong), features.shape[1]))
    truth = np.arange(len(rows)) < 5
    everywhere = [*lines, *fan(8).assemble()[: len(wrong)]]
    return MadeHand(
        group=group, lines=everywhere, features=rows, truth=truth, tips=5, ends=5, present=5, missed=0, side=SIDE,
        head=np.full(MOST_DIGITS + 1, 1 / (MOST_DIGITS + 1)),
    )  # fmt: skip


def test_each_tip_is_one_line_and_far_lines_are_none():
    lines = fan(5).assemble()
    tips = np.array([line.polyline[-1] for line in lines])
    assert matched(lines, tips + 1.0, SIDE).all()
    assert not matched(lines, tips + 20.0, SIDE).any()
    assert matched([*lines, lines[0]], tips, SIDE).sum() == 5
    assert not matched(lines, np.empty((0, 2)), SIDE).any()


def joint_rows(*digits: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Joints and owners as a cut has them: the wrist, then each digit's seen joints from the knuckle outwards."""
    rows, owners = [(JOINTS.index("wrist"), 28.0, 50.0)], [0]
    for number, digit in enumerate(digits, start=1):
        rows += [(kind, *xy) for kind, xy in enumerate(digit, start=JOINTS.index("mcp"))]
        owners += [number] * len(digit)
    return np.array(rows, np.float32), np.array(owners)


def test_a_digit_ends_at_its_outermost_joint_seen_and_a_knuckle_alone_is_none():
    whole = [(10.0, 40.0), (10.0, 30.0), (10.0, 20.0), (10.0, 10.0)]
    hidden_tip = [(20.0, 40.0), (20.0, 30.0), (20.0, 21.0)]
    knuckle = [(30.0, 40.0)]
    ends = outer_ends(*joint_rows(knuckle, whole, hidden_tip, knuckle, [(40.0, 40.0), (40.0, 33.0)], knuckle))
    assert [JOINTS[int(kind)] for kind in ends[:, 0]] == ["tip", "dip", "pip"]
    np.testing.assert_array_equal(ends[:, 1:], [(10, 10), (20, 21), (40, 33)])
    assert outer_ends(*joint_rows()).shape == outer_ends(*joint_rows(knuckle, knuckle)).shape == (0, 3)


def test_two_digits_of_which_one_shows_its_inner_and_the_next_its_outer_joints_are_two():
    """A cut lists them one after the other, as if one digit went on from the pip to the dip of the next."""
    sample = ToyStream(StreamOptions(seed=3, size_px=128)).group(0)[0]
    hand = next(item for item in sample.instances if item.id == HAND)
    first, second = sample.hand_digits(HAND)[:2]
    shown = {first.id: ("mcp", "pip"), second.id: ("dip", "tip")}
    instances = tuple(
        replace(item, joints=tuple(replace(j, visible=j.name in shown.get(item.id, ())) for j in item.joints))
        for item in sample.instances
    )
    half_hidden = replace(sample, instances=instances)
    stored, _ = store_pair(half_hidden, hand, half_hidden, hand)
    cut = seen_through(stored, plain_matrix(stored, 4 * SIDE), 4 * SIDE)
    assert [JOINTS[int(kind)] for kind in outer_ends(cut.joints, cut.owners)[:, 0]] == ["pip", "tip"]


def test_two_digits_that_touch_are_matched_once_each():
    """Their tips lie much closer together than a line may lie beside a tip."""
    tips = np.array([[27.5, 12.0], [28.5, 12.0]])
    lines = [
        DigitLine(joints={"dip": (x, 20.0), "tip": (x, 12.2)}, score=0.9, forked=False) for x in (27.6, 28.3, 28.9)
    ]
    assert np.ptp(tips[:, 0]) < 0.3 * NEAR * SIDE
    assert matched(lines, tips, SIDE).tolist() == [True, True, False]
    assert matched(lines[:1], tips, SIDE).tolist() == [True]


def test_a_line_along_a_digit_whose_tip_is_hidden_is_true():
    canvas = fan(4)
    short = [(52.0, 44.0), (53.0, 38.0), (54.0, 33.0)]
    canvas.digit(short)
    lines = canvas.assemble()
    along = [list(line.joints) == ["mcp", "pip", "dip"] for line in lines]
    assert (len(lines), sum(along)) == (5, 1)
    whole = [list(map(tuple, line.polyline)) for line, is_short in zip(lines, along, strict=True) if not is_short]
    joints, owners = joint_rows(*whole, short)
    assert matched(lines, outer_ends(joints, owners)[:, 1:], SIDE).all()
    tips = joints[joints[:, 0] == JOINTS.index("tip"), 1:]
    assert matched(lines, tips, SIDE).tolist() == [not is_short for is_short in along]


def test_faint_lines_are_told_from_hot_ones_and_the_model_can_be_read_again():
    rng = np.random.default_rng(3)
    hands = [hand(rng, group) for group in range(40)]
    model = model_from(fit(hands))
    chances = np.concatenate([model.chances(each.features) for each in hands])
    truth = np.concatenate([each.truth for each in hands])
    assert chances[truth].min() > 0.5 > chances[~truth].max()


def test_the_numbers_are_of_hands_left_out_and_say_how_many_counts_are_told():
    rng = np.random.default_rng(4)
    numbers = held_out_numbers([hand(rng, group) for group in range(40)])
    assert numbers["whole"] == 40
    assert numbers["line_auroc"] > 0.99
    assert numbers["surety 0.6"]["told"] > 0.5
    assert numbers["exact_by_number"] == {"5": [round(40 * numbers["exact"]), 40]}


def photograph(rng: np.random.Generator, group: int) -> LinedHand:
    """Five fingers and a second line along one, as hot and as long as they are: only its neighbours tell it."""
    maps = maps_of(fan(5))
    lines = [*fan(5).assemble()]
    x = np.concatenate([line_features(lines, maps.heat, maps.fields, maps.parts)] * 2)[:6]
    x[:, LINE_FEATURES.index("overlap")] = [0, 0, 0, 0, 0, 1]
    truth = np.array([1, 1, 1, 1, np.nan, 0])
    return LinedHand(
        group=group, lines=[*lines, lines[0]], features=x + rng.normal(0, 0.01, x.shape), truth=truth, side=SIDE,
        head=np.eye(MOST_DIGITS + 1)[5],
    )  # fmt: skip


def test_photographs_teach_what_renders_do_not_show_and_leave_the_usual_counts_alone():
    rng = np.random.default_rng(5)
    hands = [hand(rng, group) for group in range(40)]
    photographs = [photograph(rng, group) for group in range(40)]
    without, model = model_from(fit(hands)), model_from(fit(hands, photographs))
    shown = photographs[0].features
    assert without.chances(shown)[5] > 0.5 > model.chances(shown)[5]
    assert model.chances(shown)[:5].min() > 0.5  # the one of which nobody knows too
    assert model.usual_counts == without.usual_counts
    real = held_out_numbers(hands, photographs)["photographs"]
    assert (real["hands"], real["told more"]) == (40, 0)
