"""How does the repaired hand stay the same person's? The user's embeddings and LoRAs, in the repair pipeline and nowhere else.

The caller's pipeline is never edited: whatever an addition would change is copied first, and the copy shares every weight that
stays as it is. So there is nothing to unload, not even after an error or Ctrl-C.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbfix.errors import MissingExtra, ModelMissing, RepairError, UsageError
from limbfix.inpainters.model_folders import PICKLES, refuse_pickle, safetensors_header
from limbfix.printing import printable

_ENCODERS = ("text_encoder", "text_encoder_2")
_KEYS_XL = {"text_encoder": "clip_l", "text_encoder_2": "clip_g"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """One file of the user's.

    Attributes:
        path: a safetensors file.
        weight: how far a LoRA decides; 1 = as it was trained.
        token: the word that stands for an embedding in prompts.
    """

    path: Path
    weight: float = 1.0
    token: str = ""


def read_addition(named: str | Path | Addition, *, is_lora: bool) -> Addition:
    """Reads `PATH` or `PATH=WEIGHT` (a LoRA) or `PATH=TOKEN` (an embedding), and checks the file.

    An embedding's token is the file's name where none is given, as in AUTOMATIC1111. A file whose own name holds a `=` is
    taken as it is.

    Raises:
        ModelMissing: no such file.
        ModelError: a pickle.
        ModelCorrupt: no safetensors file.
        UsageError: of another kind, or a weight that is no number.
    """
    addition = named if isinstance(named, Addition) else _parsed(str(named), is_lora)
    if not math.isfinite(addition.weight):
        raise UsageError(f"expected a finite weight for {addition.path}, got {addition.weight}")
    if addition.path.suffix.lower() in PICKLES:
        raise refuse_pickle(addition.path)
    if not addition.path.is_file():
        raise ModelMissing(
            f"expected the file {addition.path}, found none; name a file on this machine (from the hub: hf download REPO FILE)"
        )
    if addition.path.suffix.lower() != ".safetensors":
        raise UsageError(f"expected a .safetensors file for an embedding or a LoRA, got {addition.path}")
    safetensors_header(addition.path)
    return addition


def _parsed(text: str, is_lora: bool) -> Addition:
    whole = Path(text).expanduser()
    if "=" not in whole.name or whole.suffix.lower() == ".safetensors":
        return Addition(path=whole, token=whole.stem)
    before, _, more = text.rpartition("=")
    path = Path(before).expanduser()
    if not is_lora:
        return Addition(path=path, token=more or path.stem)
    try:
        return Addition(path=path, weight=float(more or 1), token=path.stem)
    except ValueError as error:
        raise UsageError(
            f"expected a number such as 0.8 after the = of {printable(text)}, got {printable(repr(more))}"
        ) from error


def own_parts(pipe: Any, *, loras: Sequence[Addition], embeddings: Sequence[Addition]) -> dict[str, Any]:
    """Returns copies of the parts that the additions will change, by the name of the part; weights are shared.

    Raises:
        RepairError: the pipeline moves its parts between devices by hooks, which cannot be copied.
    """
    names: dict[str, bool] = {}
    if loras:
        names |= {name: False for name in (*getattr(pipe, "_lora_loadable_modules", ()), "unet", "transformer")}
    if embeddings:
        names |= {name: True for name in _ENCODERS}
        names |= {name.replace("text_encoder", "tokenizer"): True for name in _ENCODERS}
    parts = {name: getattr(pipe, name, None) for name in names}
    return {name: _sharing_copy(part, name, names[name]) for name, part in parts.items() if part is not None}


def load_additions(pipe: Any, *, loras: Sequence[Addition], embeddings: Sequence[Addition]) -> tuple[str, ...]:
    """Loads embeddings and LoRAs into a pipeline that is limbfix's own.

    Returns:
        the embeddings' tokens.

    Raises:
        UsageError: an addition was made for another kind of model.
        MissingExtra: LoRAs need peft.
    """
    for embedding in embeddings:
        _load_embedding(pipe, embedding)
    if loras:
        _load_loras(pipe, loras)
    return tuple(embedding.token for embedding in embeddings)


def _sharing_copy(part: Any, name: str, gets_words: bool) -> Any:
    """Returns a copy with modules of its own and the same tensors, but for the table of words if it will grow."""
    if not hasattr(part, "parameters"):
        return copy.deepcopy(part)
    if any(hasattr(module, "_hf_hook") for module in part.modules()):
        raise RepairError(
            f"expected a pipeline whose {name} stays in place, got one with offload hooks: an embedding or LoRA cannot be added "
            "without editing it; open the model from its folder with open_inpainter, or load the addition into your pipeline"
        )
    shared = {id(tensor): tensor for tensor in itertools.chain(part.parameters(), part.buffers())}
    if gets_words:
        shared.pop(id(part.get_input_embeddings().weight), None)
    return copy.deepcopy(part, shared)


def _load_embedding(pipe: Any, embedding: Addition) -> None:
    from safetensors.torch import load_file

    if not hasattr(pipe, "load_textual_inversion"):
        raise UsageError(
            f"expected a pipeline that takes embeddings, got {type(pipe).__name__}; only Stable Diffusion 1, 2 and XL do"
        )
    tensors = load_file(str(embedding.path))
    encoders = [name for name in _ENCODERS if getattr(pipe, name, None) is not None]
    loaded = 0
    for name in encoders:
        tensor = tensors.get(_KEYS_XL[name])
        if tensor is None and len(tensors) == 1 and len(encoders) == 1:
            tensor = next(iter(tensors.values()))
        if tensor is None:
            continue
        tokenizer = getattr(pipe, name.replace("text_encoder", "tokenizer"))
        try:
            pipe.load_textual_inversion(
                tensor, token=embedding.token, text_encoder=getattr(pipe, name), tokenizer=tokenizer
            )
        except ValueError as error:
            raise UsageError(f"{embedding.path} does not fit {type(pipe).__name__}: {error}") from error
        loaded += 1
    if not loaded or (len(encoders) > 1 and loaded < len(encoders)):
        raise UsageError(
            f"expected an embedding for {type(pipe).__name__} in {embedding.path} (one vector table for each of {len(encoders)} text "
            f"encoders), got {', '.join(sorted(tensors)[:5])}; it was made for another kind of model"
        )


def _load_loras(pipe: Any, loras: Sequence[Addition]) -> None:
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f"expected the package peft for LoRAs, got: {error}; pip install 'limbfix[lora]'") from error
    if not hasattr(pipe, "load_lora_weights"):
        raise UsageError(f"expected a pipeline that takes LoRAs, got {type(pipe).__name__}")
    weights = _weights_in_use(pipe)
    for index, lora in enumerate(loras):
        name = f"limbfix_{index}"
        try:
            pipe.load_lora_weights(
                str(lora.path.parent),
                weight_name=lora.path.name,
                adapter_name=name,
                use_safetensors=True,
                local_files_only=True,
            )
        except (ValueError, RuntimeError, KeyError) as error:
            raise UsageError(f"{lora.path} does not fit {type(pipe).__name__}: {error}") from error
        if not any(name in names for names in pipe.get_list_adapters().values()):
            raise UsageError(f"{lora.path} does not fit {type(pipe).__name__}: none of its weights found a place there")
        weights[name] = lora.weight
    pipe.set_adapters(list(weights), list(weights.values()))


def _weights_in_use(pipe: Any) -> dict[str, float]:
    """Returns the weights of the LoRAs that the caller had switched on, so that they stay on."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    net = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    weights: dict[str, float] = {}
    for layer in net.modules() if net is not None else ():
        if isinstance(layer, BaseTunerLayer):
            for name in layer.active_adapters:
                scaling, alpha, rank = (getattr(layer, key, {}).get(name) for key in ("scaling", "lora_alpha", "r"))
                if scaling is not None and alpha and rank:
                    weights.setdefault(name, float(scaling) * float(rank) / float(alpha))
    return weights
