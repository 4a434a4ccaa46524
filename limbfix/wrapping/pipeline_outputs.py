"""How do pictures come out of a pipeline's output and go back into it? PIL images, float arrays or tensors, the type is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbfix.errors import GeneratorError
from limbfix.images import Picture, open_picture
from limbfix.wrapping.gate_reports import GatedTuple, GateReport
from limbfix.wrapping.repaired_pixels import repaired_array, repaired_image
from limbfix.wrapping.values import with_source


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PipelineOutput:
    """One output taken apart.

    Attributes:
        raw: as the pipeline returned it.
        images: PIL images, float arrays (h, w, c) or tensors (c, h, w).
        nsfw: what the safety checker says of each, or None where none looked.
    """

    raw: Any
    images: list[Any]
    nsfw: list[bool] | None


def read_output(raw: Any) -> PipelineOutput:
    """Returns the images of an output.

    Raises:
        GeneratorError: it holds no images (a video or sound pipeline).
    """
    images = raw[0] if isinstance(raw, tuple) and raw else getattr(raw, "images", None)
    if images is None or isinstance(images, str | bytes) or not hasattr(images, "__len__"):
        raise GeneratorError(
            f"the wrapped pipeline: expected an output with images, got {type(raw).__name__}; limbfix gates still pictures"
        )
    if any(isinstance(image, list | tuple) for image in images):
        raise GeneratorError("the wrapped pipeline: expected one picture for each image, got lists of layers or frames")
    flags = raw[1] if isinstance(raw, tuple) and len(raw) > 1 else getattr(raw, "nsfw_content_detected", None)
    if not isinstance(flags, list | tuple) or len(flags) != len(images):
        return PipelineOutput(raw=raw, images=list(images), nsfw=None)
    return PipelineOutput(raw=raw, images=list(images), nsfw=[bool(flag) for flag in flags])


def picture_of(image: Any, *, prompt: str, seed: int | None) -> Picture:
    """Returns the pixels of one image for the gate."""
    pixels = image if hasattr(image, "getexif") else as_uint8(image)
    return with_source(open_picture(pixels), prompt=prompt, seed=seed)


def as_uint8(image: Any) -> np.ndarray:
    """Returns uint8 (h, w, c) of a float array (h, w, c) or a tensor (c, h, w), 0-1; what is no number becomes black."""
    if hasattr(image, "detach"):
        image = image.detach().float().cpu().numpy().transpose(1, 2, 0)
    levels = np.nan_to_num(np.asarray(image, dtype=np.float64), nan=0.0, posinf=1.0, neginf=0.0)
    return (np.clip(levels, 0, 1) * 255).round().astype(np.uint8)


def with_pixels(image: Any, judged: np.ndarray, pixels: np.ndarray, notes: list[str]) -> Any:
    """Returns a copy of an image with repaired pixels; floats that the repair left alone stay as they were.

    Args:
        image: as it came from the pipeline.
        judged: uint8 (h, w, 3), as the gate saw it.
        pixels: the same, repaired.
        notes: told what the image's own kind cannot hold.
    """
    if hasattr(image, "getexif"):
        return repaired_image(image, judged, pixels, notes)
    own = as_uint8(image)
    repaired = repaired_array(own, judged, pixels, notes)
    has_changed = own != repaired
    if hasattr(image, "detach"):
        import torch

        fresh = torch.from_numpy(repaired.transpose(2, 0, 1) / 255).to(device=image.device, dtype=image.dtype)
        return torch.where(torch.from_numpy(has_changed.transpose(2, 0, 1)).to(image.device), fresh, image)
    return np.where(has_changed, (repaired / 255).astype(image.dtype), image)


def merged(first: PipelineOutput, images: list[Any], nsfw: list[bool], reports: Sequence[GateReport]) -> Any:
    """Returns an output like the first one, with the images that were kept, and the reports.

    Args:
        first: the output of the caller's own call.
        images: what was kept, in the caller's order.
        nsfw: what the safety checker says of each; left out where none looks.
        reports: one for each image.
    """
    raw = first.raw
    whole = _as_came(images, raw[0] if isinstance(raw, tuple) else raw.images)
    if isinstance(raw, tuple):
        rest = raw[1:] if first.nsfw is None else (nsfw, *raw[2:])
        result = GatedTuple((whole, *rest))
        result.reports = tuple(reports)
        return result
    raw.images = whole
    if first.nsfw is not None:
        raw.nsfw_content_detected = nsfw
    raw.reports = tuple(reports)
    return raw


def _as_came(images: list[Any], whole: Any) -> Any:
    if isinstance(whole, np.ndarray):
        return np.stack(images)
    if hasattr(whole, "detach"):
        import torch

        return torch.stack(images)
    return images
