"""The judge's word is a finding for each question, with its logit and its place, a hint however sure, of bodies that were refused too."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from read_scenes import read_scene, someone
from scenes import SILENT
from synthetic import scene

from limbfix.bodies import BodyPiece, PersonGraph
from limbfix.calibration import HINT
from limbfix.checks.limb_form import limb_form
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import Box
from limbfix.limb_looks import LimbLook
from limbfix.nets.limb_maps import JUDGED
from limbfix.parts import Part, PartKind
from limbfix.skeletons import Scene

PLACE = Box(300, 400, 340, 500)


def scene_with(*, places: dict[str, Box] | None = None, **logits: float) -> Scene:
    """Somebody of whom the judge says so; of what is not named, that it is not so."""
    made = read_scene(someone())
    graph = the_graph(made)
    look = LimbLook(box=graph.box, logits={name: -6.0 for name in JUDGED} | logits, places=places or {})
    return with_people(made, replace(graph, look=look))


def the_graph(made: Scene) -> PersonGraph:
    assert made.bodies is not None
    (graph,) = made.bodies.people
    return graph


def with_people(made: Scene, *graphs: PersonGraph) -> Scene:
    assert made.bodies is not None
    return replace(made, bodies=replace(made.bodies, people=graphs))


def by_code(made: Scene) -> dict[DefectCode, Finding]:
    return {one.code: one for one in limb_form(made)}


def test_people_at_whom_nobody_looked_have_no_finding():
    assert limb_form(read_scene(someone())) == ()


def test_a_usual_person_is_silent():
    found = by_code(scene_with())
    assert {code.value.removeprefix("person.") for code in found} == set(JUDGED)
    assert all(one.defect_score < SILENT for one in found.values())
    assert "does not look as if" in found[DefectCode.PERSON_EXTRA_LEG].message


@pytest.mark.parametrize("name", JUDGED)
def test_what_the_judge_is_sure_of_is_said_under_its_code_alone(name):
    found = by_code(scene_with(**{name: 4.0}))
    wrong = found.pop(DefectCode(f"person.{name}"))
    assert wrong.defect_score >= 0.3
    assert (wrong.measured, wrong.unit, wrong.person_index) == (4.0, "logit", 0)
    assert "looks as if" in wrong.message and "a hint" in wrong.message
    assert "logit" not in wrong.message, "it stands in `measured`"
    assert all(one.defect_score < SILENT for one in found.values())


def test_it_points_to_the_place_where_it_sees_one():
    sure = by_code(scene_with(extra_leg=4.0, places={"extra": PLACE}))
    assert sure[DefectCode.PERSON_EXTRA_LEG].box == PLACE
    made = scene_with(extra_leg=4.0, places={"gone": PLACE})
    assert by_code(made)[DefectCode.PERSON_EXTRA_LEG].box == the_graph(made).box


def test_surer_never_scores_lower():
    for name in JUDGED:
        code = DefectCode(f"person.{name}")
        scores = [by_code(scene_with(**{name: float(logit)}))[code].defect_score for logit in range(-8, 9)]
        assert scores == sorted(scores)


def test_however_sure_it_is_a_hint():
    assert all(one.defect_score <= HINT for one in limb_form(scene_with(**dict.fromkeys(JUDGED, 50.0))))


def test_of_two_the_surer_has_the_higher_score_over_the_range_of_real_people():
    for name in JUDGED:
        code = DefectCode(f"person.{name}")
        scores = [by_code(scene_with(**{name: logit / 2}))[code].defect_score for logit in range(-14, 7)]
        assert all(one < other for one, other in itertools.pairwise(scores))


def test_a_piece_of_nobody_is_asked_the_same_and_is_nobodys():
    made = read_scene(someone())
    assert made.bodies is not None
    box = Box(10, 20, 200, 300)
    look = LimbLook(box=box, logits={name: -6.0 for name in JUDGED} | {"extra_arm": 4.0})
    pieces = (BodyPiece(box=box, look=look), BodyPiece(box=Box(0, 0, 50, 50)))
    found = limb_form(replace(made, bodies=replace(made.bodies, pieces=pieces)))
    assert len(found) == len(JUDGED)
    (wrong,) = [one for one in found if one.defect_score >= SILENT]
    assert (wrong.code, wrong.box, wrong.person_index) == (DefectCode.PERSON_EXTRA_ARM, box, None)
    assert wrong.message.startswith("A body of which little is seen looks as if an arm were too many")


def test_a_body_that_was_refused_is_asked_the_same_and_is_nobodys():
    made = scene_with(extra_arm=6.0)
    found = limb_form(with_people(made, replace(the_graph(made), person_index=None)))
    assert len(found) == len(JUDGED)
    assert {one.person_index for one in found} == {None}
    (wrong,) = [one for one in found if one.defect_score >= SILENT]
    assert wrong.code is DefectCode.PERSON_EXTRA_ARM
    assert wrong.defect_score <= HINT


def test_of_a_body_within_a_hand_nothing_is_said():
    made = scene_with(extra_arm=6.0)
    graph = replace(the_graph(made), person_index=None)
    hand = Part(kind=PartKind.HAND, box=graph.box.grown(0.1), detection_score=0.9, detector="synthetic")
    assert limb_form(replace(with_people(made, graph), hands=scene(hand).hands)) == ()


def test_one_person_who_was_read_twice_is_one_doubt():
    made = scene_with(extra_arm=6.0)
    whole = the_graph(made)
    assert whole.look is not None
    again = replace(whole, person_index=None)
    assert len(limb_form(with_people(made, whole, again))) == len(JUDGED)
    beside = replace(again, box=whole.box.shifted(whole.box.width, 0))
    assert len(limb_form(with_people(made, whole, beside))) == 2 * len(JUDGED)
