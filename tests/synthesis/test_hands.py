"""Stream 1: pairs share all but the operator, labels agree with pixels, the same seed gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import pytest
from same_samples import differences

from limbfix.synthesis.labelling import FLESH_DM, is_seen
from limbfix.synthesis.samples import PART_ID, Sample
from limbfix.synthesis.streams import StreamOptions

if TYPE_CHECKING:
    from limbfix.synthesis.hands import HandsStream
    from limbfix.synthesis.rendering.renderer import Renderer, Rendering

GROUPS = 8


@pytest.fixture(scope="module")
def stream(renderer: Renderer) -> Iterator[HandsStream]:
    from limbfix.synthesis.hands import HandsStream

    yield HandsStream(StreamOptions(seed=11, size_px=renderer.size_px, degrade=False), renderer)


@pytest.fixture(scope="module")
def groups(stream: HandsStream) -> list[tuple[Sample, ...]]:
    return [stream.group(index) for index in range(GROUPS)]


def test_groups_are_pairs_with_the_less_damaged_first(groups: list[tuple[Sample, ...]]) -> None:
    for first, second in groups:
        assert (first.role, second.role) in {("twin", "defect"), ("plain", "twin")}
        assert (first.order, second.order) == (0, 1)
        assert first.group == second.group and first.key != second.key
        assert bool(second.defects) == (second.role == "defect")
        assert not first.defects


def test_the_same_group_again_is_the_same_to_the_byte(stream: HandsStream, groups: list[tuple[Sample, ...]]) -> None:
    for before, after in zip(groups[2], stream.group(2), strict=True):
        assert np.array_equal(before.pixels, after.pixels)
        assert np.array_equal(before.instance_map, after.instance_map)
        assert not differences(before.instances, after.instances)
        assert before.recipe == after.recipe


def test_the_hand_is_there_to_be_seen(groups: list[tuple[Sample, ...]]) -> None:
    for group in groups:
        sample = group[0]
        hand = next(q for q in sample.instances if q.kind == "hand" and q.side == sample.recipe["side"])
        own = [hand.id, *(digit.id for digit in sample.hand_digits(hand.id))]
        assert np.isin(sample.instance_map, own).mean() > 0.004


def test_normal_pictures_have_five_digits_on_every_hand(groups: list[tuple[Sample, ...]]) -> None:
    for group in groups:
        for sample in group:
            if sample.role != "defect":
                hands = [q for q in sample.instances if q.kind == "hand"]
                assert [sample.digits_present(hand.id) for hand in hands] == [5] * len(hands)


def test_visible_pixels_are_those_of_the_map(groups: list[tuple[Sample, ...]]) -> None:
    for group in groups:
        for sample in group:
            counts = np.bincount(sample.instance_map.ravel(), minlength=1 + max(q.id for q in sample.instances))
            assert all(q.visible_px == counts[q.id] for q in sample.instances if q.present)


def test_visible_digit_joints_lie_on_their_hand(groups: list[tuple[Sample, ...]]) -> None:
    total = wrong = 0
    for group in groups:
        for sample in group:
            owners = {q.id: q.owner for q in sample.instances}
            for digit in (q for q in sample.instances if q.kind == "digit"):
                for joint in (j for j in digit.joints if j.visible):
                    column, row = int(joint.xy[0]), int(joint.xy[1])
                    beside = 3 if joint.name == "tip" else 0  # a tip lies on the outline
                    near = sample.instance_map[
                        max(0, row - beside) : row + beside + 1, max(0, column - beside) : column + beside + 1
                    ]
                    total += 1
                    wrong += not any(
                        found in {digit.id, digit.owner} or owners.get(found) == digit.owner
                        for found in map(int, np.unique(near))
                    )
    assert total > 50
    assert wrong <= 0.01 * total


def test_fingertips_that_are_seen_are_labelled_so(groups: list[tuple[Sample, ...]]) -> None:
    """Nine in ten digits whose nail shows 20 pixels have a visible tip: its bone ends on the outline, and must not count as hidden there."""
    seen = labelled = 0
    for group in groups:
        for sample in group:
            for digit in (q for q in sample.instances if q.kind == "digit" and q.present and not q.faults):
                own = sample.part_map[sample.instance_map == digit.id]
                if np.isin(own, [PART_ID[f"{digit.name}_nail"]]).sum() >= 20:
                    seen += 1
                    labelled += digit.joints[3].visible
    assert seen >= 10
    assert labelled >= 0.9 * seen


@pytest.mark.parametrize(("in_front", "seen"), [(0.1, True), (0.4, False)])
def test_a_fingertip_behind_another_thing_is_not_seen(in_front: float, seen: bool) -> None:
    """The end of the bone lies beside the finger's outline, on a thing: pressed against it, or well behind it."""
    finger, thing = 7, 9
    instance = np.full((4, 4), finger, np.uint16)
    instance[0] = thing
    depth = np.full((4, 4), 10.0)
    depth[0] = 10.0 - in_front
    rendering = cast("Rendering", SimpleNamespace(instance=instance, depth=depth))
    steps = np.array([[1.5, 0.5, 10.0], [1.5, 1.5, 10.0]])
    assert is_seen(rendering, steps, FLESH_DM["tip"], {finger}) is seen


def test_a_defect_changes_its_region_and_nothing_else(groups: list[tuple[Sample, ...]]) -> None:
    changed_px = outside_px = 0
    for twin, sample in groups:
        for defect in sample.defects:
            assert defect.region is not None
            changed = np.abs(sample.pixels.astype(int) - twin.pixels).max(-1) > 24  # more than a soft shadow's rim
            near = cv2.dilate(defect.region.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
            changed_px += int(changed.sum())
            outside_px += int((changed & ~near).sum())
    assert outside_px <= 0.05 * max(changed_px, 1)  # the rest are shadows of what is gone


def test_a_stream_of_one_situation_plays_nothing_else(renderer: Renderer) -> None:
    from limbfix.synthesis.hands import HandsStream
    from limbfix.synthesis.scenes.hand_free import OPEN_STYLES
    from limbfix.synthesis.scenes.hand_situations import OPEN_HAND

    stream = HandsStream(StreamOptions(seed=4, size_px=renderer.size_px, degrade=False), renderer, OPEN_HAND)
    for index in range(3):
        recipe = stream.group(index)[0].recipe
        assert recipe["situation"] == "open_hand"
        assert recipe["hands"][f"0_{recipe['side']}"]["style"] in OPEN_STYLES
        assert not recipe["objects"]


def test_recipes_are_plain_json(groups: list[tuple[Sample, ...]]) -> None:
    for group in groups:
        for sample in group:
            recipe = json.loads(json.dumps(dict(sample.recipe)))
            assert {"situation", "side", "hands", "camera", "operator", "parameters", "people"} <= set(recipe)


@pytest.mark.parametrize("seed", range(3))
def test_a_camera_behind_a_body_is_refused(seed: int) -> None:
    from limbfix.synthesis.rendering.cameras import look_from
    from limbfix.synthesis.scenes.hand_cameras import HandPlace, blocked_share, too_near

    rng = np.random.default_rng(seed)
    axes = np.eye(3)
    place = HandPlace(across=axes[0], along=axes[1], dorsal=axes[2], points=rng.normal(0, 0.3, (64, 3)))
    wall = np.stack([*np.meshgrid(np.arange(-3, 3, 0.2), np.arange(-3, 3, 0.2))], -1).reshape(-1, 2)
    wall = np.column_stack([wall, np.full(len(wall), 3.0)])
    behind = look_from(axes[2], np.zeros(3), axes[1], field=0.5, half_height=2.5)
    beside = look_from(axes[0], np.zeros(3), axes[1], field=0.5, half_height=1.0)
    assert blocked_share(place, behind, wall) > 0.9
    assert blocked_share(place, beside, wall) == 0
    assert too_near(behind, np.array([behind.eye + 0.2]))


def test_the_hand_fills_the_share_of_the_picture_that_was_asked_for() -> None:
    from limbfix.synthesis.scenes.hand_cameras import Framing, HandPlace, aim_camera

    axes = np.eye(3)
    points = np.random.default_rng(0).uniform(-1, 1, (200, 3)) * [0.4, 0.9, 0.2]
    place = HandPlace(across=axes[0], along=axes[1], dorsal=axes[2], points=points)
    framing = Framing(view="back", size=0.6, shift=(0.15, -0.1), small=False)
    camera = aim_camera(place, framing, axes[2], axes[1], field=0.5)
    seen = camera.project(points, 1)[:, :2]
    assert np.ptp(seen, axis=0).max() == pytest.approx(0.6, abs=0.03)
    assert (seen.min(0) + seen.max(0)) / 2 - 0.5 == pytest.approx([0.15, -0.1], abs=0.03)
