"""Readings become chances and scores: more evidence never scores lower, and what nobody judged has no score."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from limbfix import hand_scores
from limbfix.digit_beliefs import count_chances
from limbfix.digits import CannotTell, Digit, HandReading
from limbfix.geometry import Box
from limbfix.hand_scores import HandModel, models_from, opinion_features, read_features, scored
from limbfix.parts import Part, PartKind


def digit(index: int, score: float = 0.9, forked: bool = False) -> Digit:
    line = np.array([[10.0 * index, 40.0], [10.0 * index, 10.0]], np.float32)
    return Digit(digit_index=index, is_thumb=None, polyline=line, joints=("pip", "tip"), score=score, forked=forked)


def features(judgements=(0.0,) * 6, present=5, digits: int = 5, **changes: float) -> dict[str, float]:
    counts = np.full((2, 10), -4.0)
    counts[:, present] = 4.0
    sizes = {"box_px": 64.0, "sharpness": 1.0} | changes
    lines = count_chances([0.9] * digits)
    return read_features(
        np.array(judgements), counts, [digit(i) for i in range(digits)], 0.0, line_counts=lines, **sizes
    )


def hand(**reading) -> Part:
    made = HandReading(digits=(), count=None, cannot_tell=CannotTell.UNCERTAIN, **reading)
    return Part(kind=PartKind.HAND, box=Box(0, 0, 64, 64), detection_score=0.9, detector="test", reading=made)


def model(**changes) -> HandModel:
    given = {
        "features": ("wrong",), "mean": (0.0,), "scale": (1.0,), "weights": (1.0,), "bias": 0.0,
        "chances": ((-2.0, 0.1), (2.0, 0.9)), "knots": ((0.0, 0.0), (1.0, 0.5), (2.0, 0.8), (4.0, 1.0)),
    } | changes  # fmt: skip
    return HandModel(**given)


MODELS = {
    "alone": {"any": model(), "hand.extra_digit": model(features=("more",))},
    "with_opinion": {
        "any": model(features=("wrong", "spread"), mean=(0.0, -3.0), scale=(1.0, 1.0), weights=(1.0, 1.0))
    },
}


def test_a_sixth_digit_speaks_for_more_and_a_fourth_for_fewer():
    five, six, four = features(), features(present=6, digits=6), features(present=4, digits=4)
    assert six["more"] > five["more"] and six["lines_more"] > five["lines_more"] == pytest.approx(-math.log(999))
    assert four["fewer"] > five["fewer"] and four["lines_fewer"] > five["lines_fewer"] > six["lines_fewer"]


def test_seven_lines_are_more_surely_too_many_than_six():
    assert features(present=7, digits=7)["lines_more"] > features(present=6, digits=6)["lines_more"]


def test_features_are_finite_for_a_hand_without_digits():
    assert all(math.isfinite(value) for value in features(digits=0, sharpness=0.0, box_px=0.0).values())


def test_more_evidence_never_scores_lower():
    scores = []
    for strength in np.linspace(-6, 6, 25):
        part = scored(hand(features=features(judgements=(strength, *[-6.0] * 5))), MODELS)
        scores.append((part.reading.probability, part.reading.scores["hand.malformed"]))
    assert scores == sorted(scores)
    assert scores[0][1] == 0 and scores[-1][1] == 1


def test_that_something_is_wrong_is_no_less_likely_than_that_one_thing_is():
    calm = hand(features=features(judgements=(-6.0,) * 6))
    without, with_it = (
        scored(calm, {"alone": MODELS["alone"] | {"hand.extra_digit": model(bias=bias)}}).reading
        for bias in (-9.0, 12.0)
    )
    assert (without.probability, with_it.probability) == (0.1, 0.9)
    assert with_it.look_probability == without.look_probability == 0.1


def test_a_hand_without_a_reading_or_models_gets_no_score():
    bare = replace(hand(), reading=None)
    assert scored(bare, MODELS) is bare
    assert scored(hand(), MODELS).reading.probability is None
    assert scored(hand(features=features()), None).reading.scores == {}


def test_a_second_opinion_switches_to_the_models_that_know_it():
    part = replace(hand(features=features()), views=(6, 6), spread=0.03, side_score=0.99)
    doubted = replace(part, spread=0.3)
    calm, wild = (scored(one, MODELS).reading for one in (part, doubted))
    assert set(calm.scores) == {"hand.malformed"}
    assert wild.probability > calm.probability


def test_an_opinion_without_keypoints_is_doubt_and_not_absence():
    part = replace(hand(features=features()), views=(0, 4))
    assert opinion_features(part) == pytest.approx({"unseen": 1.0, "spread": math.log(0.16), "side_doubt": 0.5})
    assert opinion_features(hand()) == {}


def test_one_wild_number_cannot_decide_alone():
    far = model(features=("size",)).logit(features(box_px=1e9))
    assert far == 4.0


def test_models_survive_json():
    rows = {"alone": {"any": {"features": ["wrong"], "mean": [0], "scale": [1], "weights": [2], "bias": 1, "chances": [[0, 0], [1, 1]], "knots": [[0, 0], [1, 1]]}}}  # fmt: skip
    read = models_from(json.loads(json.dumps(rows)))["alone"]["any"]
    assert read.logit({"wrong": 0.5}) == 2.0
    with pytest.raises(KeyError):
        models_from({"alone": {"any": {"features": []}}})


def test_the_parsers_judgements_have_the_same_names_and_order():
    from limbfix.nets import digit_parser

    assert hand_scores.JUDGEMENTS == digit_parser.JUDGEMENTS


@pytest.mark.parametrize(
    ("count", "score"), [(6, hand_scores.COUNTED_MORE), (5, hand_scores.COUNTED_USUAL), (None, None)]
)
def test_a_counted_sixth_digit_is_told_without_a_model_of_its_code(count, score):
    models = {"alone": {"any": model()}}
    why = None if count else CannotTell.UNCERTAIN
    made = replace(hand(), reading=HandReading(digits=(), count=count, cannot_tell=why, features=features()))
    assert scored(made, models).reading.scores.get("hand.extra_digit") == score


@pytest.mark.parametrize(("more", "score"), [(0.0, hand_scores.COUNTED_MORE), (3.0, 0.9)])
def test_a_counted_sixth_digit_scores_no_less_than_its_model_says(more, score):
    models = {"alone": {"any": model(), "hand.extra_digit": model(features=("more",))}}
    known, six = features() | {"more": more}, tuple(digit(i) for i in range(6))
    made = replace(hand(), reading=HandReading(digits=six, count=6, cannot_tell=None, features=known))
    assert scored(made, models).reading.scores["hand.extra_digit"] == pytest.approx(score)


@pytest.mark.parametrize(("shown", "score"), [(0, hand_scores.UNSHOWN_CAP), (5, hand_scores.UNSHOWN_CAP), (6, 0.9)])
def test_a_sixth_digit_that_nobody_sees_rejects_no_picture(shown, score):
    models = {"alone": {"any": model(), "hand.extra_digit": model(features=("more",))}}
    digits = tuple(digit(i) for i in range(shown))
    known = features() | {"more": 3.0}
    made = HandReading(digits=digits, count=None, cannot_tell=CannotTell.UNCERTAIN, features=known)
    assert scored(replace(hand(), reading=made), models).reading.scores["hand.extra_digit"] == pytest.approx(score)
