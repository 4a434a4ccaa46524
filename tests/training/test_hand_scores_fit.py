"""Fitting the hand scores: votes are equal, thresholds hold the promised shares of real hands, and what comes out can be loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limbfix.geometry import Box
from limbfix.hand_scores import ANY, models_from
from limbfix.images import Picture
from limbfix.parts import Part, PartKind
from limbfix.training.hand_score_rows import HandRow, real_rows
from limbfix.training.hand_scores import DOUBT, LOOKS, chances, committee, fit_all, logits, summary, weighed
from limbfix.training.photograph_halves import fits_lines
from limbfix.training.score_thresholds import (
    CODE_SHARE,
    FLAGGED,
    REJECTED,
    any_threshold,
    code_thresholds,
    knots_of,
)


def row(rng: np.random.Generator, *faults: str, group: str = "", order: int = 0, opinion: bool = True) -> HandRow:
    shift = 2.0 * bool(faults)
    features = {"appearance": 3 * rng.normal() + 3 * shift, "wrong": 5 + rng.normal() + shift}
    features |= {"lines_more": rng.normal() + 3 * ("hand.extra_digit" in faults), "weakest": 0.1 * rng.normal()}
    features["size"] = rng.normal()
    features["appearance"] -= 4 * features["size"]  # small hands look melted
    features |= {"missing_digit": 0.0, "fewer": 0.0, "fused_digits": 0.0}
    if opinion:
        features |= {"spread": rng.normal(), "side_doubt": 0.1 * rng.random(), "unseen": rng.random()}
    return HandRow(features=features, faults=frozenset(faults), group=group, order=order, source="toys")


@pytest.fixture(scope="module")
def rows() -> tuple[list[HandRow], list[HandRow]]:
    rng = np.random.default_rng(0)
    real = [row(rng, group=f"real{i}") for i in range(300)]
    made = []
    for i in range(120):
        code = "hand.extra_digit" if i % 2 else "hand.malformed"
        made += [row(rng, group=f"g{i}"), row(rng, code, group=f"g{i}", order=1)]
    return made, real


def bars(numbers, sources, share) -> dict[str, float]:
    """All thresholds, those of codes read off the same hands."""
    codes = {code: values for code, values in numbers.items() if code != ANY}
    own = code_thresholds(codes, sources, share)
    return own | {ANY: any_threshold(numbers, sources, share, own)}


def test_every_opinion_has_its_votes_on_the_scale_of_real_hands(rows):
    _, real = rows
    model = committee(real, (*LOOKS, DOUBT))
    for votes, opinion in (*LOOKS, DOUBT):
        alone = model | {
            "weights": [w if n in opinion else 0.0 for n, w in zip(model["features"], model["weights"], strict=True)]
        }
        assert abs(logits(alone, real).std() - votes) < 0.1


def test_the_promised_shares_of_real_hands_lie_above_the_thresholds_of_all_codes_together():
    rng = np.random.default_rng(1)
    numbers = {ANY: rng.normal(size=2000), "b": rng.normal(3, 5, 2000)}
    for share in (FLAGGED, REJECTED):
        at = bars(numbers, ["one"] * 2000, share)
        above = np.any([numbers[code] > at[code] for code in numbers], axis=0).mean()
        assert share - 0.01 <= above <= share + 1e-9


def test_a_code_takes_its_share_of_the_false_alarms_and_no_more():
    rng = np.random.default_rng(1)
    numbers = {ANY: rng.normal(size=2000), "b": rng.normal(3, 5, 2000)}
    at, alone = (bars(some, ["one"] * 2000, FLAGGED) for some in (numbers, {ANY: numbers[ANY]}))
    assert (numbers["b"] > at["b"]).mean() == pytest.approx(CODE_SHARE * FLAGGED, abs=1e-3)
    assert (numbers[ANY] > at[ANY]).mean() == pytest.approx((1 - CODE_SHARE) * FLAGGED, abs=5e-3)
    assert (numbers[ANY] > alone[ANY]).mean() == pytest.approx(FLAGGED, abs=1e-3)


def test_codes_have_the_same_thresholds_with_and_without_an_opinion(rows):
    made, real = rows
    # the hands with the most lines have no opinion: a threshold read off the others would be lower
    ranked = sorted(real, key=lambda one: one.features["lines_more"] - 2 * one.features["weakest"])
    lonely = [
        replace(one, features={k: v for k, v in one.features.items() if k not in DOUBT[1]}) for one in ranked[-9:]
    ]
    models = fit_all(made, [*ranked[:-9], *lonely], counts=True)
    code = "hand.extra_digit"
    assert models["alone"][code] | {"knots": 0} == models["with_opinion"][code] | {"knots": 0}
    flags = [dict((score, at) for at, score in models[kind][code]["knots"]) for kind in models]
    assert flags[0][0.5] == flags[1][0.5] and flags[0][0.8] == flags[1][0.8]


def test_a_hard_folder_lifts_the_threshold_for_all():
    rng = np.random.default_rng(4)
    numbers = {ANY: np.concatenate([rng.normal(0, 1, 900), rng.normal(3, 1, 100)])}
    sources = ["easy"] * 900 + ["hard"] * 100
    at = bars(numbers, sources, REJECTED)[ANY]
    assert (numbers[ANY][900:] > at).mean() <= REJECTED
    assert at > bars(numbers, ["one"] * 1000, REJECTED)[ANY]


def test_a_folder_too_small_for_a_share_of_it_does_not_set_where_a_code_flags():
    rng = np.random.default_rng(6)
    numbers = {"b": np.concatenate([rng.normal(0, 1, 2000), rng.normal(0, 1, 90), np.full(10, 50.0)])}
    sources = ["large"] * 2000 + ["small"] * 100
    flag, reject = (code_thresholds(numbers, sources, share)["b"] for share in (FLAGGED, REJECTED))
    assert flag == np.quantile(numbers["b"], 1 - CODE_SHARE * FLAGGED, method="higher") < 50
    assert reject == pytest.approx(50)  # of no folder a five-hundredth are five hands: then the hardest of all decides


def test_thresholds_of_codes_are_read_off_photographs_that_fitted_no_lines(rows):
    made, real = rows
    changed = [
        index for index in range(1, len(real), 2) if fits_lines(real[index].group)
    ]  # every second one scales the model
    assert 40 < len(changed) < 110
    surer = list(real)
    for index in changed:
        surer[index] = replace(real[index], features=real[index].features | {"lines_more": 20.0})
    knots, same = (fit_all(made, some, counts=True)["alone"]["hand.extra_digit"]["knots"] for some in (real, surer))
    assert same == knots


def test_what_is_weighed_by_hand_keeps_its_weights_on_any_hands(rows):
    made, real = rows
    model = weighed(made, real, {"lines_more": 1.0, "weakest": -2.0}, "hand.extra_digit")
    few = real[:40]
    wanted = [one.features["lines_more"] - 2 * one.features["weakest"] for one in few]
    found = logits(model, few)
    assert np.allclose(found - found.mean(), np.array(wanted) - np.mean(wanted), atol=1e-3)
    assert model["auroc"] > 0.95
    chance = dict(model["chances"])
    assert chance[max(chance)] > 0.9 > 0.1 > chance[min(chance)]


def test_where_a_code_is_silent_the_rest_keeps_its_share():
    """A code that one folder finds hard takes nothing from `any` in the others."""
    rng = np.random.default_rng(5)
    code = np.concatenate([np.full(1000, -5.0), rng.normal(size=1000)])
    sources = ["easy"] * 1000 + ["hard"] * 1000
    numbers = {ANY: np.concatenate([rng.normal(3, 1, 1000), rng.normal(size=1000)]), "b": code}
    alone = bars({ANY: numbers[ANY]}, sources, FLAGGED)
    assert bars(numbers, sources, FLAGGED)[ANY] == pytest.approx(alone[ANY])


def test_a_code_that_takes_more_here_than_where_its_threshold_was_read_leaves_the_rest_its_share():
    rng = np.random.default_rng(7)
    numbers = {ANY: rng.normal(size=2000), "b": rng.normal(size=2000)}
    greedy = {"b": float(np.quantile(numbers["b"], 0.88))}  # 12 % of a share of 10 %
    at = any_threshold(numbers, ["one"] * 2000, FLAGGED, greedy)
    own = (numbers[ANY] > at) & (numbers["b"] <= greedy["b"])
    assert own.mean() == pytest.approx((1 - CODE_SHARE) * FLAGGED, abs=2e-3)


def test_below_its_flag_a_code_says_nothing():
    knots = knots_of(np.random.default_rng(2).normal(-6, 2, size=500), 1.3, 2.1, steep=True)
    at, scores = zip(*knots, strict=True)
    assert np.interp([-9, 0.5, 0.9, 1.3, 2.1], at, scores) == pytest.approx([0, 0, 0.05, 0.5, 0.8], abs=1e-3)


def test_knots_rise_and_go_through_both_thresholds():
    knots = knots_of(np.random.default_rng(2).normal(size=500), 1.3, 2.1)
    at, scores = zip(*knots, strict=True)
    assert list(at) == sorted(at) and list(scores) == sorted(scores)
    assert dict(knots)[1.3] == 0.5 and dict(knots)[2.1] == 0.8


def test_hands_that_look_differently_wrong_have_different_chances_and_these_are_right():
    rng = np.random.default_rng(4)
    numbers = rng.normal(0, 2, 4000)
    truth = rng.random(4000) < 1 / (1 + np.exp(-numbers))
    at, chance = np.array(chances(numbers, truth)).T
    assert (np.diff(at) > 0).all()
    assert (np.diff(chance) > 0).all()
    asked = np.linspace(-3, 3, 25)
    assert np.interp(asked, at, chance) == pytest.approx(1 / (1 + np.exp(-asked)), abs=0.06)


def test_a_number_that_says_nothing_gets_one_chance():
    assert chances(np.arange(4.0), np.array([True, False, True, False])) == [[1.5, 0.5]]


def test_models_load_score_and_rank(rows):
    made, real = rows
    fitted = fit_all(made, real, counts=True)
    models = models_from(json.loads(json.dumps(fitted)))
    assert set(models) == {"alone", "with_opinion"}
    assert set(models["alone"]) == {ANY, "hand.extra_digit"}  # the other codes have no made hands
    model = models["with_opinion"][ANY]
    assert model.logit(made[1].features) == pytest.approx(
        float(logits(fitted["with_opinion"][ANY], made[1:2])[0]), abs=1e-4
    )
    facts = summary(fitted, made, real)
    assert facts["with_opinion pairs"] > 0.8
    assert facts["alone hand.extra_digit auroc"] > 0.9
    flagged = np.mean(
        logits(fitted["alone"][ANY], real) > dict((s, at) for at, s in fitted["alone"][ANY]["knots"])[0.5]
    )
    assert flagged <= FLAGGED


def test_a_parser_whose_counts_are_not_told_gets_no_models_of_codes(rows):
    assert {kind: set(models) for kind, models in fit_all(*rows, counts=False).items()} == {
        "alone": {ANY},
        "with_opinion": {ANY},
    }


def test_without_second_opinions_there_is_no_model_that_wants_one():
    rng = np.random.default_rng(3)
    real = [row(rng, group=f"r{i}", opinion=False) for i in range(60)]
    made = [
        row(rng, *(["hand.malformed"] if i % 2 else []), group=f"g{i // 2}", order=i % 2, opinion=False)
        for i in range(80)
    ]
    assert set(fit_all(made, real, counts=False)) == {"alone"}


def test_a_photograph_is_one_group_in_all_of_its_sizes(tmp_path):
    """A hand that is looked at in three sizes must not be in the fit and among the hands that are left out of it."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (200, 200)).save(tmp_path / name)

    reading: Any = SimpleNamespace(features={})
    hand = Part(kind=PartKind.HAND, box=Box(0, 0, 60, 60), detection_score=1.0, detector="toy", reading=reading)

    class Eyes:
        def read(self, picture: Picture, boxes: object) -> list[Part]:
            raise AssertionError("photographs have no boxes")

        def find(self, picture: Picture) -> list[Part]:
            return [hand]

    groups = [row.group for row in real_rows(tmp_path, Eyes(), 10, (1.0, 0.5))]
    assert groups == [f"{tmp_path.name}/{name}" for name in ("a.png", "a.png", "b.png", "b.png")]
