"""How does old SD 1.x code get an anatomy gate? `pipe.safety_checker = limbfix.AnatomyChecker()`: same call, same answer.

It can only say so, not try again: `limbfix.wrap` does more. And it takes the place of the NSFW checker, unless that is handed over.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.errors import UsageError
from limbfix.images import open_picture
from limbfix.inspections import Inspection
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.rounds import GateLike, inspected

if TYPE_CHECKING:
    from limbfix.policies import Policy


class AnatomyChecker:
    """Answers as diffusers' safety checker does: `(images, clip_input) -> (images, has_flag)`.

    Args:
        policy, gate: as in `limbfix.wrap`.
        fail_on: `reject` or `flag`.
        nsfw_checker: the checker whose place it takes; it is asked first, and what it flags stays flagged and black.
        blacken: whether failing pictures become black, as the safety checker makes them; else they are only flagged.

    Attributes:
        last_inspections: of the last call, in order; None for pictures that `nsfw_checker` flagged.
    """

    def __init__(
        self,
        *,
        policy: Policy | str | Path | None = None,
        gate: GateLike | None = None,
        fail_on: str = "reject",
        nsfw_checker: Any = None,
        blacken: bool = False,
    ) -> None:
        self._failing = WrapOptions(fail_on=fail_on).failing  # pyright: ignore[reportArgumentType]  # checked there
        if gate is None:
            from limbfix.gate import Gate

            gate = Gate(policy)
        self._gate, self._nsfw_checker, self._blacken = gate, nsfw_checker, blacken
        self.last_inspections: tuple[Inspection | None, ...] = ()

    def __call__(self, images: Any, clip_input: Any = None, **keywords: Any) -> tuple[Any, list[bool]]:
        """Judges a batch.

        Args:
            images: a tensor (b, c, h, w) in -1 to 1, as Stable Diffusion hands it over, or an array (b, h, w, c) in 0 to 1.
            clip_input: for the NSFW checker only.
            keywords: likewise.

        Returns:
            the images and one flag for each. Flagged tensors come back in 0 to 1, because pipelines leave them as they are.

        Raises:
            UsageError: neither a tensor nor an array of that shape.
        """
        flags = [False] * len(images)
        if self._nsfw_checker is not None:
            images, found = self._nsfw_checker(images=images, clip_input=clip_input, **keywords)
            flags = [bool(flag) for flag in found]
        inspections: list[Inspection | None] = []
        images = images.clone() if hasattr(images, "clone") else np.array(images)
        for place, is_nsfw in enumerate(flags):
            if is_nsfw:
                inspections.append(None)
                continue
            inspection = inspected(self._gate, open_picture(_pixels(images[place])))
            inspections.append(inspection)
            if inspection.verdict in self._failing:
                flags[place] = True
                images[place] = self._flagged(images[place])
        self.last_inspections = tuple(inspections)
        return images, flags

    def _flagged(self, image: Any) -> Any:
        if self._blacken:
            return image * 0
        return (image / 2 + 0.5).clamp(0, 1) if hasattr(image, "clamp") else image


def _pixels(image: Any) -> np.ndarray:
    if hasattr(image, "detach"):
        image = (image.detach().float().cpu().numpy() / 2 + 0.5).transpose(1, 2, 0)
    image = np.asarray(image)
    if image.ndim != 3 or image.dtype.kind != "f":
        raise UsageError(
            f"AnatomyChecker: expected a tensor (b, c, h, w) in -1 to 1 or a float array (b, h, w, c) in 0 to 1, got {image.dtype} {image.shape}"
        )
    return (np.clip(np.nan_to_num(image), 0, 1) * 255).round().astype(np.uint8)
