"""Boxes and angles do what their words say, also where they are empty, touching or nan."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbfix.geometry import Box, angle_deg, distance, from_first_centre, sampling_matrix, scaled_from_first_centre

numbers = st.floats(-1e4, 1e4, allow_nan=False)
boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h), numbers, numbers, st.floats(0.1, 1e4), st.floats(0.1, 1e4)
)


@given(numbers, st.floats(0.01, 100))
def test_a_scaled_place_is_the_same_place_from_the_corner(x, scale):
    """The corner of a picture is the corner of its enlargement; the centre of its first pixel is not the centre of the other's."""
    corner = np.array([x, -x])
    scaled = scaled_from_first_centre(from_first_centre(corner), scale)
    assert scaled == pytest.approx(from_first_centre(scale * corner), abs=1e-6)
    assert from_first_centre((0.5, 0.5)).tolist() == [0, 0]
    assert np.isnan(from_first_centre((float("nan"), 3.0))[0])


def test_a_mirroring_from_corners_puts_the_first_pixel_onto_the_last():
    mirror = sampling_matrix(np.array([[-1.0, 0, 8], [0, 1, 0]]))  # a picture of 8 px
    assert (mirror @ (0, 3, 1)).tolist() == [7, 3]


@given(boxes, boxes)
def test_iou_is_symmetric_and_a_share(a, b):
    assert a.iou(b) == pytest.approx(b.iou(a))
    assert 0 <= a.iou(b) <= 1 + 1e-9
    assert a.overlap_of_smaller(b) >= a.iou(b) - 1e-9


@given(boxes)
def test_a_box_is_itself(box):
    assert box.iou(box) == pytest.approx(1)
    assert box.overlap_of_smaller(box) == pytest.approx(1)


@given(boxes, st.integers(1, 5000), st.integers(1, 5000))
def test_a_clipped_box_lies_in_the_picture(box, width, height):
    clipped = box.clipped(width, height)
    assert 0 <= clipped.x_min <= clipped.x_max <= width
    assert 0 <= clipped.y_min <= clipped.y_max <= height


def test_touching_boxes_share_nothing():
    assert Box(0, 0, 10, 10).intersection(Box(10, 0, 20, 10)) == 0
    assert Box(0, 0, 10, 10).iou(Box(10, 0, 20, 10)) == 0


def test_half_overlap_has_the_iou_of_one_third():
    assert Box(0, 0, 10, 10).iou(Box(5, 0, 15, 10)) == pytest.approx(1 / 3)


def test_a_box_within_another_overlaps_fully_with_a_small_iou():
    outer, inner = Box(0, 0, 100, 100), Box(10, 10, 20, 20)
    assert outer.overlap_of_smaller(inner) == 1
    assert outer.iou(inner) == pytest.approx(0.01)


def test_empty_and_inverted_boxes_have_no_area_and_no_overlap():
    for empty in (Box(5, 5, 5, 5), Box(9, 9, 1, 1)):
        assert empty.area == 0
        assert empty.iou(empty) == 0
        assert empty.overlap_of_smaller(Box(0, 0, 10, 10)) == 0


def test_a_box_around_points_leaves_out_nan():
    xy = np.array([[1, 2], [np.nan, 90], [5, 8], [70, np.nan]])
    assert Box.around(xy).xyxy == (1, 2, 5, 8)


def test_no_finite_point_makes_no_box():
    with pytest.raises(ValueError, match="at least one finite point"):
        Box.around(np.full((3, 2), np.nan))


def test_growing_adds_a_share_of_the_longer_side_everywhere():
    assert Box(0, 0, 10, 20).grown(0.1).xyxy == (-2, -2, 12, 22)


def test_squaring_keeps_the_center_and_the_longer_side():
    square = Box(0, 0, 10, 20).squared(2)
    assert square.width == square.height == 40
    assert square.center.tolist() == [5, 10]


def test_shifting_moves_all_corners():
    assert Box(0, 1, 2, 3).shifted(10, -1).xyxy == (10, 0, 12, 2)


@pytest.mark.parametrize(
    ("box", "touches"),
    [
        (Box(10, 10, 90, 90), False),
        (Box(2, 10, 90, 90), True),
        (Box(10, 10, 98.5, 90), True),
        (Box(10, 10, 90, 120), True),
    ],
)
def test_a_box_near_the_frame_touches_it(box, touches):
    assert box.touches_edge(100, 100) is touches


@pytest.mark.parametrize(
    ("a", "b", "expected"), [((1, 0), (-1, 0), 180), ((1, 0), (0, 1), 90), ((1, 0), (3, 0), 0), ((1, 0), (1, 1), 45)]
)
def test_angles_are_inner_angles(a, b, expected):
    assert angle_deg(np.array(a), np.zeros(2), np.array(b)) == pytest.approx(expected, abs=1e-5)


def test_an_angle_without_two_arms_is_nan():
    assert np.isnan(angle_deg(np.zeros(2), np.zeros(2), np.ones(2)))
    assert np.isnan(angle_deg(np.array([np.nan, 1]), np.zeros(2), np.ones(2)))


def test_distance_is_nan_where_a_point_is_absent():
    assert distance(np.array([0, 3]), np.array([4, 0])) == 5
    assert np.isnan(distance(np.array([np.nan, 0]), np.zeros(2)))


def test_a_box_holds_its_inside_and_its_edge():
    box = Box(1, 2, 5, 9)
    assert all(box.holds(x, y) for x, y in ((3, 5), (1, 2), (5, 9)))
    assert not any(box.holds(x, y) for x, y in ((0.9, 5), (3, 9.1)))
