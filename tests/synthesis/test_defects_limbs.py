"""Every limb operator says exactly what it did, and its twin is a normal body."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.synthesis.samples import DIGITS


@pytest.fixture(scope="module")
def make_figure(body_data):
    from limbfix.synthesis.figures.body_model import BodyShape, load_body_model
    from limbfix.synthesis.figures.figure import Figure

    model = load_body_model()
    shaped = model.shaped(BodyShape(gender=0.2))
    return lambda: Figure(model, shaped)


def operators():
    from limbfix.synthesis.defects.limbs import LIMB_DEFECTS

    return LIMB_DEFECTS


def counts(figure) -> dict[str, int]:
    present = [entry for entry in figure.instances if entry.present]
    return {kind: sum(entry.kind == kind for entry in present) for kind in ("arm", "hand", "digit", "leg", "foot")}


NORMAL = {"arm": 2, "hand": 2, "digit": 2 * len(DIGITS), "leg": 2, "foot": 2}


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("operator", operators(), ids=lambda op: op.name)
def test_a_twin_has_normal_limbs_and_no_fault(operator, side, make_figure):
    figure = make_figure()
    operator.twin(figure, side, operator.draw(np.random.default_rng(1)))
    assert counts(figure) == NORMAL
    assert not any(entry.faults for entry in figure.instances)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("operator", operators(), ids=lambda op: op.name)
def test_a_defect_names_instances_that_exist_and_bear_a_fault(operator, side, make_figure):
    figure = make_figure()
    made = operator.harm(figure, side, operator.draw(np.random.default_rng(1)))
    assert made.operator == operator.name
    assert made.code == operator.code
    assert set(made.instances) <= set(made.affected)
    assert all(figure.instance(id).faults for id in made.instances), made
    for component in figure.components:
        assert np.isfinite(component.rest).all()
        assert set(np.unique(component.instance)) <= {entry.id for entry in figure.instances}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("limbs.third_arm", {"arm": 3, "hand": 3, "digit": 15}),
        ("limbs.forearm_from_nowhere", {"arm": 3, "hand": 3, "digit": 15}),
        ("limbs.third_leg", {"leg": 3, "foot": 3}),
        ("limbs.extra_foot", {"foot": 3}),
        ("limbs.missing_hand", {"hand": 1, "digit": 5}),
        ("limbs.missing_forearm", {"hand": 1, "digit": 5}),
        ("limbs.missing_arm", {"arm": 1, "hand": 1, "digit": 5}),
        ("limbs.missing_foot", {"foot": 1}),
        ("limbs.missing_lower_leg", {"foot": 1}),
        ("limbs.missing_leg", {"leg": 1, "foot": 1}),
        ("limbs.wrong_length", {}),
    ],
)
def test_the_table_counts_the_limbs_that_are_there(name, changed, make_figure):
    operator = next(op for op in operators() if op.name == name)
    figure = make_figure()
    operator.harm(figure, "left", operator.draw(np.random.default_rng(2)))
    assert counts(figure) == NORMAL | changed


def test_no_vertex_of_a_missing_arm_is_left_beyond_the_stump(make_figure):
    from limbfix.synthesis.defects.missing_limbs import remove_limb

    figure = make_figure()
    shoulder = figure.heads[figure.bone("upperarm01.L")]
    wrist = figure.heads[figure.bone("wrist.L")]
    remove_limb(figure, "arm", "left", stump=0.5)
    reach = np.linalg.norm(figure.body.rest - shoulder, axis=1)
    own = figure.body.weight_of([figure.bone("lowerarm01.L"), figure.bone("wrist.L")]) > 0.5
    assert not own.any() or reach[own].max() < 0.5 * np.linalg.norm(wrist - shoulder)


@pytest.mark.parametrize(("limb", "left_behind"), [("arm", 0), ("forearm", 0), ("hand", 1)])
def test_no_ring_hangs_in_the_air_where_a_hand_was(limb, left_behind, make_figure):
    from limbfix.synthesis.defects.missing_limbs import remove_limb
    from limbfix.synthesis.wear.rings import Trinket, put_on_trinkets

    figure = make_figure()
    ring = Trinket(kind="ring", side="left", digit="ring", place=0.6, width=0.02, depth=0.015)
    bracelet = Trinket(kind="bracelet", side="left", digit="", place=0.2, width=0.03, depth=0.02)
    put_on_trinkets(figure, (ring, bracelet))
    loops = [component for component in figure.components if component.surface == "jewellery"]
    assert len(loops) == 2
    remove_limb(figure, limb, "left", stump=0.2)
    shown = [c for c in loops if c.hidden is None or not c.hidden.all()]
    assert len(shown) == left_behind
    assert all(c.hidden is None or not c.hidden.any() for c in shown)


@pytest.mark.parametrize("top", [1.5, 1.9])
@pytest.mark.parametrize("limb", ["foot", "lower_leg"])
def test_of_a_pair_of_shoes_one_goes_with_its_foot_and_one_stays(limb, top, make_figure):
    from limbfix.synthesis.defects.missing_limbs import remove_limb
    from limbfix.synthesis.wear.footwear import Footwear, put_on_footwear

    figure = make_figure()
    put_on_footwear(figure, Footwear(name="shoes", top=top, ease=0.06, sole=0.1))
    shoes = figure.components[-1]
    assert shoes.surface == "shoe"
    before = shoes.rest.copy()
    floor = before[:, 1].min()
    remove_limb(figure, limb, "left", stump=0.0 if limb == "foot" else 0.5)
    left, right = before[:, 0] > 0, before[:, 0] < 0
    gone = shoes.hidden if shoes.hidden is not None else np.zeros(len(before), bool)
    assert not gone[right].any()
    assert np.array_equal(shoes.rest[right], before[right])
    assert np.isfinite(shoes.rest).all()
    kept = shoes.rest[left & ~gone]
    assert not len(kept) or kept[:, 1].min() > floor + 0.3


def test_a_merged_arm_ends_at_the_other_persons_forearm(make_figure):
    from limbfix.synthesis.defects.limb_merges import merge_arms, nearest_arms
    from limbfix.synthesis.figures.figure import Figure

    first, other = make_figure(), make_figure()
    second = Figure(other.model, other.shaped, person=201)
    second.heads = [head + np.array([6.0, 0, 0]) for head in second.heads]
    second.tails = [tail + np.array([6.0, 0, 0]) for tail in second.tails]
    for component in second.components:
        component.rest = component.rest + np.float32([6.0, 0, 0])
    assert nearest_arms(first, second)[:2] == ("left", "right")
    made = merge_arms(first, second, merged=True)
    assert made is not None
    assert not second.find("hand", "right").present
    assert first.find("arm", "left").id in made.affected


def test_people_far_apart_are_not_merged(make_figure):
    from limbfix.synthesis.defects.limb_merges import merge_arms
    from limbfix.synthesis.figures.figure import Figure

    first, other = make_figure(), make_figure()
    second = Figure(other.model, other.shaped, person=201)
    second.heads = [head + np.array([40.0, 0, 0]) for head in second.heads]
    second.tails = [tail + np.array([40.0, 0, 0]) for tail in second.tails]
    assert merge_arms(first, second, merged=True) is None
    assert second.find("hand", "right").present
