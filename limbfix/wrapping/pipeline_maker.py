"""Who calls the pipeline? One maker for each call: first as the caller wrote it, then again for what failed, always clean at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from limbfix.errors import GeneratorError
from limbfix.wrapping.attempts import Made, Shot
from limbfix.wrapping.drivers import broken
from limbfix.wrapping.early_stop import StepWatch
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.pipeline_calls import PipelineCall
from limbfix.wrapping.pipeline_outputs import PipelineOutput, picture_of, read_output
from limbfix.wrapping.rounds import GateLike
from limbfix.wrapping.seeds import attempt_seed, fresh_seed, mixed_seed, state_seed


class PipelineMaker:
    """Makes the images of one call of a pipeline.

    Attributes:
        call: what the caller asked for.
        options: of this call.
        first_output: what the caller's own call returned.
        notes: for the reports.
        seed_mode: `derived`, `user_one` (one generator for the batch), `user_list` or `none`.
        spoilt_generator: why the numbers of the first attempt cannot be had again from the caller's seed, or empty.
    """

    first_output: PipelineOutput

    def __init__(self, gate: GateLike, options: WrapOptions, call: PipelineCall) -> None:
        self.call, self.options, self._gate = call, options, gate
        self.notes: list[str] = []
        self._is_unmatched = False
        given = call.arguments.get("generator") if call.has_seeds else None
        is_list = isinstance(given, list | tuple)
        self._users: list[Any] = list(given) if isinstance(given, list | tuple) else [] if given is None else [given]
        self.seed_mode = "user_list" if is_list else "user_one" if self._users else "derived"
        if not call.has_seeds:
            self.seed_mode = "none"
        self.base = fresh_seed() if options.seed is None else options.seed
        # Now, before the first attempt draws from them: a generator that serves many calls has another state in each.
        are_fresh = [_is_fresh(one) for one in self._users]
        self._user_bases = list(map(_base_of, self._users, are_fresh))
        self.spoilt_generator = _spoilt(self._users, are_fresh)

    def base_seed(self, image_index: int) -> int | None:
        """Returns what the seeds of an image's later attempts are derived from."""
        if self.seed_mode == "none":
            return None
        if not self._users:
            return self.base
        own = self._user_bases[image_index % len(self._users)]
        return own if self.options.seed is None else mixed_seed(self.base, own)

    def _user_seed(self, image_index: int) -> int:
        return int(self._users[image_index % len(self._users)].initial_seed()) if self._users else self.base

    @property
    def user_seeds(self) -> list[int] | None:
        """The seed of the caller's generator for each image, or None where the seeds are our own."""
        if not self.seed_mode.startswith("user"):
            return None
        return [self._user_seed(index) for index in range(self.call.images)]

    @property
    def generator_device(self) -> str:
        """Where the first attempt's numbers were drawn; other devices draw others."""
        return str(self._users[0].device) if self._users else "cpu"

    def first(self, *, may_stop_early: bool) -> Sequence[Made]:
        """Calls the pipeline as the caller did, with seeds of our own only where there are none."""
        arguments = dict(self.call.arguments)
        indices = tuple(range(self.call.images))
        seeds: list[int | None] = [None] * len(indices)
        if self.seed_mode == "derived":
            seeds = [attempt_seed(self.base, index, 0) for index in indices]
            generators = _generators(seeds)
            arguments["generator"] = generators if len(generators) > 1 else generators[0]
        elif self.seed_mode != "none":
            seeds = [self._user_seed(index) for index in indices]
        if "latents" in arguments and arguments["latents"] is not None:
            self.spoilt_generator = "The caller gave the noise itself (latents), which a record does not hold."
        output, seconds, watch = self._run(arguments, may_stop_early, indices)
        self.first_output = output
        if len(output.images) != len(indices):
            self._give_up_regenerating(len(output.images))
            seeds, indices = [seeds[0]] * len(output.images), tuple(range(len(output.images)))
        origin = {"derived": "derived", "none": "none"}.get(self.seed_mode, "user")
        return self._made(output, indices, seeds, origin, seconds, watch)

    def _give_up_regenerating(self, images: int) -> None:
        self.notes.append(
            f"The pipeline returned {images} images where {self.call.images} were expected; nobody can say which prompt made "
            "which, so no image was made again."
        )
        self._is_unmatched = True

    def again(self, shots: Sequence[Shot]) -> Sequence[Made]:
        """Makes failing images anew, in as few calls as the pipeline allows."""
        if self._is_unmatched:
            raise GeneratorError(self.notes[-1])
        by_index = {shot.image_index: shot for shot in shots}
        made: dict[int, Made] = {}
        for prompts, indices in self.call.groups([shot.image_index for shot in shots]):
            group = [by_index[index] for index in indices]
            try:
                images = self._again_together(prompts, group)
            except Exception as error:  # what other calls have made is worth more than the trace; the report tells
                images = broken(group, error)
            made |= dict(zip(indices, images, strict=True))
        return [made[shot.image_index] for shot in shots]

    def _again_together(self, prompts: Sequence[int], shots: Sequence[Shot]) -> list[Made]:
        """Makes images of one call of the pipeline anew."""
        indices, seeds = [shot.image_index for shot in shots], [shot.seed for shot in shots]
        generators = None if self.seed_mode == "none" else _generators(seeds)
        arguments = self.call.again(prompts, len(indices), generators)
        is_early = all(shot.may_stop_early for shot in shots)
        output, seconds, watch = self._run(arguments, is_early, indices)
        if len(output.images) != len(indices):
            raise GeneratorError(f"the pipeline: expected {len(indices)} images, got {len(output.images)}")
        origin = "none" if self.seed_mode == "none" else "derived"
        return self._made(output, indices, seeds, origin, seconds, watch)

    def _run(
        self, arguments: dict[str, Any], may_stop_early: bool, indices: Sequence[int]
    ) -> tuple[PipelineOutput, float, StepWatch | None]:
        began = time.perf_counter()
        watch = None
        if may_stop_early and self.options.early_stop is not None:
            prompts = [self.call.prompt_of(index) for index in indices]
            watch = StepWatch(self._gate, self.options, arguments, prompts)
            arguments = watch.armed(self.call.parameters)
        with _left_clean(self.call.pipe):
            output = read_output(self.call.pipe(**arguments))
        if watch is not None and watch.trouble and watch.trouble not in self.notes:
            self.notes.append(watch.trouble)
        return output, time.perf_counter() - began, watch

    def _made(
        self,
        output: PipelineOutput,
        indices: Sequence[int],
        seeds: Sequence[int | None],
        origin: str,
        seconds: float,
        watch: StepWatch | None,
    ) -> list[Made]:
        result = []
        for place, (index, image, seed) in enumerate(zip(indices, output.images, seeds, strict=True)):
            is_stopped = watch is not None and watch.has_stopped
            made = Made(
                picture=picture_of(image, prompt=self.call.prompt_of(index), seed=seed),
                native=image,
                seed=seed,
                seed_origin=origin,
                is_nsfw=bool(output.nsfw and output.nsfw[place]),
                batch=tuple(indices),
                seconds=seconds / len(output.images),
                steps_saved=watch.steps_saved if watch is not None else 0.0,
            )
            if is_stopped and watch is not None:
                made = replace(made, preview=watch.inspections[place], is_nsfw=False)
            result.append(made)
        return result


def _generators(seeds: Sequence[int | None]) -> list[Any]:
    """Returns CPU generators: their numbers are the same on every machine, whatever the pipeline's device."""
    import torch

    return [torch.Generator("cpu").manual_seed(seed or 0) for seed in seeds]


def _base_of(user: Any, is_fresh: bool) -> int:
    """Returns the seed of a fresh generator; where numbers were drawn from it, a hash of its state, which the seed does not tell."""
    return int(user.initial_seed()) if is_fresh else state_seed(user.get_state().cpu().numpy().tobytes())


def _is_fresh(user: Any) -> bool:
    import torch

    return torch.equal(torch.Generator(user.device).manual_seed(user.initial_seed()).get_state(), user.get_state())


def _spoilt(users: Sequence[Any], are_fresh: Sequence[bool]) -> str:
    """Says why the caller's generators cannot be had again from their seeds."""
    if not all(are_fresh):
        return "Numbers were drawn from the caller's generator before this call, so its seed does not tell its state."
    if len({id(one) for one in users}) < len(users):
        return (
            "The caller's list holds one generator more than once, so its seed does not tell its state for every image."
        )
    return ""


@contextmanager
def _left_clean(pipe: Any) -> Iterator[None]:
    """Leaves no trace on the caller's pipeline: no interruption that is still on, and offloaded models back where they were."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            pipe.maybe_free_model_hooks()
        raise
    finally:
        if getattr(pipe, "_interrupt", False):
            pipe._interrupt = False
