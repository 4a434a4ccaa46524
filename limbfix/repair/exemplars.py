"""What paints where no model is? The surroundings: a hole is filled with what the picture itself shows elsewhere.

It takes away and continues a background. It cannot invent: a finger that is missing stays missing, whatever is copied.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from limbfix.errors import InpainterMissing, RepairError
from limbfix.inpainting import InpaintRequest

_MOVED_PX = 9
"""How far the second and further candidates grow what must not be copied: they find other sources than the first."""


class ExemplarFill:
    """The embedded inpainter: removal by copies of the picture's own background; no download, no randomness."""

    name = "exemplar_fill"
    native_px: int | None = None
    multiple = 1
    purposes = frozenset({"remove"})
    has_seeds = False

    def inpaint(self, request: InpaintRequest) -> Sequence[np.ndarray]:
        """Returns up to one different filling for each seed; the best guess first.

        Raises:
            InpainterMissing: the purpose is not removal.
            RepairError: everything is masked, so there is nothing to copy from.
        """
        if request.purpose not in self.purposes:
            raise InpainterMissing(f"{self.name} can only remove, not {request.purpose}; name a model with --model")
        hole = request.mask.edit > 0
        if not hole.any():
            return [request.pixels.copy()]
        if hole.all():
            raise RepairError(
                "expected surroundings to copy from, got a mask that covers everything; make the picture again"
            )
        avoid = np.zeros_like(hole) if request.avoid is None else request.avoid & ~hole
        fillings: list[np.ndarray] = []
        for number in range(len(request.seeds)):
            filled = _filled(request.pixels, hole, avoid, number)
            if filled is not None and not any(np.array_equal(filled, one) for one in fillings):
                fillings.append(filled)
        return fillings


def _filled(pixels: np.ndarray, hole: np.ndarray, avoid: np.ndarray, number: int) -> np.ndarray | None:
    from limbfix.filling import fill_hole

    forbidden = avoid
    if number == 1:
        forbidden = np.zeros_like(avoid)  # the hole may lie on a person, whose cloth or skin then continues
    elif number > 1:
        forbidden = ndimage.binary_dilation(avoid | hole, iterations=_MOVED_PX * (number - 1))
    return None if (forbidden | hole).all() else fill_hole(pixels, hole, forbidden)
