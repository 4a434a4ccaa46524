"""An odd foot is a hint with its number and its place; usual ones are silent, and what lies on a hand is no foot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from read_scenes import read_scene, someone
from scenes import SILENT

from limbfix.bodies import FootLook, LimbKind
from limbfix.calibration import HINT
from limbfix.checks.foot_form import foot_form
from limbfix.findings import DefectCode
from limbfix.geometry import Box
from limbfix.parts import Part, PartKind
from limbfix.skeletons import Scene

FOOT = Box(300, 600, 360, 660)


def scene_with(oddness: float, *parts: Part) -> Scene:
    """Somebody whose first leg ends in a foot that looks so odd."""
    made = read_scene(someone(), *parts)
    assert made.bodies is not None
    (graph,) = made.bodies.people
    leg = graph.of_kind(LimbKind.LEG)[0].limb_index
    limbs = tuple(
        replace(one, foot=FootLook(box=FOOT, oddness=oddness)) if one.limb_index == leg else one for one in graph.limbs
    )
    return replace(made, bodies=replace(made.bodies, people=(replace(graph, limbs=limbs),)))


def test_feet_at_which_nobody_looked_have_no_finding():
    assert foot_form(read_scene(someone())) == ()


def test_a_usual_foot_is_silent():
    (one,) = foot_form(scene_with(0.0))
    assert one.defect_score < SILENT
    assert "looks usual" in one.message


@pytest.mark.parametrize("oddness", [2.5, 4.0, 50.0])
def test_an_odd_foot_is_a_hint_however_odd(oddness):
    (one,) = foot_form(scene_with(oddness))
    assert (one.code, one.defect_score, one.box) == (DefectCode.FOOT_MALFORMED, HINT, FOOT)
    assert (one.measured, one.expected, one.person_index) == (oddness, 0.0, 0)
    assert "looks odd" in one.message


def test_odder_never_scores_lower():
    scores = [foot_form(scene_with(oddness))[0].defect_score for oddness in (-3, -1, 0, 0.5, 1, 2, 3)]
    assert scores == sorted(scores)


def test_a_body_that_was_refused_has_no_feet():
    made = scene_with(3.0)
    assert made.bodies is not None
    (graph,) = made.bodies.people
    ghost = replace(graph, person_index=None)
    assert foot_form(replace(made, bodies=replace(made.bodies, people=(ghost,)))) == ()


def test_what_lies_on_a_hand_is_no_foot():
    hand = Part(kind=PartKind.HAND, box=FOOT.shifted(5, 5), detection_score=0.9, detector="test")
    assert foot_form(scene_with(3.0, hand)) == ()
