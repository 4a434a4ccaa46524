"""The model of lines is fitted on what is really there: lines near true tips are digits, each tip once, and the fit tells them apart."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from test_digit_assembly import fan
from test_readings import maps_of

from limbfix.digit_beliefs import line_features, model_from
from limbfix.nets.hand_maps import JOINTS, MOST_DIGITS
from limbfix.training.digit_lines import LinedHand, fit, held_out_numbers, matched, outer_ends

SIDE = 56


def hand(rng: np.random.Generator, group: int) -> LinedHand:
    """Five true digits, and up to two lines that are as faint as true ones are hot."""
    maps = maps_of(fan(5))
    lines = list(fan(5).assemble())
    features = line_features(lines, maps.heat, maps.fields, maps.parts)
    wrong = features[: rng.integers(0, 3)] * 0.3
    rows = np.concatenate([features, wrong]) + rng.normal(0, 0.02, (5 + len(wrong), features.shape[1]))
    truth = np.arange(len(rows)) < 5
    everywhere = [*lines, *fan(8).assemble()[: len(wrong)]]
    return LinedHand(
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


def joint_rows(*digits: list[tuple[float, float]]) -> np.ndarray:
    """Rows as a cut has them: the wrist, then each digit's seen joints from the knuckle outwards."""
    rows = [(JOINTS.index("wrist"), 28.0, 50.0)]
    rows += [(kind, *xy) for digit in digits for kind, xy in enumerate(digit, start=JOINTS.index("mcp"))]
    return np.array(rows, np.float32)


def test_a_digit_ends_at_its_outermost_joint_seen_and_a_knuckle_alone_is_none():
    whole = [(10.0, 40.0), (10.0, 30.0), (10.0, 20.0), (10.0, 10.0)]
    hidden_tip = [(20.0, 40.0), (20.0, 30.0), (20.0, 21.0)]
    knuckle = [(30.0, 40.0)]
    ends = outer_ends(joint_rows(knuckle, whole, hidden_tip, knuckle, [(40.0, 40.0), (40.0, 33.0)], knuckle))
    assert [JOINTS[int(kind)] for kind in ends[:, 0]] == ["tip", "dip", "pip"]
    np.testing.assert_array_equal(ends[:, 1:], [(10, 10), (20, 21), (40, 33)])
    assert outer_ends(joint_rows()).shape == outer_ends(joint_rows(knuckle, knuckle)).shape == (0, 3)


def test_a_line_along_a_digit_whose_tip_is_hidden_is_true():
    canvas = fan(4)
    short = [(52.0, 44.0), (53.0, 38.0), (54.0, 33.0)]
    canvas.digit(short)
    lines = canvas.assemble()
    along = [list(line.joints) == ["mcp", "pip", "dip"] for line in lines]
    assert (len(lines), sum(along)) == (5, 1)
    whole = [list(map(tuple, line.polyline)) for line, is_short in zip(lines, along, strict=True) if not is_short]
    joints = joint_rows(*whole, short)
    assert matched(lines, outer_ends(joints)[:, 1:], SIDE).all()
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
