"""Limbs stand in the record and in the drawing as they were read; where nobody read bodies, the record knows no such key."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "checks"))

from drawn_people import Stage
from read_scenes import PX, read_scene, someone
from synthetic import picture, scene, whole_person

from limbfix.bodies import LimbEnd, LimbKind
from limbfix.checks import check
from limbfix.drawing import all_bones, draw_overlay, limb_fills
from limbfix.inspections import keypoints_for_drawing
from limbfix.policies import Policy
from limbfix.records import make_record, record_schema
from limbfix.reports.svg_overlay import make_overlay
from limbfix.verdicts import judge

VALIDATOR = jsonschema.Draft202012Validator(record_schema())


def record_of(made, *, with_masks: bool = False):
    policy = Policy()
    verdict = judge(check(made), made, policy.for_prompt(None))
    record = make_record(
        picture(made.width, made.height), made, verdict,
        policy=policy.label, min_hand_px=policy.min_hand_px, models={}, seconds=0.1, with_masks=with_masks,
    )  # fmt: skip
    VALIDATOR.validate(record)
    json.dumps(record, allow_nan=False)
    return record


def odd_stage() -> Stage:
    """A person with three arms and no left leg, and a loose forearm."""
    stage = someone(arms=[(1, 0, 4), (-1, 0, 4), (1, 75, 4)], legs=[(-1, 0, 4), (1, 0, 1)])
    stage.limb(LimbKind.ARM, [(12, 70), (10, 80), (9, 86)], (48, 24), size=20, first=1)
    return stage


@pytest.mark.parametrize("with_masks", [False, True])
def test_limbs_absent_and_loose_ones_stand_in_a_valid_record(with_masks):
    record = record_of(read_scene(odd_stage()), with_masks=with_masks)
    (person,) = record["people"]
    limbs = person["limbs"]
    assert limbs["arms"] == {"seen": 3, "hidden": 0, "expected": 2}
    assert limbs["legs"] == {"seen": 1, "hidden": 0, "expected": 2}
    assert [item["kind"] for item in limbs["items"]] == ["arm", "arm", "arm", "leg"]
    assert [item["limb_index"] for item in limbs["items"]] == [0, 1, 2, 3]
    assert sum(item["extra"] for item in limbs["items"]) == 1
    assert [(one["kind"], one["side"], one["state"]) for one in limbs["absent"]] == [("leg", "left", "missing")]
    (loose,) = record["loose_limbs"]
    assert (loose["root"], loose["joints"]) == ("open", ["elbow", "wrist", "hand"])
    assert all(("mask" in item) is with_masks for item in (*limbs["items"], loose))


def test_a_limb_too_faint_to_be_counted_makes_no_other_one_too_many_and_no_foot():
    made = read_scene(odd_stage())
    assert made.bodies is not None
    (graph,) = made.bodies.people
    third = graph.extra(LimbKind.ARM)[0].limb_index

    def with_chances(chances):
        limbs = tuple(replace(one, chance=chances.get(one.limb_index, one.chance)) for one in graph.limbs)
        assert made.bodies is not None
        return replace(made, bodies=replace(made.bodies, people=(replace(graph, limbs=limbs),)))

    limbs = record_of(with_chances({third: 0.2}))["people"][0]["limbs"]
    assert limbs["arms"]["seen"] == 2
    assert not any(item["extra"] for item in limbs["items"])
    (leg,) = [one.limb_index for one in graph.limbs if one.kind is LimbKind.LEG and one.end is LimbEnd.SEEN]
    assert limbs["feet"]["seen"] == 1
    assert record_of(with_chances({leg: 0.2}))["people"][0]["limbs"]["feet"]["seen"] == 0


def test_without_a_reading_of_bodies_the_record_has_no_new_key():
    record = record_of(scene(*whole_person()))
    assert "loose_limbs" not in record
    assert set(record["people"][0]["limbs"]) == {"arms", "legs", "hands", "feet"}


def test_nobody_read_is_an_empty_list_of_loose_limbs():
    assert record_of(read_scene(Stage()))["loose_limbs"] == []


def test_limbs_and_the_place_of_a_missing_one_are_drawn():
    made = read_scene(odd_stage())
    record, keypoints = record_of(made), list(keypoints_for_drawing(made))
    lines = all_bones(record, keypoints)
    sure = [line for line in lines if line.is_sure]
    assert len(sure) == 4 * 3 + 2
    assert {line.side for line in sure} >= {"left", "right"}
    ring = np.array([line.start for line in lines if not line.is_sure])
    place = np.array(record["people"][0]["limbs"]["absent"][0]["place"])
    assert ring.min(0)[1] <= place.min(0)[1] + 1
    assert ring.max(0)[1] >= place.max(0)[1] - 1
    fills = limb_fills(record, keypoints)
    assert len(fills) >= 5
    assert sum(color == "error" for color, _ in fills) == 1


def test_the_outlines_of_one_limb_are_filled_together():
    made = read_scene(odd_stage())
    record, keypoints = record_of(made), list(keypoints_for_drawing(made))
    first = next(points for points in keypoints if points["layout"] == "limb_outline")
    with_hole = limb_fills(record, [*keypoints, first | {"xy": [[1, 1], [2, 1], [2, 2]]}])
    assert len(with_hole) == len(limb_fills(record, keypoints))
    assert sorted(len(outlines) for _, outlines in with_hole)[-1] >= 2


def test_the_overlay_changes_pixels_on_limbs_and_around_the_missing_place():
    made = read_scene(odd_stage())
    record = record_of(made)
    grey = np.full((made.height, made.width, 3), 128, np.uint8)
    seen = np.array(draw_overlay(grey, record, list(keypoints_for_drawing(made))))
    changed = (seen != grey).any(2)
    for limb in made.bodies.people[0].limbs:
        x, y = limb.polyline[1].astype(int)
        assert changed[y, x]
    assert changed[60 * PX : 75 * PX, 52 * PX : 60 * PX].any()
    assert make_overlay(record, list(keypoints_for_drawing(made)), (made.width, made.height)).strokes
