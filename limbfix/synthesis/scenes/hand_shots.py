"""How does a played scene become a picture with labels? Camera, light, rendering and the check that there is something to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.labelling import label_scene
from limbfix.synthesis.rendering.cameras import Camera
from limbfix.synthesis.rendering.culling import Sight, sight_of
from limbfix.synthesis.rendering.drawables import Drawable
from limbfix.synthesis.rendering.lights import Light, sample_light
from limbfix.synthesis.rendering.renderer import Renderer, Rendering
from limbfix.synthesis.samples import Instance
from limbfix.synthesis.scenes.hand_cameras import (
    Framing,
    aim_camera,
    blocked_share,
    sample_framing,
    sample_up,
    too_near,
    view_direction,
)
from limbfix.synthesis.scenes.hand_cast import Drawn, Person
from limbfix.synthesis.scenes.hand_situations import Situation
from limbfix.synthesis.scenes.hand_stage import Stage, hand_place, stage_points

CAMERA_TRIES = 8
LEAST_SHARE = 0.06
"""Of all pixels; a target hand that shows less is no picture of a hand."""

LEAST_SMALL_SHARE = 0.004
"""The same where the hand is small on purpose: 16 x 16 px at 256 px."""

SHADOW_RADIUS = 4.0
"""Decimetres about the hand in which shadows are drawn: a forearm and what a hand can touch."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """From where, and by what light."""

    camera: Camera
    light: Light
    framing: Framing
    centre: np.ndarray
    sight: Sight

    def recipe(self) -> dict[str, Any]:
        """Returns plain JSON values: the camera in decimetres and radians, and what it was asked for."""
        camera, framing = self.camera, self.framing
        vectors = {"eye": camera.eye, "target": camera.target, "up": camera.up, "key_light": self.light.key_direction}
        numbers = {name: [round(float(x), 3) for x in vector] for name, vector in vectors.items()}
        return {
            "view": framing.view,
            "hand_size": round(framing.size, 3),
            "camera": {**numbers, "field": round(camera.field, 4)},
        }


def find_shot(stage: Stage, situation: Situation, rng: np.random.Generator) -> Shot | None:
    """Looks for a camera that sees the hand; None if everything tried is blocked by a body."""
    place, (points, own) = hand_place(stage.figure, stage.side), stage_points(stage)
    others = points[~own]
    framing = sample_framing(rng, situation.views)
    noise = 0.3
    for _ in range(CAMERA_TRIES):
        direction = view_direction(place, framing.view, rng, noise)
        up = sample_up(place, direction, rng, upright=situation.upright or framing.small)
        camera = aim_camera(place, framing, direction, up, field=float(rng.uniform(0.25, 0.75)))
        if not too_near(camera, others) and blocked_share(place, camera, others) <= situation.blocked:
            light = sample_light(rng, direction)
            sight = sight_of(camera, light, np.concatenate([points, *(item.positions for item in stage.things)]))
            return Shot(camera=camera, light=light, framing=framing, centre=place.centre, sight=sight)
        noise += 0.08
    return None


def drawables_for(person: Person, figure: Figure, shot: Shot, known: dict[str, Drawn]) -> list[Drawable]:
    """Returns the meshes of a posed person that matter in a picture; see `Person.drawables` for `known`."""
    return person.drawables(figure, shot.sight, known)


def render_shot(renderer: Renderer, drawables: Sequence[Drawable], shot: Shot) -> Rendering:
    """Draws a scene."""
    return renderer.render(drawables, shot.camera, shot.light, centre=shot.centre, radius=SHADOW_RADIUS)


def labels_of(stage: Stage, first: Figure, shot: Shot, rendering: Rendering) -> tuple[Instance, ...]:
    """Returns the rows of a scene in which `first` stands for the first person."""
    figures = [first, *stage.figures[1:]]
    return label_scene(figures, [item.thing() for item in stage.things if not item.worn], shot.camera, rendering)


def shows_hand(stage: Stage, shot: Shot, rendering: Rendering, least_seen: float) -> bool:
    """Whether the hand that the picture is about takes enough of it, and enough of the hand is seen.

    Args:
        stage, shot, rendering: of the picture.
        least_seen: 0-1, share of the hand's vertices that must be seen; about half of them face away.
    """
    figure = stage.figure
    hand = figure.find("hand", stage.side)
    ids = [hand.id, *(entry.id for entry in figure.instances if entry.owner == hand.id)]
    own = np.isin(rendering.instance, ids)
    if float(own.mean()) < (LEAST_SMALL_SHARE if shot.framing.small else LEAST_SHARE):
        return False
    size = len(own)
    seen = shot.camera.project(hand_place(figure, stage.side).points, size)
    with np.errstate(invalid="ignore"):
        inside = ((seen[:, :2] >= 0) & (seen[:, :2] < size)).all(1)
    column, row = np.nan_to_num(seen[:, :2].T).clip(0, size - 1).astype(int)
    depth = rendering.depth[row, column]
    return float((inside & own[row, column] & (seen[:, 2] < depth + 0.1)).mean()) >= least_seen
