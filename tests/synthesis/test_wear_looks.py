"""Skin, hair and nails: the range of people, and what is painted where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from limbfix.synthesis.defects.limb_copies import copy_limb
from limbfix.synthesis.figures.body_model import BodyModel, load_body_model
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.rendering.cameras import look_from
from limbfix.synthesis.rendering.drawables import drawables_of
from limbfix.synthesis.rendering.lights import sample_light
from limbfix.synthesis.samples import NAILS, PART_ID, SURFACE_ID
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.wear.garments import dress, sample_outfit
from limbfix.synthesis.wear.looks import paints_for, sample_look, skin_texture
from limbfix.synthesis.wear.shapes import sample_shape
from limbfix.synthesis.wear.skin_regions import skin_regions
from limbfix.synthesis.wear.texels import texels_of

if TYPE_CHECKING:
    from limbfix.synthesis.rendering.renderer import Renderer


@pytest.fixture(scope="module")
def model(body_data: Path) -> BodyModel:
    """The body model."""
    return load_body_model()


def test_same_seed_same_look_and_shape() -> None:
    assert sample_look(rng_for(3, "look")) == sample_look(rng_for(3, "look"))
    assert sample_shape(rng_for(3, "shape")) == sample_shape(rng_for(3, "shape"))


def test_skin_runs_from_very_dark_to_very_light() -> None:
    brightness = [np.mean(sample_look(rng_for(seed, "look")).skin) for seed in range(200)]
    assert min(brightness) < 0.04
    assert max(brightness) > 0.55
    assert 0.3 < np.mean(np.array(brightness) < 0.2) < 0.7


def test_one_hand_in_five_wears_polish() -> None:
    covers = np.array([sample_look(rng_for(seed, "look")).surface.nail_tint[3] for seed in range(400)])
    assert 0.14 < (covers > 0.8).mean() < 0.26


def test_shapes_cover_children_and_old_people() -> None:
    ages = np.array([sample_shape(rng_for(seed, "shape")).age for seed in range(200)])
    assert (ages < 0.3).mean() > 0.04
    assert (ages > 0.8).mean() > 0.04


def test_dark_hands_have_paler_palms(model: BodyModel) -> None:
    look = next(
        look for look in (sample_look(rng_for(seed, "look")) for seed in range(200)) if np.mean(look.skin) < 0.06
    )
    colours = paints_for(Figure(model, model.vertices, levels=0), look)["skin"].colours
    palm = skin_regions(model).palm
    assert colours[palm > 0.9].mean() > 1.4 * colours[palm < 0.01].mean()


def test_every_component_and_every_copy_has_a_paint_that_fits(model: BodyModel) -> None:
    rng = rng_for(5, "person")
    figure = Figure(model, model.shaped(sample_shape(rng)), levels=0)
    dress(figure, sample_outfit(rng, sample_shape(rng)))
    copy_limb(figure, "arm", "left")
    paints = paints_for(figure, sample_look(rng))
    for component in figure.components:
        paint = paints[component.name if component.name in paints else component.surface]
        assert paint.colours_of(component).shape == (len(component.rest), 3)


def test_nails_are_marked_on_five_fingers_of_each_hand(model: BodyModel, renderer: Renderer) -> None:
    texture = skin_texture()
    assert texture.shape[2] == 4
    assert 1000 < (texture[..., 3] > 0).sum() < 20000
    renderer.add_texture("skin", texture)
    figure = Figure(model, model.vertices)
    frame = hand_frame(figure, "left")
    centre = frame.wrist + frame.along
    camera = look_from(frame.dorsal - 0.4 * frame.across, centre, frame.along, field=0.5, half_height=1.3)
    light = sample_light(rng_for(1, "light"), frame.dorsal)
    drawables = drawables_of(figure, paints_for(figure, sample_look(rng_for(1, "look"))))
    rendering = renderer.render(drawables, camera, light, centre=centre, radius=3.0)
    seen = {nail for nail in NAILS if (rendering.part == PART_ID[nail]).sum() >= 5}
    assert len(seen) >= 4  # the thumb may turn its nail away
    assert (rendering.surface == SURFACE_ID["nail"]).sum() == np.isin(rendering.part, [PART_ID[n] for n in NAILS]).sum()


def test_texels_fill_a_triangle_with_its_own_values() -> None:
    uv = np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]])
    texels = texels_of(uv, np.array([[0, 1, 2]]), uv.astype(np.float32), 64)
    middle = texels.columns + 0.0, 64 - texels.rows
    assert len(texels.rows) > 0.8 * 0.5 * (0.8 * 64) ** 2
    assert np.abs(texels.values[:, 0] * 64 - middle[0]).max() < 1.0
    assert np.abs(texels.values[:, 1] * 64 - middle[1]).max() < 1.0
