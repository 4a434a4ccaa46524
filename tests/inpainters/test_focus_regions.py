"""Small and soft areas are found, large and sharp ones left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic import face as make_face
from synthetic import hand, person, picture, scene, whole_person

from limbfix.errors import UsageError
from limbfix.inpainters import focus_regions
from limbfix.inspections import Inspection

NOISE = np.random.default_rng(0).integers(0, 255, (1000, 1000, 3), dtype=np.uint8)


def inspected(*parts, pixels=NOISE) -> Inspection:
    """An inspection of a noisy, that is sharp, picture."""
    return Inspection(record={}, picture=replace(picture(), pixels=pixels), scene=scene(*parts))


def test_small_hands_are_found_and_large_sharp_ones_are_not():
    small, large = hand(200, 300, 60), hand(700, 800, 300)
    (region,) = focus_regions(inspected(small, large), ["hand"])
    assert (region.part, region.purpose, region.hand_index) == ("hand", "refine", 0)
    assert region.box == small.box.clipped(1000, 1000)
    assert "px" in region.reason


def test_a_large_hand_that_is_soft_is_found():
    import cv2

    soft = cv2.GaussianBlur(NOISE, (0, 0), 30)
    soft = np.clip((soft.astype(float) - soft.mean()) * 20 + 128, 0, 255).astype(np.uint8)
    (region,) = focus_regions(inspected(hand(600, 700, 300), pixels=soft), ["hand"])
    assert "soft" in region.reason


def test_faces_and_feet_are_found_where_they_were_seen():
    body = person(500, 500, 700)
    regions = focus_regions(inspected(body, make_face(500, 200, 70)))
    assert [region.part for region in regions].count("face") == 1
    feet = [region for region in regions if region.part == "foot"]
    assert len(feet) == 2
    for region in feet:
        assert region.box.y_max > 780
        assert region.person_index == 0
    assert [region.box.area for region in regions] == sorted((region.box.area for region in regions), reverse=True)


def test_feet_that_were_not_seen_are_not_guessed():
    assert not focus_regions(inspected(person(500, 500, 700, unseen=("left_heel", "right_foot_index"))), ["foot"])


def test_only_the_named_parts_are_returned():
    parts = {region.part for region in focus_regions(inspected(*whole_person(500, 500, 600)), ["hand"])}
    assert parts == {"hand"}


def test_specks_are_left_alone():
    assert not focus_regions(inspected(hand(300, 300, 8)), ["hand"])


def test_an_unknown_part_and_a_bare_record_are_errors():
    with pytest.raises(UsageError, match="'nose'"):
        focus_regions(inspected(), ["nose"])
    with pytest.raises(UsageError, match="bare record"):
        focus_regions(Inspection(record={}))
