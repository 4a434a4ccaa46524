"""Codes are a contract, and a finding cannot say more than its number."""

from __future__ import annotations

import pytest
from synthetic import finding

from limbfix.findings import CODES, DefectCode, Severity, codes_matching
from limbfix.policies import Policy

PUBLISHED = [
    "hand.extra_digit",
    "hand.missing_digit",
    "hand.fused_digits",
    "hand.malformed",
    "hand.wrong_side",
    "hand.proportion",
    "foot.malformed",
    "person.extra_arm",
    "person.missing_arm",
    "person.extra_leg",
    "person.missing_leg",
    "person.extra_hand",
    "person.missing_hand",
    "person.extra_foot",
    "person.missing_foot",
    "person.detached_limb",
    "person.proportion",
    "person.joint_angle",
]


def test_the_published_codes_are_all_there_and_none_was_renamed():
    assert list(CODES) == PUBLISHED


def test_a_family_selects_its_codes_and_no_prefix_of_a_word_does():
    assert codes_matching("hand") == tuple(code for code in CODES if code.startswith("hand."))
    assert codes_matching("hand.extra_digit") == ("hand.extra_digit",)
    assert codes_matching("han") == codes_matching("hand.extra") == codes_matching("") == ()


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        (0.0, Severity.INFO),
        (0.4999, Severity.INFO),
        (0.5, Severity.WARNING),
        (0.7999, Severity.WARNING),
        (0.8, Severity.ERROR),
        (1.0, Severity.ERROR),
    ],
)
def test_severity_is_a_band_of_the_score(score, severity):
    assert finding(score).severity is severity


def test_the_bands_are_the_default_thresholds():
    assert Severity.of_score(Policy().reject_at) is Severity.ERROR
    assert Severity.of_score(Policy().flag_at) is Severity.WARNING


def test_the_worst_severity_is_the_largest():
    assert max(Severity) is Severity.ERROR


@pytest.mark.parametrize("score", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_score_that_is_no_chance_is_refused(score):
    with pytest.raises(ValueError, match="expected 0-1"):
        finding(score)


def test_codes_are_words_of_part_and_fault():
    assert all(code.value.count(".") == 1 and code.value == code.value.lower() for code in DefectCode)
