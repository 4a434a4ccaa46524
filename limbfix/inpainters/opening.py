"""Where does an inpainter come from? A folder, a name on the hub, or the pipeline that the caller already has."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from limbfix.errors import InpainterMissing, MissingExtra
from limbfix.inpainters.additions import Addition, load_additions, own_parts, read_addition
from limbfix.inpainters.calls import CallSettings
from limbfix.inpainters.choices import Choice, choice_for, inpaint_class
from limbfix.inpainters.loading import load_pipeline
from limbfix.inpainters.locating import local_folder
from limbfix.inpainters.memory import Placement, is_out_of_memory, place_for, put, release, steps_down
from limbfix.inpainters.model_folders import (
    ModelFolder,
    parameters_in,
    read_model_folder,
    weight_files,
)
from limbfix.inpainters.pipelines import PipelineInpainter, native_px_of

_WITHOUT_CHECKER = "requires_safety_checker"

Named = str | Path | Addition


def open_inpainter(
    name_or_dir: str | Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    controlnet: str | Path | None = None,
    embeddings: Sequence[Named] = (),
    loras: Sequence[Named] = (),
    steps: int | None = None,
    guidance: float | None = None,
    control_scale: float = 0.8,
    batch: int = 4,
    download: bool = True,
    gives_hints: bool = True,
    on_step: Callable[[int, int], None] | None = None,
) -> PipelineInpainter:
    """Opens a model as an inpainter.

    Args:
        name_or_dir: a folder with `model_index.json`, or a name on the hub (`owner/model`): taken from its cache, else downloaded.
        device, dtype: see `limbfix.inpainters.memory`; `auto` asks how much memory is free.
        controlnet: folder or hub name of a ControlNet; requests may then carry a hint.
        embeddings, loras: the user's own files, see `read_addition`.
        steps, guidance: of the sampler; None for the usual ones of the class. A request's own steps come first.
        control_scale: how far the hint decides, 0-1.
        batch: candidates at once, at most; halved when memory runs out.
        download: False refuses what is not on this machine.
        gives_hints: whether requests may carry hints other than for a ControlNet; False refuses a class that paints nothing without one.
        on_step: told (step, steps) after each step.

    Raises:
        ModelMissing, ModelCorrupt, ModelUnavailable, ModelError: it is not there, not whole, or not safe; the message says which file.
        InpainterMissing: its class cannot inpaint, takes no ControlNet and was given one, or needs a hint that it will not get.
        UsageError: device, dtype or an addition does not fit.
    """
    words, nets = _read_additions(embeddings, loras)
    folder = read_model_folder(local_folder(name_or_dir, download=download))
    net_folder = None if controlnet is None else local_folder(controlnet, download=download, is_pipeline=False)
    choice = choice_for(folder.pipeline)
    if choice.inpainter is None:
        raise InpainterMissing(f"{folder.path} holds a {folder.pipeline}: {choice.why}")
    if choice.needs_hint:
        _require_hints(folder, choice, gives_hints=gives_hints, has_net=net_folder is not None)
    parameters = dict(folder.parameters)
    if net_folder is not None:
        parameters["controlnet"] = sum(parameters_in(file) for file in weight_files(net_folder))
    placement = place_for(parameters, device=device, dtype=dtype)
    pipe = load_pipeline(folder, choice.inpainter, net_folder, placement)
    tokens = load_additions(pipe, embeddings=words, loras=nets)
    left = _settle(pipe, placement, parameters, device, dtype)
    settings = CallSettings(steps=steps, guidance=guidance, control_scale=control_scale, tokens=tokens, on_step=on_step)
    return PipelineInpainter(pipe, settings=settings, batch=batch, steps_down=left)


def inpainter_from_pipe(
    pipe: Any,
    *,
    controlnet: Any = None,
    embeddings: Sequence[Named] = (),
    loras: Sequence[Named] = (),
    steps: int | None = None,
    guidance: float | None = None,
    control_scale: float = 0.8,
    batch: int = 4,
    on_step: Callable[[int, int], None] | None = None,
) -> PipelineInpainter:
    """Makes an inpainter of the caller's pipeline: the same weights, nothing downloaded, and the pipeline is not edited.

    Its scheduler is copied, since schedulers remember where they are. Its weights stay on their device and in their precision, so
    when memory runs out only smaller batches are tried.

    Args:
        pipe: a diffusers pipeline of any task whose weights can inpaint; see `choice_for`.
        controlnet: a ControlNet model that is already loaded.
        embeddings, loras, steps, guidance, control_scale, batch, on_step: as in `open_inpainter`.

    Raises:
        InpainterMissing: no inpainting class takes its weights.
        UsageError, ModelError: an addition does not fit or is not safe.
        RepairError: it moves its parts by hooks, and an addition was asked for.
    """
    choice = choice_for(pipe)
    if choice.inpainter is None:
        raise InpainterMissing(f"{choice.pipeline}: {choice.why}")
    words, nets = _read_additions(embeddings, loras)
    parts = own_parts(pipe, loras=nets, embeddings=words)
    if controlnet is not None:
        parts["controlnet"] = controlnet
    scheduler = getattr(pipe, "scheduler", None)
    if scheduler is not None:
        parts["scheduler"] = type(scheduler).from_config(scheduler.config)
    twin = _twin(pipe, choice.inpainter, parts)
    tokens = load_additions(twin, embeddings=words, loras=nets)
    settings = CallSettings(steps=steps, guidance=guidance, control_scale=control_scale, tokens=tokens, on_step=on_step)
    return PipelineInpainter(twin, settings=settings, batch=batch)


def _require_hints(folder: ModelFolder, choice: Choice, *, gives_hints: bool, has_net: bool) -> None:
    """Refuses a model whose hints will not come, before gigabytes of it are loaded."""
    if not gives_hints:
        raise InpainterMissing(
            f"expected a model that paints from a picture, a mask and a prompt, got {folder.path}: {choice.why}; use FLUX Fill, another FLUX "
            "or an SDXL model, or from Python give each request its `control`"
        )
    if has_net:
        raise InpainterMissing(
            f"expected no ControlNet beside {folder.path}, got one: a {folder.pipeline} takes no ControlNet, its hints are its own; leave "
            "the ControlNet out, or use a model of another class"
        )


def _read_additions(embeddings: Sequence[Named], loras: Sequence[Named]) -> tuple[list[Addition], list[Addition]]:
    """Returns the embeddings and the LoRAs, each checked."""
    return [read_addition(named, is_lora=False) for named in embeddings], [
        read_addition(named, is_lora=True) for named in loras
    ]


def _settle(
    pipe: Any, placement: Placement, parameters: dict[str, int], device: str, dtype: str
) -> tuple[Placement, ...]:
    """Puts a loaded pipeline where it fits, now that its side is known; returns what is left to try later."""
    if placement.device.startswith("cuda"):
        placement = replace(
            place_for(parameters, device=device, dtype=dtype, native_px=native_px_of(pipe)), dtype=placement.dtype
        )
    places = [placement, *steps_down(placement)]
    while places:
        try:
            put(pipe, places[0])
            return tuple(places[1:])
        except Exception as error:
            if not is_out_of_memory(error) or len(places) == 1:
                raise
        release()
        places.pop(0)
    return ()


def _twin(pipe: Any, inpainter: str, parts: dict[str, Any]) -> Any:
    """Returns an inpainting pipeline of the same weights.

    For classes that diffusers' table lacks its constructor is called: `from_pipe` of a class casts all weights to float32, and
    they are the caller's.
    """
    kind = inpaint_class(inpainter)
    if choice_for(pipe).source != "diffusers" and "controlnet" not in parts:
        return _built(kind, pipe, parts)
    from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
    from diffusers.pipelines.auto_pipeline import AutoPipelineForInpainting

    try:
        if isinstance(parts.get("controlnet"), ControlNetUnionModel) and "ControlNet" not in inpainter:
            # the table for folders knows such nets, the one for pipelines does not
            return _built(inpaint_class(inpainter.replace("Inpaint", "ControlNetUnionInpaint")), pipe, parts)
        return AutoPipelineForInpainting.from_pipe(pipe, **parts)
    except (ValueError, MissingExtra) as error:
        raise InpainterMissing(f"{inpainter} could not be made of {type(pipe).__name__}: {error}") from error


def _built(kind: type, pipe: Any, parts: dict[str, Any]) -> Any:
    """Calls a pipeline's constructor with the parts and settings of another."""
    offered = {**dict(pipe.config), **pipe.components, **parts}
    wanted = inspect.signature(kind.__init__).parameters
    values = {name: offered[name] for name in wanted if name in offered}
    if offered.get("safety_checker") is None and _WITHOUT_CHECKER in wanted:
        values[_WITHOUT_CHECKER] = False  # the caller's choice, already made; else diffusers warns at each repair
    absent = [
        name
        for name, parameter in wanted.items()
        if name not in values and name != "self" and parameter.default is parameter.empty
    ]
    if absent:
        raise InpainterMissing(f"expected {', '.join(absent)} in {type(pipe).__name__} for {kind.__name__}, found none")
    return kind(**values)
