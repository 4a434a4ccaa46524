"""Poses of hands: angles mean what they say, limits hold, digits do not pass through each other, copies and extra digits follow."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from limbfix.synthesis.figures.body_model import BodyShape, load_body_model
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.posing import joint_position, world_matrices
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.poses.hand_poses import (
    FLEXION_LIMITS,
    DigitPose,
    HandPose,
    mean_pose,
    pose_hand,
    sample_hand_pose,
)
from limbfix.synthesis.poses.hand_styles import FREE_STYLES, STYLES
from limbfix.synthesis.samples import DIGITS, Side


@pytest.fixture(scope="module")
def figure(body_data: Path) -> Figure:
    model = load_body_model()
    return Figure(model, model.shaped(BodyShape(gender=0.3)))


def _joints(figure: Figure, side: Side, digit: str) -> np.ndarray:
    """Returns (4, 3): the digit's joints and tip as posed."""
    matrices, bones = world_matrices(figure), figure.find("digit", side, digit).bones
    heads = [joint_position(figure, matrices, bone, "head") for bone in bones]
    return np.stack([*heads, joint_position(figure, matrices, bones[-1], "tail")])


def _straight(**fingers: DigitPose) -> HandPose:
    flat = DigitPose(flexion=(0.0, 0.0, 0.0))
    return HandPose(style="test", digits=tuple(fingers.get(name, flat) for name in DIGITS))


@pytest.mark.parametrize("side", ["left", "right"])
def test_zero_angles_make_straight_fingers_in_the_palms_plane(figure: Figure, side: Side) -> None:
    pose_hand(figure, figure.find("hand", side).id, _straight(), np.random.default_rng(0))
    dorsal = hand_frame(figure, side).dorsal
    for digit in DIGITS[1:]:
        steps = unit(np.diff(_joints(figure, side, digit), axis=0))
        assert np.abs(steps @ dorsal).max() < 0.15
        assert min(steps[0] @ steps[1], steps[1] @ steps[2]) > 0.98


@pytest.mark.parametrize("side", ["left", "right"])
def test_flexion_bends_towards_the_palm_by_the_angle_asked_for(figure: Figure, side: Side) -> None:
    pose = _straight(middle=DigitPose(flexion=(0.5, 1.2, 0.4)))
    pose_hand(figure, figure.find("hand", side).id, pose, np.random.default_rng(0))
    steps = unit(np.diff(_joints(figure, side, "middle"), axis=0))
    assert np.arccos(steps[0] @ steps[1]) == pytest.approx(1.2, abs=0.05)
    assert np.arccos(steps[1] @ steps[2]) == pytest.approx(0.4, abs=0.05)
    assert steps[2] @ hand_frame(figure, side).dorsal < -0.5


@pytest.mark.parametrize("side", ["left", "right"])
def test_spread_goes_to_the_little_fingers_side(figure: Figure, side: Side) -> None:
    hand, across = figure.find("hand", side).id, hand_frame(figure, side).across
    tips = []
    for spread in (0.0, 0.3):
        pose_hand(figure, hand, _straight(index=DigitPose(flexion=(0, 0, 0), spread=spread)), np.random.default_rng(0))
        tips.append(_joints(figure, side, "index")[3] @ across)
    assert tips[1] - tips[0] > 0.1


def test_limits_hold_whatever_is_asked_for() -> None:
    wild = DigitPose(flexion=(-3.0, 5.0, 5.0), spread=2.0)
    for kind, limits in FLEXION_LIMITS.items():
        for angle, (low, high) in zip(wild.limited(kind).flexion, limits, strict=True):
            assert low <= angle <= high


def test_a_bent_finger_cannot_be_spread() -> None:
    straight, bent = (DigitPose(flexion=(mcp, 0, 0), spread=1.0).limited("finger").spread for mcp in (0.0, 1.5))
    assert bent < 0.3 * straight


def test_the_mean_of_poses_lies_between_them() -> None:
    low, high = DigitPose(flexion=(0, 0, 0)), DigitPose(flexion=(1, 1, 1), spread=0.2)
    assert mean_pose([low, high]) == DigitPose(flexion=(0.5, 0.5, 0.5), spread=0.1)


def test_a_draw_repeats_and_styles_differ() -> None:
    first, again = (sample_hand_pose(np.random.default_rng(4)) for _ in range(2))
    assert first == again
    drawn = {sample_hand_pose(np.random.default_rng(k)).style for k in range(150)}
    assert len(drawn) >= len(FREE_STYLES) - 3
    assert not any(STYLES[style].grasp for style in drawn)


def test_dip_follows_pip() -> None:
    poses = [sample_hand_pose(np.random.default_rng(k), "grip") for k in range(30)]
    ratio = np.mean([digit.flexion[2] / digit.flexion[1] for pose in poses for digit in pose.digits[1:]])
    assert 0.55 < ratio < 0.78


@pytest.mark.parametrize("style", FREE_STYLES)
def test_fingers_do_not_pass_through_each_other(figure: Figure, style: str) -> None:
    for seed in range(3):
        pose_hand(
            figure, figure.find("hand", "left").id, sample_hand_pose(np.random.default_rng(seed), style),
            np.random.default_rng(0),
        )  # fmt: skip
        lines = [_joints(figure, "left", digit) for digit in DIGITS]
        dense = [np.concatenate([np.linspace(a, b, 8) for a, b in itertools.pairwise(x)]) for x in lines]
        for k in range(1, 4):  # neighbouring fingers, beyond their first joint
            apart = np.linalg.norm(dense[k][4:, None] - dense[k + 1][None, 4:], axis=-1).min()
            assert apart > 0.07, (style, seed, DIGITS[k])


def test_thumb_meets_index_in_an_ok_sign(figure: Figure) -> None:
    apart = []
    for seed in range(5):
        pose = sample_hand_pose(np.random.default_rng(seed), "ok")
        pose_hand(figure, figure.find("hand", "right").id, pose, np.random.default_rng(0))
        thumb, index = (_joints(figure, "right", digit)[3] for digit in ("thumb", "index"))
        apart.append(np.linalg.norm(thumb - index))
    assert np.median(apart) < 0.3  # decimetres; a finger is 0.16 thick


def test_an_extra_digit_takes_the_mean_of_its_neighbours(figure: Figure) -> None:
    own = figure.copied()
    bones = own.clone_bones([f"finger3-{k}.L" for k in (1, 2, 3)], "#test")
    hand = own.find("hand", "left")
    extra = own.add_instance(
        "digit", "middle", "left", hand.id, bones=tuple(bones.values()), faults=("extra",), pose_like=("middle", "ring")
    )
    pose = _straight(middle=DigitPose(flexion=(1.0, 1.0, 0.6)), ring=DigitPose(flexion=(0.4, 0.4, 0.2)))
    pose_hand(own, hand.id, pose, np.random.default_rng(0))
    matrices = world_matrices(own)
    heads = np.stack([joint_position(own, matrices, bone, "head") for bone in extra.bones])
    tip = joint_position(own, matrices, extra.bones[-1], "tail")
    steps = unit(np.diff(np.vstack([heads, tip]), axis=0))
    assert np.arccos(steps[0] @ steps[1]) == pytest.approx(0.7, abs=0.2)


def test_a_copied_hand_bends_towards_its_own_palm(figure: Figure) -> None:
    from limbfix.synthesis.defects.limb_copies import copy_limb, move_copy
    from limbfix.synthesis.figures.rotations import turn

    own = figure.copied()
    copy = copy_limb(own, "hand", "left")
    turned = turn([0.3, 1.0, 0.2], 1.5)
    move_copy(own, copy, rotation=turned, shift=np.array([0.5, 0.0, 0.0]))
    pose = _straight(middle=DigitPose(flexion=(0.0, 1.2, 0.0)))
    normal = own.find("hand", "left")
    for hand in (normal, copy.root):
        pose_hand(own, hand.id, pose, np.random.default_rng(0))
    matrices = world_matrices(own)
    digit = next(e for e in own.instances if e.owner == copy.root.id and e.name == "middle")
    heads = np.stack([joint_position(own, matrices, bone, "head") for bone in digit.bones])
    dorsal = turned @ hand_frame(own, "left").dorsal
    first, second = unit(heads[1] - heads[0]), unit(heads[2] - heads[1])
    assert abs(first @ dorsal) < 0.2
    assert second @ dorsal < -0.7
