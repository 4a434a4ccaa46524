"""How is a pipeline called again for some images of a batch, with everything else as the caller had it?"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limbfix.errors import UsageError

OUTPUT_TYPES = ("pil", "np", "pt")
PROMPTS = ("prompt", "prompt_2", "prompt_3", "negative_prompt", "negative_prompt_2", "negative_prompt_3")
EMBEDDINGS = (
    "prompt_embeds",
    "negative_prompt_embeds",
    "pooled_prompt_embeds",
    "negative_pooled_prompt_embeds",
    "prompt_embeds_mask",
    "negative_prompt_embeds_mask",
    "prompt_attention_mask",
    "negative_prompt_attention_mask",
)
PICTURES = ("image", "mask_image", "control_image", "control_mask", "masked_image_latents")
SHARED_PICTURES = ("Flux2", "QwenImageEditPlus", "OmniGen")
"""Classes with these names take a list of reference pictures for every prompt, not one picture for each."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PipelineCall:
    """One call of a pipeline by parameter name.

    Attributes:
        pipe: the caller's own.
        arguments: what the caller gave, by name.
        prompts: how many prompts, from 1.
        per_prompt: images for each prompt.
        parameters: names that the pipeline's call knows.
        output_type: `pil`, `np` or `pt`.
    """

    pipe: Any
    arguments: Mapping[str, Any]
    prompts: int
    per_prompt: int
    parameters: frozenset[str]
    output_type: str

    @property
    def images(self) -> int:
        """How many images the call asks for."""
        return self.prompts * self.per_prompt

    @property
    def has_seeds(self) -> bool:
        """Whether the pipeline takes a generator of random numbers."""
        return "generator" in self.parameters

    def prompt_of(self, image_index: int) -> str:
        """Returns the prompt of an image, empty where it is not text."""
        prompt = self.arguments.get("prompt")
        if isinstance(prompt, list | tuple) and prompt:
            prompt = prompt[min(image_index // self.per_prompt, len(prompt) - 1)]
        return prompt if isinstance(prompt, str) else ""

    def groups(self, image_indices: Sequence[int]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Returns (prompts, images) of the fewest calls that make these images again.

        A pipeline makes the same number of images for every prompt of a call, so prompts with equally many failing images
        share a call. Images stand in the order in which the pipeline returns them.
        """
        failing: dict[int, list[int]] = {}
        for index in image_indices:
            failing.setdefault(index // self.per_prompt, []).append(index)
        groups: dict[int, list[int]] = {}
        for prompt, images in failing.items():
            groups.setdefault(len(images), []).append(prompt)
        return [
            (tuple(prompts), tuple(index for prompt in prompts for index in failing[prompt]))
            for prompts in groups.values()
        ]

    def again(self, prompts: Sequence[int], images: int, generators: list[Any] | None) -> dict[str, Any]:
        """Returns the arguments that make some images anew.

        Args:
            prompts: places of their prompts.
            images: how many in all.
            generators: one for each image, or None for a pipeline without seeds.
        """
        arguments = {name: self._picked(name, value, prompts) for name, value in self.arguments.items()}
        arguments.pop("latents", None)  # The caller's noise would make the same picture again.
        if "num_images_per_prompt" in self.parameters:
            arguments["num_images_per_prompt"] = images // len(prompts)
        if "batch_size" in arguments:
            arguments["batch_size"] = len(prompts)
        if generators is not None:
            arguments["generator"] = generators if len(generators) > 1 else generators[0]
        return arguments

    def _picked(self, name: str, value: Any, prompts: Sequence[int]) -> Any:
        if name not in PROMPTS and name not in EMBEDDINGS and name not in PICTURES:
            return value
        if name in PICTURES and type(self.pipe).__name__.startswith(SHARED_PICTURES):
            return value
        if isinstance(value, list | tuple) and self._has_one_for_each_net(name, value):
            return [self._rows(one, prompts, least_dimensions=4) for one in value]
        if isinstance(value, list | tuple) and len(value) == self.prompts:
            return [value[place] for place in prompts]
        return self._rows(value, prompts, least_dimensions=4 if name in PICTURES else 1)

    def _rows(self, value: Any, prompts: Sequence[int], *, least_dimensions: int) -> Any:
        """Returns the rows of a tensor or array that has one for each prompt, anything else as it is."""
        shape: list[int] = [*getattr(value, "shape", ())]
        if len(shape) >= least_dimensions and shape[0] == self.prompts:
            batch: Any = value
            return batch[list(prompts)]
        return value

    def _has_one_for_each_net(self, name: str, value: Sequence[Any]) -> bool:
        """Whether a list holds one condition for each ControlNet, or each mode of one, and not one for each prompt."""
        net = getattr(self.pipe, "controlnet", None)
        condition = "control_image" if "control_image" in self.parameters else "image"
        is_nested = any(isinstance(one, list | tuple) for one in value)  # One list for each prompt, then.
        return name == condition and not is_nested and (hasattr(net, "nets") or "Union" in type(net).__name__)


def read_pipeline_call(pipe: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> PipelineCall:
    """Returns the caller's call by name.

    Raises:
        UsageError: pictures in latent space are asked for, which nobody can judge.
        TypeError: arguments that the pipeline does not take; its own words.
    """
    signature = inspect.signature(pipe.__call__)
    bound = signature.bind(*arguments, **keywords)
    given = dict(bound.arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            given |= given.pop(name, {})
    known = frozenset(signature.parameters)
    default = signature.parameters["output_type"].default if "output_type" in known else "pil"
    output_type = given.get("output_type", default)
    if output_type not in OUTPUT_TYPES:
        raise UsageError(
            f"output_type: expected one of {', '.join(OUTPUT_TYPES)}, got {output_type!r}; latents are no picture yet and cannot "
            "be judged: call the pipeline itself (gated.limbfix.generator) for them"
        )
    per_prompt = given.get("num_images_per_prompt", _default(signature, "num_images_per_prompt", 1))
    return PipelineCall(
        pipe=pipe,
        arguments=given,
        prompts=_prompts(given),
        per_prompt=per_prompt if isinstance(per_prompt, int) and per_prompt > 0 else 1,
        parameters=known,
        output_type=output_type,
    )


def _default(signature: inspect.Signature, name: str, otherwise: Any) -> Any:
    if name not in signature.parameters:
        return otherwise
    default = signature.parameters[name].default
    return otherwise if default is inspect.Parameter.empty or default is None else default


def _prompts(arguments: Mapping[str, Any]) -> int:
    """Returns how many prompts a call has, as diffusers counts them."""
    prompt = arguments.get("prompt")
    if isinstance(prompt, str):
        return 1
    if isinstance(prompt, list | tuple):
        return max(1, len(prompt))
    embeddings = arguments.get("prompt_embeds")
    if embeddings is not None:
        return len(embeddings)
    if isinstance(arguments.get("batch_size"), int):
        return max(1, arguments["batch_size"])
    image = arguments.get("image")
    return max(1, len(image)) if isinstance(image, list | tuple) else 1
