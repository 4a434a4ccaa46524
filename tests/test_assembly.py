"""Parts become people: nobody lost, nobody counted twice, and no number of hands assumed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from synthetic import body_keypoints, face, hand, hands_of, person, person_box, scene, whole_person

from limbfix.assembly import assemble
from limbfix.geometry import Box
from limbfix.layouts import COCO17
from limbfix.parts import Keypoints, Part, PartKind, Side
from limbfix.skeletons import LimbKind, LimbState, torso_length


def limb(made, kind, side, person_index=0):
    (found,) = [one for one in made.people[person_index].limbs if (one.kind, one.side) == (kind, side)]
    return found


@pytest.mark.parametrize("count", range(1, 6))
def test_each_of_several_people_owns_the_two_hands_at_their_wrists(count):
    parts = [part for index in range(count) for part in whole_person(120 + 190 * index, height=380)]
    made = scene(*reversed(parts), width=1100)
    assert len(made.people) == count
    assert len(made.hands) == 2 * count
    assert [len(made.hands_of(index)) for index in range(count)] == [2] * count
    for hand_ in made.hands:
        arm = made.people[hand_.person_index].limbs[hand_.arm]
        assert arm.kind is LimbKind.ARM
        assert arm.side is hand_.part.side
        assert hand_.wrist_gap == pytest.approx(0, abs=1e-3)


def test_indices_follow_the_left_edge_whatever_the_order_of_the_parts():
    parts = [part for x in (700, 200, 450) for part in whole_person(x, height=300)]
    made = scene(*parts)
    assert [one.person_index for one in made.people] == [0, 1, 2]
    assert [one.box.x_min for one in made.people] == sorted(one.box.x_min for one in made.people)
    assert [one.hand_index for one in made.hands] == list(range(6))
    assert [one.part.box.x_min for one in made.hands] == sorted(one.part.box.x_min for one in made.hands)


def test_the_nearest_wrist_takes_the_hand():
    left, right = person(350, height=500), person(650, height=500)
    x, y = left.keypoints.point("left_wrist")
    other_x, _ = right.keypoints.point("right_wrist")
    assert x < other_x
    nearer_left = scene(left, right, hand(x + 0.4 * (other_x - x), y, 90))
    nearer_right = scene(left, right, hand(x + 0.6 * (other_x - x), y, 90))
    assert nearer_left.hands[0].person_index == 0
    assert nearer_right.hands[0].person_index == 1


def test_one_person_may_own_three_hands():
    body = person()
    made = scene(body, *hands_of(body), hand(560, 420, 80, side=Side.LEFT))
    assert len(made.hands_of(0)) == 3
    assert sorted(str(one.arm) for one in made.hands) == ["0", "1", "None"]


def test_two_hands_on_one_wrist_both_hang_there():
    body = person()
    left, right = hands_of(body)
    x, y = body.keypoints.point("left_wrist")
    made = scene(body, left, right, hand(x + 5, y + 5, 80, angle_deg=40))
    assert [one.arm for one in made.hands].count(0) == 2


def test_a_hand_far_from_everybody_belongs_to_nobody():
    (lone,) = scene(person(250, height=400), hand(900, 900, 60)).hands
    assert (lone.person_index, lone.arm, lone.wrist_gap) == (None, None, None)


def test_a_loose_hand_between_two_overlapping_people_is_given_to_neither():
    loose = hand(500, 250, 30, angle_deg=0)
    made = scene(person(470, height=800), person(620, height=800), loose)
    assert len(made.people) == 2
    assert made.hands[0].person_index is None


def test_a_second_sight_of_a_body_is_dropped_and_the_surer_one_stays():
    made = scene(person(score=0.6), person(506, 503, score=0.95))
    assert [one.score for one in made.people] == [0.95]


def test_a_body_read_as_seen_from_behind_is_the_same_body():
    assert len(scene(person(score=0.9), person(mirrored=True, score=0.5)).people) == 1


def test_two_people_close_together_stay_two():
    assert len(scene(person(450, height=600), person(560, height=600)).people) == 2


def test_a_bare_box_around_a_known_body_is_no_second_person():
    body = person()
    assert len(scene(person_box(*body.box.xyxy), body).people) == 1
    assert len(scene(person_box(20, 20, 120, 400), body).people) == 2


def test_mirroring_swaps_the_sides_and_nothing_else():
    front, back = scene(*whole_person()), scene(*whole_person(mirrored=True))
    for kind in LimbKind:
        for side, other in ((Side.LEFT, Side.RIGHT), (Side.RIGHT, Side.LEFT)):
            assert np.allclose(limb(front, kind, side).xy, limb(back, kind, other).xy)
            assert limb(front, kind, side).state is limb(back, kind, other).state is LimbState.SEEN
    assert front.people[0].torso == pytest.approx(back.people[0].torso)


def test_a_face_without_a_body_is_a_person_without_limbs():
    (only,) = scene(face(500, 300)).people
    assert only.body is None and only.face is not None
    assert only.limbs == () and only.feet == 0
    assert np.isnan(only.torso)


def test_a_face_at_a_bodys_nose_is_no_second_person():
    body = person()
    (only,) = scene(face(*body.keypoints.point("nose")), body).people
    assert only.face is not None and only.body is body


def test_a_face_in_a_bare_person_box_is_no_second_person():
    assert len(scene(person_box(100, 100, 400, 900), face(250, 180)).people) == 1


def test_nothing_seen_is_an_empty_scene_and_a_lone_hand_is_not():
    assert scene().is_empty
    assert not scene(hand(500, 500)).is_empty
    assert not scene(face(500, 500)).is_empty


# What is out of sight


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({}, LimbState.SEEN),
        ({"unseen": ("left_wrist",)}, LimbState.PARTLY),
        ({"absent": ("left_wrist",)}, LimbState.PARTLY),
        ({"unseen": ("left_elbow", "left_wrist")}, LimbState.HIDDEN),
        ({"unseen": ("left_shoulder",)}, LimbState.HIDDEN),
        ({"moved": {"left_wrist": (1200, 500)}}, LimbState.PARTLY),
        ({"visibility": float("nan")}, LimbState.HIDDEN),
    ],
)
def test_a_limb_is_seen_partly_seen_or_hidden(options, state):
    made = scene(person(**options))
    assert limb(made, LimbKind.ARM, Side.LEFT).state is state


def test_a_limb_that_ends_outside_the_picture_leaves_the_frame():
    made = scene(person(moved={"left_wrist": (1200, 500)}))
    assert limb(made, LimbKind.ARM, Side.LEFT).leaves_frame
    assert not limb(made, LimbKind.ARM, Side.RIGHT).leaves_frame


def test_feet_are_counted_where_they_are_seen():
    assert scene(person()).people[0].feet == 2
    assert scene(person(unseen=("right_heel", "right_foot_index"))).people[0].feet == 1
    assert scene(person(height=1900)).people[0].feet == 0


BUST = ("hip", "knee", "ankle", "heel", "foot_index")


def test_a_bust_portrait_is_a_person_with_arms_and_no_visible_leg():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = scene(*whole_person(absent=BUST), face(500, 150))
    (only,) = made.people
    assert np.isnan(only.torso)
    assert limb(made, LimbKind.ARM, Side.LEFT).state is LimbState.SEEN
    assert limb(made, LimbKind.LEG, Side.LEFT).state is LimbState.HIDDEN
    assert [one.person_index for one in made.hands] == [0, 0]


@pytest.mark.parametrize("first", [0, 1])
def test_a_bust_seen_twice_is_one_person(first):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sights = [person(absent=BUST, score=0.9), person(505, 502, absent=BUST, score=0.8)]
        assert len(scene(sights[first], sights[1 - first]).people) == 1
        half = [person(score=0.9), person(505, 502, absent=BUST, score=0.8)]
        assert len(scene(half[first], half[1 - first]).people) == 1


def test_two_busts_side_by_side_are_two_people():
    made = scene(person(330, 700, 900, absent=BUST), person(640, 700, 900, absent=BUST))
    assert len(made.people) == 2


def test_bodies_without_any_trunk_are_told_apart_by_their_boxes():
    trunkless = ("shoulder", "hip")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(scene(person(absent=trunkless), person(503, absent=trunkless)).people) == 1
        far = scene(person(250, height=400, absent=trunkless), person(750, height=400, absent=trunkless))
    assert len(far.people) == 2


def test_absent_wrists_attach_no_hand():
    body = person(absent=("left_wrist", "right_wrist"))
    made = scene(body, hand(*person().keypoints.point("left_wrist")))
    assert made.hands[0].arm is None
    assert made.hands[0].person_index == 0  # the body's box still holds it


def test_coco_bodies_have_limbs_and_no_feet():
    full = body_keypoints()
    xy = np.stack([full.point(name) for name in COCO17.landmarks])
    keypoints = Keypoints(layout=COCO17, xy=xy, score=np.ones(17))
    body = Part(kind=PartKind.PERSON, box=Box.around(xy), detection_score=0.9, detector="yolo", keypoints=keypoints)
    made = assemble((body,), 1000, 1000)
    assert [one.state for one in made.people[0].limbs] == [LimbState.SEEN] * 4
    assert made.people[0].feet == 0
    assert torso_length(body) == pytest.approx(torso_length(person()))
