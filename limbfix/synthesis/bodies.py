"""Stream 2: which rendered pictures of whole people are there? Pairs of a defect and its twin, or of a benign operation
and a plain body."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from limbfix.errors import SynthesisError
from limbfix.synthesis.backgrounds import Backgrounds
from limbfix.synthesis.degradation import Degradation, sample_degradation
from limbfix.synthesis.figures.body_model import load_body_model
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.labelling import label_scene
from limbfix.synthesis.pairing import Made, defects_of, id_blocks
from limbfix.synthesis.rendering.drawables import Drawable, drawables_of
from limbfix.synthesis.rendering.renderer import Renderer, Rendering
from limbfix.synthesis.samples import Role, Sample
from limbfix.synthesis.scenes.body_ground import paint_floor, sample_floor, shade_ground
from limbfix.synthesis.scenes.body_places import BodyStage, points_of
from limbfix.synthesis.scenes.body_plans import BodyPlan, PosedMerge, draw_plan, merge, operate, prepare, suited
from limbfix.synthesis.scenes.body_shots import BodyShot, find_shot, is_good, shows_hand
from limbfix.synthesis.scenes.body_situations import BodySituation, act, draw_poses, draw_situation, replay
from limbfix.synthesis.scenes.hand_cast import Person, add_skin, draw_person, plain
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.streams import StreamOptions, key_of
from limbfix.synthesis.wear.looks import paints_for

NAME = "bodies"

TRIES = 24
"""Scenes that are played for one group before it fails."""

LOWEST_DM = -0.8
"""Decimetres below the ground to which an extra or stretched limb may reach; the floor does not hide it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A played scene: everything that the two pictures of a group share, and both versions of its first person.

    Attributes:
        situation, people, stage, shot: see their classes; the stage's first figure is the less damaged version.
        changed: the first person's other version.
        made: what is wrong with it; None after a benign operation.
    """

    situation: BodySituation
    people: tuple[Person, ...]
    stage: BodyStage
    shot: BodyShot
    changed: Figure
    made: Made | None


class BodiesStream:
    """Makes groups of two pictures; see `limbfix.synthesis.streams.Stream`.

    Args:
        options: of the stream.
        renderer: one of the size in `options`; None opens one. One size for a process: see `Renderer`.

    Attributes:
        name: `bodies`.
        group_size: 2.
    """

    name = NAME
    group_size = 2

    def __init__(self, options: StreamOptions, renderer: Renderer | None = None) -> None:
        self._options = options
        self._model = load_body_model()
        self._backgrounds = Backgrounds(options.backgrounds)
        self._own = renderer is None
        self._renderer = renderer or Renderer(options.size_px)
        add_skin(self._renderer)

    def close(self) -> None:
        """Releases the graphics context, if the stream opened it."""
        if self._own:
            self._renderer.close()

    def group(self, index: int) -> tuple[Sample, ...]:
        """Returns the two pictures of a group, the less damaged first.

        Raises:
            SynthesisError: no scene of many could be seen.
        """
        plan = draw_plan(rng_for(self._options.seed, NAME, index, "plan"), self._options.operators)
        spare: tuple[Sample, ...] | None = None
        for attempt in range(TRIES):
            samples = self._play(plan, index, attempt)
            if samples is None:
                continue
            if plan.hidden or all(defect.visible for defect in samples[1].defects):
                return samples
            spare = spare or samples
        if spare is None:
            raise SynthesisError(f"expected a camera that sees somebody in group {index} in {TRIES} tries, got none")
        return spare

    def _play(self, plan: BodyPlan, index: int, attempt: int) -> tuple[Sample, ...] | None:
        """Plays one scene with both versions of its first person; None if it cannot be seen."""
        scene = self._scene(plan, index, attempt)
        if scene is None:
            return None
        stage, person = scene.stage, scene.people[0]
        others = [d for p, f in zip(scene.people[1:], stage.figures[1:], strict=True) for d in _drawables(p, f)]
        others += [item.drawable() for item in stage.things]
        own = (_drawables(person, stage.figures[0]), _drawables(person, scene.changed))
        calm = self._render([*own[0], *others], scene.shot)
        if not is_good(calm, stage.figures[0]) or (plan.digits and not shows_hand(calm, stage.figures[0], plan.side)):
            return None
        rendering = self._render([*own[1], *others], scene.shot)
        finish = self._finish(index, scene.shot)
        roles: tuple[Role, Role] = ("twin", "defect") if scene.made else ("plain", "twin")
        first = self._sample(index, plan, scene, stage.figures[0], calm, roles[0], finish([*own[0], *others], calm))
        second = self._sample(
            index, plan, scene, scene.changed, rendering, roles[1], finish([*own[1], *others], rendering)
        )
        made = [scene.made] if scene.made else []
        return first, replace(second, order=1, defects=defects_of(made, rendering, calm))

    def _scene(self, plan: BodyPlan, index: int, attempt: int) -> Scene | None:
        seed = self._options.seed
        rng = rng_for(seed, NAME, index, "scene", attempt)
        situation, count = draw_situation(rng, close=isinstance(plan.operator, PosedMerge))
        ids = id_blocks(count)
        people = tuple(draw_person(self._model, rng_for(seed, NAME, index, "person", k, attempt)) for k in range(count))
        figures = [person.figure(self._model, ids[f"person_{k}"]) for k, person in enumerate(people)]
        changed = figures[0].copied()
        prepare(plan, figures[0])
        poses = draw_poses(situation, count, rng)
        poses[0] = suited(plan, poses[0], rng)
        stage = BodyStage(figures=figures, poses=poses, yaws=situation.yaws(rng, count), first_object=ids["objects"])
        act(stage, situation, rng)
        made = operate(plan, changed)
        replay(stage, changed, rng_for(seed, NAME, index, "extra", attempt))
        if isinstance(plan.operator, PosedMerge):
            made = merge(figures, changed)
            if made is None:
                return None
        if points_of(changed)[:, 1].min() < LOWEST_DM:
            return None
        shot = find_shot(stage, changed, made, plan, self._options.size_px, rng)
        if shot is None:
            return None
        return Scene(situation=situation, people=people, stage=stage, shot=shot, changed=changed, made=made)

    def _render(self, drawables: Sequence[Drawable], shot: BodyShot) -> Rendering:
        return self._renderer.render(drawables, shot.camera, shot.light, centre=shot.centre, radius=shot.radius)

    def _finish(self, index: int, shot: BodyShot) -> Callable[[Sequence[Drawable], Rendering], np.ndarray]:
        """Returns what makes both renderings of a group into pictures: the same background, floor, losses and noise."""
        seed, size_px = self._options.seed, self._options.size_px
        background = self._backgrounds.sample(size_px, rng_for(seed, NAME, index, "background")).astype(np.float32)
        floor = sample_floor(rng_for(seed, NAME, index, "floor"))
        if floor is not None:
            background = paint_floor(background, floor, shot.ground)
        losses = Degradation()
        if self._options.degrade:
            losses = sample_degradation(rng_for(seed, NAME, index, "losses"))

        def finish(drawables: Sequence[Drawable], rendering: Rendering) -> np.ndarray:
            points = np.concatenate([item.shown_positions() for item in drawables])
            shaded = shade_ground(background, points, shot.light, shot.ground)
            pixels = np.rint(rendering.over(shaded).clip(0, 255)).astype(np.uint8)
            return losses.apply(pixels, rng_for(seed, NAME, index, "noise"))

        return finish

    def _sample(
        self, index: int, plan: BodyPlan, scene: Scene, figure: Figure, rendering: Rendering, role: Role,
        pixels: np.ndarray,
    ) -> Sample:  # fmt: skip
        figures = [figure, *scene.stage.figures[1:]]
        things = [item.thing() for item in scene.stage.things]
        return Sample(
            key=key_of(NAME, self._options.seed, index, role),
            group=key_of(NAME, self._options.seed, index, "group"),
            stream=NAME,
            role=role,
            operator="" if role == "plain" else plan.name,
            order=0,
            pixels=pixels,
            instance_map=rendering.instance,
            part_map=rendering.part,
            surface_map=rendering.surface,
            instances=label_scene(figures, things, scene.shot.camera, rendering),
            recipe=_recipe(index, plan, scene),
        )


def open_stream(options: StreamOptions) -> BodiesStream:
    """Opens stream 2.

    Raises:
        MissingExtra: the extra `synthesis` is not installed.
        GraphicsMissing, AssetMissing: no EGL library, or no body data; the message holds the command that mends it.
    """
    return BodiesStream(options)


def _drawables(person: Person, figure: Figure) -> list[Drawable]:
    return drawables_of(figure, paints_for(figure, person.look))


def _recipe(index: int, plan: BodyPlan, scene: Scene) -> Mapping[str, Any]:
    return {
        "index": index,
        "operator": plan.name,
        "parameters": plain(dict(plan.parameters)),
        "side": plan.side,
        "situation": scene.situation.name,
        "people": [person.recipe() for person in scene.people],
        "poses": [pose.recipe() for pose in scene.stage.poses],
        "yaws": plain(scene.stage.yaws),
        "objects": [item.name for item in scene.stage.things],
        **scene.shot.recipe(),
    }
