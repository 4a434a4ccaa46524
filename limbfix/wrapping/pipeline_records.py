"""What must a record hold so that a pipeline's call can be made again? Class, folder, versions, arguments and seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limbfix.wrapping.pipeline_calls import PipelineCall
from limbfix.wrapping.plain import plain_values

if TYPE_CHECKING:
    from limbfix.wrapping.pipeline_maker import PipelineMaker

_OF_THE_WRAPPER = ("generator", "callback_on_step_end", "callback_on_step_end_tensor_inputs", "callback", "return_dict")
"""Arguments that do not change pixels, and the generator, which stands in the record as seeds."""
_CALLBACKS = ("callback_on_step_end", "callback")


def pipeline_record(pipe: Any) -> dict[str, Any]:
    """Returns what the pipeline is, as plain JSON values."""
    import diffusers
    import torch

    config = getattr(pipe, "config", {})
    return {
        "kind": "diffusers",
        "class": type(pipe).__name__,
        "source": str(config.get("_name_or_path") or "") or None,
        "scheduler": type(getattr(pipe, "scheduler", None)).__name__,
        "device": str(getattr(pipe, "device", "")),
        "dtype": str(getattr(pipe, "dtype", "")),
        "versions": {"diffusers": diffusers.__version__, "torch": torch.__version__},
    }


def call_record(call: PipelineCall, maker: PipelineMaker) -> tuple[dict[str, Any], list[str]]:
    """Returns the call as plain JSON values, and the names of arguments that JSON cannot hold."""
    arguments = {name: value for name, value in call.arguments.items() if name not in _OF_THE_WRAPPER}
    plain, missing = plain_values(arguments)
    missing += [name for name in _CALLBACKS if call.arguments.get(name) is not None]  # It may change the picture.
    return {
        "arguments": plain,
        "images": call.images,
        "per_prompt": call.per_prompt,
        "seed_mode": maker.seed_mode,
        "base_seed": maker.base,
        "bases": [maker.base_seed(index) for index in range(call.images)],
        "user_seeds": maker.user_seeds,
        "generator_device": maker.generator_device,
        "has_own_base": maker.options.seed is not None,
    }, missing
