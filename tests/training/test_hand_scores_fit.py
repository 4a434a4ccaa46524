"""Fitting the hand scores: votes are equal, thresholds hold the promised shares of real hands, and what comes out can be loaded."""

from __future__ import annotations

import json

import numpy as np
import pytest

from limbfix.hand_scores import ANY, models_from
from limbfix.training.hand_score_rows import HandRow
from limbfix.training.hand_scores import (
    DOUBT,
    FLAGGED,
    LOOKS,
    REJECTED,
    committee,
    fit_all,
    knots_of,
    logits,
    summary,
    thresholds,
    thresholds_everywhere,
)


def row(rng: np.random.Generator, *faults: str, group: str = "", order: int = 0, opinion: bool = True) -> HandRow:
    shift = 2.0 * bool(faults)
    features = {"appearance": 3 * rng.normal() + 3 * shift, "wrong": 5 + rng.normal() + shift}
    features |= {"extra_digit": rng.normal() + 3 * ("hand.extra_digit" in faults), "more": 0.0, "lines_more": 0.0}
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
    numbers = {"a": rng.normal(size=2000), "b": rng.normal(3, 5, 2000)}
    for share in (FLAGGED, REJECTED):
        at = thresholds(numbers, share)
        above = np.any([numbers[code] > at[code] for code in numbers], axis=0).mean()
        assert share - 0.01 <= above <= share + 1e-9


def test_a_hard_folder_lifts_the_threshold_for_all():
    rng = np.random.default_rng(4)
    numbers = {"a": np.concatenate([rng.normal(0, 1, 900), rng.normal(3, 1, 100)])}
    sources = ["easy"] * 900 + ["hard"] * 100
    at = thresholds_everywhere(numbers, sources, REJECTED)["a"]
    assert (numbers["a"][900:] > at).mean() <= REJECTED
    assert at > thresholds(numbers, REJECTED)["a"]


def test_knots_rise_and_go_through_both_thresholds():
    knots = knots_of(np.random.default_rng(2).normal(size=500), 1.3, 2.1)
    at, scores = zip(*knots, strict=True)
    assert list(at) == sorted(at) and list(scores) == sorted(scores)
    assert dict(knots)[1.3] == 0.5 and dict(knots)[2.1] == 0.8


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
