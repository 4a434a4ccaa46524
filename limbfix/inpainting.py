"""What is an inpainter? One protocol and one kind of mask, whoever does the painting: a filling rule, a pipeline or a server.

White is edit, everywhere in limbfix. A backend that means it the other way turns the mask round at its own edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """Which pixels may change, and how much.

    Attributes:
        edit: float32 (h, w), 0 = keep to the bit, 1 = edit, between them the feathered border.

    Raises:
        ValueError: no 2-D array of numbers within 0 and 1.
    """

    edit: np.ndarray

    def __post_init__(self) -> None:
        edit = self.edit
        if edit.ndim != 2 or edit.dtype != np.float32 or not edit.size:
            raise ValueError(f"expected a float32 mask (h, w), got {edit.dtype} {edit.shape}")
        if not (np.isfinite(edit).all() and edit.min() >= 0 and edit.max() <= 1):
            raise ValueError("expected a mask within 0 (keep) and 1 (edit); a mask of 0 to 255 must be divided by 255")

    @property
    def is_empty(self) -> bool:
        """True if nothing may change."""
        return not (self.edit > 0).any()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InpaintRequest:
    """One region to be painted anew, already cropped and enlarged to the model's size.

    Attributes:
        pixels: uint8 (h, w, 3) RGB sRGB.
        mask: of the same height and width.
        purpose: "remove" (the surroundings continue), "redraw" (the part is painted anew) or "refine" (the same part, better).
        prompt, negative_prompt: what the picture shows; empty where unknown.
        seeds: one candidate for each; a backend without seeds ignores their values, not their number.
        strength: 0-1, how far the masked pixels may leave what they were; backends without it ignore it.
        steps: of a sampler, or None for the backend's own.
        control: uint8 (h, w, 3), a pose or depth hint for a ControlNet, or None.
        avoid: bool (h, w), what must not serve as an example (other people, other limbs), or None; for backends that copy.
    """

    pixels: np.ndarray
    mask: Mask
    purpose: str
    seeds: tuple[int, ...]
    prompt: str = ""
    negative_prompt: str = ""
    strength: float = 0.75
    steps: int | None = None
    control: np.ndarray | None = None
    avoid: np.ndarray | None = None


@runtime_checkable
class Inpainter(Protocol):
    """Paints masked pixels anew.

    Attributes:
        name: for records, such as `exemplar_fill` or `diffusers:StableDiffusionInpaintPipeline`.
        native_px: the side it works best at, or None for any; limbfix enlarges the region to it.
        multiple: sides of the pixels must be a multiple of this.
        purposes: which purposes it can serve.
        has_seeds: whether the same seed gives the same pixels.
    """

    name: str
    native_px: int | None
    multiple: int
    purposes: frozenset[str]
    has_seeds: bool

    def inpaint(self, request: InpaintRequest) -> Sequence[np.ndarray]:
        """Returns one uint8 (h, w, 3) picture per seed, of exactly the size of the request.

        Pixels outside the mask need not be kept: limbfix pastes only what the mask allows.

        Raises:
            limbfix.errors.RepairError: it could not; the message says why and what helps.
        """
        ...
