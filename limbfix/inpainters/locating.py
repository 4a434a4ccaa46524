"""Where is the model? A folder on this machine, else the hub's cache, and the hub only by a name that the caller gave."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from limbfix.errors import LimbfixError, ModelError, ModelMissing, ModelUnavailable
from limbfix.inpainters.loading import quiet
from limbfix.inpainters.model_folders import PICKLES, refuse_pickle

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def local_folder(name_or_dir: str | Path, *, download: bool, is_pipeline: bool = True) -> Path:
    """Finds a model's folder on this machine, or fetches it from the hub.

    Raises:
        ModelMissing: neither a folder nor a name of the hub, or not here and `download` is False.
        ModelError: a single file; a pickle at that.
        ModelUnavailable: the hub did not give it; the message holds the command to fetch it by hand.
    """
    text, path = str(name_or_dir), Path(name_or_dir).expanduser()
    if path.is_dir():
        return path
    if path.suffix.lower() in PICKLES:
        raise refuse_pickle(path)
    if path.is_file():
        raise ModelError(
            f"expected a folder with model_index.json, got the file {path}; convert it with diffusers' from_single_file"
        )
    if not _HUB_NAME.fullmatch(text) or text.startswith((".", "/")):
        raise ModelMissing(f"expected a model's folder or a name such as owner/model, found no folder {path}")
    return _from_hub(text, download=download, is_pipeline=is_pipeline)


def _from_hub(name: str, *, download: bool, is_pipeline: bool) -> Path:
    """Returns the folder of the hub's cache; the network is asked only for what the cache lacks."""
    command = f"hf download {name} --exclude '*.bin' '*.ckpt' '*.pt'"
    for is_offline in (True, False):
        if not is_offline and not download:
            break
        try:
            return _fetch(name, is_offline=is_offline, is_pipeline=is_pipeline)
        except LimbfixError:
            raise
        except Exception as error:
            if is_offline:
                continue
            told = str(error).strip().splitlines() or [type(error).__name__]
            raise ModelUnavailable(
                f"expected the model {name} from the hub, got {type(error).__name__}: {told[0][:160]}. Check the name, your network and "
                f"whether the model asks you to log in (hf auth login), then try: {command}"
            ) from error
    raise ModelMissing(f"expected the model {name} on this machine, found none; fetch it once with: {command}")


def _fetch(name: str, *, is_offline: bool, is_pipeline: bool) -> Path:
    """Asks the hub's own library for safetensors and settings, without pickles and without code."""
    if is_pipeline:
        from diffusers.pipelines.pipeline_utils import DiffusionPipeline

        with quiet() if is_offline else contextlib.nullcontext():
            return Path(DiffusionPipeline.download(name, use_safetensors=True, local_files_only=is_offline))
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.safetensors"]
    found = Path(snapshot_download(name, allow_patterns=wanted, local_files_only=is_offline))
    if is_offline and not (found / "config.json").is_file():
        raise FileNotFoundError(found / "config.json")
    return found
