"""A large piece of a person's mask that no bone explains is found; clothes, company and the limbs themselves are not."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import (
    SILENT,
    bare_person,
    capsule_area,
    changed,
    clean_person,
    loudest,
    masked,
    measures,
    metric_person,
    mirrored,
    place,
    verdict,
)
from synthetic import face, hand, scene

from limbfix.checks.leftover import DETACHED_SCORE, leftover
from limbfix.findings import DefectCode
from limbfix.geometry import Box
from limbfix.verdicts import Outcome

ARM = ((580, 300), (850, 160), 60.0)
"""A third arm, from the left shoulder upwards to the right of the picture."""
LEG = ((560, 520), (880, 800), 80.0)
DETACHED = ((820, 180), (900, 420), 60.0)

WITHOUT_KEYPOINTS = (bare_person(), face(500, 300), hand(500, 500))


def largest(made):
    return leftover(made)[0]


def detached(made):
    return [one for one in leftover(made) if one.code is DefectCode.PERSON_DETACHED_LIMB]


def test_a_person_whose_mask_is_all_limbs_is_silent():
    (found,) = leftover(scene(*clean_person()))
    assert found.defect_score < SILENT
    assert found.measured < 0.02


@pytest.mark.parametrize(
    ("capsule", "code", "word"), [(ARM, DefectCode.PERSON_EXTRA_ARM, "arm"), (LEG, DefectCode.PERSON_EXTRA_LEG, "leg")]
)
def test_a_third_limb_is_found_with_its_place_and_area(capsule, code, word):
    made = scene(*clean_person(extra=(capsule,)))
    found = largest(made)
    assert found.code is code
    assert found.defect_score >= SILENT
    assert f"another {word}" in found.message
    torso = made.people[0].torso
    assert 0.3 * capsule_area(capsule) < found.measured * torso**2 < 1.05 * capsule_area(capsule)
    drawn = Box(
        *map(
            float, (capsule[0][0], min(capsule[0][1], capsule[1][1]), capsule[1][0], max(capsule[0][1], capsule[1][1]))
        )
    )
    assert found.box.overlap_of_smaller(drawn.grown(0.2)) > 0.95
    assert found.person_index == 0


def test_a_third_limb_alone_never_rejects():
    made = scene(*clean_person(extra=(((560, 520), (900, 620), 400.0),)))
    assert SILENT < loudest(leftover(made)) < 0.8
    assert verdict(made, leftover(made)).outcome is Outcome.FLAG


def test_a_piece_that_hangs_on_no_joint_is_a_detached_limb():
    made = scene(*clean_person(extra=(DETACHED,)))
    (found,) = detached(made)
    assert found.defect_score == DETACHED_SCORE
    assert found.measured > found.expected
    assert found.box.overlap_of_smaller(Box(790, 150, 930, 450)) > 0.95
    assert verdict(made, leftover(made)).outcome is Outcome.FLAG


def test_a_crumb_of_mask_is_no_limb():
    made = scene(*clean_person(extra=(((850, 200), (855, 205), 8.0),)))
    assert detached(made) == []
    assert loudest(leftover(made)) < SILENT


def test_a_limb_cut_off_by_an_obstacle_at_a_joint_is_not_detached():
    body = metric_person()
    x, y = place(body, "left_ankle")
    made = scene(masked(body, without=("left_ankle", "left_heel", "left_foot_index"), picture=(1000, 1000)))
    cut = masked(
        body, ((x, y - 20), (x, y + 10), 50.0), without=("left_knee", "left_ankle", "left_heel", "left_foot_index")
    )
    assert detached(made) == detached(scene(cut)) == []


def test_a_wide_skirt_is_not_flagged():
    made = scene(*clean_person(extra=(((500, 520), (500, 620), 200.0),)))
    assert verdict(made, leftover(made)).outcome is Outcome.PASS


def test_crossed_arms_and_fists_are_silent():
    crossed = masked(metric_person(moved={"left_wrist": (420, 420), "right_wrist": (580, 420)}))
    assert loudest(leftover(scene(crossed))) < SILENT


def test_another_persons_limbs_in_the_mask_are_explained():
    behind = metric_person(600, 500, 800)
    arm = (place(behind, "left_shoulder"), place(behind, "left_elbow"), 40.0)
    front = clean_person(400, 500, 800, extra=(arm,))
    made = scene(*front, masked(behind))
    assert len(made.people) == 2
    assert loudest(leftover(made)) < SILENT
    alone = scene(*front)
    assert loudest(leftover(alone)) > loudest(leftover(made))


def test_the_owner_is_the_nearest_person():
    far = clean_person(250, height=400)
    near = clean_person(650, height=400, extra=(((690, 430), (900, 330), 40.0),))
    made = scene(*far, *near)
    assert largest(made).person_index == 1


def test_an_occluded_limb_leaves_nothing_over():
    body = masked(metric_person(), without=("left_elbow", "left_wrist"))
    assert loudest(leftover(scene(body))) < SILENT


@pytest.mark.parametrize("part", [metric_person(), *WITHOUT_KEYPOINTS])
def test_without_a_mask_nothing_is_measured(part):
    assert leftover(scene(part)) == ()


@pytest.mark.parametrize("options", [{"absent": ("hip",)}, {"absent": ("left_shoulder",)}], ids=str)
def test_without_a_torso_nothing_is_measured(options):
    complete = masked(metric_person())
    body = metric_person(**options)
    assert leftover(scene(replace(body, mask=complete.mask))) == ()


def test_a_tiny_body_is_not_measured():
    assert leftover(scene(*clean_person(height=70, extra=(ARM,)))) == ()


def test_an_empty_mask_leaves_nothing_over():
    body = masked(metric_person())
    (found,) = leftover(scene(replace(body, mask=body.mask & False)))
    assert (found.measured, found.defect_score < SILENT) == (0, True)


@pytest.mark.parametrize("joint", ["left_elbow", "left_knee", "nose"])
def test_an_absent_joint_is_no_crash(joint):
    whole = masked(metric_person())
    found = leftover(scene(replace(metric_person(absent=(joint,)), mask=whole.mask)))
    assert all(0 <= one.defect_score <= 1 for one in found)


def test_an_absent_joint_explains_nothing():
    towards_origin = ((440, 240), (200, 0), 60.0)  # on the line from a shoulder to (-1e4, -1e4)
    whole = masked(metric_person(), towards_origin)
    seen = scene(whole)
    absent = scene(replace(metric_person(absent=("right_elbow",)), mask=whole.mask))
    assert largest(absent).measured >= 0.9 * largest(seen).measured


@settings(max_examples=15, deadline=None)
@given(st.floats(10, 120), st.floats(10, 120))
def test_a_longer_third_limb_never_scores_much_lower(first, second):
    short, long = sorted((first, second))
    scores = [
        largest(scene(*clean_person(extra=(((650, 400), (700 + reach * 2, 400 - reach), 60.0),)))).defect_score
        for reach in (short, long)
    ]
    assert scores[0] <= scores[1] + 0.02


def test_a_crowd_takes_little_memory():
    people = [metric_person(150 + 300 * index, height=500) for index in range(3)]
    mask = np.ones((1000, 1000), bool)
    mask[:, 960:980] = False
    made = scene(*(replace(one, mask=mask) for one in people))
    tracemalloc.start()
    try:
        leftover(made)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6


def numbers(found):
    return [(one.code, one.person_index) for one in found], [one.measured for one in found]


@pytest.mark.parametrize("elsewhere", [{"scale": 2}, {"shift": (40, 24)}, {"shift": (-33, 17)}], ids=str)
def test_place_and_size_hardly_matter(elsewhere):
    parts = clean_person(extra=(ARM, DETACHED))
    side = 1000 * elsewhere.get("scale", 1)
    codes, measured = numbers(leftover(scene(*parts)))
    moved_codes, moved = numbers(leftover(scene(*changed(parts, **elsewhere), width=side, height=side)))
    assert moved_codes == codes
    assert moved == pytest.approx(measured, abs=0.03)


def test_a_mirror_changes_nothing_but_the_place():
    parts = clean_person(extra=(ARM,))
    straight, turned = largest(scene(*parts)), largest(scene(*mirrored(parts)))
    assert (turned.code, turned.measured) == (straight.code, pytest.approx(straight.measured, abs=0.03))
    assert turned.box.x_min == pytest.approx(1000 - straight.box.x_max, abs=10)


def test_order_of_the_people_does_not_matter():
    parts = clean_person(250, height=400) + clean_person(700, height=400, extra=(((740, 430), (950, 330), 40.0),))
    assert measures(leftover(scene(*parts))) == measures(leftover(scene(*reversed(parts))))
