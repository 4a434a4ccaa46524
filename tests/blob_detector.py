"""A detector with perfect eyes for a drawn world: black discs are hands, and everything that is not white is a person.

It reads nothing but pixels, so whatever happens to a picture on its way to the detectors shows in the boxes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from limbfix.errors import DetectorError
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import Box
from limbfix.parts import Part, PartKind
from limbfix.skeletons import Scene

SIZE_WH = (320, 240)
GOOD = ((70, 60), (200, 150))
BAD = ((70, 60), (200, 150), (240, 70))
"""Centers of the hands of a right person, and of one with a third hand, px."""

_GREY_FROM, _WHITE_FROM = 90, 215


def drawn(hands: Sequence[tuple[int, int]] = GOOD, size_wh: tuple[int, int] = SIZE_WH, radius: int = 18) -> Image.Image:
    """A grey person with black hands on white; unlike itself under every flip and turn."""
    image = Image.new("RGB", size_wh, "white")
    pen = ImageDraw.Draw(image)
    width, height = size_wh
    pen.rectangle((0.15 * width, 0.18 * height, 0.8 * width, 0.7 * height), fill=(150, 150, 150))
    for x, y in hands:
        pen.ellipse((x - radius, y - 0.7 * radius, x + radius, y + 0.7 * radius), fill="black")
    return image


class BlobDetector:
    """Sees drawn people; keeps count of its looks.

    Args:
        fails: whether every look raises DetectorError.
    """

    name = "blobs"

    def __init__(self, *, fails: bool = False) -> None:
        self.fails, self.looks, self.closed = fails, 0, False

    def model_hashes(self) -> dict[str, str]:
        return {"blobs.model": "b" * 64}

    def detect(self, picture, known):
        self.looks += 1
        if self.fails:
            raise DetectorError(
                f"detector {self.name}: expected a result, got a failure made for this test. Try again."
            )
        grey = picture.pixels.mean(axis=2)
        person = [_part(PartKind.PERSON, box) for box in _boxes(grey < _WHITE_FROM, whole=True)]
        return (*person, *(_part(PartKind.HAND, box) for box in _boxes(grey < _GREY_FROM)))

    def close(self) -> None:
        self.closed = True


def _part(kind: PartKind, box: Box) -> Part:
    return Part(kind=kind, box=box, detection_score=0.9, detector=BlobDetector.name)


def _boxes(mask: np.ndarray, *, whole: bool = False) -> list[Box]:
    """Boxes around the connected blobs of at least 50 px, or around all of them together."""
    import cv2

    if whole:
        rows, columns = np.nonzero(mask)
        enough = len(rows) >= 50
        return [Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)] if enough else []
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return [Box(x, y, x + width, y + height) for x, y, width, height, area in stats[1:] if area >= 50]


def count_hands(scene: Scene) -> tuple[Finding, ...]:
    """A check of this world: one finding on the number of hands, so that good people pass and bad ones are rejected.

    It stands in for the real checks, which need real bodies, wherever a test is about the way and not the anatomy.
    """
    count = len(scene.hands)
    if not count:
        return ()
    box = Box.around(np.array([corner for hand in scene.hands for corner in np.reshape(hand.part.box.xyxy, (2, 2))]))
    return (
        Finding(
            code=DefectCode.PERSON_EXTRA_HAND,
            defect_score=0.9 if count > 2 else 0.05,
            box=box,
            message=f"{count} hands, expected at most 2.",
            measured=count,
            expected=2,
            unit="hands",
            person_index=0 if scene.people else None,
        ),
    )
