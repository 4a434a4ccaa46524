"""The verdict follows the counted findings, and nothing seen or nothing measured is never a pass."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "checks"))

from read_hands import read_hand
from read_scenes import read_scene, someone
from synthetic import face, finding, hand, hands_of, person, scene, whole_person

from limbfix.bodies import BodyReading
from limbfix.checks import check
from limbfix.digits import CannotTell
from limbfix.findings import CODES
from limbfix.limb_looks import LEAST_PX, LimbLook
from limbfix.nets.limb_maps import JUDGED
from limbfix.picture_scores import picture_score
from limbfix.policies import Policy
from limbfix.verdicts import LEAST_PERSON_PX, LIST_FROM, Outcome, judge, people_passed_over

PERSON = scene(*whole_person())


def verdict(*findings, policy=None, made=PERSON, prompt=None):
    return judge(tuple(findings), made, (policy or Policy()).for_prompt(prompt))


@given(st.lists(st.tuples(st.sampled_from(CODES), st.floats(0, 1)), max_size=5))
def test_an_empty_scene_is_no_subject_whatever_was_found(found):
    result = verdict(*(finding(score, code) for code, score in found), made=scene())
    assert result.outcome is Outcome.NO_SUBJECT
    assert result.defect_score is None


@given(st.lists(st.tuples(st.sampled_from(CODES), st.floats(0, 1)), min_size=1, max_size=8))
def test_the_score_decides_and_only_the_worst_counted_one_alone_can_reject(found):
    result = verdict(*(finding(score, code) for code, score in found))
    worst = max(score for _, score in found)
    assert result.defect_score == picture_score(result.counted, Policy().reject_at).value >= worst
    expected = Outcome.REJECT if worst >= 0.8 else Outcome.FLAG if result.defect_score >= 0.5 else Outcome.PASS
    assert result.outcome is expected
    assert [one.defect_score for one in result.counted] == sorted((score for _, score in found), reverse=True)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0, 1))
def test_one_finding_more_never_lowers_the_score(scores, more):
    before = verdict(*map(finding, scores))
    after = verdict(*map(finding, [*scores, more]))
    assert after.defect_score >= before.defect_score


@pytest.mark.parametrize(
    ("score", "outcome"),
    [(0.0, "pass"), (0.4999, "pass"), (0.5, "flag"), (0.7999, "flag"), (0.8, "reject"), (1.0, "reject")],
)
def test_thresholds_count_from_themselves_on(score, outcome):
    assert verdict(finding(score)).outcome == outcome


@pytest.mark.parametrize(("flag_at", "outcome"), [(0.78, "flag"), (0.795, "flag"), (0.79999, "flag"), (0.8, "pass")])
def test_doubts_together_flag_however_near_the_bars_lie_and_never_reject(flag_at, outcome):
    doubts = [finding(0.75, "hand.malformed", hand_index=index) for index in range(2)]
    result = verdict(*doubts, policy=Policy(flag_at=flag_at, reject_at=0.8))
    assert result.outcome == outcome
    assert result.defect_score < 0.8


def test_the_reason_of_a_bad_verdict_is_the_worst_finding():
    result = verdict(finding(0.6, message="small doubt"), finding(0.95, message="six digits"))
    assert result.reason == "six digits"


def test_thresholds_are_the_policys():
    policy = Policy(flag_at=0.1, reject_at=0.2)
    assert verdict(finding(0.15), policy=policy).outcome is Outcome.FLAG
    assert verdict(finding(0.2), policy=policy).outcome is Outcome.REJECT


# Honesty: what was not measured is not fine


@pytest.mark.parametrize("made", [scene(face(500, 300)), PERSON, scene(hand(500, 500))])
def test_someone_seen_and_nothing_measured_is_unjudged(made):
    result = verdict(made=made)
    assert result.outcome is Outcome.UNJUDGED
    assert result.defect_score is None
    assert "well enough to judge" in result.reason


def test_of_somebody_too_small_nothing_is_a_pass():
    quiet = finding(0.02, "person.proportion", person_index=0)
    assert verdict(quiet, made=scene(person(500, 500, 900))).outcome is Outcome.PASS
    thumbnail = scene(person(30, 30, 50))
    assert max(one.box.size for one in thumbnail.people) < LEAST_PERSON_PX
    assert verdict(quiet, made=thumbnail).outcome is Outcome.UNJUDGED
    assert verdict(quiet, made=thumbnail, policy=Policy(out_of_view="pass")).outcome is Outcome.PASS
    assert verdict(finding(0.9, "person.extra_arm", person_index=0), made=thumbnail).outcome is Outcome.REJECT


def test_a_pass_says_who_is_too_small_beside_somebody_who_is_not():
    quiet = finding(0.02, "person.proportion", person_index=0)
    crowd = scene(person(300, 500, 900), person(800, 500, 50), person(900, 500, 50))
    told = "the limbs of 2 of 3 people were not judged as a whole (2 too small)"
    assert told in verdict(quiet, made=crowd).reason
    assert people_passed_over(crowd) == ((1, "too small"), (2, "too small"))
    assert "as a whole" not in verdict(quiet, made=scene(person(500, 500, 900))).reason


def test_a_pass_says_who_stood_behind_those_at_whom_the_limb_judge_looked():
    made = scene(person(300, 500, 900), person(800, 500, 600))
    look = LimbLook(box=made.people[0].box, logits=dict.fromkeys(JUDGED, -5.0))
    (one,) = read_scene(someone()).bodies.people
    graphs = tuple(replace(one, person_index=who.person_index, box=who.box, look=None) for who in made.people)
    both = replace(made, bodies=BodyReading(people=(replace(graphs[0], look=look), graphs[1])))
    quiet = finding(0.02, "person.proportion", person_index=0)
    assert (
        "the limbs of 1 of 2 people were not judged as a whole (1 not among the largest)"
        in verdict(quiet, made=both).reason
    )
    nobody_judges = replace(made, bodies=BodyReading(people=graphs))
    assert people_passed_over(nobody_judges) == ()


def test_limbs_are_judged_from_the_size_at_which_the_judge_looks():
    assert LEAST_PERSON_PX == LEAST_PX


def test_only_the_policy_turns_out_of_view_into_a_pass_and_the_reason_says_so():
    result = verdict(policy=Policy(out_of_view="pass"), made=scene(face(500, 300)))
    assert result.outcome is Outcome.PASS
    assert "policy passes such pictures" in result.reason


def test_out_of_view_never_passes_an_empty_picture():
    assert verdict(policy=Policy(out_of_view="pass"), made=scene()).outcome is Outcome.NO_SUBJECT


def test_findings_on_hands_too_small_to_judge_do_not_count():
    tiny = scene(hand(500, 500, 20))
    assert tiny.hands[0].part.box.size < Policy().min_hand_px
    assert verdict(finding(0.99, hand_index=0), made=tiny).outcome is Outcome.UNJUDGED
    assert verdict(finding(0.99, hand_index=0), made=tiny, policy=Policy(min_hand_px=5)).outcome is Outcome.REJECT


def test_a_small_hand_does_not_hide_what_is_wrong_with_its_person():
    parts = scene(*whole_person(height=150))
    assert parts.hands[0].part.box.size < Policy().min_hand_px
    assert verdict(finding(0.9, "person.extra_arm", person_index=0), made=parts).outcome is Outcome.REJECT


def test_when_all_findings_are_ignored_nothing_was_judged():
    assert verdict(finding(0.9), policy=Policy(ignore=("hand",))).outcome is Outcome.UNJUDGED
    assert verdict(finding(0.9), policy=Policy(select=("foot",))).outcome is Outcome.UNJUDGED


# Exceptions


def test_an_accepted_finding_does_not_count_and_is_named():
    policy = Policy(allow=("missing_arm",))
    result = verdict(finding(0.9, "person.missing_arm"), finding(0.1), policy=policy)
    assert result.outcome is Outcome.PASS
    assert result.defect_score == 0.1
    assert result.exceptions == ("allow missing_arm (policy)",)
    assert "1 finding accepted by exception" in result.reason


def test_an_exception_excuses_its_fault_only():
    policy = Policy(allow=("missing_arm",))
    result = verdict(finding(0.9, "person.missing_arm"), finding(0.85, "person.extra_leg"), policy=policy)
    assert result.outcome is Outcome.REJECT
    assert result.exceptions == ("allow missing_arm (policy)",)


def test_an_exception_used_twice_is_named_once_and_a_needless_one_not_at_all():
    policy = Policy(allow=("missing_arm",))
    twice = [finding(0.9, "person.missing_arm", person_index=0), finding(0.8, "person.missing_arm", person_index=0)]
    assert len(verdict(*twice, policy=policy).exceptions) == 1
    assert verdict(finding(LIST_FROM - 0.01, "person.missing_arm"), policy=policy).exceptions == ()


@pytest.mark.parametrize(("digits", "outcome"), [(4, "pass"), (3, "reject")])
def test_four_digits_pass_in_a_cartoon_and_three_do_not(digits, outcome):
    found = finding(0.9, "hand.missing_digit", measured=digits, expected=5, unit="digits", hand_index=0)
    assert verdict(found, finding(0.1), prompt="a cartoon of a man").outcome == outcome
    assert verdict(found, finding(0.1), policy=Policy(cartoon=True)).outcome == outcome
    assert verdict(found, finding(0.1)).outcome is Outcome.REJECT


def test_a_pass_says_what_could_not_be_seen():
    hidden = scene(*whole_person(unseen=("left_knee", "left_ankle")))
    assert "1 limb out of view" in verdict(finding(0.1), made=hidden).reason
    assert "out of view" not in verdict(finding(0.1)).reason


def test_a_body_without_a_limb_in_view_is_not_judged_however_quiet_its_measurements():
    bust = scene(person(unseen=("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "foot_index")))
    result = verdict(finding(0.02, "person.extra_arm", person_index=0), made=bust)
    assert (result.outcome, result.defect_score) == (Outcome.UNJUDGED, None)
    assert "well enough to judge" in result.reason


def test_a_body_without_a_limb_in_view_is_still_rejected_for_what_was_measured():
    bust = scene(person(unseen=("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "foot_index")))
    assert verdict(finding(0.9, "person.extra_arm", person_index=0), made=bust).outcome is Outcome.REJECT


def test_an_ignored_code_and_a_small_hand_are_named_as_exceptions():
    ignored = verdict(finding(0.9), finding(0.1, "person.extra_arm"), policy=Policy(ignore=("hand.proportion",)))
    assert ignored.outcome is Outcome.PASS
    assert ignored.exceptions == ("ignore hand.proportion (policy)",)
    small = verdict(finding(0.9, hand_index=0), finding(0.1, "person.extra_arm"), policy=Policy(min_hand_px=500))
    assert small.exceptions == ("min_hand_px 500 (policy)",)


def test_a_third_hand_counts_if_any_hand_of_its_owner_is_large_enough():
    body = person()
    made = scene(body, *hands_of(body, 80), hand(560, 420, 20))
    tiny = next(one.hand_index for one in made.hands if one.part.box.size < 32)
    found = finding(0.85, "person.extra_hand", person_index=0, hand_index=tiny)
    assert verdict(found, made=made).outcome is Outcome.REJECT


# Hands whose digits could not be counted


def read_verdict(*hands, found=None, **options):
    made = scene(*hands)
    findings = check(made) if found is None else found
    return verdict(*findings, made=made, **options)


def test_a_hand_that_was_counted_and_is_quiet_passes():
    result = read_verdict(read_hand())
    assert result.outcome is Outcome.PASS
    assert result.uncounted == ()
    assert "not counted" not in result.reason


@pytest.mark.parametrize("why", [CannotTell.NO_MODEL, CannotTell.UNCERTAIN])
def test_where_a_whole_hand_is_not_counted_its_look_is_judged_and_the_reason_says_so(why):
    result = read_verdict(read_hand(number=0, cannot_tell=why))
    assert result.outcome is Outcome.PASS
    assert result.uncounted == ((0, why),)
    assert "digits were not counted" in result.reason


@pytest.mark.parametrize("why", [CannotTell.CROPPED, CannotTell.OCCLUDED, CannotTell.BLURRED])
def test_a_hand_alone_that_could_not_be_counted_is_no_pass_however_quiet_its_look(why):
    result = read_verdict(read_hand(number=3, cannot_tell=why))
    assert (result.outcome, result.defect_score) == (Outcome.UNJUDGED, None)
    assert result.uncounted == ((0, why),)
    assert {one.hand_index for one in result.counted} == {0}, "what was measured stays in the record of the hand"


def test_the_reason_of_the_unjudged_names_why_digits_were_not_counted():
    result = read_verdict(read_hand(number=3, cannot_tell=CannotTell.OCCLUDED))
    assert result.reason.startswith("1 hand seen, but no hand, arm, leg or foot well enough to judge;")
    assert "digits were not counted on 1 of 1 hand (1 occluded)" in result.reason


@pytest.mark.parametrize(("person_index", "outcome"), [(None, Outcome.UNJUDGED), (0, Outcome.PASS)])
def test_limbs_of_a_body_that_was_refused_make_no_pass(person_index, outcome):
    made = scene(read_hand(number=3, cannot_tell=CannotTell.BLURRED))
    seen = read_scene(someone())
    assert seen.bodies is not None
    people = tuple(replace(graph, person_index=person_index) for graph in seen.bodies.people)
    made = replace(made, bodies=replace(seen.bodies, people=people))
    assert verdict(finding(0.06, "foot.malformed"), made=made).outcome is outcome


def test_a_hand_that_could_not_be_counted_is_still_rejected_for_what_it_shows():
    result = read_verdict(read_hand(number=6, cannot_tell=CannotTell.CROPPED, scores={"hand.extra_digit": 0.9}))
    assert result.outcome is Outcome.REJECT


def test_a_hand_beside_it_that_was_counted_passes_and_the_reason_says_what_was_not():
    result = read_verdict(read_hand(300), read_hand(700, number=2, cannot_tell=CannotTell.BLURRED))
    assert result.outcome is Outcome.PASS
    assert "digits were not counted on 1 of 2 hands (1 blurred)" in result.reason
    assert result.uncounted == ((1, CannotTell.BLURRED),)


def test_a_person_whose_only_hand_in_view_cannot_be_told_is_not_judged_by_the_hand_count():
    bust = person(unseen=("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "foot_index"))
    made = scene(bust, read_hand(*bust.keypoints.point("left_wrist"), number=2, cannot_tell=CannotTell.OCCLUDED))
    found = finding(0.02, "person.extra_hand", person_index=0)
    assert verdict(found, made=made).outcome is Outcome.UNJUDGED


def test_hands_that_nobody_read_are_said_not_to_be_counted():
    result = verdict(finding(0.1))
    assert result.reason.endswith("; digits were not counted.")
    assert [why for _, why in result.uncounted] == [CannotTell.NO_MODEL] * 2


def test_a_small_hand_counts_as_too_small_whatever_was_read_in_it():
    result = read_verdict(read_hand(300), read_hand(700, 500, 15, number=6))
    assert result.uncounted == ((1, CannotTell.TOO_SMALL),)
    assert "1 too small" in result.reason


def test_the_policy_may_flag_hands_that_were_not_counted():
    careful = Policy(uncounted="flag")
    hidden = read_hand(700, number=2, cannot_tell=CannotTell.OCCLUDED)
    beside = read_verdict(read_hand(300), hidden, policy=careful)
    assert beside.outcome is Outcome.FLAG
    assert beside.reason.startswith("Digits were not counted on 1 of 2 hands (1 occluded).")
    alone = read_verdict(hidden, policy=careful)
    assert (alone.outcome, alone.defect_score) == (Outcome.FLAG, 0.06)
    assert verdict(finding(0.1), policy=careful).outcome is Outcome.FLAG, "nobody looked"
    assert read_verdict(read_hand(300), policy=careful).outcome is Outcome.PASS


def test_small_hands_and_ignored_digits_are_no_ground_for_that_flag():
    careful = Policy(uncounted="flag")
    assert read_verdict(read_hand(300), read_hand(700, 500, 15), policy=careful).outcome is Outcome.PASS
    hidden = read_hand(700, number=2, cannot_tell=CannotTell.OCCLUDED)
    for other in ({"ignore": ("hand",)}, {"select": ("person",)}):
        result = read_verdict(*whole_person(200), hidden, policy=Policy(uncounted="flag", **other))
        assert result.outcome is not Outcome.FLAG
    worse = read_verdict(hidden, policy=careful, found=[finding(0.9, hand_index=0)])
    assert worse.outcome is Outcome.REJECT, "it never softens a verdict"


def test_out_of_view_pass_covers_hands_that_could_not_be_counted_and_says_so():
    result = read_verdict(read_hand(number=2, cannot_tell=CannotTell.CROPPED), policy=Policy(out_of_view="pass"))
    assert result.outcome is Outcome.PASS
    assert "policy passes such pictures" in result.reason
    assert result.uncounted == ((0, CannotTell.CROPPED),)


def test_who_accepts_four_digits_accepts_the_look_of_four_digits():
    scores = {"hand.missing_digit": 0.9, "hand.malformed": 0.95}
    cartoon = Policy(cartoon=True)
    four = read_verdict(read_hand(number=4, scores=scores), policy=cartoon)
    assert four.outcome is Outcome.PASS
    assert {one.code for one, _ in four.accepted} == {"hand.missing_digit", "hand.malformed"}
    assert four.exceptions == ("cartoon (policy)",)
    three = read_verdict(read_hand(number=3, scores=scores), policy=cartoon)
    assert three.outcome is Outcome.REJECT
    other_hand = read_verdict(
        read_hand(300, number=4, scores=scores), read_hand(700, scores={"hand.malformed": 0.9}), policy=cartoon
    )
    assert other_hand.outcome is Outcome.REJECT, "the exception is the first hand's"


def test_a_quiet_count_explains_no_bad_look():
    melted = read_hand(number=4, scores={"hand.missing_digit": 0.1, "hand.malformed": 0.9})
    assert read_verdict(melted, policy=Policy(cartoon=True)).outcome is Outcome.REJECT


def test_the_reason_is_what_can_be_counted_where_that_reaches_the_verdict_too():
    scores = {"hand.extra_digit": 0.85, "hand.malformed": 0.95}
    result = read_verdict(read_hand(number=6, scores=scores))
    assert result.defect_score == 0.95
    assert "has 6 digits" in result.reason
    weak = read_verdict(read_hand(number=6, scores=scores | {"hand.extra_digit": 0.7}))
    assert "looks wrong" in weak.reason, "0.7 alone would not reject"
    other = read_verdict(
        read_hand(300, scores={"hand.malformed": 0.95}), read_hand(700, number=6, scores={"hand.extra_digit": 0.85})
    )
    assert "looks wrong" in other.reason, "it is another hand"
