"""Is a render already lost? At about 60 % of the steps a preview is judged, and a batch that is lost altogether is stopped there.

The pipeline's own switch is used (`_interrupt`), so the remaining steps are skipped and not computed. One good preview in a
batch lets the whole batch go on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from limbfix.inspections import Inspection
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.pipeline_outputs import picture_of
from limbfix.wrapping.previews import decode_preview
from limbfix.wrapping.rounds import GateLike, inspected

_CALLBACK, _INPUTS = "callback_on_step_end", "callback_on_step_end_tensor_inputs"
CANNOT_STOP = (
    "Early stop is not possible: this pipeline's call has no callback_on_step_end, or it cannot be interrupted."
)


class StepWatch:
    """Watches the steps of one call of a pipeline.

    Attributes:
        has_stopped: whether it ended the render.
        inspections: of the previews, one for each image, once they were judged.
        steps_saved: share of the steps, 0-1, that were not computed.
        trouble: why no preview was judged, or empty.
    """

    def __init__(
        self, gate: GateLike, options: WrapOptions, arguments: Mapping[str, Any], prompts: Sequence[str]
    ) -> None:
        self._gate, self._options, self._arguments, self._prompts = gate, options, dict(arguments), prompts
        self._before: Any = None
        self.has_stopped = False
        self.inspections: list[Inspection] = []
        self.steps_saved = 0.0
        self.trouble = ""

    def armed(self, parameters: frozenset[str]) -> dict[str, Any]:
        """Returns the arguments with the watch in them; the caller's own callback is called first, as ever."""
        if _CALLBACK not in parameters:
            self.trouble = CANNOT_STOP
            return self._arguments
        user = self._arguments.get(_CALLBACK)
        wanted = getattr(user, "tensor_inputs", None) or self._arguments.get(_INPUTS) or ["latents"]
        own: dict[str, Any] = {_CALLBACK: self._after_step}
        if _INPUTS in parameters:
            own[_INPUTS] = list(dict.fromkeys([*wanted, "latents"]))
        return self._arguments | own

    def _after_step(self, pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        user = self._arguments.get(_CALLBACK)
        if user is not None:
            changed = user(pipe, step, timestep, tensors)
            tensors = changed if isinstance(changed, dict) else tensors
        steps = getattr(pipe, "num_timesteps", None) or getattr(pipe, "_num_timesteps", None)
        if steps is None or not hasattr(pipe, "_interrupt"):
            self.trouble = CANNOT_STOP
            return tensors
        assert self._options.early_stop is not None
        look_at = max(1, math.ceil(self._options.early_stop.at * steps)) - 1
        if step == look_at - 1:
            self._before = tensors.get("latents")
        if step == look_at and step + 1 < steps and not pipe._interrupt:
            self._look(pipe, step, steps, tensors.get("latents"))
            self._before = None
        return tensors

    def _look(self, pipe: Any, step: int, steps: int, latents: Any) -> None:
        try:
            previews = self._previews(pipe, step, latents)
        except Exception as error:  # A preview is a luxury: without it the render simply goes on.
            self.trouble = f"Early stop was not possible: no preview ({type(error).__name__}: {error})."
            return
        pictures = [
            picture_of(image, prompt=prompt, seed=None) for image, prompt in zip(previews, self._prompts, strict=True)
        ]
        self.inspections = [inspected(self._gate, picture) for picture in pictures]
        if all(one.verdict in self._options.failing for one in self.inspections):
            pipe._interrupt = True
            self.has_stopped = True
            self.steps_saved = (steps - step - 1) / steps

    def _previews(self, pipe: Any, step: int, latents: Any) -> list[np.ndarray]:
        assert self._options.early_stop is not None
        own = self._options.early_stop.preview
        previews = own(pipe, latents) if own is not None else decode_preview(pipe, step, self._before, latents)
        if len(previews) != len(self._prompts):
            raise ValueError(f"expected {len(self._prompts)} pictures, got {len(previews)}")
        return previews
