"""Do the digit operators do what their labels say? One hand, every operator: label, mesh and pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from limbfix.synthesis.defects.digits import DIGIT_BENIGN, DIGIT_DEFECTS
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.figures.body_model import BodyModel, BodyShape, load_body_model
from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.posing import joint_position, world_matrices
from limbfix.synthesis.labelling import label_scene
from limbfix.synthesis.pairing import Made, defects_of
from limbfix.synthesis.rendering.cameras import look_from
from limbfix.synthesis.rendering.drawables import Material, Paint, drawables_of
from limbfix.synthesis.rendering.lights import sample_light
from limbfix.synthesis.rendering.renderer import Renderer, Rendering
from limbfix.synthesis.samples import DIGITS, JOINTS, Instance, Side
from limbfix.synthesis.seeds import rng_for

OPERATORS = {operator.name: operator for operator in DIGIT_DEFECTS}
SKIN = Paint(colours=np.array([0.6, 0.36, 0.26]), material=Material())


@pytest.fixture(scope="module")
def model(body_data: Path) -> BodyModel:
    return load_body_model()


@pytest.fixture(scope="module")
def shaped(model: BodyModel) -> np.ndarray:
    return model.shaped(BodyShape(gender=0.3))


def harmed(model: BodyModel, shaped: np.ndarray, name: str, p: Parameters, side: Side = "left") -> tuple[Figure, Made]:
    figure = Figure(model, shaped)
    return figure, OPERATORS[name].harm(figure, side, p)


def digits_of(figure: Figure, side: Side) -> list:
    hand = figure.find("hand", side)
    return [entry for entry in figure.instances if entry.kind == "digit" and entry.owner == hand.id]


def open_edges(component: Component) -> np.ndarray:
    """Returns (v,) bool: vertices at edges that only one drawn face has."""
    quads = component.topology.quads
    edges = np.sort(np.stack([quads, np.roll(quads, -1, 1)], 2).reshape(-1, 2), axis=1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    assert counts.max() <= 2, "three faces share an edge"
    ends = np.zeros(len(component.rest), bool)
    ends[unique[counts == 1]] = True
    return ends & ~(component.hidden if component.hidden is not None else np.zeros(len(ends), bool))


def assert_sound(figure: Figure) -> None:
    for component in figure.components:
        assert np.isfinite(component.rest).all()
        assert np.allclose(np.asarray(component.weights.sum(1)).ravel(), 1, atol=1e-3)
    for component in figure.components[3:]:
        assert not open_edges(component).any(), f"a hole in {component.name}"
    matrices = world_matrices(figure)
    for entry in figure.instances:
        names = [name for name, _, _ in entry.joints]
        assert names == [name for name in JOINTS[entry.kind] if name in names], "joints run outwards"
        for _, bone, end in entry.joints:
            assert np.isfinite(joint_position(figure, matrices, bone, end)).all()


@pytest.mark.parametrize("operator", DIGIT_DEFECTS, ids=lambda operator: operator.name)
def test_every_operator_leaves_a_sound_figure_and_says_what_it_did(
    operator: DefectOperator, model: BodyModel, shaped: np.ndarray
) -> None:
    for index in range(2):
        side: Side = ("left", "right")[index % 2]
        p = operator.draw(rng_for(3, operator.name, index))
        figure, made = harmed(model, shaped, operator.name, p, side)
        assert_sound(figure)
        assert made.code == operator.code
        assert made.operator == operator.name
        assert set(made.instances) <= set(made.affected)
        faulty = {entry.id for entry in figure.instances if entry.faults}
        assert faulty
        assert faulty <= set(made.instances)


@pytest.mark.parametrize("operator", DIGIT_DEFECTS, ids=lambda operator: operator.name)
def test_every_twin_has_five_normal_digits_under_the_same_ids(
    operator: DefectOperator, model: BodyModel, shaped: np.ndarray
) -> None:
    figure = Figure(model, shaped)
    before = [(entry.id, entry.kind, entry.name) for entry in figure.instances]
    operator.twin(figure, "left", operator.draw(rng_for(4, operator.name)))
    assert_sound(figure)
    assert [(entry.id, entry.kind, entry.name) for entry in figure.instances] == before
    assert not any(entry.faults or not entry.present for entry in figure.instances)
    assert [entry.name for entry in digits_of(figure, "left")] == list(DIGITS)


@pytest.mark.parametrize("operator", DIGIT_BENIGN, ids=lambda operator: operator.name)
def test_every_benign_operation_changes_the_hand_and_leaves_it_normal(
    operator: BenignOperator, model: BodyModel, shaped: np.ndarray
) -> None:
    figure = Figure(model, shaped)
    operator.handle(figure, "right", operator.draw(rng_for(5, operator.name)))
    assert_sound(figure)
    assert not any(entry.faults or not entry.present for entry in figure.instances)
    assert len(digits_of(figure, "right")) == 5
    untouched = Figure(model, shaped).components
    moved = any(not np.array_equal(a.rest, b.rest) for a, b in zip(figure.components, untouched, strict=False))
    assert moved or len(figure.components) > 3 or figure.offsets


def test_hands_have_three_to_eight_digits(model: BodyModel, shaped: np.ndarray) -> None:
    counts = set()
    for name in ("missing_digits.several", "missing_digits.removed", "extra_digits.between", "extra_digits.several"):
        for index in range(12):
            figure, _ = harmed(model, shaped, name, OPERATORS[name].draw(rng_for(6, name, index)))
            counts.add(sum(entry.present for entry in digits_of(figure, "left")))
    assert counts | {5} == set(range(3, 9))


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("close", [0.0, 0.7])
def test_any_digit_can_be_missing_and_nothing_wears_its_name(
    digit: str, close: float, model: BodyModel, shaped: np.ndarray
) -> None:
    figure, made = harmed(
        model, shaped, "missing_digits.removed", {"digits": [digit], "close": close, "girth": 1.05}, "right"
    )
    gone = figure.instance(made.instances[0])
    assert (gone.name, gone.present, gone.faults, gone.joints) == (digit, False, ("missing",), ())
    for component in figure.components:
        drawn = component.hidden is None or ~component.hidden
        assert not (np.asarray(component.instance == gone.id) & drawn).any()


@pytest.mark.parametrize("cut", [0.22, 0.46, 0.82])
def test_joints_of_a_stump_end_with_it(cut: float, model: BodyModel, shaped: np.ndarray) -> None:
    figure, made = harmed(model, shaped, "missing_digits.stump", {"digit": "ring", "cut": cut, "natural": 1.0})
    entry = figure.instance(made.instances[0])
    names = [name for name, _, _ in entry.joints]
    kept = 1 if cut < 0.4 else 2 if cut < 0.7 else 3
    assert names == [*("mcp", "pip", "dip")[:kept], "tip"]
    skin = figure.components[-1]
    own = skin.rest[skin.instance == entry.id]
    _, bone, _ = entry.joints[-1]
    reach = (own - figure.heads[entry.bones[0]]) @ hand_frame(figure, "left").along
    tip = (figure.tails[bone] - figure.heads[entry.bones[0]]) @ hand_frame(figure, "left").along
    assert abs(reach.max() - tip) < 0.06  # 6 mm


def test_the_gap_beside_the_little_finger_takes_a_copy_of_either_neighbour(
    model: BodyModel, shaped: np.ndarray
) -> None:
    for second, name in ((False, "ring"), (True, "little")):
        p = {"sites": {"gap_ring": {"second": second, "size": 1.0}}, "room": 0.9, "tightness": 0.4, "girth": 0.9}
        figure, made = harmed(model, shaped, "extra_digits.between", p)
        entry = figure.instance(made.instances[0])
        assert (entry.name, entry.pose_like, entry.faults) == (name, ("ring", "little"), ("extra",))


def test_gloves_grow_the_digit_too(model: BodyModel, shaped: np.ndarray) -> None:
    figure = Figure(model, shaped)
    worn = (model.weight_of(("wrist", "metacarpal", "finger"), ".L") > 0.3) & model.mask("body")
    figure.add_component("glove_left", worn, surface="glove")
    p = {"sites": {"gap_middle": {"second": False, "size": 1.0}}, "room": 0.9, "tightness": 0.4, "girth": 0.9}
    made = OPERATORS["extra_digits.between"].harm(figure, "left", p)
    sewn = [c for c in figure.components if (c.instance == made.instances[0]).any()]
    assert [c.surface for c in sewn] == ["skin", "glove"]
    assert [c.name for c in sewn] == ["body", "glove_left"]


def test_the_swapped_hand_has_its_thumb_on_the_little_finger_s_side(model: BodyModel, shaped: np.ndarray) -> None:
    plain = Figure(model, shaped)
    figure, _ = harmed(model, shaped, "hand_swaps.other_side", {})
    before, after = hand_frame(plain, "left"), hand_frame(figure, "left")
    assert before.across @ after.across < -0.9
    assert before.dorsal @ after.dorsal > 0.9
    assert figure.find("hand", "left").faults == ("wrong_side",)


def test_the_same_parameters_make_the_same_mesh(model: BodyModel, shaped: np.ndarray) -> None:
    p = OPERATORS["extra_digits.several"].draw(rng_for(8, "again"))
    first, _ = harmed(model, shaped, "extra_digits.several", p)
    second, _ = harmed(model, shaped, "extra_digits.several", p)
    for a, b in zip(first.components, second.components, strict=True):
        assert np.array_equal(a.rest, b.rest)
        assert np.array_equal(a.instance, b.instance)


# ---- pixels


def drawn(renderer: Renderer, figure: Figure) -> tuple[Rendering, tuple[Instance, ...]]:
    """Draws the palm of the open left hand, lit from the camera's side."""
    frame = hand_frame(Figure(figure.model, figure.shaped), "left")
    centre = frame.wrist + 0.9 * frame.along
    camera = look_from(-frame.dorsal, centre, frame.along, field=0.4, half_height=1.4)
    light = sample_light(rng_for(9, "light"), -frame.dorsal)
    drawables = drawables_of(figure, {"skin": SKIN, "eye": SKIN, "glove": SKIN})
    rendering = renderer.render(drawables, camera, light, centre=centre, radius=2.0)
    return rendering, label_scene([figure], [], camera, rendering)


@pytest.mark.parametrize("operator", DIGIT_DEFECTS, ids=lambda operator: operator.name)
def test_the_palm_shows_the_defect_and_labels_agree_with_pixels(
    operator: DefectOperator, renderer: Renderer, model: BodyModel, shaped: np.ndarray
) -> None:
    p = operator.draw(rng_for(14, operator.name))
    figure, twin = Figure(model, shaped), Figure(model, shaped)
    made = operator.harm(figure, "left", p)
    operator.twin(twin, "left", p)
    rendering, rows = drawn(renderer, figure)
    other, _ = drawn(renderer, twin)
    (defect,) = defects_of([made], rendering, other)
    assert defect.visible
    by_id = {row.id: row for row in rows}
    for id in made.instances:
        row = by_id[id]
        assert row.present == bool((rendering.instance == id).any())
        assert row.visible_px == int((rendering.instance == id).sum())
