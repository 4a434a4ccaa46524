"""A picture's score is its worst finding's; doubts about different subjects raise it to a flag at most, and say so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import finding, scene, whole_person

from limbfix.findings import CODES, DefectCode
from limbfix.picture_scores import BELOW_REJECTION
from limbfix.picture_scores import picture_score as score_of
from limbfix.policies import Policy
from limbfix.verdicts import Outcome, judge

HAND, ARM, FOOT = DefectCode.HAND_MALFORMED, DefectCode.PERSON_EXTRA_ARM, DefectCode.FOOT_MALFORMED


REJECT_AT = Policy().reject_at


def picture_score(findings, reject_at=REJECT_AT):
    return score_of(findings, reject_at)


def hand(score: float, index: int, code: DefectCode = HAND):
    return finding(score, code, hand_index=index)


SCORES = st.lists(st.tuples(st.floats(0, 1), st.sampled_from(CODES), st.integers(0, 3)), min_size=1, max_size=8)


def made(drawn):
    return [
        finding(score, code, hand_index=who) if code.startswith("hand.") else finding(score, code, person_index=who)
        for score, code, who in drawn
    ]


@given(SCORES, st.floats(0.01, 1))
def test_never_below_the_worst_and_only_one_finding_can_lift_it_to_a_rejection(drawn, reject_at):
    worst = max(score for score, _, _ in drawn)
    value = picture_score(made(drawn), reject_at).value
    assert worst <= value <= max(worst, reject_at - BELOW_REJECTION + 1e-4)
    assert value <= 1


@given(SCORES, st.tuples(st.floats(0, 1), st.sampled_from(CODES), st.integers(0, 3)))
def test_one_finding_more_never_lowers_it(drawn, more):
    assert picture_score(made([*drawn, more])).value >= picture_score(made(drawn)).value - 1e-4


def test_one_subject_keeps_its_score_however_many_findings_it_has():
    one = picture_score(
        [hand(0.45, 0), hand(0.44, 0, DefectCode.HAND_EXTRA_DIGIT), hand(0.4, 0, DefectCode.HAND_FUSED_DIGITS)]
    )
    assert (one.value, one.together) == (0.45, ())
    body = picture_score(
        [finding(0.45, ARM, person_index=1), finding(0.44, DefectCode.PERSON_EXTRA_HAND, person_index=1)]
    )
    assert body.value == 0.45


def test_doubts_about_two_subjects_reach_a_flag_and_are_named():
    both = picture_score([hand(0.45, 0), hand(0.45, 1)])
    assert both.value == pytest.approx(0.5582, abs=1e-3)
    assert [one.hand_index for one in both.together] == [0, 1]
    mixed = picture_score([hand(0.45, 0), finding(0.4, ARM, person_index=0), finding(0.3, FOOT, person_index=0)])
    assert [one.code for one in mixed.together] == [HAND, ARM, FOOT]


def test_a_crowd_of_quiet_hands_is_no_defect():
    assert picture_score([hand(0.25, index) for index in range(40)]).value < 0.5
    assert picture_score([hand(0.1, index) for index in range(40)]).value < 0.2


def test_nothing_found_is_zero():
    assert picture_score([]).value == 0


def test_the_verdict_names_the_doubts_and_never_rejects_for_them():
    crowd = scene(*whole_person())
    doubts = [hand(0.7, index) for index in range(2)] + [finding(0.75, ARM, person_index=0)]
    result = judge(tuple(doubts), crowd, Policy().for_prompt(None))
    assert result.outcome is Outcome.FLAG
    assert result.defect_score == pytest.approx(REJECT_AT - BELOW_REJECTION)
    result = judge((hand(0.45, 0), hand(0.44, 1)), crowd, Policy().for_prompt(None))
    assert result.outcome is Outcome.FLAG
    assert result.reason.startswith(
        "2 doubts together reach 0.55, neither alone: hand.malformed 0.45 around (35, 35), hand.malformed 0.44"
    )


def test_under_any_policy_a_rejection_rests_on_one_finding():
    doubts = (*(hand(0.6, index) for index in range(2)), *(finding(0.6, code, person_index=0) for code in (ARM, FOOT)))
    for reject_at in (0.61, 0.7, 0.75, 0.8, 1.0):
        result = judge(doubts, scene(*whole_person()), Policy(reject_at=reject_at).for_prompt(None))
        assert result.outcome is Outcome.FLAG
        assert 0.6 <= result.defect_score < reject_at  # whoever acts on the score alone does as the verdict says
