"""Which image servers can make a picture, or paint a region of one? A1111 and Forge, ComfyUI, OpenAI-style; thin HTTP clients.

    server = limbfix.generators.Automatic1111("http://127.0.0.1:7860")
    gated = limbfix.wrap(server, max_attempts=3)
    picture = gated("a woman waving", steps=25, width=832, height=1216)

Each is a function `(prompt, seed) -> PIL image` for `limbfix.wrap`, and an `Inpainter` for repairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limbfix.generators.automatic1111 import Automatic1111
    from limbfix.generators.comfyui import ComfyUI
    from limbfix.generators.openai_images import OpenAIImages

_HOMES = {"Automatic1111": "automatic1111", "ComfyUI": "comfyui", "OpenAIImages": "openai_images"}
__all__ = ["Automatic1111", "ComfyUI", "OpenAIImages"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'limbfix.generators' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"limbfix.generators.{_HOMES[name]}"), name)
