"""People are assembled from what is drawn: as many limbs as went in, each with its person, its side, its pixels and its end."""

from __future__ import annotations

import sys
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from drawn_people import CELLS, Stage, draw_person, limb_points

from limbfix.bodies import Absence, LimbEnd, LimbKind, LimbRoot
from limbfix.body_bones import BodyMaps, mean_maps
from limbfix.body_masks import BodyPlace
from limbfix.body_readings import read_bodies
from limbfix.parts import Side

SCALE = 0.5
"""View px per picture px: a cell is 8 px."""

ARM, LEG = LimbKind.ARM, LimbKind.LEG


def place_of(stage: Stage, scale: float = SCALE) -> BodyPlace:
    rows, columns = stage.classes.shape
    return BodyPlace(scale_xy=(scale, scale), width=round(columns * 4 / scale), height=round(rows * 4 / scale))


def read(stage: Stage, scale: float = SCALE):
    return read_bodies(stage.maps(), place_of(stage, scale))


def drawn(**options) -> Stage:
    stage = Stage()
    draw_person(stage, **options)
    return stage


def only(reading):
    (person,) = reading.people
    return person


def counts(reading) -> list[tuple[int, int]]:
    """(arms, legs) of everybody, from left to right."""
    return [(len(person.of_kind(ARM)), len(person.of_kind(LEG))) for person in reading.people]


def px(cells, scale: float = SCALE) -> np.ndarray:
    return (np.asarray(cells, float) + 0.5) * 4 / scale


# As many come out as went in


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_as_many_people_as_there_are_each_with_four_limbs(n):
    stage = Stage(width=30 * n, height=80)
    for index in range(n):
        draw_person(stage, neck=(15 + 30 * index, 20), size=18)
    reading = read(stage)
    assert counts(reading) == [(2, 2)] * n
    assert reading.loose == ()
    assert all(not person.absent for person in reading.people)
    assert all(limb.root is LimbRoot.JOINED for person in reading.people for limb in person.limbs)


@pytest.mark.parametrize("arms", range(6))
@pytest.mark.parametrize("legs", [0, 3])
def test_a_person_has_as_many_limbs_as_were_drawn(arms, legs):
    turns = [(1, 0), (-1, 0), (1, 65), (-1, 70), (1, 130)]
    lower = [(1, 0), (-1, 0), (0.2, 0)]
    person = only(read(drawn(arms=[(*turns[k], 4) for k in range(arms)], legs=[(*lower[k], 4) for k in range(legs)])))
    assert (len(person.of_kind(ARM)), len(person.of_kind(LEG))) == (arms, legs)


def test_a_third_leg_has_a_mask_of_its_own():
    person = only(read(drawn(legs=[(1, 10, 4), (-1, 10, 4), (0.1, 0, 4)])))
    legs = person.of_kind(LEG)
    assert len(legs) == 3
    whole = sum(leg.mask.full(768, 768).astype(int) for leg in legs)
    assert whole.max() == 1
    for leg in legs:
        knee = leg.polyline[1].astype(int)
        assert leg.mask.full(768, 768)[knee[1], knee[0]]


def test_the_fainter_arm_of_a_fork_is_the_extra_one():
    stage = drawn(arms=[(1, 0, 4), (-1, 0, 4)])
    neck, size = (48.0, 24.0), 20.0
    points = limb_points(ARM, neck, size, 1, turn_deg=80)
    stage.limb_flesh(ARM, points, neck, size=size)
    stage.limb_joints(ARM, points, neck, heat=0.6)
    person = only(read(stage))
    (extra,) = person.extra(ARM)
    assert extra.forked
    np.testing.assert_allclose(extra.polyline[-1], px(points[-1]), atol=4)


def test_two_arms_of_one_side_are_two_arms_and_none_is_extra():
    assert only(read(drawn())).extra(ARM) == ()


# Whose is which?


def test_crossed_arms_keep_their_own_joints():
    person = only(read(drawn(arms=[(1, -60, 4), (-1, -60, 4)])))
    arms = person.of_kind(ARM)
    assert len(arms) == 2
    for arm in arms:
        assert len(arm.joints) == 4
        steps = np.diff(arm.polyline[:, 0])
        assert (steps > 0).all() or (steps < 0).all(), "an arm that crosses goes on across"


@pytest.mark.parametrize("over", [True, False])
def test_people_who_share_one_silhouette_keep_their_own_limbs_and_share_no_joint(over):
    stage = Stage()
    draw_person(stage, neck=(38, 22), size=20)
    draw_person(stage, neck=(52, 25), size=20, arms=[(1, 40, 4), (-1, 20, 4)], over=over)
    _, pieces = cv2.connectedComponents((stage.classes > 0).astype(np.uint8))
    assert pieces[32, 36] == pieces[35, 54] > 0, "one silhouette"
    reading = read(stage)
    assert counts(reading) == [(2, 2), (2, 2) if over else (1, 2)]
    assert all(one.state is Absence.HIDDEN for person in reading.people for one in person.absent)
    joints = [
        tuple(point) for person in reading.people for limb in person.limbs for point in limb.polyline.round().tolist()
    ]
    assert len(set(joints)) == len(joints)
    np.testing.assert_allclose([person.neck[0] for person in reading.people], [px(38), px(52)], atol=4)


def test_an_arm_from_behind_somebody_belongs_to_whom_its_pixels_point_at():
    stage = Stage()
    draw_person(stage, neck=(66, 24), size=20, arms=[(1, 0, 4)])
    draw_person(stage, neck=(36, 24), size=20)
    stage.limb(ARM, [(53, 40), (54, 52), (54, 57)], (66, 24), size=20, first=1, side=-4.0)  # its shoulder is hidden
    reading = read(stage)
    assert counts(reading) == [(2, 2), (2, 2)]
    behind = reading.people[1].of_kind(ARM)[0]
    assert behind.joints == ("elbow", "wrist", "hand")
    assert behind.root is LimbRoot.POINTED


def test_a_middle_behind_a_pole_makes_one_arm_and_not_two():
    stage = drawn()
    elbow = limb_points(ARM, (48, 24), 20, 1)[1]
    stage.box(elbow[0] - 4, elbow[1] - 2, elbow[0] + 4, elbow[1] + 2)
    arms = only(read(stage)).of_kind(ARM)
    assert [arm.joints for arm in arms if len(arm.joints) < 4] == [("shoulder", "wrist", "hand")]
    assert len(arms) == 2


def test_a_limb_in_the_open_is_nobodys():
    stage = drawn()
    stage.limb(ARM, [(80, 20), (84, 30), (86, 36)], (48, 24), size=20, first=1)
    reading = read(stage)
    assert counts(reading) == [(2, 2)]
    (loose,) = reading.loose
    assert (loose.root, loose.kind, loose.joints) == (LimbRoot.OPEN, ARM, ("elbow", "wrist", "hand"))
    assert loose.mask is not None


def test_an_arm_that_reaches_in_is_nobodys_and_not_in_the_open():
    stage = drawn()
    stage.limb(ARM, [(95, 70), (87, 72), (82, 73)], (120, 60), size=20, first=1)
    (loose,) = read(stage).loose
    assert loose.root is LimbRoot.UNSEEN


def test_legs_below_a_wall_are_a_person_without_a_neck():
    stage = drawn()
    stage.box(0, 0, 95, 57)
    person = only(read(stage))
    assert person.neck is None
    assert (len(person.of_kind(ARM)), len(person.of_kind(LEG))) == (0, 2)
    assert all(one.state is not Absence.MISSING for one in person.absent)


# Sides, ends, and what is not seen


def test_sides_are_the_subjects_own_and_unknown_where_the_map_does_not_say():
    stage = drawn()
    assert {limb.side for limb in only(read(stage)).of_kind(ARM)} == {Side.LEFT, Side.RIGHT}
    stage.side[:] = 0.1
    assert {limb.side for limb in only(read(stage)).of_kind(ARM)} == {Side.UNKNOWN}


def test_a_forearm_behind_a_box_goes_behind():
    stage = drawn()
    stage.box(53, 38, 64, 55)
    person = only(read(stage))
    (short,) = [arm for arm in person.of_kind(ARM) if len(arm.joints) < 4]
    assert (short.end, person.absent) == (LimbEnd.BEHIND, ())


@pytest.mark.parametrize("end", ["stump", "behind", "outside"])
def test_the_networks_word_on_an_end_counts(end):
    person = only(read(drawn(arms=[(1, 0, 2), (-1, 0, 4)], ends={("arm", 0): end})))
    assert [arm.end.value for arm in person.of_kind(ARM) if len(arm.joints) == 2] == [end]


def test_a_forearm_that_ends_in_the_open_without_a_word_cannot_be_told():
    person = only(read(drawn(arms=[(1, 60, 2), (-1, 0, 4)])))
    assert [arm.end for arm in person.of_kind(ARM) if len(arm.joints) == 2] == [LimbEnd.CANNOT_TELL]


def test_legs_that_leave_the_frame_are_outside():
    legs = only(read(drawn(neck=(48, 57)))).of_kind(LEG)
    assert [leg.end for leg in legs] == [LimbEnd.OUTSIDE] * 2


def absent(stage: Stage):
    (one,) = only(read(stage)).absent
    return one


@pytest.mark.parametrize("shoulder", [True, False])
def test_an_arm_is_missing_where_its_place_is_in_plain_view(shoulder):
    one = absent(drawn(arms=[(-1, 0, 4), *([(1, 0, 1)] if shoulder else [])]))
    assert (one.state, one.kind, one.side) == (Absence.MISSING, ARM, Side.LEFT)
    wanted = px(limb_points(ARM, (48, 24), 20, 1)[:3])
    np.testing.assert_allclose(one.place, wanted, atol=8)


def test_a_leg_is_missing_where_its_place_is_in_plain_view():
    one = absent(drawn(legs=[(1, 0, 4), (-1, 0, 1)]))
    assert (one.state, one.kind, one.side) == (Absence.MISSING, LEG, Side.RIGHT)


def test_behind_a_box_an_arm_is_hidden():
    stage = drawn(arms=[(1, 0, 1), (-1, 0, 4)])
    stage.box(57, 20, 80, 70)
    assert absent(stage).state is Absence.HIDDEN


def test_behind_another_person_an_arm_is_hidden():
    stage = Stage()
    draw_person(stage, neck=(36, 24), size=20, arms=[(-1, 0, 4), (1, 0, 1)])
    draw_person(stage, neck=(52, 24), size=20)
    reading = read(stage)
    assert [one.state for one in reading.people[0].absent] == [Absence.HIDDEN]


def test_beyond_the_frame_an_arm_is_hidden():
    stage = drawn(neck=(85, 24), arms=[(1, 0, 1), (-1, 0, 4)])
    assert absent(stage).state is Absence.HIDDEN


def test_below_the_frame_legs_are_hidden():
    person = only(read(drawn(neck=(48, 64))))
    assert [one.state for one in person.absent] == [Absence.HIDDEN] * 2


def test_seen_from_the_side_a_body_hides_its_own_limbs():
    person = only(read(drawn(arms=[(1, 0, 4)], legs=[(1, 0, 4)], narrow=0.2)))
    assert [one.state for one in person.absent] == [Absence.HIDDEN] * 2


def test_a_stump_at_the_shoulder_is_missing_even_beside_a_box():
    stage = drawn(arms=[(1, 0, 1), (-1, 0, 4)])
    stage.box(59, 20, 80, 70)
    stage.end("stump", limb_points(ARM, (48, 24), 20, 1)[0])
    assert absent(stage).state is Absence.MISSING


def test_pixels_of_an_arm_without_joints_are_no_missing_arm():
    stage = drawn(arms=[(1, 0, 1), (-1, 0, 4)])
    points = limb_points(ARM, (48, 24), 20, 1)
    for part, (start, end) in zip(("upper_arm", "forearm", "hand"), pairwise(points), strict=True):
        stage.flesh(part, start, end, 2.6, (48, 24))
    reading = read(stage)
    assert only(reading).absent[0].state is Absence.CANNOT_TELL
    assert reading.unclaimed[ARM].area > 0


def test_without_limbs_and_joints_nothing_is_missing():
    person = only(read(drawn(arms=[], legs=[])))
    assert [one.state for one in person.absent] == [Absence.CANNOT_TELL] * 4


# Pixels


def test_masks_lie_on_their_limbs_and_what_no_limb_explains_is_unclaimed():
    stage = drawn()
    stage.flesh("shin", (78, 60), (84, 84), 2.5, (48, 24))
    reading = read(stage)
    assert set(reading.unclaimed) == {LEG}
    area = reading.unclaimed[LEG].area
    drawn_px = ((stage.columns >= 74) & (stage.classes > 0)).sum() * 64
    assert area == pytest.approx(drawn_px, rel=0.1)


def test_lines_lie_where_they_were_drawn_to_a_fifth_of_a_cell():
    arm = only(read(drawn())).of_kind(ARM)[1]
    np.testing.assert_allclose(arm.polyline, px(limb_points(ARM, (48, 24), 20, 1)), atol=0.2 * 8)


def test_clothes_cover_a_share_of_a_limb():
    stage = drawn()
    stage.covered[0][stage.rows < 37] = 4.0
    arm = only(read(stage)).of_kind(ARM)[0]
    assert 0.3 < arm.covered < 0.6


# The same picture elsewhere


def summary(reading, width: float, *, swap: bool = False):
    """What must not depend on a mirror: kinds, sides, ends, and where the ends lie."""
    other = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT, Side.UNKNOWN: Side.UNKNOWN}
    rows = []
    for person in reading.people:
        for limb in person.limbs:
            x, y = limb.polyline[-1]
            side = other[limb.side] if swap else limb.side
            rows.append(
                (limb.kind.value, side.value, limb.end.value, round(float(width - x if swap else x)), round(float(y)))
            )
        for one in person.absent:
            side = other[one.side] if swap else one.side
            rows.append(("absent " + one.kind.value, side.value, one.state.value, 0, 0))
    return sorted(rows)


def odd_stage() -> Stage:
    stage = Stage()
    draw_person(stage, neck=(30, 24), size=18, arms=[(1, 0, 1), (-1, 30, 4)])
    draw_person(stage, neck=(66, 26), size=18, arms=[(1, 0, 4), (-1, 0, 4), (1, 75, 4)])
    return stage


def test_a_mirror_swaps_sides_and_nothing_else():
    stage = odd_stage()
    there = summary(read(stage), 768)
    back = summary(read_bodies(stage.maps().mirrored(), place_of(stage)), 768, swap=True)
    assert [row[:3] for row in there] == [row[:3] for row in back]
    np.testing.assert_allclose([row[3:] for row in there], [row[3:] for row in back], atol=2)


def test_mirrored_twice_is_the_same_and_a_mean_of_both_views_reads_alike():
    maps = odd_stage().maps()
    for name in BodyMaps.__slots__:
        assert np.array_equal(getattr(maps.mirrored().mirrored(), name), getattr(maps, name))
    both = mean_maps(maps, maps.mirrored().mirrored())
    assert summary(read_bodies(both, place_of(odd_stage())), 768) == summary(read(odd_stage()), 768)


@pytest.mark.parametrize("scale", [0.25, 1.0, 2.0])
def test_the_size_of_the_picture_scales_the_lines_and_masks_only(scale):
    one, other = only(read(drawn(), SCALE)), only(read(drawn(), scale))
    factor = SCALE / scale
    for a, b in zip(one.limbs, other.limbs, strict=True):
        np.testing.assert_allclose(a.polyline * factor, b.polyline, rtol=1e-5)
        assert b.mask.area == pytest.approx(a.mask.area * factor**2, rel=0.06)
    assert other.torso == pytest.approx(one.torso * factor, rel=1e-5)


@pytest.mark.parametrize("size", [8, 14, 26])
def test_people_of_any_size_are_read_alike(size):
    options = {"arms": [(1, 0, 1), (-1, 0, 4), (-1, 75, 4)], "legs": [(1, 10, 4), (-1, 10, 4), (0.0, 0, 4)]}
    person = only(read(drawn(size=size, neck=(48, 15), **options)))
    assert (len(person.of_kind(ARM)), len(person.of_kind(LEG))) == (2, 3)


@pytest.mark.parametrize("shift", [(-9, 0), (7, 5)])
def test_a_shift_moves_everything_along(shift):
    here, there = (
        only(read(drawn(neck=(48 + dx, 24 + dy), arms=[(1, 0, 1), (-1, 0, 4)]))) for dx, dy in ((0, 0), shift)
    )
    for a, b in zip(here.limbs, there.limbs, strict=True):
        np.testing.assert_allclose(a.polyline + np.array(shift) * 8, b.polyline, atol=0.5)
        assert (a.end, a.side, a.root) == (b.end, b.side, b.root)
    assert here.absent[0].state is there.absent[0].state is Absence.MISSING


# Bounds


def test_empty_maps_hold_nobody():
    reading = read(Stage())
    assert (reading.people, reading.loose, reading.unclaimed) == ((), (), {})


@pytest.mark.parametrize("size", [(1, 1), (3, 96), (96, 2)])
def test_tiny_maps_are_no_crash(size):
    assert read(Stage(*size)).people == ()


def test_maps_of_the_wrong_shape_are_refused():
    maps = Stage().maps()
    with pytest.raises(ValueError, match="fields"):
        BodyMaps(**{name: getattr(maps, name) for name in BodyMaps.__slots__} | {"fields": maps.fields[:4]})


def crowd() -> Stage:
    stage = Stage(4 * CELLS, 4 * CELLS)
    for index in range(100):
        draw_person(stage, neck=(38 * (index % 10 + 0.5), 38 * (index // 10 + 0.25)), size=10)
    return stage


def test_a_hundred_people_take_two_seconds_and_little_memory():
    stage = crowd()
    maps, place = stage.maps(), place_of(stage)
    start = time.process_time()
    reading = read_bodies(maps, place)
    assert time.process_time() - start < 2
    assert counts(reading) == [(2, 2)] * 100
    tracemalloc.start()
    try:
        read_bodies(maps, place)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200e6


def test_noise_is_bounded_too():
    draw = np.random.default_rng(3)
    shape = (CELLS, CELLS)
    noise = {
        "heat": draw.random((10, *shape)), "fields": draw.normal(size=(18, *shape)), "centre": draw.normal(size=(2, *shape)),
        "side": draw.normal(size=(1, *shape)), "covered": draw.normal(size=(1, *shape)), "parts": draw.normal(size=(10, *shape)),
        "ends": draw.random((3, *shape)),
    }  # fmt: skip
    start = time.process_time()
    reading = read_bodies(BodyMaps(**{k: v.astype(np.float32) for k, v in noise.items()}), place_of(Stage()))
    assert time.process_time() - start < 12
    assert all(0 <= limb.score <= 1 for person in reading.people for limb in person.limbs)
