"""Objects and grasps: distances are those of the meshes, and hands close on things without passing through them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from limbfix.synthesis.figures.body_model import BodyShape, load_body_model
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.posing import skinned, world_matrices
from limbfix.synthesis.poses.hand_poses import DigitPose, HandPose, pose_hand
from limbfix.synthesis.props.closing import close_hand
from limbfix.synthesis.props.meshes import ball, box, turned_body
from limbfix.synthesis.props.objects import OBJECTS, ball_distance, box_distance, cylinder_distance

_SOLID = ("pole", "ball", "phone", "sheet", "card", "book")
"""Objects whose distance is that of their whole mesh; of the others it is that of the part one holds."""


@pytest.mark.parametrize("name", _SOLID)
def test_distance_is_zero_on_the_mesh(name: str) -> None:
    prop = OBJECTS[name](np.random.default_rng(3))
    assert np.abs(prop.distance(prop.mesh[0])).max() < 0.045  # decimetres: rounded edges lie inside


@pytest.mark.parametrize("name", tuple(OBJECTS))
def test_objects_are_whole_and_repeat(name: str) -> None:
    first, again = (OBJECTS[name](np.random.default_rng(5)) for _ in range(2))
    vertices, triangles = first.mesh
    assert np.isfinite(vertices).all()
    assert triangles.min() >= 0 and triangles.max() < len(vertices)
    assert np.array_equal(vertices, again.mesh[0]) and np.array_equal(first.colour, again.colour)
    assert np.linalg.norm(first.distance(np.array([[50.0, 0.0, 0.0]]))) > 30


def test_distances_are_signed_and_in_decimetres() -> None:
    points = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0]])
    assert ball_distance(1.0)(points) == pytest.approx([-1, 1, 2])
    assert cylinder_distance(1.0, 2.0)(points) == pytest.approx([-1, 1, 1])
    assert box_distance(np.array([1.0, 2.0, 0.5]))(points) == pytest.approx([-0.5, 1, 1])


@pytest.mark.parametrize("mesh", [ball(1.0), box(np.array([1.0, 0.5, 0.2]), 0.05), turned_body(np.array([[0, -1], [1, -1], [1, 1], [0, 1.0]]))])  # fmt: skip
def test_normals_point_outwards(mesh: tuple[np.ndarray, np.ndarray]) -> None:
    vertices, triangles = mesh
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    volume = float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)
    assert volume > 0


def test_fingers_close_on_a_cylinder_and_not_through_it(body_data: Path) -> None:
    model = load_body_model()
    figure = Figure(model, model.shaped(BodyShape()))
    frame, radius = hand_frame(figure, "left"), 0.25
    centre = frame.wrist + frame.along * frame.palm_length * 0.95 - frame.dorsal * (0.15 + radius)
    axes = np.stack([frame.along, frame.across, frame.dorsal])

    def distance(points: np.ndarray) -> np.ndarray:
        return cylinder_distance(radius, 2.0)((points - centre) @ axes.T)

    open_pose = HandPose(
        style="test", digits=(DigitPose(flexion=(1.0, 0, 0), spread=0.7), *[DigitPose(flexion=(0, 0.1, 0.1))] * 4)
    )
    closed = HandPose(
        style="test", digits=(DigitPose(flexion=(1.1, 0.8, 0.8), spread=0.1), *[DigitPose(flexion=(1.4, 1.7, 1.1))] * 4)
    )
    found = close_hand(figure, "left", open_pose, closed, distance)
    pose_hand(figure, figure.find("hand", "left").id, found, np.random.default_rng(0))
    posed = skinned(figure.body, world_matrices(figure))
    for digit in ("index", "middle", "ring"):
        entry = figure.find("digit", "left", digit)
        gap = distance(posed[figure.body.weight_of(entry.bones[1:]) > 0.5]).min()
        assert -0.06 < gap < 0.06, digit  # decimetres
        assert sum(found.of(digit).flexion) > 1.0  # round the cylinder, not straight along it


def test_a_hand_with_nothing_in_it_closes_all_the_way(body_data: Path) -> None:
    model = load_body_model()
    figure = Figure(model, model.shaped(BodyShape()))
    start = HandPose(style="test", digits=(DigitPose(flexion=(0, 0, 0)),) * 5)
    end = HandPose(style="test", digits=(DigitPose(flexion=(0.9, 0.9, 0.9)),) * 5)
    found = close_hand(figure, "right", start, end, lambda points: np.full(len(points), 9.0))
    assert [digit.flexion for digit in found.digits] == [pytest.approx((0.9, 0.9, 0.9))] * 5
