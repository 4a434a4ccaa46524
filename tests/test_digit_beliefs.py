"""Lines are judged one by one: clear ones are digits, faint ones are not, second sights are one, and no number is expected."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_digit_assembly import Canvas, fan
from test_readings import judging_by, maps_of

from limbfix import digit_beliefs
from limbfix.digit_beliefs import (
    LINE_FEATURES,
    belief,
    count_chances,
    distinct_lines,
    line_features,
    model_from,
    witnessed,
)
from limbfix.errors import AssetMissing, ModelCorrupt
from limbfix.nets.hand_maps import MOST_DIGITS

COLUMN = {name: index for index, name in enumerate(LINE_FEATURES)}


def features_of(canvas: Canvas) -> np.ndarray:
    maps = maps_of(canvas)
    return line_features(canvas.assemble(), maps.heat, maps.fields, maps.parts)


@pytest.mark.parametrize("n", [1, 3, 5, 7, 8])
def test_as_many_rows_as_lines_all_finite(n):
    rows = features_of(fan(n))
    assert rows.shape == (n, len(LINE_FEATURES))
    assert np.isfinite(rows).all()
    assert (rows[:, COLUMN["lines"]] == n).all()


def test_a_clear_line_is_hot_straight_and_on_a_finger():
    rows = features_of(fan(5))
    assert (rows[:, COLUMN["heat"]] > 0.8).all()
    assert (rows[:, COLUMN["agreement"]] > 0.8).all()
    assert (rows[:, COLUMN["on_fingers"]] > 0.5).all()
    assert (rows[:, COLUMN["is_tip"]] == 1).all()


def test_no_lines_give_no_rows_and_the_count_none():
    canvas = Canvas()
    assert features_of(canvas).shape == (0, len(LINE_FEATURES))
    np.testing.assert_array_equal(count_chances([]), [1.0])


def test_chances_follow_the_weights_and_stay_between_none_and_one():
    hot, cold = np.zeros((2, len(LINE_FEATURES)))
    hot[COLUMN["heat"]] = 1.0
    first, second = judging_by("heat", even=0.5, weight=8.0).chances(np.array([hot, cold]))
    assert 0 < second < 0.05 < 0.95 < first < 1


def test_of_two_lines_that_end_at_one_place_the_surer_one_stays():
    lines = fan(5).assemble()
    twice = [*lines, lines[2]]
    chances = np.array([0.9, 0.9, 0.6, 0.9, 0.9, 0.8])
    assert distinct_lines(twice, chances, 56) == [0, 1, 3, 4, 5]


def test_counts_are_those_of_independent_lines():
    found = count_chances([0.5, 0.5, 1.0])
    np.testing.assert_allclose(found, [0.0, 0.25, 0.5, 0.25])
    assert count_chances([0.9] * 9).sum() == pytest.approx(1)


def head_of(**chances: float) -> np.ndarray:
    """Chances of numbers by name, such as n6=0.5; the rest is shared out among the others."""
    named = {int(name[1:]): chance for name, chance in chances.items()}
    rest = (1 - sum(named.values())) / (MOST_DIGITS + 1 - len(named))
    return np.array([named.get(number, rest) for number in range(MOST_DIGITS + 1)])


def test_a_head_that_says_what_it_usually_says_changes_nothing():
    alone = count_chances([0.9, 0.8, 0.9, 0.7, 0.6, 0.4])
    usual = head_of(n5=0.85)
    np.testing.assert_allclose(witnessed(alone, usual, usual), alone)  # no number has a start


def test_six_is_heard_although_the_head_still_finds_five_likelier():
    alone = count_chances([0.95] * 5 + [0.45])
    usual, here = head_of(n5=0.9, n6=0.05), head_of(n5=0.6, n6=0.35)
    assert alone.argmax() == 5
    assert witnessed(alone, here, usual).argmax() == 6
    assert witnessed(alone, head_of(n5=0.97, n6=0.01), usual)[5] > alone[5]


def test_numbers_beyond_the_heads_last_share_its_chance_and_zeros_are_no_end():
    alone = count_chances([0.9] * 14)
    usual = head_of(n5=0.9)
    found = witnessed(alone, head_of(n9=0.9), usual)
    assert found.argmax() == alone.argmax() > MOST_DIGITS
    np.testing.assert_allclose(witnessed(np.array([0.0, 1.0]), np.eye(MOST_DIGITS + 1)[5], usual), [0.0, 1.0])


@pytest.mark.parametrize("n", [3, 5, 7])
def test_the_surest_lines_are_chosen_as_many_as_is_likeliest(n):
    lines = fan(n).assemble()
    model = judging_by("heat", even=0.5, weight=8.0)
    flat = np.full(MOST_DIGITS + 1, 1 / (MOST_DIGITS + 1))
    chances = np.full(n, 0.9)
    chances[1] = 0.3
    found = belief(lines, chances, flat, model, 56)
    assert found.chosen == (0, *range(2, n))
    assert found.surety == pytest.approx(0.9 ** (n - 1) * 0.7)  # each line judged rightly by itself
    heard = belief(lines, chances, head_of(**{f"n{n}": 0.9}), model, 56)
    assert heard.chosen == tuple(range(n))
    assert heard.surety > found.surety
    assert belief([], np.zeros(0), flat, model, 56).chosen == ()


def test_a_model_of_other_features_is_refused():
    tree = {"feature": [0, 0, 0], "threshold": [0.5, 0, 0], "left": [1, -1, -1], "right": [2, -1, -1], "value": [0, -1.0, 1.0]}  # fmt: skip
    data = {"features": list(LINE_FEATURES), "trees": [tree], "bias": 0.25, "usual_counts": [0.1] * (MOST_DIGITS + 1)}
    assert model_from(data).trees.bias == 0.25
    with pytest.raises(ValueError, match="usual chances"):
        model_from(data | {"usual_counts": [1.0]})
    with pytest.raises(ValueError, match="expected the features"):
        model_from(data | {"features": ["heat"]})
    with pytest.raises(ValueError, match="expected trees"):
        model_from(data | {"trees": []})


@pytest.fixture
def no_model_kept():
    digit_beliefs.shipped_model.cache_clear()
    yield
    digit_beliefs.shipped_model.cache_clear()


@pytest.mark.usefixtures("no_model_kept")
def test_a_missing_file_is_told_not_replaced_by_a_guess(monkeypatch):
    monkeypatch.setattr(digit_beliefs, "FILE", "nowhere.json")
    with pytest.raises(AssetMissing, match=r"nowhere\.json"):
        digit_beliefs.shipped_model()


@pytest.mark.usefixtures("no_model_kept")
def test_a_broken_file_is_told(tmp_path, monkeypatch):
    file = tmp_path / "digit_lines.json"
    file.write_text(json.dumps({"features": []}))
    monkeypatch.setattr(digit_beliefs, "shipped_file", lambda name: file)
    with pytest.raises(ModelCorrupt, match="model of lines"):
        digit_beliefs.shipped_model()
