"""Tiny pipelines, built once for all tests of this folder, and the requests that are put to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_pipelines import save_tiny, save_tiny_controlnet

from limbfix.inpainters import open_inpainter
from limbfix.inpainting import InpaintRequest, Mask
from limbfix.synthesis.assets import FOLDER_VARIABLE, synthesis_folder

SIDE = 64

SYNTHESIS = synthesis_folder()
"""Where the body data lie for whoever started the suite; read before any test moves the home."""


@pytest.fixture(autouse=True)
def _body_data_stay(_isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(SYNTHESIS))


@pytest.fixture(scope="session")
def one_thread():
    """Tiny tensors are computed fastest by one thread; asked for by what loads torch anyway."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder of a tiny pipeline, built when it is first asked for."""
    root, built = tmp_path_factory.mktemp("tiny"), {}

    def folder(kind: str) -> Path:
        if kind not in built:
            place = root / kind
            built[kind] = save_tiny_controlnet(place) if kind == "controlnet" else save_tiny(kind, place)
        return built[kind]

    return folder


@pytest.fixture(scope="session")
def opened(tiny) -> Callable[[str], Any]:
    """Gives an inpainter of a tiny pipeline, opened once; `sd+controlnet` has a ControlNet."""
    kept: dict[str, Any] = {}

    def inpainter(kind: str) -> Any:
        if kind not in kept:
            model, _, net = kind.partition("+")
            kept[kind] = open_inpainter(tiny(model), device="cpu", controlnet=tiny(net) if net else None)
        return kept[kind]

    return inpainter


@pytest.fixture
def user_pipe(tiny) -> Any:
    """A text-to-image pipeline of the caller's."""
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(tiny("sd"), use_safetensors=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def ask() -> Callable[..., InpaintRequest]:
    """Makes a request: a coloured picture of 64 px with a square to be painted anew."""

    def request(**more: Any) -> InpaintRequest:
        rng = np.random.default_rng(3)
        edit = np.zeros((SIDE, SIDE), np.float32)
        edit[16:48, 24:56] = 1
        values = {
            "pixels": rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8),
            "mask": Mask(edit=edit),
            "purpose": "redraw",
            "seeds": (1, 2, 3),
            "prompt": "a hand",
            "strength": 0.8,
            "steps": 3,
        }
        return InpaintRequest(**{**values, **more})

    return request
