"""How does a diffusers pipeline become an inpainter? Candidates in batches, seeds of their own, and a way out when memory ends.

limbfix crops and pastes; a pipeline is a function from pixels, mask, prompt and seed to pixels. What it does outside the mask is
nobody's affair: its VAE changes every pixel.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from limbfix.errors import LimbfixError, RepairBlocked, RepairError
from limbfix.inpainters.calls import BATCHED, CallSettings, Job, arguments_for, hears_negative, takes_hint
from limbfix.inpainters.memory import Placement, is_out_of_memory, put, release
from limbfix.inpainters.outputs import Candidates, read_output
from limbfix.inpainting import InpaintRequest

PURPOSES = frozenset({"remove", "redraw", "refine"})

LEAST_MULTIPLE = 16


class PipelineInpainter:
    """Paints with a diffusers pipeline; see `limbfix.inpainting.Inpainter`.

    Args:
        pipe: an inpainting pipeline.
        settings: of every call; `cell` is read off the pipeline.
        batch: candidates at once, at most.
        steps_down: placements left to try when one candidate does not fit. Empty for weights that belong to the caller, which
            are never moved.

    Attributes:
        name: `diffusers:` and the class.
        native_px, multiple, purposes, has_seeds: see the protocol.
        takes_hint: whether a request's `control` is used.
        notes: what had to be done to go on, for the record: smaller batches, other places; and what could not be heeded.
    """

    purposes = PURPOSES
    has_seeds = True

    def __init__(
        self,
        pipe: Any,
        *,
        settings: CallSettings | None = None,
        batch: int = 4,
        steps_down: Sequence[Placement] = (),
    ) -> None:
        if batch < 1:
            raise ValueError(f"expected a batch of at least 1, got {batch}")
        self._pipe = pipe
        self._steps_down = list(steps_down)
        self._batch = batch if type(pipe).__name__ in BATCHED else 1
        self.cell = cell_of(pipe)
        self._settings = replace(settings or CallSettings(), cell=self.cell)
        self.name = f"diffusers:{type(pipe).__name__}"
        self.native_px = native_px_of(pipe)
        self.multiple = math.lcm(LEAST_MULTIPLE, self.cell)
        self.takes_hint = takes_hint(type(pipe))
        self.notes: list[str] = []
        pipe.set_progress_bar_config(disable=True)

    def inpaint(self, request: InpaintRequest) -> Candidates:
        """Paints one region; see `limbfix.inpainting.Inpainter.inpaint`.

        Raises:
            RepairBlocked: a safety checker blacked out every candidate. Not to be tried again with other seeds.
            RepairError: the pipeline failed or memory ran out at every step; the message says what helps.
        """
        candidates = self.inpaint_many([request])[0]
        if all(candidates.blocked):
            raise RepairBlocked(
                f"{self.name}: the pipeline's safety checker blacked out all {len(candidates)} candidates; the original stays, "
                "and other seeds are not tried around it"
            )
        return candidates

    def inpaint_many(self, requests: Sequence[InpaintRequest]) -> list[Candidates]:
        """Paints several regions, those of one size and strength in common batches; answers in the order of the requests.

        What a safety checker blacked out is marked in the answers, whole requests too.

        Raises:
            RepairError: as `inpaint`.
        """
        for request in requests:
            self._check(request)
            if request.negative_prompt and not hears_negative(type(self._pipe), self._settings.guidance):
                self.notes.append(f"{self.name} hears no negative prompt; it was left out")
        jobs = [Job(request=request, seed=seed) for request in requests for seed in request.seeds]
        done: dict[int, tuple[np.ndarray, bool]] = {}
        try:
            for indices in _groups(jobs):
                painted = self._paint([jobs[index] for index in indices])
                done.update(zip(indices, painted, strict=True))
        finally:
            release()  # after Ctrl-C too
        answers, places = [], itertools.count()
        for request in requests:
            own = [done[next(places)] for _ in request.seeds]
            answers.append(Candidates(tuple(picture for picture, _ in own), tuple(is_blocked for _, is_blocked in own)))
        return answers

    def close(self) -> None:
        """Lets go of the weights; what the caller still holds stays where it is."""
        self._pipe = None
        release()

    def _check(self, request: InpaintRequest) -> None:
        height, width = request.pixels.shape[:2]
        if self._pipe is None:
            raise RepairError(f"expected an open inpainter, got {self.name} after close(); open it again")
        if request.pixels.dtype != np.uint8 or request.pixels.shape != (height, width, 3):
            raise RepairError(f"expected pixels uint8 (h, w, 3), got {request.pixels.dtype} {request.pixels.shape}")
        if request.mask.edit.shape != (height, width):
            raise RepairError(f"expected a mask of {width} x {height} px, got {request.mask.edit.shape[::-1]}")
        if request.mask.is_empty:
            raise RepairError("expected a mask with something to edit, got an empty one; the region stays as it is")
        if height % self.multiple or width % self.multiple:
            raise RepairError(f"expected sides that are multiples of {self.multiple} px, got {width} x {height}")
        if request.purpose not in self.purposes:
            raise RepairError(f"expected a purpose of {', '.join(sorted(self.purposes))}, got {request.purpose!r}")
        if not request.seeds:
            raise RepairError("expected at least one seed, got none")
        if request.control is not None and request.control.shape != request.pixels.shape:
            raise RepairError(f"expected a hint of {width} x {height} px, got {request.control.shape}")

    def _paint(self, jobs: Sequence[Job]) -> list[tuple[np.ndarray, bool]]:
        """Returns (picture, blocked) of each job; halves, moves and goes on where memory ends."""
        left, painted = list(jobs), []
        while left:
            chunk = left[: self._batch]
            answer = self._try(chunk)
            if answer is None:  # outside of the handler: there the error's frames still hold the tensors
                release()
                self._step_down(len(chunk))
                continue
            painted += answer
            left = left[len(chunk) :]
        return painted

    def _try(self, jobs: Sequence[Job]) -> list[tuple[np.ndarray, bool]] | None:
        """Returns the answers, or None where memory ran out."""
        try:
            pipe: Any = self._pipe
            output = pipe(**arguments_for(type(pipe), jobs, self._settings))
        except LimbfixError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                return None
            raise RepairError(f"{self.name} failed: {type(error).__name__}: {error}") from error
        return read_output(output, jobs, self._pipe, self.name)

    def _step_down(self, tried: int) -> None:
        if tried > 1:
            self._batch = tried // 2
            self.notes.append(f"out of memory with {tried} candidates at once: went on with {self._batch}")
            return
        if not self._steps_down:
            raise RepairError(
                f"{self.name}: out of memory with a single candidate, and nothing left to try; use a smaller model, open it from "
                "its folder so that limbfix may move its weights, or call enable_model_cpu_offload() on your pipeline"
            )
        placement = self._steps_down.pop(0)
        self.notes.append(f"out of memory with one candidate: went on with {placement.way} on {placement.device}")
        put(self._pipe, placement)


def cell_of(pipe: Any) -> int:
    """Returns how many px one sample of the model's grid covers: VAE and patches."""
    factor = int(getattr(pipe, "vae_scale_factor", 8))
    return factor if getattr(pipe, "unet", None) is not None else 2 * factor


def native_px_of(pipe: Any) -> int:
    """Returns the side at which the model was trained, rounded to a multiple of 16."""
    net = getattr(pipe, "unet", None)
    sample = getattr(net.config, "sample_size", None) if net is not None else None
    sample = sample or getattr(pipe, "default_sample_size", None) or 128
    side = int(sample if isinstance(sample, int) else min(sample)) * int(getattr(pipe, "vae_scale_factor", 8))
    multiple = math.lcm(LEAST_MULTIPLE, cell_of(pipe))
    return max(multiple, side // multiple * multiple)


def _groups(jobs: Sequence[Job]) -> list[list[int]]:
    """Returns the places of jobs that can share a batch, in order."""
    groups: dict[Any, list[int]] = {}
    for index, job in enumerate(jobs):
        groups.setdefault(job.kind(), []).append(index)
    return list(groups.values())
