"""How is a region made larger than by resampling? With the caller's own function, or a model file that spandrel knows.

It may be an upscaler or a face restorer. It sees the region alone; what it gives back is judged as any repair is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from limbfix.crops import resized
from limbfix.errors import MissingExtra, ModelError, ModelMissing, RepairError
from limbfix.inpainters.memory import choose_device, is_out_of_memory, release
from limbfix.inpainters.model_folders import PICKLES, refuse_pickle, safetensors_header

TILE_PX, OVERLAP_PX = 512, 32
"""Side of the pieces in which a large region is enlarged, and what they share."""

LEAST_TILE_PX = 64
MOST_SCALE = 16

Enlarge = Callable[[np.ndarray], Any]


class Upscaler:
    """Enlarges pixels.

    Args:
        enlarge: uint8 (h, w, 3) RGB -> a larger uint8 (h, w, 3) array or PIL picture.
        name: for records.
    """

    def __init__(self, enlarge: Enlarge, *, name: str) -> None:
        self._enlarge = enlarge
        self.name = name

    def enlarged(self, pixels: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
        """Returns uint8 (h, w, 3) pixels of exactly `size_wh`: enlarged by the model, then resampled to fit.

        Raises:
            RepairError: it failed, or gave something else than a picture of the same shape.
        """
        try:
            answer = np.asarray(self._enlarge(pixels))
        except (RepairError, MissingExtra):
            raise
        except Exception as error:
            raise RepairError(f"{self.name} failed: {type(error).__name__}: {error}") from error
        if answer.dtype != np.uint8 or answer.ndim != 3 or answer.shape[2] != 3 or not answer.size:
            raise RepairError(f"{self.name}: expected uint8 (h, w, 3), got {answer.dtype} {answer.shape}")
        (height, width), (new_height, new_width) = pixels.shape[:2], answer.shape[:2]
        if abs(new_width / width - new_height / height) > 0.02 * new_width / width or new_width > MOST_SCALE * width:
            raise RepairError(
                f"{self.name}: expected {width} x {height} px enlarged, got {new_width} x {new_height} px"
            )
        return resized(answer, size_wh)


def open_upscaler(what: str | Path | Enlarge | Upscaler, *, device: str = "auto") -> Upscaler:
    """Opens an upscaler or face restorer.

    Args:
        what: a function, or the path of a safetensors file that spandrel knows (ESRGAN, SwinIR, DAT, HAT, GFPGAN and others).
        device: for a model file; see `limbfix.inpainters.memory`.

    Raises:
        ModelMissing, ModelCorrupt, ModelError: no such file, a pickle, or a model that spandrel does not know.
        MissingExtra: spandrel is not installed.
    """
    if isinstance(what, Upscaler):
        return what
    if not isinstance(what, str | Path):
        return Upscaler(what, name=f"upscaler:{getattr(what, '__name__', type(what).__name__)}")
    path = Path(what).expanduser()
    if path.suffix.lower() in PICKLES:
        raise refuse_pickle(path)
    if not path.is_file():
        raise ModelMissing(f"expected an upscaler's file, found no {path}; name a .safetensors file on this machine")
    safetensors_header(path)
    return Upscaler(_SpandrelModel(path, choose_device(device)), name=f"upscaler:{path.stem}")


class _SpandrelModel:
    """A model of spandrel's, run in tiles."""

    def __init__(self, path: Path, device: str) -> None:
        try:
            from spandrel import ImageModelDescriptor, ModelLoader
        except ImportError as error:
            raise MissingExtra(
                f"expected the package spandrel for upscalers, got: {error}; pip install 'limbfix[upscale]'"
            ) from error
        try:
            model: Any = ModelLoader().load_from_file(str(path))
        except Exception as error:
            raise ModelError(
                f"expected an upscaler that spandrel knows in {path}, got {type(error).__name__}: {error}"
            ) from error
        if not isinstance(model, ImageModelDescriptor) or (model.input_channels, model.output_channels) != (3, 3):
            raise ModelError(
                f"expected a model from colour pictures to colour pictures in {path}, got {model.architecture.name}"
            )
        self._model: Any = model.to(device).eval()
        self._device, self.scale, self._tile = device, int(model.scale), TILE_PX

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Enlarges in tiles; smaller ones when memory runs out."""
        while True:
            try:
                return self._in_tiles(pixels)
            except Exception as error:
                if not is_out_of_memory(error) or self._tile <= LEAST_TILE_PX:
                    raise
            self._tile //= 2
            release()

    def _in_tiles(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        scale, step = self.scale, self._tile - 2 * min(OVERLAP_PX, self._tile // 4)
        margin = min(OVERLAP_PX, self._tile // 4)
        whole = np.zeros((height * scale, width * scale, 3), np.uint8)
        for top in range(0, height, step):
            for left in range(0, width, step):
                y0, x0 = max(0, top - margin), max(0, left - margin)
                y1, x1 = min(height, top + step + margin), min(width, left + step + margin)
                piece = self._run(pixels[y0:y1, x0:x1])
                bottom, right = min(height, top + step), min(width, left + step)
                whole[top * scale : bottom * scale, left * scale : right * scale] = piece[
                    (top - y0) * scale : (bottom - y0) * scale, (left - x0) * scale : (right - x0) * scale
                ]
        return whole

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            answer = self._model(tensor)[0].float().clamp(0, 1)
        return (answer.permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy()
