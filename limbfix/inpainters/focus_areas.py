"""Which areas are merely poor? Small faces, soft hands and feet: nothing is wrong with them, they were drawn with too few pixels.

It cannot tell a soft hand from one that the lens left soft on purpose. That is why a refined area is kept only under the rule that
holds for repairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.errors import UsageError
from limbfix.geometry import Box
from limbfix.inspections import Inspection
from limbfix.readings import LEAST_SHARPNESS, sharpness
from limbfix.skeletons import Person

PARTS = ("face", "hand", "foot")

SMALL_PX = {"face": 160.0, "hand": 128.0, "foot": 128.0}
"""Longer side of a box below which a model of 512 to 1,024 px had too few of its 8-px cells for what is in it: 20 for a face, 16
for a hand."""

SOFT = 2 * LEAST_SHARPNESS
"""Sharpness below which a part is soft: twice the one below which its digits cannot be told apart."""

LEAST_PX = 16.0
"""Longer side below which a place holds nothing that could be refined."""

STRENGTH = 0.4
"""ADetailer's own: new detail, the same person."""

_FOOT_GROWTH = 0.35
"""Of the foot's keypoints' box: they end at heel and toe joints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusRegion:
    """One area to be drawn again, better.

    Attributes:
        part: of `PARTS`.
        box: px.
        reason: one sentence.
        person_index, hand_index: whose and which, or None.
        purpose: `refine`.
        strength: 0-1.
    """

    part: str
    box: Box
    reason: str
    person_index: int | None = None
    hand_index: int | None = None
    purpose: str = "refine"
    strength: float = STRENGTH


def focus_regions(inspection: Inspection, parts: Sequence[str] = PARTS) -> tuple[FocusRegion, ...]:
    """Returns the areas of the named parts that are small or soft, largest first.

    Raises:
        UsageError: an unknown part, or a picture whose pixels are not at hand.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise UsageError(f"expected parts of {', '.join(PARTS)}, got {', '.join(map(repr, unknown))}")
    picture, scene = inspection.picture, inspection.scene
    if picture is None or scene is None:
        raise UsageError("focus_regions: expected a picture that was inspected in this process, got a bare record")
    found = []
    for part, box, person_index, hand_index in _places(inspection):
        clipped = box.clipped(picture.width, picture.height)
        if part not in parts or clipped.size < LEAST_PX:
            continue
        reason = _why_poor(part, clipped, picture.pixels)
        if reason:
            found.append(
                FocusRegion(part=part, box=clipped, reason=reason, person_index=person_index, hand_index=hand_index)
            )
    return tuple(sorted(found, key=lambda region: -region.box.area))


def _places(inspection: Inspection) -> Iterator[tuple[str, Box, int | None, int | None]]:
    scene = inspection.scene
    assert scene is not None
    for person in scene.people:
        if person.face is not None:
            yield "face", person.face.box, person.person_index, None
        for box in _feet(person):
            yield "foot", box, person.person_index, None
    for hand in scene.hands:
        yield "hand", hand.part.box, hand.person_index, hand.hand_index


def _feet(person: Person) -> Iterator[Box]:
    """Gives a box around each foot whose ankle, heel and toes were all seen."""
    keypoints = person.body.keypoints if person.body is not None else None
    if keypoints is None or keypoints.layout.name != "blazepose33":
        return
    for side in ("left", "right"):
        names = [f"{side}_{name}" for name in ("ankle", "heel", "foot_index")]
        xy = np.stack([keypoints.point(name) for name in names])
        if np.isfinite(xy).all() and all(keypoints.visibility(name) >= 0.5 for name in names):
            yield Box.around(xy).grown(_FOOT_GROWTH)


def _why_poor(part: str, box: Box, pixels: np.ndarray) -> str | None:
    if box.size < SMALL_PX[part]:
        return (
            f"{part} of {box.size:.0f} px: below {SMALL_PX[part]:.0f} px a generator has too few cells for its detail"
        )
    x0, y0, x1, y1 = (int(value) for value in np.rint(box.xyxy))
    crop = cv2.resize(pixels[y0:y1, x0:x1], (128, 128), interpolation=cv2.INTER_AREA)
    sharp = sharpness(crop)
    return f"{part} is soft: sharpness {sharp:.2f}, below {SOFT:.2f}" if 0 < sharp < SOFT else None
