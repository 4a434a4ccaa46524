"""A plausible hand has five digits, keeps the good ones that were seen, and lies where the hand lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from read_hands import digit
from synthetic import hand

from limbfix.digits import HandReading
from limbfix.geometry import Box
from limbfix.inpainters import depth_hint, openpose_hint, plausible_hand
from limbfix.inpainters.hints import BONE_COLOURS, BONES, in_window
from limbfix.inpainters.plausible_hands import TEMPLATE, good_digits
from limbfix.inpainters.posed_depth import PARENTS, shows_palm
from limbfix.layouts import HAND21, HAND21_DIGITS
from limbfix.parts import Keypoints, Side

ROWS = tuple(HAND21_DIGITS.values())
BOX = Box(100, 100, 300, 320)


def placed(scale: float = 1.0, turn_deg: float = 0.0, at=(400.0, 400.0), mirrored: bool = False) -> np.ndarray:
    """The template somewhere else: a normal hand whose 21 joints are all known."""
    turn = np.radians(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return TEMPLATE * ((-1, 1) if mirrored else (1, 1)) * scale @ rotation.T + at


def reading_of(joints: np.ndarray, names=(0, 1, 2, 3, 4)) -> HandReading:
    """A reading that saw the named digits just there."""
    digits = tuple(
        replace(digit(place, (100, 100), 0, 50, thumb=name == 0), polyline=joints[list(ROWS[name])].astype(np.float32))
        for place, name in enumerate(names)
    )
    return HandReading(digits=digits, count=len(digits), cannot_tell=None)


def keypoints_of(joints: np.ndarray, kept=range(21)) -> Keypoints:
    xy = np.full((21, 2), np.nan, np.float32)
    xy[list(kept)] = joints[list(kept)]
    return Keypoints(layout=HAND21, xy=xy, score=np.full(21, np.nan))


@pytest.mark.parametrize("size", [(200, 220), (220, 60), (50, 300), (1.0, 1.0)])
def test_a_bare_box_holds_an_open_hand(size):
    box = Box(100, 100, 100 + size[0], 100 + size[1])
    joints = plausible_hand(box)
    assert joints.shape == (21, 2)
    assert joints.dtype == np.float32
    own = Box.around(joints)
    assert own.clipped(1000, 1000).overlap_of_smaller(box) == pytest.approx(1, abs=0.01)
    assert own.width == pytest.approx(box.width, rel=0.01) or own.height == pytest.approx(box.height, rel=0.01)


@pytest.mark.parametrize("wrist", [(200, 500), (200, -100), (-200, 210), (700, 210), (500, 500)])
def test_fingers_point_away_from_the_bodys_wrist(wrist):
    joints = plausible_hand(BOX, wrist_xy=np.array(wrist, float))
    tips = joints[[8, 12, 16, 20]].mean(axis=0)
    assert np.linalg.norm(tips - wrist) > np.linalg.norm(joints[0] - wrist)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn", [0, 75, 180, -130])
def test_wrist_and_knuckles_place_the_hand(turn, mirrored):
    truth = placed(1.3, turn, mirrored=mirrored)
    joints = plausible_hand(Box.around(truth), keypoints=keypoints_of(truth, (0, 5, 9, 13, 17)))
    assert np.abs(joints - truth).max() < 1e-3


def test_the_digits_of_the_keypoints_are_not_believed():
    truth = placed(1.3)
    melted = truth.copy()
    melted[[8, 12, 16]] = truth[20]
    joints = plausible_hand(Box.around(truth), keypoints=keypoints_of(melted))
    assert np.abs(joints - truth).max() < 1e-3


@pytest.mark.parametrize("missing", [1, 2, 3, 4])
def test_a_missing_finger_appears_where_it_belongs(missing):
    truth = placed(1.1, 20)
    names = tuple(name for name in range(5) if name != missing)
    joints = plausible_hand(
        Box.around(truth), keypoints=keypoints_of(truth, (0, 5, 9, 13, 17)), reading=reading_of(truth, names)
    )
    assert np.abs(joints - truth).max() < 1


def test_good_digits_keep_their_place_and_their_neighbours_bend_with_them():
    truth = placed(1.2)
    bent = truth.copy()
    for name in (1, 3):
        row = list(ROWS[name])
        bent[row[2:]] = truth[row[1]] + 0.4 * (truth[row[2:]] - truth[row[1]])
    palm = keypoints_of(truth, (0, 5, 9, 13, 17))
    joints = plausible_hand(Box.around(truth), keypoints=palm, reading=reading_of(bent, (0, 1, 3, 4)))
    for name in (0, 1, 3, 4):
        assert np.abs(joints[list(ROWS[name])] - bent[list(ROWS[name])]).max() < 1e-3
    straight, middle = np.linalg.norm(truth[12] - truth[9]), np.linalg.norm(joints[12] - joints[9])
    assert middle < 0.85 * straight


def test_six_digits_become_five():
    wrist = (200.0, 300.0)
    digits = tuple(digit(index, wrist, -40 + 14 * index, 150, thumb=index == 0) for index in range(6))
    digits = (*digits[:5], replace(digits[5], score=0.55))
    reading = HandReading(digits=digits, count=6, cannot_tell=None)
    kept = good_digits(reading)
    assert len(kept) == 5
    assert digits[5] not in kept
    assert plausible_hand(BOX, reading=reading).shape == (21, 2)


def test_forked_and_doubtful_digits_are_not_kept():
    digits = tuple(digit(index, (200, 300), 10 * index, 150) for index in range(4))
    digits = (replace(digits[0], forked=True), replace(digits[1], score=0.2), *digits[2:])
    assert good_digits(HandReading(digits=digits, count=4, cannot_tell=None)) == digits[2:]


def test_keypoints_that_fit_no_hand_of_this_box_are_not_believed():
    joints = plausible_hand(BOX, keypoints=keypoints_of(placed(20)))
    assert np.abs(joints - plausible_hand(BOX)).max() < 1e-3


def test_a_detected_hand_gives_a_hand_in_its_box():
    part = hand(500, 500, 120)
    joints = plausible_hand(part.box, keypoints=part.keypoints, reading=part.reading)
    assert np.isfinite(joints).all()
    assert Box.around(joints).iou(part.box) > 0.4


@pytest.mark.parametrize("box", [Box(0, 0, 0, 0), Box(0, 0, float("nan"), 5)])
def test_an_impossible_box_is_an_error(box):
    with pytest.raises(ValueError, match="with an area"):
        plausible_hand(box)


def test_the_hint_has_openposes_bones_and_colours():
    assert len(BONES) == len(BONE_COLOURS) == 20
    assert BONES[:5] == ((0, 1), (1, 2), (2, 3), (3, 4), (0, 5))
    assert BONE_COLOURS[0] == (255, 0, 0)
    assert BONE_COLOURS[10] == (0, 255, 255)
    joints = plausible_hand(Box(40, 40, 472, 472))
    hint = openpose_hint(joints, (512, 512))
    assert (hint.shape, hint.dtype) == ((512, 512, 3), np.uint8)
    for x, y in np.rint(joints).astype(int):
        assert tuple(hint[y, x]) == (0, 0, 255)
    for (a, b), colour in zip(BONES, BONE_COLOURS, strict=True):
        x, y = np.rint((joints[a] + joints[b]) / 2).astype(int)
        near = hint[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).astype(int)
        assert np.abs(near - colour).sum(axis=1).min() < 60


def test_absent_joints_are_left_out_and_several_hands_share_a_hint():
    joints = plausible_hand(Box(10, 10, 120, 120))
    absent = joints.copy()
    absent[5:] = np.nan
    two = openpose_hint(np.stack([absent, joints + np.float32([128, 0])]), (256, 128))
    assert two[:, :128].any()
    assert (two[:, :128] > 0).sum() < (two[:, 128:] > 0).sum()
    with pytest.raises(ValueError, match="21"):
        openpose_hint(joints[:20], (64, 64))


def test_joints_move_into_the_enlarged_window():
    moved = in_window(np.array([[30.0, 50.0]]), (20, 40), (100, 50), (200, 100))
    assert moved.tolist() == [[20, 20]]


def test_bones_of_the_depth_hand_follow_the_layout():
    assert all((PARENTS[b], b) in {*HAND21.bones, *((0, k) for k in (9, 13))} for b in range(1, 21))


@pytest.mark.parametrize(
    ("mirrored", "side", "palm"), [(False, Side.RIGHT, False), (True, Side.RIGHT, True), (True, Side.LEFT, False)]
)
def test_which_face_of_the_hand_is_seen_follows_from_side_and_knuckles(mirrored, side, palm):
    assert shows_palm(placed(mirrored=mirrored), side) is palm
    assert shows_palm(placed(mirrored=mirrored), Side.UNKNOWN) is False


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_depth_hint_has_five_digits_under_the_joints(mirrored):
    from limbfix.errors import AssetMissing

    joints = placed(2.0, 25, at=(256, 400), mirrored=mirrored)
    try:
        hint = depth_hint(joints, (512, 512))
    except AssetMissing as error:
        pytest.skip(str(error))
    assert (hint.shape, hint.dtype) == ((512, 512, 3), np.uint8)
    assert hint.max() > 240
    for x, y in np.rint(joints[1:]).astype(
        int
    ):  # the tips of the drawn digits end at the joints, a px or two around them
        assert hint[y - 3 : y + 4, x - 3 : x + 4].max() > 100
    between = np.rint(
        (joints[[6, 10, 14]] + joints[[10, 14, 18]]) / 2 + (joints[[8, 12, 16]] - joints[[6, 10, 14]]) * 0.5
    ).astype(int)
    assert [int(hint[y, x, 0]) for x, y in between] == [0, 0, 0]


def test_without_body_data_the_error_holds_the_command(monkeypatch, tmp_path):
    from limbfix.errors import AssetMissing
    from limbfix.inpainters import posed_depth
    from limbfix.synthesis.figures import body_model

    monkeypatch.setenv("LIMBFIX_SYNTHESIS", str(tmp_path))
    posed_depth.rest_hand.cache_clear()
    body_model.load_body_model.cache_clear()
    with pytest.raises(AssetMissing, match=r"python -m limbfix\.synthesis fetch"):
        depth_hint(placed(), (64, 64))
