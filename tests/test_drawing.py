"""The overlay: there, legible, in the colours of the legend, on any size of picture."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from limbfix.drawing import COLORS, bones, draw_overlay, finding_marks, hand_marks, label_corners
from limbfix.layouts import BLAZEPOSE33, HAND21


def blank(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def scene(width: int, height: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    box = [0.3 * width, 0.5 * height, 0.5 * width, 0.8 * height]
    hand = {"side": "left", "box_xyxy": box}
    found = {"code": "hand.extra_digit", "severity": "error", "defect_score": 0.9, "box_xyxy": box}
    xy = [[(0.32 + 0.16 * (k % 5) / 4) * width, (0.52 + 0.26 * (k // 5) / 4) * height] for k in range(21)]
    keypoints = [{"layout": "hand21", "xy": xy, "score": [0.9] * 21}]
    return {"width": width, "height": height, "hands": [hand], "findings": [found]}, keypoints


def count_of(image: np.ndarray, name: str, tolerance: int = 6) -> int:
    color = np.frombuffer(bytes.fromhex(COLORS[name][1:]), np.uint8)
    return int((np.abs(image.astype(int) - color).max(axis=-1) <= tolerance).sum())


@pytest.mark.parametrize("size_wh", [(64, 64), (64, 20), (512, 768), (2000, 500), (8192, 2048)])
def test_overlay_shows_skeleton_box_and_legible_label_from_64_px_to_8k(size_wh: tuple[int, int]) -> None:
    record, keypoints = scene(*size_wh)
    image = np.asarray(draw_overlay(blank(*size_wh), record, keypoints))
    side = max(image.shape[:2])
    assert side >= 320
    assert count_of(image, "left") > side / 8, "bones"
    label_area = 13 * side / 512 * 60 * side / 512
    assert count_of(image, "error") > label_area, "box and label"
    assert count_of(image, "halo", 40) > side / 8, "letters, smoothed"


def test_a_picture_that_is_large_enough_keeps_its_size_and_the_input_is_not_touched() -> None:
    pixels = blank(640, 480)
    pixels.flags.writeable = False
    record, keypoints = scene(640, 480)
    assert draw_overlay(pixels, record, keypoints).size == (640, 480)
    assert (pixels == 128).all()


def test_nothing_seen_draws_nothing() -> None:
    image = np.asarray(draw_overlay(blank(400, 400), {"hands": [], "findings": []}, []))
    assert (image == 128).all()


def test_a_bone_with_an_absent_end_is_left_out_and_a_guessed_one_is_not_sure() -> None:
    xy: list[Any] = [[float(k), float(k)] for k in range(33)]
    xy[BLAZEPOSE33.index("left_wrist")] = None
    xy[BLAZEPOSE33.index("right_wrist")] = [float("nan"), 3.0]
    score: list[Any] = [0.9] * 33
    score[BLAZEPOSE33.index("left_ankle")] = 0.1
    score[BLAZEPOSE33.index("right_ankle")] = None
    lines = bones({}, [{"layout": "blazepose33", "xy": xy, "score": score}])
    ends = {line.start for line in lines} | {line.end for line in lines}
    assert len(lines) == len(BLAZEPOSE33.bones) - 8
    assert all(np.isfinite(end).all() for end in ends)
    unsure = {line.end for line in lines if not line.is_sure} | {line.start for line in lines if not line.is_sure}
    assert (27.0, 27.0) in unsure
    assert (28.0, 28.0) not in unsure, "no score is not a low score"


def test_bones_have_the_subjects_side_and_hands_take_it_from_the_record() -> None:
    body = {"layout": "blazepose33", "xy": [[5.0, 5.0]] * 33, "score": []}
    sides = [bone.side for bone in bones({}, [body])]
    assert sides[0] == "middle"
    assert {"left", "right", "middle"} == set(sides)
    record, (hand,) = scene(400, 400)
    assert {bone.side for bone in bones(record, [hand])} == {"left"}
    assert {bone.side for bone in bones(record, [hand | {"side": "right"}])} == {"right"}
    assert {bone.side for bone in bones({}, [hand])} == {"unknown"}
    assert len(bones(record, [hand])) == len(HAND21.bones)


def test_boxes_are_clipped_to_the_picture_and_broken_ones_are_left_out() -> None:
    found = {"code": "hand.malformed", "severity": "warning"}
    boxes = [[-10, -10, 500, 50], [30, 40, 10, 20], None, [1, 2], [300, 10, 400, 20], [0, 0, float("nan"), 1]]
    record = {"width": 200, "height": 100, "findings": [found | {"box_xyxy": box} for box in boxes], "hands": []}
    assert {mark.box_xyxy for mark in finding_marks(record)} == {(0, 0, 200, 50), (10, 20, 30, 40)}
    assert hand_marks({"hands": [{"side": "unknown", "box_xyxy": [1, 1, 5, 5]}]})[0].color == "unknown"


def test_the_worst_finding_is_drawn_last() -> None:
    box = [0, 0, 10, 10]
    severities = ["error", "info", "warning"]
    record = {"findings": [{"code": "hand.malformed", "severity": s, "box_xyxy": box} for s in severities]}
    assert [mark.color for mark in finding_marks(record)] == ["info", "warning", "error"]


def test_labels_never_overlap_while_there_is_room_and_stay_inside_the_frame() -> None:
    boxes = [(100.0, 100.0, 160.0, 160.0)] * 4 + [(390.0, 2.0, 398.0, 40.0)] * 3
    sizes = [(90.0, 16.0)] * 7
    corners = label_corners(boxes, sizes, (400.0, 400.0))
    for (ax, ay), (bx, by) in itertools.combinations(corners, 2):
        assert abs(ax - bx) >= 90 or abs(ay - by) >= 16
    assert all(0 <= x <= 310 and 0 <= y <= 384 for x, y in corners)


def test_text_is_readable_on_every_colour() -> None:
    def luminance(color: str) -> float:
        channels = [v / 255 for v in bytes.fromhex(color[1:])]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark = luminance(COLORS["halo"])
    for name, color in COLORS.items():
        if name != "halo":
            assert (luminance(color) + 0.05) / (dark + 0.05) >= 4.5, name


def test_an_unknown_layout_and_wrong_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"hand21.*openpose18"):
        draw_overlay(blank(400, 400), {}, [{"layout": "openpose18", "xy": [], "score": []}])
    with pytest.raises(ValueError, match="expected uint8"):
        draw_overlay(np.zeros((4, 4), np.uint8), {}, [])
