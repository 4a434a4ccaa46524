"""Keypoints and parts hold what was measured, unchangeably."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from synthetic import body_keypoints, hand, hand_keypoints, person

from limbfix.geometry import Box
from limbfix.layouts import HAND21
from limbfix.parts import Keypoints, Part, PartKind, Side


def test_keypoints_are_copied_and_locked():
    xy = np.zeros((21, 2))
    keypoints = Keypoints(layout=HAND21, xy=xy, score=np.zeros(21))
    xy[0] = 99
    assert keypoints.point("wrist").tolist() == [0, 0]
    with pytest.raises(ValueError, match="read-only"):
        keypoints.xy[0] = 1


@pytest.mark.parametrize(
    ("name", "shape"), [("xy", (20, 2)), ("xy", (21, 3)), ("score", (33,)), ("world", (21, 2)), ("world", (33, 3))]
)
def test_a_wrong_shape_is_refused_with_what_was_expected(name, shape):
    arrays = {"xy": np.zeros((21, 2)), "score": np.zeros(21)} | {name: np.zeros(shape)}
    with pytest.raises(ValueError, match=rf"Keypoints\.{name}: expected shape .* for layout hand21"):
        Keypoints(layout=HAND21, **arrays)


def test_an_absent_landmark_is_nan_and_an_unscored_one_too():
    keypoints = body_keypoints(absent=("left_hip",))
    assert np.isnan(keypoints.point("left_hip")).all()
    assert np.isfinite(keypoints.point("right_hip")).all()
    assert np.isnan(hand_keypoints(0, 0).visibility("wrist"))


def test_parts_are_frozen_and_unknown_by_default():
    part = Part(kind=PartKind.HAND, box=Box(0, 0, 1, 1), detection_score=None, detector="x")
    assert part.side is Side.UNKNOWN
    assert part.keypoints is part.mask is part.views is part.spread is part.side_score is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.box = Box(0, 0, 2, 2)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_part_lies_somewhere(number):
    with pytest.raises(ValueError, match="expected finite px"):
        Part(kind=PartKind.HAND, box=Box(0, 0, number, 1), detection_score=None, detector="x")


def test_the_made_person_and_hand_look_like_what_they_are_called():
    """Guards the builders: a test on a malformed stick person would prove nothing."""
    body, seen_from_behind = person().keypoints, person(mirrored=True).keypoints
    assert body.point("left_shoulder")[0] > body.point("right_shoulder")[0]
    assert seen_from_behind.point("left_shoulder")[0] < seen_from_behind.point("right_shoulder")[0]
    assert body.point("nose")[1] < body.point("left_hip")[1] < body.point("left_ankle")[1]
    left = hand(0, 0, angle_deg=-90, side=Side.LEFT).keypoints
    assert left.point("thumb_tip")[0] < left.point("pinky_tip")[0] or left.point("thumb_tip")[0] > 0
    right = hand(0, 0, angle_deg=-90, side=Side.RIGHT).keypoints
    assert np.sign(left.point("thumb_tip")[0]) == -np.sign(right.point("thumb_tip")[0])
