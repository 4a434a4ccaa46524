"""How does a played scene of people become a picture? The choice of camera and light, and the check that there is
something to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.posing import skinned, world_matrices
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.poses.limb_chains import head_position
from limbfix.synthesis.rendering.cameras import Camera
from limbfix.synthesis.rendering.lights import Light, sample_light
from limbfix.synthesis.rendering.renderer import Rendering
from limbfix.synthesis.samples import Side
from limbfix.synthesis.scenes.body_cameras import NEAREST_EYE, BodyFraming, Sight, aim_camera, sample_framing, sight
from limbfix.synthesis.scenes.body_ground import GroundView, ground_view
from limbfix.synthesis.scenes.body_places import BodyStage, points_of
from limbfix.synthesis.scenes.body_plans import BodyPlan

CAMERA_TRIES = 14

LEAST_COVER = 0.03
"""Of all pixels; a subject that shows less is no picture of a person. Small figures on purpose may show
`LEAST_SMALL_COVER`."""

LEAST_SMALL_COVER = 0.006

LEAST_SHARE = 0.2
"""Of a limb's vertices that a camera must see for its defect to show; half of them are always on the far side."""

HIDDEN_BELOW = 0.03
"""Share of a limb's vertices below which it counts as hidden or cut, for the pictures that hide their defect on
purpose."""

LEAST_HAND_PX = 40
"""Longer side of a hand whose digits are what the picture is about."""

LEAST_HAND_SEEN_PX = 60
"""At 256 px; scales with the area of the picture. Where less of such a hand is seen, cloth or a body is before it."""

_STANDING = ("whole", "whole", "whole", "small", "small", "knees_up", "upper", "group", "group")
_ARM = ("whole", "whole", "small", "knees_up", "knees_up", "upper", "upper", "limb", "group")
_LEG = ("whole", "whole", "whole", "small", "limb", "limb", "group")
_FOOT = ("whole", "limb", "limb", "limb")
_HAND = ("upper", "limb", "limb")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyShot:
    """From where, and by what light.

    Attributes:
        camera, light, framing, ground: see their classes.
        centre, radius: the ball, decimetres, in which shadows are drawn.
    """

    camera: Camera
    light: Light
    framing: BodyFraming
    ground: GroundView
    centre: np.ndarray
    radius: float

    def recipe(self) -> dict[str, Any]:
        """Returns plain JSON values: the camera in decimetres and radians, and what it was asked for."""
        camera = self.camera
        vectors = {"eye": camera.eye, "target": camera.target, "up": camera.up, "key_light": self.light.key_direction}
        numbers = {name: [round(float(x), 3) for x in vector] for name, vector in vectors.items()}
        return {
            "framing": self.framing.name,
            "azimuth": round(self.framing.azimuth, 3),
            "camera": {**numbers, "field": round(camera.field, 4)},
        }


def _framings(plan: BodyPlan, made: Made | None) -> tuple[str, ...]:
    if plan.digits:
        return _HAND
    if made is None:
        return _STANDING
    if made.operator.startswith("feet.") or made.operator.endswith("_foot"):
        return _FOOT
    on_leg = any(word in made.operator for word in ("leg", "foot")) or plan.parameters.get("joint") == "knee"
    on_leg = on_leg or plan.parameters.get("limb") in ("leg", "lower_leg", "foot")
    return _LEG if on_leg else _ARM


def _instance_points(figure: Figure, ids: set[int]) -> np.ndarray:
    matrices = world_matrices(figure)
    rows = [
        skinned(component, matrices)[np.isin(component.instance, sorted(ids))]
        for component in figure.components
        if component.surface in ("skin", "cloth", "shoe", "glove")
    ]
    return np.concatenate(rows)


def target_points(stage: BodyStage, changed: Figure, made: Made | None, plan: BodyPlan) -> np.ndarray:
    """Returns (n, 3) world positions of what is wrong: where it is, or where it is missing, in the twin."""
    if plan.digits:
        hand = stage.figures[0].find("hand", plan.side)
        ids = {hand.id, *(e.id for e in stage.figures[0].instances if e.owner == hand.id)}
        return _instance_points(stage.figures[0], ids)
    if made is None:
        return np.zeros((0, 3))
    there = {e.id for e in changed.instances if e.id in made.instances and e.present}
    points = _instance_points(changed, there) if there else np.zeros((0, 3))
    return points if len(points) else _instance_points(stage.figures[0], set(made.instances))


def _framed(name: str, stage: BodyStage, everybody: list[np.ndarray], target: np.ndarray) -> np.ndarray:
    """Returns the points that a framing frames."""
    figure, own = stage.figures[0], everybody[0]
    if name == "group":
        return np.concatenate(everybody)
    if name == "limb" and len(target):
        return target
    if name in ("upper", "knees_up") and stage.poses[0].support in ("feet", "seat", "air"):
        bone = figure.bone("root" if name == "upper" else "lowerleg01.L")
        return own[own[:, 1] > head_position(figure, bone)[1] - 0.3]
    return own


def find_shot(
    stage: BodyStage, changed: Figure, made: Made | None, plan: BodyPlan, size_px: int, rng: np.random.Generator
) -> BodyShot | None:
    """Looks for a camera that sees the first person, and what is wrong with them; None if everything tried is
    blocked."""
    everybody = [points_of(figure)[::3] for figure in stage.figures]
    everybody += [np.asarray(item.positions)[::1] for item in stage.things]
    people = everybody[: len(stage.figures)]
    target = target_points(stage, changed, made, plan)
    wants_hidden = plan.hidden and len(target) > 0 and not plan.digits
    names = _STANDING if wants_hidden else _framings(plan, made)
    spare: tuple[Camera, BodyFraming] | None = None
    lying = stage.poses[0].style.startswith("lie")
    for _ in range(CAMERA_TRIES):
        framing = sample_framing(rng, names, lying=lying)
        camera = aim_camera(_framed(framing.name, stage, people, target), framing, stage.yaws[0])
        seen = sight(camera, [*everybody, target])
        if not _shows_somebody(seen, framing):
            continue
        if plan.digits and _extent_px(camera, target, size_px) < LEAST_HAND_PX:
            continue
        shown = not len(target) or seen.shares[-1] >= LEAST_SHARE
        if (shown and not wants_hidden) or (wants_hidden and seen.shares[-1] <= HIDDEN_BELOW):
            return _shot(camera, framing, people, size_px, rng)
        spare = spare or (camera, framing)
    return _shot(*spare, people, size_px, rng) if spare and plan.hidden else None


def _shows_somebody(seen: Sight, framing: BodyFraming) -> bool:
    """Whether the first person (the first group) or what is wrong with them (the last) takes enough of a picture."""
    least = LEAST_SMALL_COVER if framing.name in ("small", "group") else LEAST_COVER
    return seen.nearest >= NEAREST_EYE and seen.covered[0] + seen.covered[-1] >= least


def _extent_px(camera: Camera, points: np.ndarray, size_px: int) -> float:
    seen = camera.project(points, size_px)[:, :2]
    return float(np.nanmax(np.nanmax(seen, 0) - np.nanmin(seen, 0)))


def _shot(
    camera: Camera, framing: BodyFraming, people: list[np.ndarray], size_px: int, rng: np.random.Generator
) -> BodyShot:
    centre = (people[0].min(0) + people[0].max(0)) / 2
    extent = np.linalg.norm(people[0] - centre, axis=1).max()
    near = np.concatenate(people) - centre
    reach = np.linalg.norm(near, axis=1)
    return BodyShot(
        camera=camera,
        light=sample_light(rng, camera.eye - camera.target),
        framing=framing,
        ground=ground_view(camera, size_px),
        centre=centre,
        radius=float(min(reach.max(), 2.5 * extent)) + 0.5,
    )


def is_good(rendering: Rendering, figure: Figure) -> bool:
    """Whether the first person takes enough of the rendered picture."""
    ids = [entry.id for entry in figure.instances]
    own = np.isin(rendering.instance, ids).mean()
    return bool(own >= LEAST_SMALL_COVER)


def shows_hand(rendering: Rendering, figure: Figure, side: Side) -> bool:
    """Whether a rendered picture that is about a hand's digits shows enough of it: vertices let a camera see through cloth."""
    hand = figure.find("hand", side)
    ids = [hand.id, *(entry.id for entry in figure.instances if entry.owner == hand.id)]
    size_px = rendering.instance.shape[0]
    return bool(np.isin(rendering.instance, ids).sum() >= LEAST_HAND_SEEN_PX * (size_px / 256) ** 2)
