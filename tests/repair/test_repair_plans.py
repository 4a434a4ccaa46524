"""From findings to places: which pixels, and what is done there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from read_hands import digit, read_hand
from synthetic import HEIGHT, WIDTH, finding, hand, hands_of, person, scene, whole_person

from limbfix.digits import Mask as Patch
from limbfix.geometry import Box
from limbfix.inspections import Inspection
from limbfix.repair import Action, make_plan, patches
from limbfix.repair.focus_pass import focus_plan


def inspected(some_scene, *found, accepted=()) -> Inspection:
    """An inspection whose record lists these findings, the accepted ones with an exception."""
    rows = [
        {
            "code": one.code.value,
            "defect_score": round(one.defect_score, 4),
            "message": one.message,
            "exception": "amputee" if one in accepted else None,
        }
        for one in found
    ]
    record = {"path": "made", "findings": rows, "verdict": "reject", "defect_score": 0.9}
    return Inspection(record=record, scene=some_scene, findings=tuple(found))


def full(patch: Patch) -> np.ndarray:
    return patch.full(WIDTH, HEIGHT)


def one_step(some_scene, *found):
    (step,) = make_plan(inspected(some_scene, *found), flag_at=0.5)
    return step


def six_fingers():
    """A hand whose surplus digit is known: the weaker of two thumbs."""
    part = read_hand(number=6)
    extra = digit(5, (500, 500), 70, 60, thumb=True, score=0.5)
    reading = replace(part.reading, digits=(*part.reading.digits[:5], extra))
    return replace(part, reading=reading)


def test_a_known_extra_digit_is_removed_and_the_others_keep_their_pixels():
    part = six_fingers()
    made = scene(part)
    step = one_step(made, finding(0.9, "hand.extra_digit", hand_index=0, box=part.box))
    assert step.action is Action.REMOVE
    extra, others = part.reading.digits[5], part.reading.digits[:5]
    place = full(step.patch)
    assert place[full(extra.mask)].mean() > 0.6
    for other in others:
        assert not place[full(other.mask)].any()


def test_where_nobody_knows_which_digit_is_too_many_the_hand_is_redrawn():
    part = hand(500, 500, 100)
    step = one_step(scene(part), finding(0.9, "hand.extra_digit", hand_index=0, box=part.box))
    assert step.action is Action.REDRAW
    assert "which digit is too many is not known" in step.reason


@pytest.mark.parametrize("code", ["hand.malformed", "hand.missing_digit", "hand.fused_digits", "hand.wrong_side"])
def test_a_wrong_hand_is_redrawn_as_a_whole(code):
    body, left, right = whole_person()
    made = scene(body, left, right)
    index = next(one.hand_index for one in made.hands if one.part is left)
    step = one_step(made, finding(0.9, code, hand_index=index, box=left.box))
    assert step.action is Action.REDRAW
    inside = full(step.patch)[
        round(left.box.y_min) : round(left.box.y_max), round(left.box.x_min) : round(left.box.x_max)
    ]
    assert inside.mean() > 0.9
    assert step.box.intersection(right.box) == 0


def with_third_arm():
    """A body with a mask in which a third arm and its hand hang that no bone explains."""
    from PIL import Image, ImageDraw

    body = person(400, 500, 800)
    canvas = Image.new("1", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(canvas)
    for a, b in body.keypoints.layout.bones:
        draw.line([tuple(map(float, body.keypoints.xy[a])), tuple(map(float, body.keypoints.xy[b]))], fill=1, width=34)
    arm = ((440, 300), (700, 300), (760, 420))
    draw.line(arm, fill=1, width=44, joint="curve")
    third = hand(760, 420, 80)
    draw.rectangle(third.box.xyxy, fill=1)
    body = replace(body, mask=np.array(canvas))
    return body, hands_of(body), third, arm


def test_an_extra_hand_goes_with_the_arm_that_it_hangs_on_and_nobody_else_loses_anything():
    body, (left, right), third, _ = with_third_arm()
    made = scene(body, left, right, third)
    index = next(one.hand_index for one in made.hands if one.part is third)
    step = one_step(made, finding(0.85, "person.extra_hand", hand_index=index, person_index=0, box=third.box))
    place = full(step.patch)
    assert step.action is Action.REMOVE and "what it hangs on" in step.reason
    assert place[300, 600:690].all() and place[360, 720:740].all()  # the arm
    wrist = body.keypoints.point("left_wrist")
    assert not place[round(float(wrist[1])), round(float(wrist[0]))]
    trunk = (body.keypoints.point("left_shoulder") + body.keypoints.point("right_hip")) / 2
    assert not place[round(float(trunk[1])), round(float(trunk[0]))]
    for other in (left, right):
        x, y = other.box.center
        assert not place[round(y), round(x)]


def test_without_a_mask_the_extra_hand_alone_goes_and_the_reason_says_so():
    body, left, right = whole_person()
    third = hand(850, 300, 80)
    made = scene(body, left, right, third)
    index = next(one.hand_index for one in made.hands if one.part is third)
    step = one_step(made, finding(0.85, "person.extra_hand", hand_index=index, person_index=0, box=third.box))
    assert "not known" in step.reason
    assert step.box.size < 2 * third.box.size


@pytest.mark.parametrize(
    "code", ["person.missing_arm", "person.missing_leg", "person.proportion", "person.joint_angle"]
)
def test_what_no_painter_can_mend_in_place_is_made_again(code):
    body, left, right = whole_person()
    step = one_step(scene(body, left, right), finding(0.9, code, person_index=0, box=body.box))
    assert step.action is Action.REGENERATE and step.patch is None


@pytest.mark.parametrize("code", ["person.detached_limb", "person.extra_arm", "person.extra_hand", "person.extra_leg"])
def test_nothing_is_taken_away_on_a_doubt(code):
    """Found by benchmarks/no_harm.py: the hands of a man on a screen went, because they hang on no arm."""
    part = hand(500, 500, 100)
    step = one_step(scene(part), finding(0.6, code, hand_index=0, box=part.box))
    assert step.action is Action.REGENERATE and "doubt" in step.reason


def test_a_place_as_large_as_a_trunk_is_made_again():
    body, left, right = whole_person()
    step = one_step(scene(body, left, right), finding(0.9, "person.extra_arm", person_index=0, box=body.box))
    assert step.action is Action.REGENERATE
    assert "trunk" in step.reason or "% of the picture" in step.reason


def test_two_findings_of_one_hand_are_one_place_and_the_worst_comes_first():
    part = hand(500, 500, 100)
    worse, other = (
        finding(score, code, hand_index=0, box=part.box)
        for score, code in ((0.9, "hand.malformed"), (0.6, "hand.fused_digits"))
    )
    step = one_step(scene(part), other, worse)
    assert step.codes == ("hand.malformed", "hand.fused_digits")


def test_an_extra_hand_that_is_malformed_too_is_removed_not_redrawn():
    part = hand(500, 500, 100)
    step = one_step(
        scene(part),
        finding(0.9, "hand.malformed", hand_index=0, box=part.box),
        finding(0.85, "person.extra_hand", hand_index=0, box=part.box),
    )
    assert step.action is Action.REMOVE


def test_places_that_are_close_are_joined_and_far_ones_are_not():
    near, far = hand(600, 500, 100), hand(100, 900, 100)
    made = scene(hand(500, 500, 100), near, far)
    found = [
        finding(0.9, "hand.malformed", hand_index=one.hand_index, box=one.part.box, message=str(one.hand_index))
        for one in made.hands
    ]
    plan = make_plan(inspected(made, *found), flag_at=0.5)
    assert sorted(len(step.hand_indices) for step in plan) == [1, 2]


def test_many_places_are_better_made_again():
    hands = [hand(100 + 250 * column, 150 + 300 * row, 60) for row in range(3) for column in range(3)]
    made = scene(*hands)
    found = [
        finding(0.9, "hand.malformed", hand_index=one.hand_index, box=one.part.box, message=str(one.hand_index))
        for one in made.hands
    ]
    plan = make_plan(inspected(made, *found), flag_at=0.5)
    assert {step.action for step in plan} == {Action.REGENERATE} and len(plan) == 9


def test_what_the_policy_accepts_or_counts_little_asks_for_nothing():
    part = hand(500, 500, 100)
    quiet = finding(0.4, "hand.malformed", hand_index=0, box=part.box)
    excused = finding(0.9, "hand.missing_digit", hand_index=0, box=part.box)
    assert make_plan(inspected(scene(part), quiet, excused, accepted=(excused,)), flag_at=0.5) == ()
    assert len(make_plan(inspected(scene(part), quiet), flag_at=0.3)) == 1


def test_a_bare_record_has_no_plan():
    with pytest.raises(ValueError, match="bare record"):
        make_plan(Inspection(record={"path": "x", "findings": []}), flag_at=0.5)


def test_a_place_at_the_border_stays_inside_the_picture():
    part = hand(995, 5, 100)
    step = one_step(scene(part), finding(0.9, "hand.malformed", hand_index=0, box=part.box))
    rows, columns = step.patch.pixels.shape
    assert step.patch.left >= 0 and step.patch.top >= 0
    assert step.patch.left + columns <= WIDTH and step.patch.top + rows <= HEIGHT


def test_patches_of_a_union_keep_their_pixels():
    first = Patch(left=10, top=20, pixels=np.ones((5, 5), bool))
    second = Patch(left=30, top=5, pixels=np.eye(4, dtype=bool))
    both = patches.union([first, second])
    assert both.area == 29 and (full(both) == (full(first) | full(second))).all()
    with pytest.raises(ValueError, match="at least one"):
        patches.union([])


def test_a_focus_pass_has_a_refining_step_for_each_area():
    class Area:
        box, reason, hand_index, strength = Box(100, 100, 160, 170), "face of 60 px", None, 0.4

    (step,) = focus_plan([Area()], scene(*whole_person()))
    assert step.action is Action.REFINE and step.findings == () and step.strength == 0.4
    assert step.patch.area >= 0.8 * 60 * 70 and step.reason == "focus pass: face of 60 px"
