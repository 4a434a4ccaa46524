"""What is left out of a picture cannot be missed: with and without the faces that do not matter it is the same picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from limbfix.synthesis.rendering.culling import Sight
    from limbfix.synthesis.rendering.renderer import Renderer


def _sight(points: np.ndarray) -> Sight:
    from limbfix.synthesis.rendering.cameras import Camera
    from limbfix.synthesis.rendering.culling import sight_of
    from limbfix.synthesis.rendering.lights import Light

    camera = Camera(eye=np.array([0.0, 0, 10]), target=np.zeros(3), up=np.array([0.0, 1, 0]), field=0.4)
    light = Light(
        key_direction=np.array([1.0, 0, 0]), key_colour=np.ones(3), fill_direction=np.array([0.0, 1, 0]),
        fill_colour=np.zeros(3), surroundings=np.zeros((9, 3)), exposure=1.0,
    )  # fmt: skip
    return sight_of(camera, light, points)


def _square(x: float, y: float, z: float) -> np.ndarray:
    return np.array([x, y, z]) + 0.1 * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])


def test_faces_stay_that_are_seen_or_that_stand_in_the_light() -> None:
    places = {
        "in the picture": (0, 0, 0, True),
        "above it": (0, 8, 0, False),
        "behind the camera": (0, 0, 12, False),
        "towards the light": (9, 0, 0, True),
        "away from the light": (-9, 0, 0, False),
        "towards the light, but its shadow falls behind": (9, 0, -9, False),
    }
    sight = _sight(np.array([[0.0, 0, 0], [0.5, 0.5, 0]]))
    for name, (x, y, z, stays) in places.items():
        assert sight.faces(_square(x, y, z), np.arange(4)[None])[0] == stays, name


def test_a_large_face_about_the_picture_stays() -> None:
    sight = _sight(np.zeros((1, 3)))
    assert sight.faces(100 * _square(0, 0, 0), np.arange(4)[None]).all()


def test_with_nothing_in_the_picture_nothing_is_shaded() -> None:
    sight = _sight(np.array([[0.0, 50, 0]]))
    assert not sight.faces(_square(9, 0, 0), np.arange(4)[None]).any()
    assert sight.faces(_square(0, 0, 0), np.arange(4)[None]).all()


def test_a_hand_without_the_rest_of_its_body_is_the_same_picture(renderer: Renderer) -> None:
    from limbfix.synthesis.figures.body_model import load_body_model
    from limbfix.synthesis.figures.posing import skinned, world_matrices
    from limbfix.synthesis.rendering.cameras import look_from
    from limbfix.synthesis.rendering.culling import sight_of
    from limbfix.synthesis.rendering.drawables import drawables_of
    from limbfix.synthesis.rendering.lights import sample_light
    from limbfix.synthesis.scenes.hand_cast import add_skin, draw_person
    from limbfix.synthesis.wear.looks import paints_for

    add_skin(renderer)
    person = draw_person(load_body_model(), np.random.default_rng(4))
    figure = person.figure(load_body_model(), 1)
    matrices = world_matrices(figure)
    points = np.concatenate([skinned(item, matrices) for item in figure.components])
    centre = np.mean([figure.heads[bone] for bone in figure.find("digit", "left", "middle").bones], axis=0)
    camera = look_from(np.array([0.3, 0.4, 1]), centre, np.array([0.0, 1, 0]), field=0.4, half_height=1.2)
    light = sample_light(np.random.default_rng(2), np.array([0.3, 0.4, 1]))
    all_of_it = drawables_of(figure, paints_for(figure, person.look))
    part_of_it = person.drawables(figure, sight_of(camera, light, points), {})
    whole, part = (renderer.render(d, camera, light, centre=centre, radius=4.0) for d in (all_of_it, part_of_it))
    sizes = [sum(len(item.triangles) for item in items) for items in (part_of_it, all_of_it)]
    assert sizes[0] < 0.7 * sizes[1]
    assert (whole.instance > 0).mean() > 0.05
    assert np.array_equal(whole.instance, part.instance)
    assert np.array_equal(whole.part, part.part)
    assert np.abs(whole.colour - part.colour).max() <= 1.5  # of 255: sums in another order
