"""The layouts name the landmarks in the order in which the models give them."""

from __future__ import annotations

import pytest

from limbfix.layouts import BLAZEPOSE33, COCO17, HAND21, HAND21_DIGITS

LAYOUTS = (HAND21, BLAZEPOSE33, COCO17)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_names_are_distinct_and_as_many_as_the_layout_says(layout):
    assert len(set(layout.landmarks)) == len(layout.landmarks) == int(layout.name[-2:])


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_bones_join_two_different_landmarks_once(layout):
    pairs = {frozenset(bone) for bone in layout.bones}
    assert len(pairs) == len(layout.bones)
    assert all(len(pair) == 2 and max(pair) < len(layout.landmarks) for pair in pairs)


@pytest.mark.parametrize("layout", (BLAZEPOSE33, COCO17), ids=lambda layout: layout.name)
def test_bodies_are_symmetric(layout):
    def twin(index: int) -> int:
        name = layout.landmarks[index]
        if name.startswith("left_"):
            return layout.index("right_" + name.removeprefix("left_"))
        return layout.index("left_" + name.removeprefix("right_")) if name.startswith("right_") else index

    bones = {frozenset(bone) for bone in layout.bones}
    assert {frozenset(twin(index) for index in bone) for bone in bones} == bones


def test_the_hand_is_a_tree_from_the_wrist_with_a_knuckle_row():
    assert len(HAND21.bones) == 20 + 3 - 2  # a tree over 21, a row over the knuckles, middle and ring without a root
    assert {index for digit in HAND21_DIGITS.values() for index in digit} == set(range(1, 21))


@pytest.mark.parametrize(
    ("layout", "landmark", "index"),
    [
        (HAND21, "wrist", 0),
        (HAND21, "thumb_tip", 4),
        (HAND21, "index_finger_mcp", 5),
        (HAND21, "middle_finger_mcp", 9),
        (HAND21, "pinky_tip", 20),
        (BLAZEPOSE33, "nose", 0),
        (BLAZEPOSE33, "left_eye", 2),
        (BLAZEPOSE33, "right_ear", 8),
        (BLAZEPOSE33, "left_shoulder", 11),
        (BLAZEPOSE33, "right_wrist", 16),
        (BLAZEPOSE33, "left_index", 19),
        (BLAZEPOSE33, "left_hip", 23),
        (BLAZEPOSE33, "right_foot_index", 32),
        (COCO17, "left_shoulder", 5),
        (COCO17, "right_ankle", 16),
    ],
)
def test_landmarks_stand_where_the_models_put_them(layout, landmark, index):
    assert layout.index(landmark) == index


def test_an_unknown_landmark_is_an_error():
    with pytest.raises(ValueError):
        HAND21.index("sixth_finger_tip")
