"""Too many and too few digits are told with their numbers and place, and what is hidden is never missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from read_hands import QUIET, forked, read_hand, reading
from scenes import clean_person, sure_hand, verdict
from synthetic import scene

from limbfix.checks.digit_count import digit_count
from limbfix.digits import CannotTell
from limbfix.findings import DefectCode
from limbfix.parts import Side
from limbfix.policies import Policy
from limbfix.verdicts import Outcome

EXTRA, MISSING = DefectCode.HAND_EXTRA_DIGIT, DefectCode.HAND_MISSING_DIGIT


def found(**options):
    return {one.code: one for one in digit_count(scene(read_hand(**options)))}


def test_a_hand_with_five_digits_is_measured_and_silent():
    both = found(number=5)
    assert set(both) == {EXTRA, MISSING}
    assert {(one.measured, one.expected, one.unit) for one in both.values()} == {(5, 5, "digits")}
    assert [both[code].defect_score for code in (EXTRA, MISSING)] == [QUIET[EXTRA], QUIET[MISSING]]
    assert both[EXTRA].message == both[MISSING].message
    assert "has 5 digits; 5 are expected." in both[EXTRA].message


@pytest.mark.parametrize("number", [6, 7, 8, 11])
def test_more_than_five_are_told_with_their_number_and_no_cap(number):
    made = scene(read_hand(number=number, scores={EXTRA: 0.93}))
    extra = digit_count(made)[0]
    assert (extra.measured, extra.defect_score) == (number, 0.93)
    assert f"has {number} digits; 5 are expected." in extra.message
    assert extra.box == made.hands[0].part.box, "nobody knows which of them it is"
    assert verdict(made, digit_count(made)).outcome is Outcome.REJECT


def test_a_known_extra_digit_gives_the_place_and_its_number():
    made = scene(read_hand(read=forked(6, scores={EXTRA: 0.9})))
    extra = digit_count(made)[0]
    line = made.hands[0].part.reading.digits[5].polyline
    assert extra.box.x_min <= line[:, 0].min() and line[:, 0].max() <= extra.box.x_max
    assert extra.box.area < 0.7 * made.hands[0].part.box.area
    assert "number 6 is too many" in extra.message


def test_an_extra_digit_without_a_mask_has_the_place_of_its_line_with_a_margin():
    read = forked(6, scores={EXTRA: 0.9})
    bare = replace(read, digits=tuple(replace(one, mask=None) for one in read.digits))
    line, box = bare.digits[5].polyline, digit_count(scene(read_hand(read=bare)))[0].box
    assert box.x_min < line[:, 0].min() and box.y_max > line[:, 1].max()
    assert box.size < 1.5 * (line.max(0) - line.min(0)).max()


@pytest.mark.parametrize("number", [0, 1, 3, 4])
def test_fewer_than_five_are_told_with_their_number(number):
    missing = found(number=number, scores={MISSING: 0.9})[MISSING]
    assert missing.measured == number
    assert f"has {number} digit" in missing.message
    assert "; 5 are expected." in missing.message


@pytest.mark.parametrize("why", list(CannotTell))
def test_a_hand_that_cannot_be_counted_is_never_short_of_a_digit(why):
    assert set(found(number=3, cannot_tell=why, scores={MISSING: 0.95})) == {EXTRA}


def test_six_that_are_seen_are_six_though_others_may_be_hidden():
    extra = found(number=6, cannot_tell=CannotTell.OCCLUDED, scores={EXTRA: 0.85})[EXTRA]
    assert (extra.measured, extra.defect_score) == (6, 0.85)
    assert "shows 6 digits (occluded); 5 are expected." in extra.message


def test_a_hand_that_nobody_read_is_not_counted():
    assert digit_count(scene(sure_hand(500, 500), *clean_person())) == ()


def test_a_code_without_a_score_has_no_finding():
    assert digit_count(scene(read_hand(read=replace(reading(6), scores={})))) == ()


def test_a_look_without_a_count_says_that_it_is_a_look():
    assert "it looks like a hand with one too many" in found(number=5, scores={EXTRA: 0.7})[EXTRA].message
    assert "it looks like a hand that lacks one" in found(number=5, scores={MISSING: 0.7})[MISSING].message


def test_digits_that_are_not_shown_have_no_number():
    """A hand whose lines nobody is sure of used to show 0 digits."""
    read = replace(reading(0), count=None, cannot_tell=CannotTell.UNCERTAIN, scores={EXTRA: 0.7})
    extra = digit_count(scene(read_hand(read=read)))[0]
    assert (extra.measured, extra.expected) == (None, 5)
    assert extra.message.endswith(
        "has digits that cannot be counted (uncertain); 5 are expected, but it looks like a hand with one too many."
    )


def test_the_message_names_side_and_place():
    made = scene(read_hand(300, 400), replace(read_hand(700, 400), side=Side.UNKNOWN))
    left, unknown = (one.message for one in digit_count(made) if one.code is EXTRA)
    x, y = made.hands[0].part.box.center
    assert left.startswith(f"The left hand around ({x:.0f}, {y:.0f}) has")
    assert unknown.startswith("The hand around (")


# The policy


def test_a_cartoon_hand_with_four_digits_is_accepted_by_name_and_one_with_three_is_not():
    four, three = (scene(read_hand(number=n, scores={MISSING: 0.9})) for n in (4, 3))
    cartoon = Policy(cartoon=True)
    accepted = verdict(four, digit_count(four), cartoon)
    assert accepted.outcome is Outcome.PASS
    assert accepted.exceptions == ("cartoon (policy)",)
    assert [one.code for one, _ in accepted.accepted] == [MISSING]
    assert verdict(three, digit_count(three), cartoon).outcome is Outcome.REJECT
    assert verdict(four, digit_count(four)).outcome is Outcome.REJECT


def test_a_prompt_of_an_amputee_excuses_missing_digits_and_no_extra_ones():
    short, long = scene(read_hand(number=2, scores={MISSING: 0.9})), scene(read_hand(number=6, scores={EXTRA: 0.9}))
    prompt = "portrait of an amputee"
    assert (
        verdict(short, digit_count(short), prompt=prompt).exceptions[0].startswith("allow missing_digit (when_prompt")
    )
    assert verdict(long, digit_count(long), prompt=prompt).outcome is Outcome.REJECT


def test_a_small_hand_is_not_judged_by_its_digits():
    tiny = scene(read_hand(500, 500, 15, number=6, scores={EXTRA: 0.9}))
    assert verdict(tiny, digit_count(tiny)).outcome is Outcome.UNJUDGED
