"""A hand far from both seen wrists hangs on no arm; a hand whose arm may be hidden, cut or another's does not count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import (
    SILENT,
    bare_person,
    changed,
    clean_person,
    loudest,
    measures,
    metric_person,
    mirrored,
    place,
    sure_hand,
    verdict,
    with_keypoints,
)
from synthetic import face, hand, scene

from limbfix.checks.attachment import SURE_HAND, attachment
from limbfix.findings import DefectCode
from limbfix.verdicts import Outcome

BODY = metric_person()


def loose(gap, size=60, body=BODY, **options):
    """A hand that starts `gap` px above the left wrist."""
    x, y = place(body, "left_wrist")
    return sure_hand(x, y - gap, size, angle_deg=0, **options)


def test_hands_at_their_wrists_are_silent():
    found = attachment(scene(*clean_person()))
    assert len(found) == 2
    assert loudest(found) < SILENT


def test_a_hand_far_from_both_wrists_flags_with_the_distance():
    made = scene(BODY, loose(400))
    (found,) = attachment(made)
    assert found.code is DefectCode.PERSON_DETACHED_LIMB
    assert found.measured == pytest.approx(400 / made.hands[0].part.box.size, rel=0.01)
    assert found.defect_score >= 0.5
    assert "hangs on no arm" in found.message
    assert (found.person_index, found.hand_index, found.box) == (0, 0, made.hands[0].part.box)
    assert verdict(made, (found,)).outcome is Outcome.FLAG


def test_distance_alone_never_rejects():
    assert loudest(attachment(scene(BODY, loose(430, 10)))) < 0.8


@pytest.mark.parametrize("offset", [(0, 0), (30, 0), (0, -40), (-35, 20)])
def test_a_fist_half_a_hand_from_its_wrist_hangs_on_its_arm(offset):
    x, y = place(BODY, "left_wrist")
    found = attachment(scene(BODY, sure_hand(x + offset[0], y + offset[1], 80)))
    assert len(found) == 1
    assert loudest(found) < SILENT


def test_crossed_arms_are_silent():
    body = metric_person(moved={"left_wrist": (420, 420), "right_wrist": (580, 420)})
    made = scene(body, sure_hand(420, 420, angle_deg=180), sure_hand(580, 420, angle_deg=0))
    assert loudest(attachment(made)) < SILENT


@pytest.mark.parametrize("joint", ["left_wrist", "right_wrist", "left_elbow", "right_shoulder"])
@pytest.mark.parametrize("how", ["unseen", "absent"])
def test_where_an_arm_is_not_seen_the_hand_may_hang_on_it(joint, how):
    body = metric_person(**{how: (joint,)})
    assert attachment(scene(body, sure_hand(600, 200, 60))) == ()


def test_a_hand_cut_by_the_frame_is_not_judged():
    body = metric_person(180, 500, 800)
    assert loudest(attachment(scene(body, sure_hand(20, 200, 60, angle_deg=0)))) >= SILENT
    made = scene(body, sure_hand(1, 200, 60, angle_deg=0))
    assert made.hands[0].part.box.touches_edge(1000, 1000)
    assert made.hands[0].person_index == 0
    assert attachment(made) == ()


def test_a_hand_between_two_people_belongs_to_neither():
    one, two = metric_person(400, height=600), metric_person(560, height=600)
    made = scene(one, two, sure_hand(480, 300, 40))
    assert made.hands[0].person_index is None
    assert attachment(made) == ()


@pytest.mark.parametrize("score", [None, SURE_HAND - 0.01])
def test_an_unsure_hand_is_not_judged(score):
    assert attachment(scene(BODY, loose(400, score=score))) == ()


@pytest.mark.parametrize(
    "parts",
    [(face(500, 300), sure_hand(500, 600)), (sure_hand(500, 500),), (bare_person(), sure_hand(500, 500)), (BODY,)],
)
def test_without_arms_or_without_hands_there_is_nothing_to_measure(parts):
    assert attachment(scene(*parts)) == ()


def test_a_bare_hand_box_far_from_the_wrists_is_not_measured():
    assert attachment(scene(BODY, replace(loose(400), keypoints=None))) == ()


def test_a_hand_whose_wrist_is_absent_is_not_measured():
    made = hand(600, 200, 60)
    xy = made.keypoints.xy.copy()
    xy[0] = np.nan
    assert attachment(scene(BODY, with_keypoints(made, xy))) == ()


@given(st.floats(60, 440), st.floats(60, 440))
def test_further_away_never_scores_lower(first, second):
    near, far = sorted((first, second))
    assert loudest(attachment(scene(BODY, loose(near)))) <= loudest(attachment(scene(BODY, loose(far)))) + 1e-3


@pytest.mark.parametrize("elsewhere", [{"scale": 2}, {"shift": (60, -40)}], ids=str)
def test_place_size_and_mirror_do_not_matter(elsewhere):
    parts = (BODY, loose(300))
    expected = measures(attachment(scene(*parts)))
    assert expected
    assert measures(attachment(scene(*changed(parts, **elsewhere), width=2000, height=2000))) == expected
    assert measures(attachment(scene(*mirrored(parts)))) == expected
