"""Does a picture show its defect? A defect and its twin are rendered alike, and the difference is the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.rendering.renderer import Rendering
from limbfix.synthesis.samples import Defect

CHANGED_LEVELS = 8.0
"""Of 255, in the channel that differs most: below it a person sees no difference between two renders."""

SHADOW_CHANGE = 0.03
"""Share of the light; less of it changes no pixel by `CHANGED_LEVELS`."""

LEAST_CHANGED_PX = 60
"""At 256 px; scales with the area of the picture. Fewer changed pixels are no evidence (read off contact sheets)."""

LEAST_DIGIT_PX = 16
"""At 256 px; a digit of fewer pixels is a speck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What an operator made wrong in a figure.

    Attributes:
        code: the limbfix code that a right judge would report.
        operator: `room.function`.
        instances: ids of what is wrong: extra, missing, fused, malformed.
        affected: ids whose shape changed against the twin, the above included; the picture may change there and nowhere else.
    """

    code: DefectCode
    operator: str
    instances: tuple[int, ...]
    affected: tuple[int, ...]


def region_of(ids: Iterable[int], renderings: Sequence[Rendering]) -> np.ndarray:
    """Returns (s, s) bool: pixels that belong to some ids in any of the renderings of one scene."""
    wanted = np.array(sorted(ids))
    region = np.zeros(renderings[0].instance.shape, bool)
    for rendering in renderings:
        region |= np.isin(rendering.instance, wanted)
    return region


def relit(a: Rendering, b: Rendering) -> np.ndarray:
    """Returns (s, s) bool: where the same thing is seen in two renderings, under another shadow.

    A sixth finger darkens what lies beside it. Where light changes, the picture may change, although nothing else did.
    """
    return (a.instance == b.instance) & (np.abs(a.light - b.light) > SHADOW_CHANGE)


def changed_pixels(a: Rendering, b: Rendering) -> np.ndarray:
    """Returns (s, s) bool: where two renderings of one scene differ by more than a person overlooks."""
    colour = np.abs(a.colour - b.colour).max(-1)
    return (colour > CHANGED_LEVELS) | (np.abs(a.cover - b.cover) > CHANGED_LEVELS / 255)


def is_visible(made: Made, rendering: Rendering, twin: Rendering) -> bool:
    """Tells whether a picture shows what was made wrong.

    Enough of the region must differ from the twin, and what is wrong must itself be seen: an extra digit in this picture, a
    missing one in the twin, where it would have been.
    """
    scale = (rendering.instance.shape[0] / 256) ** 2
    region = cv2.dilate(region_of(made.affected, (rendering, twin)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if (changed_pixels(rendering, twin) & region).sum() < LEAST_CHANGED_PX * scale:
        return False
    pixels = max(int(np.isin(r.instance, made.instances).sum()) for r in (rendering, twin))
    return pixels >= LEAST_DIGIT_PX * scale


def defects_of(made: Sequence[Made], rendering: Rendering, twin: Rendering) -> tuple[Defect, ...]:
    """Returns the labels of all that was made wrong in one picture, judged against its twin's rendering.

    The region is what changed its shape, and where that changed the light on other things.
    """
    return tuple(
        Defect(
            code=item.code,
            operator=item.operator,
            instances=item.instances,
            visible=is_visible(item, rendering, twin),
            region=region_of(item.affected, (rendering, twin)) | relit(rendering, twin),
        )
        for item in made
    )


def id_blocks(people: int) -> Mapping[str, int]:
    """Returns the first ids of people and objects: `person_0`, `person_1`, ..., `objects`. The same with and without defects."""
    return {**{f"person_{k}": 1 + 200 * k for k in range(people)}, "objects": 1 + 200 * people}
