"""The overlay: there, legible, in the colours of the legend, on any size of picture."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limbfix.drawing import (
    COLORS,
    bones,
    clear_corners,
    digit_shapes,
    draw_digits,
    draw_overlay,
    finding_marks,
    hand_captions,
    hand_marks,
    label_corners,
    tip_label_place,
)
from limbfix.drawing.label_places import heads
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


def test_of_findings_of_one_severity_the_worst_is_drawn_last_too() -> None:
    scores = [0.84, 0.67, 0.66, 0.53, 0.45, 0.3]
    severities = ["error", "warning", "warning", "warning", "info", "info"]
    findings = [
        {"code": "hand.malformed", "severity": severity, "defect_score": score, "box_xyxy": [0, 0, 10, 10]}
        for severity, score in zip(severities, scores, strict=True)
    ]
    assert [mark.finding_index for mark in finding_marks({"findings": findings})] == [5, 4, 3, 2, 1, 0]


def test_labels_never_overlap_while_there_is_room_and_stay_inside_the_frame() -> None:
    boxes = [(100.0, 100.0, 160.0, 160.0)] * 4 + [(390.0, 2.0, 398.0, 40.0)] * 3
    sizes = [(90.0, 16.0)] * 7
    corners = label_corners(boxes, sizes, (400.0, 400.0))
    for (ax, ay), (bx, by) in itertools.combinations(corners, 2):
        assert abs(ax - bx) >= 90 or abs(ay - by) >= 16
    assert all(0 <= x <= 310 and 0 <= y <= 384 for x, y in corners)


def test_a_label_goes_where_it_hides_no_neighbour() -> None:
    box, above = (100.0, 100.0, 130.0, 130.0), (100.0, 78.0, 130.0, 98.0)
    size, frame = (60.0, 16.0), (400.0, 400.0)
    assert clear_corners([box], [size], frame) == [(100, 84)]
    (corner,) = clear_corners([box], [size], frame, shown=[box, above])
    assert corner == (100, 130), "below"
    around = [above, (90.0, 131.0, 140.0, 150.0), (131.0, 95.0, 150.0, 135.0), (80.0, 95.0, 99.0, 135.0)]
    assert clear_corners([box], [size], frame, shown=[box, *around], needed=[False]) == [None]
    (corner,) = clear_corners([box], [size], frame, shown=[box, *around])
    assert corner is not None, "a finding is always named"


def test_placed_labels_never_overlap_however_crowded_it_is() -> None:
    boxes = [(float(x), float(y), x + 12.0, y + 12.0) for y in range(10, 180, 30) for x in range(10, 180, 30)]
    corners = clear_corners(boxes, [(50.0, 14.0)] * len(boxes), (200.0, 1000.0), shown=boxes)
    assert None not in corners
    for (ax, ay), (bx, by) in itertools.combinations(corners, 2):
        assert abs(ax - bx) >= 50 or abs(ay - by) >= 14


def test_words_about_the_hands_of_a_crowd_hide_no_hand_and_the_finding_keeps_its_own() -> None:
    boxes = [[20.0 + 60 * k, 150.0 + 30 * row, 42.0 + 60 * k, 172.0 + 30 * row] for row in range(4) for k in range(8)]
    unread = {"count": None, "cannot_tell": "too_small", "items": []}
    hands = [{"side": "left", "box_xyxy": box, "digits": unread} for box in boxes]
    found = {"code": "hand.malformed", "severity": "error", "defect_score": 0.9, "box_xyxy": boxes[12]}
    record = {"width": 512, "height": 512, "hands": hands, "findings": [found]}
    image = np.asarray(draw_overlay(blank(512, 512), record, []))
    bare = [(image[int(y0) + 4 : int(y1) - 4, int(x0) + 4 : int(x1) - 4] == 128).mean() for x0, y0, x1, y1 in boxes]
    assert sum(share < 0.8 for share in bare) <= 2, "what the finding's label cannot help hiding"
    assert bare[12] == 1
    assert count_of(image, "error") > 500, "the label"


def test_a_label_keeps_off_a_face_that_was_seen() -> None:
    xy: list[Any] = [None] * len(BLAZEPOSE33.landmarks)
    for index, place in enumerate(
        [(50, 50), (52, 46), (54, 46), (56, 46), (48, 46), (46, 46), (44, 46), (60, 48), (40, 48)]
    ):
        xy[index] = list(place)
    pose = {"layout": "blazepose33", "xy": xy, "score": [0.9] * len(xy)}
    assert heads([pose]) == [(30, 28, 70, 68)]
    assert heads([{**pose, "score": [0.1] * len(xy)}]) == []
    assert heads([{"layout": "hand21", "xy": [[1, 1]] * 21, "score": [0.9] * 21}]) == []


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


# Digits


def read_scene(number: int = 5, side: int = 400, **digits: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A hand over the middle of a picture with straight digits side by side, and the outline of each."""
    lines = [[[side * (0.3 + 0.06 * k), side * y] for y in (0.7, 0.5, 0.4)] for k in range(number)]
    items = [{"digit_index": k, "polyline": line, "extra": False} for k, line in enumerate(lines)]
    found = {"count": number, "visible": number, "cannot_tell": None, "items": items} | digits
    box = [0.25 * side, 0.3 * side, 0.75 * side, 0.75 * side]
    record = {
        "width": side,
        "height": side,
        "hands": [{"hand_index": 0, "side": "left", "box_xyxy": box, "digits": found}],
    }
    outlines = [
        {
            "layout": "digit_outline",
            "hand_index": 0,
            "digit_index": k,
            "xy": [[x - 6, y0], [x + 6, y0], [x + 6, y1], [x - 6, y1]],
            "score": [],
        }
        for k, ((x, y0), _, (_, y1)) in enumerate(lines)
    ]
    return record, outlines


@pytest.mark.parametrize("number", [1, 4, 5, 7])
def test_every_digit_is_a_line_with_its_number_whatever_their_count(number: int) -> None:
    record, outlines = read_scene(number)
    shapes = digit_shapes(record, outlines)
    assert [shape.number for shape in shapes] == [str(k + 1) for k in range(number)]
    assert all(len(shape.line) == 3 and len(shape.outlines) == 1 for shape in shapes)
    image = np.asarray(draw_overlay(blank(400, 400), record, outlines))
    for k in range(min(number, 5)):
        assert count_of(image, f"digit_{k + 1}") > 100, f"line and number of digit {k + 1}"


def test_a_mask_is_seen_through() -> None:
    record, outlines = read_scene(1)
    bare = np.asarray(draw_overlay(blank(400, 400), record, []))
    filled = np.asarray(draw_overlay(blank(400, 400), record, outlines))
    x, y = 125, 230  # on the mask, beside the line
    assert (bare[y, x] == 128).all()
    color = np.frombuffer(bytes.fromhex(COLORS["digit_1"][1:]), np.uint8).astype(int)
    assert np.abs(filled[y, x] - (0.3 * color + 0.7 * 128)).max() < 4


@pytest.mark.parametrize("side", [400, 2400])  # drawn on a layer, and on the picture itself
def test_a_hole_of_a_mask_stays_bare(side: int) -> None:
    record, outlines = read_scene(1, side)
    (x, y0), _, (_, y1) = record["hands"][0]["digits"]["items"][0]["polyline"]
    x += 0.2 * side  # the mask lies beside the digit's line

    def square(half: float) -> list[list[float]]:
        y = (y0 + y1) / 2
        return [[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half]]

    ring = [outlines[0] | {"xy": square(0.1 * side)}, outlines[0] | {"xy": square(0.05 * side)}]
    bare = np.asarray(draw_overlay(blank(side, side), record, []))
    filled = np.asarray(draw_overlay(blank(side, side), record, ring))
    middle, edge = (round((y0 + y1) / 2), round(x)), (round((y0 + y1) / 2), round(x + 0.075 * side))
    assert (filled[middle] == bare[middle]).all()
    color = np.frombuffer(bytes.fromhex(COLORS["digit_1"][1:]), np.uint8).astype(int)
    assert np.abs(filled[edge] - (0.3 * color + 0.7 * bare[edge])).max() < 4


def test_a_digit_that_is_too_many_has_the_colour_of_errors_a_ring_and_a_word() -> None:
    record, outlines = read_scene(6)
    plain = np.asarray(draw_overlay(blank(400, 400), record, outlines))
    record["hands"][0]["digits"]["items"][2]["extra"] = True
    shapes = digit_shapes(record, outlines)
    assert [(shape.number, shape.color) for shape in shapes if shape.is_extra] == [("3", "error")]
    assert shapes[-1].is_extra, "drawn last, on top"
    assert count_of(np.asarray(draw_overlay(blank(400, 400), record, outlines)), "error") > 150
    assert count_of(plain, "error") == 0
    assert [mark.label for mark in hand_captions(record)] == ["6 digits, 3 too many"]


@pytest.mark.parametrize(
    ("digits", "label"),
    [
        ({}, "5 digits"),
        ({"count": 1}, "1 digit"),
        ({"count": 0}, "0 digits"),
        ({"count": None, "cannot_tell": "occluded"}, "cannot tell: occluded"),
        ({"count": None, "cannot_tell": "too_small"}, "cannot tell: too small"),
    ],
)
def test_a_hand_says_its_count_or_why_it_has_none(digits: dict[str, Any], label: str) -> None:
    record, _ = read_scene(5, **digits)
    assert [(mark.label, mark.color) for mark in hand_captions(record)] == [(label, "left")]


def test_a_hand_that_nobody_read_has_no_caption_and_keeps_its_skeleton() -> None:
    record, keypoints = scene(400, 400)
    record["hands"][0]["digits"] = {"count": None, "visible": None, "cannot_tell": "no_model", "items": []}
    assert hand_captions(record) == []
    assert len(bones(record, keypoints)) == len(HAND21.bones)


def test_a_skeleton_of_five_fingers_is_not_drawn_over_digits_that_were_read() -> None:
    record, _ = read_scene(4)
    skeleton = {"layout": "hand21", "xy": [[200.0, 200.0 + k] for k in range(21)], "score": []}
    assert bones(record, [skeleton]) == []
    record["hands"][0]["digits"]["items"] = []
    assert len(bones(record, [skeleton])) == len(HAND21.bones)


def test_a_number_stands_beyond_its_tip_and_above_a_tip_alone() -> None:
    record, _ = read_scene(2)
    record["hands"][0]["digits"]["items"][1]["polyline"] = [[50.0, 60.0]]
    line, alone = digit_shapes(record, [])
    assert tip_label_place(line, 10) == (pytest.approx(120), pytest.approx(150))
    assert tip_label_place(alone, 10) == (50, 50)


def test_the_numbers_of_a_small_hand_do_not_hide_it() -> None:
    record, _ = read_scene(5, side=1000)
    hand = record["hands"][0]
    hand["box_xyxy"] = [500, 500, 540, 540]
    for k, item in enumerate(hand["digits"]["items"]):
        item["polyline"] = [[505 + 7 * k, 535], [505 + 7 * k, 510]]
    image = np.asarray(draw_overlay(blank(1000, 1000), record, []))
    changed = (image[500:540, 500:540] != 128).any(axis=-1).mean()
    assert 0.1 < changed < 0.75


def test_labels_keep_off_the_numbers_of_digits() -> None:
    box = (100.0, 100.0, 200.0, 200.0)
    disc = (110.0, 80.0, 125.0, 95.0)
    ((x, y),) = label_corners([box], [(60.0, 16.0)], (400.0, 400.0), [disc])
    assert (x, y) == (100, 64)
    assert label_corners([box], [(60.0, 16.0)], (400.0, 400.0)) == [(100, 84)]


def test_digits_are_drawn_into_a_piece_of_the_picture_where_they_are() -> None:
    record, _ = read_scene(1)
    piece = Image.fromarray(blank(200, 200))
    image = np.asarray(draw_digits(piece, digit_shapes(record, []), (100.0, 100.0, 200.0, 200.0)))
    place = tuple(np.argwhere((image != 128).any(axis=-1)).mean(0).round())
    assert abs(place[1] - (120 - 100) * 2) < 6, "the line stands at x = 120 of the original"
    assert draw_digits(piece, [], (0.0, 0.0, 10.0, 10.0)) is piece


def test_the_number_of_a_tip_outside_a_piece_is_not_drawn_at_its_edge() -> None:
    record, _ = read_scene(1)
    piece = Image.fromarray(blank(200, 200))
    below = np.asarray(draw_digits(piece, digit_shapes(record, []), (100.0, 200.0, 200.0, 300.0)))
    changed = np.argwhere((below != 128).any(axis=-1))
    assert len(changed) and np.ptp(changed[:, 1]) < 20, "the line alone, from edge to edge"


def test_a_digit_with_absent_joints_or_on_a_hand_outside_is_drawn_as_far_as_it_goes() -> None:
    record, _ = read_scene(2)
    record["hands"][0]["digits"]["items"][0]["polyline"][1] = [float("nan"), 1.0]
    record["hands"][0]["digits"]["items"][1]["polyline"] = [[float("nan"), 1.0]]
    (shape,) = digit_shapes(record, [])
    assert len(shape.line) == 2
    record["hands"][0]["box_xyxy"] = [900, 900, 950, 950]
    assert digit_shapes(record, []) == []
