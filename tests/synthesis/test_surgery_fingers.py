"""Finger surgery: what is added, taken away, shortened or joined, and that the twin is a normal hand with the same traces."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_hands import draw

from limbfix.findings import DefectCode
from limbfix.synthesis.surgery.fingers import FINGER_OPERATORS, may_suit, respaced
from limbfix.synthesis.surgery.hand_scene import HandScene, PlacedDigit
from limbfix.synthesis.surgery.regions import BACKGROUND, FIRST_DIGIT, split_hand, straight_digits

OPERATORS = sorted(FINGER_OPERATORS)
EXTRA = [name for name in OPERATORS if name.startswith("extra")]


@pytest.fixture(scope="module")
def scene():
    pixels, xy, mask = draw(240)
    return HandScene(pixels, split_hand(xy, mask))


@pytest.fixture(scope="module")
def edits(scene):
    made = {}
    for name in OPERATORS:
        tries = (FINGER_OPERATORS[name](scene, np.random.default_rng(seed)) for seed in range(8))
        made[name] = next(edit for edit in tries if edit is not None)
    return made


def shown(version):
    counts = np.bincount(version.hand_map.ravel(), minlength=FIRST_DIGIT + len(version.digits))[FIRST_DIGIT:]
    return int((counts > 20).sum())


def test_an_open_hand_has_five_extended_digits(scene):
    assert scene.regions.extended == (True,) * 5
    assert straight_digits(scene.regions.keypoints) == (True,) * 5


def test_each_fingertip_lies_on_its_own_digit(scene):
    for digit in range(5):
        x, y = scene.regions.keypoints[4 * digit + 3].astype(int)
        assert scene.regions.hand_map[y, x] == FIRST_DIGIT + digit


@pytest.mark.parametrize("name", OPERATORS)
def test_the_twin_has_five_normal_digits(edits, name):
    twin = edits[name].twin
    assert len(twin.digits) == 5
    assert all(digit.present and not digit.faults for digit in twin.digits)
    assert shown(twin) == 5


@pytest.mark.parametrize("name", OPERATORS)
def test_defect_and_twin_differ_inside_the_region_only(edits, name):
    edit = edits[name]
    changed = (edit.defect.pixels != edit.twin.pixels).any(axis=2)
    assert changed.any()
    assert not changed[~edit.region].any()


@pytest.mark.parametrize("name", EXTRA)
def test_an_extra_digit_is_a_sixth_that_grows_from_the_hand(edits, name):
    edit = edits[name]
    assert edit.code == DefectCode.HAND_EXTRA_DIGIT
    assert shown(edit.defect) == 6
    assert edit.defect.digits[5].faults == ("extra",)
    assert edit.visible


def test_a_missing_finger_leaves_background_where_it_was(scene, edits):
    edit = edits["missing_finger"]
    (index,) = edit.concerned
    assert not edit.defect.digits[index].present
    assert np.isnan(edit.defect.digits[index].keypoints).all()
    assert shown(edit.defect) == 4
    x, y = scene.regions.keypoints[4 * index + 4].astype(int)
    assert edit.defect.hand_map[y, x] == BACKGROUND
    red, _, blue = edit.defect.pixels[y, x].astype(int)
    assert blue > red, "the wall is blue, skin is red"


def test_a_shortened_finger_is_shorter_and_keeps_its_width(edits):
    edit = edits["shortened_finger"]
    (index,) = edit.concerned
    length = [
        np.linalg.norm(np.diff(v.digits[index].keypoints, axis=0), axis=1).sum() for v in (edit.defect, edit.twin)
    ]
    assert length[0] < 0.7 * length[1]
    tip = edit.defect.digits[index].keypoints[3]
    assert edit.defect.hand_map[int(tip[1]), int(tip[0])] == FIRST_DIGIT + index


def test_joined_fingers_leave_no_air_between_them(edits):
    edit = edits["joined_fingers"]
    assert edit.code == DefectCode.HAND_FUSED_DIGITS
    assert [edit.defect.digits[i].faults for i in edit.concerned] == [("fused",), ("fused",)]
    first, second = (edit.defect.digits[i].keypoints for i in edit.concerned)
    for share in (first[1] + second[1], first[2] + second[2]):
        x, y = (share / 2).astype(int)
        assert edit.defect.hand_map[y, x] != BACKGROUND


def test_respaced_fingers_stay_where_a_hand_may_hold_them(scene):
    version = respaced(scene, np.random.default_rng(3))
    assert version is not None
    before = scene.untouched()
    moved = [np.abs(a.keypoints - b.keypoints).max() for a, b in zip(version.digits, before.digits, strict=True)]
    assert 0 < max(moved) < 0.1 * scene.regions.palm_px * 2
    assert shown(version) == 5


def test_a_finger_laid_where_it_was_hardly_changes_the_picture(scene):
    version = scene.compose([2], [PlacedDigit(digit=2)])
    change = np.abs(version.pixels.astype(int) - scene.pixels).mean()
    assert change < 1.0


@pytest.mark.parametrize("name", OPERATORS)
def test_the_same_generator_makes_the_same_edit(scene, name):
    seeds = (np.random.default_rng(7), np.random.default_rng(7))
    first, second = (FINGER_OPERATORS[name](scene, rng) for rng in seeds)
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        np.testing.assert_array_equal(first.defect.pixels, second.defect.pixels)


def test_a_fist_suits_no_operator():
    pixels, xy, mask = draw(240)
    folded = xy.copy()
    for digit in range(1, 5):
        folded[4 * digit + 3] = xy[4 * digit + 1] + (0, 6)
        folded[4 * digit + 4] = xy[4 * digit + 1] + (0, 14)
    regions = split_hand(folded, mask)
    assert not any(regions.extended[1:])
    rng = np.random.default_rng(0)
    assert all(FINGER_OPERATORS[name](HandScene(pixels, regions), rng) is None for name in OPERATORS)
    assert not any(may_suit(name, straight_digits(folded)) for name in OPERATORS)
