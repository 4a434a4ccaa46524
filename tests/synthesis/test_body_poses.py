"""Do limbs go where poses say, within what joints can do?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from limbfix.synthesis.defects.limbs import LIMB_DEFECTS
from limbfix.synthesis.figures.body_model import BodyModel, BodyShape, load_body_model
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.posing import skinned, world_matrices
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.poses import arm_poses, leg_poses
from limbfix.synthesis.poses.arm_poses import ARM_STYLES, ArmPose, pose_arm, reach_with_arm, sample_arm_pose
from limbfix.synthesis.poses.body_gestures import GESTURES, surface_point
from limbfix.synthesis.poses.body_poses import BODY_STYLES, NECK_LIMITS, TRUNK_LIMITS, sample_body_pose
from limbfix.synthesis.poses.body_posing import pose_body
from limbfix.synthesis.poses.leg_poses import LEG_STYLES, sample_leg_pose
from limbfix.synthesis.poses.limb_chains import BOTH_SIDES, head_position, limb_chain
from limbfix.synthesis.samples import Side


@pytest.fixture(scope="module")
def model(body_data: Path) -> BodyModel:
    return load_body_model()


@pytest.fixture
def figure(model: BodyModel) -> Figure:
    return Figure(model, model.shaped(BodyShape()))


def _joints(figure: Figure, limb: str, side: Side) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chain = limb_chain(figure, limb, side)
    start, middle, end = (head_position(figure, bone) for bone in (chain.upper[0], chain.lower[0], chain.end))
    return start, middle, end


def _flexion(figure: Figure, limb: str, side: Side) -> float:
    start, middle, end = _joints(figure, limb, side)
    return float(np.arccos(np.clip(unit(middle - start) @ unit(end - middle), -1, 1)))


@pytest.mark.parametrize("flexion", [0.0, 0.7, 1.5, 2.4])
def test_elbow_bends_by_the_angle_asked_for(figure: Figure, flexion: float) -> None:
    for side in BOTH_SIDES:
        pose_arm(figure, ArmPose(style="test", elevation=-0.6, azimuth=0.9, flexion=flexion, swivel=0.4), side)
        assert _flexion(figure, "arm", side) == pytest.approx(flexion, abs=0.06)


def test_upper_arm_points_where_asked(figure: Figure) -> None:
    pose_arm(figure, ArmPose(style="test", elevation=0.0, azimuth=0.0, flexion=0.1), "left")
    pose_arm(figure, ArmPose(style="test", elevation=0.0, azimuth=np.pi / 2, flexion=0.1), "right")
    start, middle, _ = _joints(figure, "arm", "left")
    assert unit(middle - start) @ [1, 0, 0] > 0.99
    start, middle, _ = _joints(figure, "arm", "right")
    assert unit(middle - start) @ [0, 0, 1] > 0.99


def test_same_pose_on_both_sides_is_mirrored(figure: Figure) -> None:
    pose = sample_arm_pose(np.random.default_rng(4), "wave")
    for side in BOTH_SIDES:
        pose_arm(figure, pose, side)
    left, right = _joints(figure, "arm", "left"), _joints(figure, "arm", "right")
    for a, b in zip(left, right, strict=True):
        assert a * [-1, 1, 1] == pytest.approx(b, abs=0.03)


def test_wrist_reaches_a_point_within_its_arms_length(figure: Figure) -> None:
    goal = head_position(figure, figure.bone("upperarm01.L")) + np.array([0.5, -0.8, 2.5])
    reach_with_arm(figure, "left", goal, pole=np.array([1.0, -1.0, 0]), palm=np.array([0, -1.0, 0]))
    assert _joints(figure, "arm", "left")[2] == pytest.approx(goal, abs=0.15)


def test_arm_that_is_too_short_is_stretched_towards_its_point(figure: Figure) -> None:
    shoulder = head_position(figure, figure.bone("upperarm01.R"))
    reach_with_arm(figure, "right", shoulder - np.array([20.0, 0, 0]), pole=np.array([0, -1.0, 0]))
    start, _, end = _joints(figure, "arm", "right")
    assert unit(end - start) @ [-1, 0, 0] > 0.98
    assert _flexion(figure, "arm", "right") < 0.15


def test_twist_turns_the_hand_but_leaves_the_arm_in_place(figure: Figure) -> None:
    def thumb_side(twist: float) -> np.ndarray:
        pose_arm(figure, ArmPose(style="test", elevation=-1.4, azimuth=0.3, flexion=1.5, twist=twist), "left")
        knuckles = [figure.bone(f"finger{k}-1.L") for k in (2, 5)]
        return unit(head_position(figure, knuckles[0]) - head_position(figure, knuckles[1]))

    middle = thumb_side(0.0)
    before = _joints(figure, "arm", "left")[2]
    pronated, supinated = thumb_side(1.3), thumb_side(-1.3)
    assert _joints(figure, "arm", "left")[2] == pytest.approx(before, abs=0.12)
    assert middle[1] > 0.7  # index finger above the little finger
    assert pronated[0] < -0.5  # index finger towards the body's middle: palm down
    assert supinated[0] > 0.5


@pytest.mark.parametrize("style", ARM_STYLES)
def test_drawn_arms_are_within_limits(style: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        pose = sample_arm_pose(rng, style)
        assert pose == pose.within_limits()
        assert arm_poses.ELBOW[0] <= pose.flexion <= arm_poses.ELBOW[1]


@pytest.mark.parametrize("style", LEG_STYLES)
def test_drawn_legs_are_within_limits(style: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        pose = sample_leg_pose(rng, style)
        assert leg_poses.KNEE[0] <= pose.knee <= leg_poses.KNEE[1]
        assert leg_poses.HIP_FLEXION[0] <= pose.flexion <= leg_poses.HIP_FLEXION[1]


@pytest.mark.parametrize("style", BODY_STYLES)
def test_bodies_of_every_style_keep_their_joints_sound(model: BodyModel, style: str) -> None:
    rng = np.random.default_rng(BODY_STYLES.index(style))
    for _ in range(2):
        figure, pose = Figure(model, model.shaped(BodyShape(gender=float(rng.random())))), sample_body_pose(rng, style)
        pose_body(figure, pose, rng)
        assert TRUNK_LIMITS[0][0] <= pose.trunk.bend <= TRUNK_LIMITS[0][1]
        assert NECK_LIMITS[2][0] <= pose.trunk.turn <= NECK_LIMITS[2][1]
        for rotation in figure.rotations.values():
            assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-3)
            assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-3)
        for side in BOTH_SIDES:
            assert _flexion(figure, "arm", side) <= arm_poses.ELBOW[1] + 0.05
            assert _flexion(figure, "leg", side) <= leg_poses.KNEE[1] + 0.2


@pytest.mark.parametrize("style", ["stand", "walk", "half_squat", "sit"])
def test_planted_feet_are_on_one_level(model: BodyModel, style: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(4):
        figure = Figure(model, model.shaped(BodyShape()))
        pose = sample_body_pose(rng, style)
        pose = replace(pose, legs={s: replace(leg, planted=True, heel=0.0) for s, leg in pose.legs.items()})
        pose_body(figure, pose, rng)
        skin = skinned(figure.body, world_matrices(figure))
        lowest = [skin[figure.body.instance == figure.find("foot", side).id, 1].min() for side in BOTH_SIDES]
        assert abs(lowest[0] - lowest[1]) < 0.35  # 3.5 cm: ankles have limits


@pytest.mark.parametrize("gesture", ["hip", "chest", "face", "thigh"])
def test_gestures_bring_the_hand_to_the_body(model: BodyModel, gesture: str) -> None:
    rng = np.random.default_rng(5)
    for shape in (BodyShape(), BodyShape(age=0.22), BodyShape(gender=1, weight=0.8)):
        figure = Figure(model, model.shaped(shape))
        pose = sample_body_pose(rng, "sit" if gesture == "thigh" else "stand")
        pose_body(figure, replace(pose, gestures={"left": gesture, "right": ""}), rng)
        surface, _ = surface_point(figure, GESTURES[gesture].landmark, "left")
        palm = head_position(figure, figure.bone("finger3-1.L"))
        assert np.linalg.norm(palm - surface) < 1.1  # the knuckle lies beside the landmark, not on it


def test_third_arm_takes_a_pose_of_its_own_and_leaves_the_others(model: BodyModel) -> None:
    third = next(operator for operator in LIMB_DEFECTS if operator.name == "limbs.third_arm")
    shaped, pose = model.shaped(BodyShape()), sample_body_pose(np.random.default_rng(2), "stand")
    plain, changed = Figure(model, shaped), Figure(model, shaped)
    made = third.harm(changed, "left", third.draw(np.random.default_rng(0)))
    pose_body(plain, pose, np.random.default_rng(0))
    pose_body(changed, pose, np.random.default_rng(0))
    for side in BOTH_SIDES:
        for a, b in zip(_joints(plain, "arm", side), _joints(changed, "arm", side), strict=True):
            assert a == pytest.approx(b, abs=1e-5)
    root = changed.instance(made.instances[0])
    wrists = [head_position(changed, bone) for joint, bone, _ in root.joints if joint == "wrist"]
    assert np.linalg.norm(wrists[0] - _joints(changed, "arm", "left")[2]) > 0.3


def test_a_figure_goes_where_its_place_is(figure: Figure) -> None:
    before = head_position(figure, figure.bone("head"))
    figure.place = np.array([3.0, 1.0, -2.0], np.float32)
    assert head_position(figure, figure.bone("head")) - before == pytest.approx([3, 1, -2], abs=1e-5)
    matrices = world_matrices(figure)
    bone = figure.bone("head")
    assert matrices[bone, :, :3] @ figure.heads[bone] + matrices[bone, :, 3] == pytest.approx(
        before + np.array([3, 1, -2]), abs=1e-4
    )
