"""Stream 1: which rendered crops of hands are there? Pairs of a defect and its twin, or of a benign operation and a plain hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from limbfix.errors import SynthesisError
from limbfix.synthesis.backgrounds import Backgrounds
from limbfix.synthesis.defects.digits import DIGIT_BENIGN, DIGIT_DEFECTS
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.degradation import Degradation, sample_degradation
from limbfix.synthesis.figures.body_model import load_body_model
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.pairing import Made, defects_of, id_blocks
from limbfix.synthesis.rendering.drawables import Drawable
from limbfix.synthesis.rendering.renderer import Renderer, Rendering
from limbfix.synthesis.samples import Role, Sample, Side
from limbfix.synthesis.scenes.hand_cast import Drawn, Person, add_skin, draw_person, plain
from limbfix.synthesis.scenes.hand_shots import Shot, drawables_for, find_shot, labels_of, render_shot, shows_hand
from limbfix.synthesis.scenes.hand_situations import Situation, draw_situation
from limbfix.synthesis.scenes.hand_stage import Stage, replay
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.streams import StreamOptions, key_of

NAME = "hands"

DEFECT_SHARE = 0.7
"""Of groups; the rest are a benign operation and the untouched hand."""

HIDDEN_SHARE = 0.3
"""Of groups that may keep a picture which does not show its defect: about a third of first pictures are such, so about one
defect picture in ten hides its defect, as six-fingered fists do."""

FREE_ROOM = "hand_swaps."
"""Room of operators that turn, shrink or grow a whole hand: what it holds or lies on would be left in the air."""

SMALL_PX, SMALL_SAMPLES = 256, 1.5
"""Pictures to this size are made by the hundred thousand and degraded; 1.5 samples per pixel and axis do for them, larger ones get 2."""

TRIES = 40
"""Scenes that are played for one group before it fails; one in three is good on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a group is about; holds for all tries of it.

    Attributes:
        operator: a defect, or a benign operation.
        parameters: of the operator.
        side: of the hand.
        hidden: whether the defect may be invisible in the picture.
    """

    operator: DefectOperator | BenignOperator
    parameters: Parameters
    side: Side
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A played scene: everything that the two pictures of a group share; `drawn`: see `Person.drawables`."""

    situation: Situation
    stage: Stage
    shot: Shot
    drawn: dict[str, Drawn] = field(default_factory=dict)


def draw_plan(seed: int, index: int) -> Plan:
    """Draws what a group is about."""
    rng = rng_for(seed, NAME, index, "plan")
    operators = DIGIT_DEFECTS if rng.random() < DEFECT_SHARE else DIGIT_BENIGN
    weights = np.array([operator.weight for operator in operators])
    operator = operators[int(rng.choice(len(operators), p=weights / weights.sum()))]
    return Plan(
        operator=operator,
        parameters=operator.draw(rng),
        side="left" if rng.random() < 0.5 else "right",
        hidden=bool(rng.random() < HIDDEN_SHARE),
    )


class HandsStream:
    """Makes groups of two pictures; see `limbfix.synthesis.streams.Stream`.

    Args:
        options: of the stream.
        renderer: one of the size in `options`; None opens one. One size for a process: see `Renderer`.
        situation: what every hand does; None draws a situation for each group.

    Attributes:
        name: `hands`.
        group_size: 2.
    """

    name = NAME
    group_size = 2

    def __init__(
        self, options: StreamOptions, renderer: Renderer | None = None, situation: Situation | None = None
    ) -> None:
        self._options = options
        self._situation = situation
        self._model = load_body_model()
        self._backgrounds = Backgrounds(options.backgrounds)
        self._own = renderer is None
        samples = SMALL_SAMPLES if options.size_px <= SMALL_PX else 2
        self._renderer = renderer or Renderer(options.size_px, samples)
        self._known: tuple[int, list[tuple[Person, Figure]]] = (-1, [])
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
        plan, spare = draw_plan(self._options.seed, index), None
        for attempt in range(TRIES):
            samples = self._play(plan, index, attempt)
            if samples is None:
                continue
            defects = samples[1].defects
            if plan.hidden or not defects or all(defect.visible for defect in defects):
                return samples
            spare = spare or samples
        if spare is None:
            raise SynthesisError(f"expected a camera that sees the hand of group {index} in {TRIES} tries, got none")
        return spare

    def _play(self, plan: Plan, index: int, attempt: int) -> tuple[Sample, ...] | None:
        """Plays one scene with both versions of its first person; None if it cannot be seen."""
        scene = self._scene(plan, index, attempt)
        if scene is None:
            return None
        others = [item.drawable() for item in scene.stage.things]
        for person, figure in zip(scene.stage.people[1:], scene.stage.figures[1:], strict=True):
            others += drawables_for(person, figure, scene.shot, {})
        calm = self._render(scene, scene.stage.figure, others)
        if not shows_hand(scene.stage, scene.shot, calm, scene.situation.seen):
            return None
        changed = self._cast(index, 1)[0][1].copied()
        made = _operate(plan, changed)
        replay(scene.stage, changed, rng_for(self._options.seed, NAME, index, "digits", attempt))
        rendering = self._render(scene, changed, others)
        finish = self._finish(index)
        roles: tuple[Role, Role] = ("twin", "defect") if made else ("plain", "twin")
        first = self._sample(index, plan, scene, scene.stage.figure, calm, roles[0], finish)
        second = self._sample(index, plan, scene, changed, rendering, roles[1], finish)
        return first, replace(second, order=1, defects=defects_of([made] if made else [], rendering, calm))

    def _scene(self, plan: Plan, index: int, attempt: int) -> Scene | None:
        rng = rng_for(self._options.seed, NAME, index, "scene", attempt)
        situation = self._situation or draw_situation(rng, free=plan.operator.name.startswith(FREE_ROOM))
        ids = id_blocks(situation.people)
        cast = self._cast(index, situation.people)
        people, figures = tuple(person for person, _ in cast), [dressed.copied() for _, dressed in cast]
        if isinstance(plan.operator, DefectOperator):
            plan.operator.twin(figures[0], plan.side, plan.parameters)
        stage = Stage(people=people, figures=figures, side=plan.side, first_object=ids["objects"])
        if not situation.act(stage, rng):
            return None
        shot = find_shot(stage, situation, rng)
        return None if shot is None else Scene(situation=situation, stage=stage, shot=shot)

    def _cast(self, index: int, people: int) -> list[tuple[Person, Figure]]:
        """Returns the people of a group and their dressed figures in rest pose; the same ones for all tries."""
        if self._known[0] != index:
            self._known = (index, [])
        known = self._known[1]
        for k in range(len(known), people):
            person = draw_person(self._model, rng_for(self._options.seed, NAME, index, "person", k))
            known.append((person, person.figure(self._model, id_blocks(people)[f"person_{k}"])))
        return known[:people]

    def _render(self, scene: Scene, figure: Figure, others: Sequence[Drawable]) -> Rendering:
        own = drawables_for(scene.stage.people[0], figure, scene.shot, scene.drawn)
        return render_shot(self._renderer, [*own, *others], scene.shot)

    def _finish(self, index: int) -> Callable[[Rendering], np.ndarray]:
        """Returns what makes both renderings of a group into pictures: the same background, losses and noise."""
        seed, size_px = self._options.seed, self._options.size_px
        background = self._backgrounds.sample(size_px, rng_for(seed, NAME, index, "background")).astype(np.float32)
        losses = Degradation()
        if self._options.degrade:
            losses = sample_degradation(rng_for(seed, NAME, index, "losses"))

        def finish(rendering: Rendering) -> np.ndarray:
            pixels = np.rint(rendering.over(background).clip(0, 255)).astype(np.uint8)
            return losses.apply(pixels, rng_for(seed, NAME, index, "noise"))

        return finish

    def _sample(
        self, index: int, plan: Plan, scene: Scene, figure: Figure, rendering: Rendering, role: Role,
        finish: Callable[[Rendering], np.ndarray],
    ) -> Sample:  # fmt: skip
        return Sample(
            key=key_of(NAME, self._options.seed, index, role),
            group=key_of(NAME, self._options.seed, index, "group"),
            stream=NAME,
            role=role,
            operator="" if role == "plain" else plan.operator.name,
            order=0,
            pixels=finish(rendering),
            instance_map=rendering.instance,
            part_map=rendering.part,
            surface_map=rendering.surface,
            instances=labels_of(scene.stage, figure, scene.shot, rendering),
            recipe=_recipe(index, plan, scene),
        )


def open_stream(options: StreamOptions) -> HandsStream:
    """Opens stream 1.

    Raises:
        MissingExtra: the extra `synthesis` is not installed.
        GraphicsMissing, AssetMissing: no EGL library, or no body data; the message holds the command that mends it.
    """
    return HandsStream(options)


def _operate(plan: Plan, figure: Figure) -> Made | None:
    """Does to a figure in rest pose what its twin is spared."""
    if isinstance(plan.operator, DefectOperator):
        return plan.operator.harm(figure, plan.side, plan.parameters)
    plan.operator.handle(figure, plan.side, plan.parameters)
    return None


def _recipe(index: int, plan: Plan, scene: Scene) -> Mapping[str, Any]:
    return {
        "index": index,
        "operator": plan.operator.name,
        "parameters": plain(dict(plan.parameters)),
        "side": plan.side,
        "situation": scene.situation.name,
        "people": [person.recipe() for person in scene.stage.people],
        "hands": {f"{person}_{side}": pose.recipe() for (person, side), pose in scene.stage.hands.items()},
        "objects": [item.name for item in scene.stage.things],
        **scene.shot.recipe(),
    }
