"""Clothes: where they end, whom they belong to, and that no skin shows through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.body_model import BodyModel, BodyShape, load_body_model
from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.poses.body_poses import sample_body_pose
from limbfix.synthesis.poses.body_posing import pose_body
from limbfix.synthesis.rendering.cameras import look_from
from limbfix.synthesis.rendering.drawables import drawables_of
from limbfix.synthesis.rendering.lights import sample_light
from limbfix.synthesis.samples import DIGITS, PART_ID, SURFACE_ID
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.wear.cutting import Cut, edge_vertices
from limbfix.synthesis.wear.footwear import Footwear
from limbfix.synthesis.wear.garments import Garment, Outfit, dress, sample_outfit
from limbfix.synthesis.wear.gloves import Glove
from limbfix.synthesis.wear.hair import STYLES, Headwear
from limbfix.synthesis.wear.looks import paints_for, sample_look
from limbfix.synthesis.wear.rings import Trinket
from limbfix.synthesis.wear.shapes import sample_shape
from limbfix.synthesis.wear.skirts import Skirt

if TYPE_CHECKING:
    from limbfix.synthesis.rendering.renderer import Renderer

BALD = Headwear(style="bald", thickness=0.0, length=5.0, beard=0.0, phase=0.0)


@pytest.fixture(scope="module")
def model(body_data: Path) -> BodyModel:
    """The body model."""
    return load_body_model()


def _dressed(model: BodyModel, *garments: Garment, levels: int = 0, **more) -> Figure:
    figure = Figure(model, model.shaped(BodyShape(gender=0.9)), levels=levels)
    dress(
        figure,
        Outfit(garments=garments, footwear=more.pop("footwear", None), headwear=more.pop("headwear", BALD), **more),
    )
    return figure


def _named(figure: Figure, name: str) -> Component:
    return next(component for component in figure.components if component.name == name)


def _cuff(figure: Figure, component: Component) -> float:
    """Place of the left cuff along elbow (1) and wrist (2)."""
    elbow, wrist = (figure.heads[figure.bone(f"{bone}{SIDES['left']}")] for bone in ("lowerarm01", "wrist"))
    place = (component.rest - elbow) @ (wrist - elbow) / ((wrist - elbow) @ (wrist - elbow)) + 1
    edge = edge_vertices(component.topology) & (component.rest[:, 0] > 2.5)
    return float(np.median(place[edge]))


@pytest.mark.parametrize("end", [1.2, 1.45, 1.7, 1.95, 2.4])
def test_a_sleeve_ends_where_it_is_cut(model: BodyModel, end: float) -> None:
    figure = _dressed(model, Garment(name="top", cut=Cut(arm=end, low=1.0)))
    # Beyond the wrist, lengths are in palms, which are shorter than forearms.
    assert _cuff(figure, _named(figure, "top")) == pytest.approx(end, abs=0.08 if end < 2 else 0.25)


def test_sleeves_belong_to_the_arm_and_over_long_ones_to_the_hand(model: BodyModel) -> None:
    figure = _dressed(model, Garment(name="top", cut=Cut(arm=2.5, low=1.0)))
    top = _named(figure, "top")
    arm, hand = figure.find("arm", "left").id, figure.find("hand", "left").id
    assert (top.part[top.instance == arm] >= PART_ID["upper_arm"]).all()
    assert (top.instance == arm).sum() > 50
    assert (top.part[top.instance == hand] == PART_ID["palm"]).all()
    assert (top.instance == hand).sum() > 5


def test_the_same_outfit_makes_the_same_figure(model: BodyModel) -> None:
    shape = sample_shape(rng_for(2, "shape"))
    figures = []
    for _ in range(2):
        figures.append(Figure(model, model.shaped(shape), levels=0))
        dress(figures[-1], sample_outfit(rng_for(2, "outfit"), shape))
    assert [c.name for c in figures[0].components] == [c.name for c in figures[1].components]
    for first, second in zip(figures[0].components, figures[1].components, strict=True):
        assert np.array_equal(first.rest, second.rest)
        assert np.array_equal(first.hidden, second.hidden) if first.hidden is not None else second.hidden is None


def test_random_outfits_are_finite_near_the_body_and_label_what_they_cover(model: BodyModel) -> None:
    for seed in range(12):
        shape = sample_shape(rng_for(seed, "shape"))
        figure = Figure(model, model.shaped(shape), levels=0)
        dress(figure, sample_outfit(rng_for(seed, "outfit"), shape, warm=0.8))
        low, high = figure.body.rest.min(0) - 2.5, figure.body.rest.max(0) + 2.5
        ids = {entry.id for entry in figure.instances}
        for component in figure.components:
            assert np.isfinite(component.rest).all()
            assert (component.rest > low).all() and (component.rest < high).all()
            assert set(np.unique(component.instance)) <= ids


def test_gloves_cover_every_face_of_the_hand_and_its_skin_is_not_drawn(model: BodyModel) -> None:
    figure = _dressed(model, glove=Glove(cuff=1.7, thickness=0.015))
    digit_ids = [figure.find("digit", "left", digit).id for digit in DIGITS]
    glove = np.concatenate([c.topology.vertex_ids for c in figure.components if c.name == "glove"])
    own = np.isin(figure.body.instance, digit_ids)
    assert np.isin(figure.body.topology.vertex_ids[own], glove).all()
    assert figure.body.hidden is not None
    assert figure.body.hidden[own].all()


def test_a_ring_lies_on_its_digit_and_turns_with_it(model: BodyModel) -> None:
    ring = Trinket(kind="ring", side="right", digit="ring", place=0.55, width=0.02, depth=0.015)
    figure = _dressed(model, trinkets=(ring,))
    loop, digit = _named(figure, "jewellery"), figure.find("digit", "right", "ring")
    bone = digit.bones[0]
    assert (loop.instance == digit.id).all()
    assert np.asarray(loop.weights[:, [bone]].sum(1)).ravel() == pytest.approx(1.0)
    middle = figure.heads[bone] + 0.55 * (figure.tails[bone] - figure.heads[bone])
    assert np.linalg.norm(loop.rest.mean(0) - middle) < 0.06
    assert 0.06 < np.linalg.norm(loop.rest - middle, axis=1).mean() < 0.2


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_hair_leaves_the_face_free(model: BodyModel, style: str) -> None:
    wear = Headwear(style=style, thickness=0.1, length=4.5, beard=0.0, phase=0.3)
    figure = _dressed(model, headwear=wear)
    eye = figure.shaped[model.groups["helper-l-eye"]].mean(0)
    for component in figure.components[3:]:
        before = (np.abs(component.rest[:, 0]) < 0.4) & (component.rest[:, 2] > eye[2] - 0.1)
        before &= (component.rest[:, 1] < eye[1] + 0.3) & (component.rest[:, 1] > eye[1] - 0.6)
        assert not before.any()


@pytest.mark.parametrize("style", ["walk", "sit"])
def test_no_skin_shows_through_trousers_and_sleeves(model: BodyModel, renderer: Renderer, style: str) -> None:
    figure = _dressed(
        model, Garment(name="bottom", cut=Cut(leg=1.93, high=2.0)), Garment(name="top", cut=Cut(arm=1.9, low=1.0, ease=0.09)),
        levels=1, footwear=Footwear(name="shoes", top=1.85, ease=0.06, sole=0.1),
    )  # fmt: skip
    rng = rng_for(4, style)
    pose_body(figure, sample_body_pose(rng, style), rng)
    direction = np.array([0.5, 0.2, 1.0])
    camera = look_from(direction, np.zeros(3), np.array([0.0, 1, 0]), field=0.5, half_height=10)
    drawables = drawables_of(figure, paints_for(figure, sample_look(rng)))
    rendering = renderer.render(drawables, camera, sample_light(rng, direction), centre=np.zeros(3), radius=10)
    covered = np.isin(rendering.part, [PART_ID[part] for part in ("thigh", "shin", "upper_arm", "forearm", "foot")])
    skin = rendering.surface == SURFACE_ID["skin"]
    assert covered.sum() > 500
    assert (covered & skin).sum() < 0.03 * covered.sum()


def test_a_skirt_is_one_piece_whose_edges_are_its_waist_and_its_hem(model: BodyModel) -> None:
    garment = Garment(name="bottom", cut=Cut(low=0.9, high=1.9), skirt=Skirt(hem=-3.6))
    figure = _dressed(model, garment)
    skirt = [c for c in figure.components if c.name == "bottom"][1]
    heights = skirt.rest[edge_vertices(skirt.topology), 1]
    near_ends = (np.abs(heights - heights.max()) < 0.5) | (np.abs(heights - heights.min()) < 0.5)
    assert near_ends.all()
    assert set(np.unique(skirt.part)) >= {PART_ID["thigh"]}
