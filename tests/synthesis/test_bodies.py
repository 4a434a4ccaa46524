"""Are pictures of whole people what their labels say, and are people where people can be?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from limbfix.errors import UsageError
from limbfix.synthesis.figures.body_model import BodyModel, BodyShape, load_body_model
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.posing import skinned, world_matrices
from limbfix.synthesis.pairing import LEAST_CHANGED_PX
from limbfix.synthesis.poses.body_poses import sample_body_pose
from limbfix.synthesis.poses.limb_chains import head_position
from limbfix.synthesis.rendering.lights import sample_light
from limbfix.synthesis.samples import PART_ID, SURFACE_ID, Sample, Side
from limbfix.synthesis.scenes.body_cameras import LOWEST_EYE, aim_camera, sample_framing, sight
from limbfix.synthesis.scenes.body_ground import ground_view, shade_ground
from limbfix.synthesis.scenes.body_places import BodyStage, clearance, points_of
from limbfix.synthesis.scenes.body_plans import draw_plan
from limbfix.synthesis.scenes.body_shots import shows_hand
from limbfix.synthesis.scenes.body_situations import SITUATIONS, act, draw_poses
from limbfix.synthesis.streams import StreamOptions

if TYPE_CHECKING:
    from limbfix.synthesis.bodies import BodiesStream
    from limbfix.synthesis.rendering.renderer import Renderer, Rendering

SEED = 11
GROUPS = 8


@pytest.fixture(scope="module")
def model(body_data: Path) -> BodyModel:
    return load_body_model()


@pytest.fixture(scope="module")
def stream(renderer: Renderer) -> Iterator[BodiesStream]:
    from limbfix.synthesis.bodies import BodiesStream

    stream = BodiesStream(StreamOptions(seed=SEED, size_px=renderer.size_px), renderer)
    yield stream
    stream.close()


@pytest.fixture(scope="module")
def groups(stream: BodiesStream) -> list[tuple[Sample, ...]]:
    return [stream.group(index) for index in range(GROUPS)]


def _stage(
    model: BodyModel, situation: str, people: int, seed: int, shapes: list[BodyShape] | None = None
) -> BodyStage:
    rng, row = np.random.default_rng(seed), SITUATIONS[situation]
    shapes = shapes or [BodyShape(gender=float(rng.random())) for _ in range(people)]
    figures = [Figure(model, model.shaped(shape), person=1 + 200 * k) for k, shape in enumerate(shapes)]
    stage = BodyStage(figures=figures, poses=draw_poses(row, people, rng), yaws=row.yaws(rng, people), first_object=801)
    act(stage, row, rng)
    return stage


def test_a_group_is_a_pair_with_the_less_damaged_first(groups: list[tuple[Sample, ...]]) -> None:
    for first, second in groups:
        assert (first.role, second.role) in {("twin", "defect"), ("plain", "twin")}
        assert (first.order, second.order) == (0, 1)
        assert first.group == second.group
        assert first.key != second.key
        assert not first.defects
        assert bool(second.defects) == (second.role == "defect")


def test_a_group_is_the_same_in_any_order(stream: BodiesStream, groups: list[tuple[Sample, ...]]) -> None:
    again = stream.group(3)
    for a, b in zip(groups[3], again, strict=True):
        assert a.pixels.tobytes() == b.pixels.tobytes()
        assert a.instance_map.tobytes() == b.instance_map.tobytes()
        assert a.instances == b.instances or repr(a.instances) == repr(b.instances)  # nan is not nan
        assert a.recipe == b.recipe


def test_every_labelled_pixel_has_an_instance(groups: list[tuple[Sample, ...]]) -> None:
    for sample in (sample for group in groups for sample in group):
        rows = {item.id: item for item in sample.instances}
        values, counts = np.unique(sample.instance_map, return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            if value:
                assert rows[value].visible_px == count
        assert len(rows) == len(sample.instances)


def test_head_and_torso_have_all_of_their_pixels(groups: list[tuple[Sample, ...]]) -> None:
    """Cheeks, eyes, collarbones and breasts have bones of a side, and belong to what has none."""
    owners = {
        "head": {"head"},
        "torso": {"torso", "arm", "leg"},
    }  # a stump at a shoulder is an arm's, whatever its bones
    for sample in (sample for group in groups for sample in group):
        kinds = {item.id: item.kind for item in sample.instances}
        for part, fitting in owners.items():
            ids = np.unique(sample.instance_map[sample.part_map == PART_ID[part]])
            assert {kinds[int(one)] for one in ids} <= fitting


def test_what_is_missing_has_no_pixels(groups: list[tuple[Sample, ...]]) -> None:
    for sample in (sample for group in groups for sample in group):
        for item in sample.instances:
            if not item.present:
                assert not (sample.instance_map == item.id).any()


def test_defects_name_instances_and_visible_ones_change_the_picture(groups: list[tuple[Sample, ...]]) -> None:
    for twin, sample in groups:
        ids = {item.id for item in (*sample.instances, *twin.instances)}
        for defect in sample.defects:
            assert set(defect.instances) <= ids
            assert defect.region is not None
            if defect.visible:
                changed = (sample.instance_map != twin.instance_map) | (sample.pixels != twin.pixels).any(-1)
                assert (changed & defect.region).sum() > LEAST_CHANGED_PX / 4


def test_most_defect_pictures_show_their_defect(groups: list[tuple[Sample, ...]]) -> None:
    shown = [defect.visible for group in groups for sample in group for defect in sample.defects]
    assert len(shown) >= 3
    assert np.mean(shown) >= 0.6


def test_recipes_are_plain_json(groups: list[tuple[Sample, ...]]) -> None:
    for sample in (sample for group in groups for sample in group):
        assert json.loads(json.dumps(sample.recipe)) == json.loads(json.dumps(dict(sample.recipe)))
        assert sample.recipe["poses"]


def test_people_in_a_row_stand_clear_of_each_other(model: BodyModel) -> None:
    for seed in range(3):
        stage = _stage(model, "row", 3, seed)
        points = [points_of(figure) for figure in stage.figures]
        for a in range(3):
            for b in range(a + 1, 3):
                line = (points[b].mean(0) - points[a].mean(0)) * [1, 0, 1]
                gap = clearance(points[a], points[b], line / np.linalg.norm(line))
                assert gap < 1.0  # decimetres: at a slant to the way they were slid apart they may lock a little


def test_everybody_stands_on_the_ground(model: BodyModel) -> None:
    for situation, people in (("alone", 1), ("scattered", 3), ("embrace", 2), ("hand_in_hand", 2)):
        stage = _stage(model, situation, people, 4)
        for figure, pose in zip(stage.figures, stage.poses, strict=True):
            lowest = skinned(figure.body, world_matrices(figure))[:, 1].min()
            assert lowest == pytest.approx(pose.lift, abs=0.6)  # an arm that reaches somebody moves no foot


def test_a_sitter_gets_a_seat_just_below(model: BodyModel) -> None:
    rng = np.random.default_rng(8)
    figure, pose = Figure(model, model.shaped(BodyShape()), person=1), sample_body_pose(rng, "sit")
    stage = BodyStage(figures=[figure], poses=[pose], yaws=[0.4], first_object=201)
    act(stage, SITUATIONS["alone"], rng)
    (seat,) = stage.things
    root = head_position(figure, figure.bone("root"))
    board = seat.positions[np.abs(seat.positions[:, [0, 2]] - root[[0, 2]]).max(1) < 6]
    assert 0 <= seat.positions[:, 1].min() < 0.01
    assert board[:, 1].max() > 1
    assert seat.id == 201


def test_hands_that_hold_each_other_touch(model: BodyModel) -> None:
    for seed in range(3):
        stage = _stage(model, "hand_in_hand", 2, seed)
        hands: list[np.ndarray] = []
        sides: tuple[Side, Side] = ("left", "right")
        for figure, side in zip(stage.figures, sides, strict=True):
            hand = figure.find("hand", side)
            own = [hand.id, *(entry.id for entry in figure.instances if entry.owner == hand.id)]
            hands.append(skinned(figure.body, world_matrices(figure))[np.isin(figure.body.instance, own)])
        nearest = np.linalg.norm(hands[0][:, None] - hands[1][None, ::4], axis=2).min()
        assert nearest < 0.35


def test_a_child_does_not_lay_its_arm_around_a_giant(model: BodyModel) -> None:
    stage = _stage(model, "arm_around", 2, 1, [BodyShape(age=0.19), BodyShape(gender=1, height=0.8)])
    gaps = clearance(points_of(stage.figures[0]), points_of(stage.figures[1]), np.array([1.0, 0, 0]))
    assert gaps < 0.05  # they stand side by side, arms too


def test_cameras_frame_what_they_are_asked_to(model: BodyModel) -> None:
    stage, rng = _stage(model, "alone", 1, 2), np.random.default_rng(0)
    points = points_of(stage.figures[0])
    for _ in range(20):
        framing = sample_framing(rng, ("whole", "small"), lying=False)
        camera = aim_camera(points, framing, 0.0)
        seen = camera.project(points, 100)[:, :2]
        assert camera.eye[1] >= LOWEST_EYE - 1e-6
        assert np.ptp(seen, axis=0).max() == pytest.approx(100 * framing.size, rel=0.2)


def test_sight_tells_who_stands_in_front(model: BodyModel) -> None:
    stage, rng = _stage(model, "alone", 1, 2), np.random.default_rng(0)
    points = points_of(stage.figures[0])
    camera = aim_camera(points, sample_framing(rng, ("whole",), lying=False), 0.0)
    towards = (camera.eye - points.mean(0)) * [1, 0, 1]
    behind = points - 4 * towards / np.linalg.norm(towards)
    seen = sight(camera, [points, behind])
    assert seen.shares[0] > 0.35
    assert seen.shares[1] < 0.5 * seen.shares[0]


def test_shadows_lie_on_the_ground_near_the_feet_and_nowhere_else(model: BodyModel) -> None:
    stage, rng = _stage(model, "alone", 1, 2), np.random.default_rng(0)
    points = points_of(stage.figures[0])
    camera = aim_camera(points, sample_framing(rng, ("whole",), lying=False), 0.0)
    white, view = np.full((96, 96, 3), 200.0, np.float32), ground_view(camera, 96)
    shaded = shade_ground(white, points, sample_light(rng, np.array([0, 0.2, 1.0])), view)
    ground = np.zeros(96 * 96, bool)
    ground[view.rows] = True
    dark = (shaded < 199).any(-1).ravel()
    assert dark.any()
    assert not dark[~ground].any()
    foot = camera.project(head_position(stage.figures[0], stage.figures[0].bone("foot.L"))[None], 96)[0].astype(int)
    assert shaded[foot[1] + 1, foot[0]].mean() < 190


def test_the_hidden_shoe_of_a_lost_foot_throws_no_shadow(model: BodyModel) -> None:
    from limbfix.synthesis.defects.missing_limbs import remove_limb
    from limbfix.synthesis.rendering.drawables import Material, Paint, drawable_of
    from limbfix.synthesis.wear.footwear import Footwear, put_on_footwear

    figure = Figure(model, model.shaped(BodyShape(gender=0.5)))
    put_on_footwear(figure, Footwear(name="shoes", top=1.9, ease=0.06, sole=0.1))
    shoes, paint = figure.components[-1], Paint(colours=np.ones(3, np.float32), material=Material())
    remove_limb(figure, "lower_leg", "left", stump=0.5)
    drawn = drawable_of(shoes, skinned(shoes, world_matrices(figure)), paint)
    assert (drawn.positions[:, 0] > 0).any()
    assert (drawn.shown_positions()[:, 0] < 0).all()
    assert len(drawn.shown_positions()) == (drawn.positions[:, 0] < 0).sum()


def test_a_hand_behind_cloth_is_not_shown(model: BodyModel) -> None:
    figure = Figure(model, model.shaped(BodyShape(gender=0.5)))
    digit = figure.find("digit", "left", "index")
    seen = np.zeros((128, 128), np.int32)
    seen[:5, :2] = digit.id
    few = cast("Rendering", SimpleNamespace(instance=seen.copy()))
    seen[:5, :20] = digit.id
    enough = cast("Rendering", SimpleNamespace(instance=seen))
    assert not shows_hand(few, figure, "left")
    assert shows_hand(enough, figure, "left")
    assert not shows_hand(enough, figure, "right")


def test_plans_hold_both_defects_and_benign_operations() -> None:
    plans = [draw_plan(np.random.default_rng(seed)) for seed in range(200)]
    harmful = np.mean([hasattr(plan.operator, "harm") for plan in plans])
    assert 0.55 < harmful < 0.75
    assert any(plan.digits for plan in plans)
    json.dumps([plan.parameters for plan in plans])


def test_plans_can_be_kept_to_some_operators() -> None:
    begins = ("limbs.third_", "limbs.copied")
    plans = [draw_plan(np.random.default_rng(seed), begins) for seed in range(40)]
    assert {plan.name.rsplit("_", 1)[0] for plan in plans} == {"limbs.third", "limbs.copied_in_place"}
    with pytest.raises(
        UsageError, match=r"expected beginnings of operators' names \(.*limbs.third_arm.*\), got limbs.fourth"
    ):
        draw_plan(np.random.default_rng(0), ("limbs.fourth",))


def test_surfaces_of_a_plain_picture_hold_skin(groups: list[tuple[Sample, ...]]) -> None:
    assert any((group[0].surface_map == SURFACE_ID["skin"]).any() for group in groups)
