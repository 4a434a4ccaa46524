"""What does a detector see? Parts: one hand, one body, one face, each with its own keypoints.

Frame of every number here: pixels of the upright original picture, x right, y down, the origin in the top-left corner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from limbfix.digits import HandReading
from limbfix.geometry import Box
from limbfix.layouts import Layout

if TYPE_CHECKING:
    from limbfix.images import Picture


class PartKind(StrEnum):
    """What a part is a picture of."""

    PERSON = "person"
    HAND = "hand"
    FACE = "face"


class Side(StrEnum):
    """The subject's own side, not the side of the picture."""

    LEFT = "left"
    RIGHT = "right"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Keypoints:
    """Measured landmarks of one layout. The arrays are copied and locked.

    Attributes:
        layout: names and bones of the K landmarks.
        xy: float32 (K, 2), px; nan where a landmark was not measured.
        score: float32 (K,), 0-1, the detector's belief that the landmark is visible; nan where it gives none.
        world: float32 (K, 3), metres, camera axes, or None; only for angles and ratios, never for positions.
    """

    layout: Layout
    xy: np.ndarray
    score: np.ndarray
    world: np.ndarray | None = None

    def __post_init__(self) -> None:
        count = len(self.layout.landmarks)
        shapes = {"xy": (count, 2), "score": (count,)} | ({} if self.world is None else {"world": (count, 3)})
        for name, shape in shapes.items():
            array = np.array(getattr(self, name), dtype=np.float32)
            if array.shape != shape:
                raise ValueError(
                    f"Keypoints.{name}: expected shape {shape} for layout {self.layout.name}, got {array.shape}"
                )
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def point(self, landmark: str) -> np.ndarray:
        """Returns float32 (2,) px of one landmark, nan where absent."""
        return self.xy[self.layout.index(landmark)]

    def visibility(self, landmark: str) -> float:
        """Returns the 0-1 score of one landmark, nan where the detector gives none."""
        return float(self.score[self.layout.index(landmark)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One detected region.

    Attributes:
        kind: person, hand or face.
        box: px, finite. A hand's box holds the hand without the forearm.
        detection_score: 0-1, or None where the detector gives none.
        detector: name of the detector that saw it.
        side: the subject's own side; unknown for persons and faces.
        side_score: 0-1 belief in `side`, or None.
        keypoints: landmarks, or None for a bare box.
        mask: bool (H, W) in the picture's frame, or None.
        views: how many of the crops that showed this part agreed on it, and how many showed it, or None.
        spread: for hands seen in two or more crops, the mean distance between the crops' keypoints divided by the
            hand's size (0 = they agree exactly), or None.
        reading: for hands, what our own networks read in it, or None.
    """

    kind: PartKind
    box: Box
    detection_score: float | None
    detector: str
    side: Side = Side.UNKNOWN
    side_score: float | None = None
    keypoints: Keypoints | None = None
    mask: np.ndarray | None = None
    views: tuple[int, int] | None = None
    spread: float | None = None
    reading: HandReading | None = None

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.box.xyxy)):
            raise ValueError(
                f"Part.box: expected finite px, got {self.box.xyxy}; leave out a {self.kind.value} whose place is not known"
            )


class Detector(Protocol):
    """One backend for some kinds of parts.

    A detector raises DetectorError when it fails; an empty tuple means it looked and saw nothing.
    """

    name: str

    def model_hashes(self) -> dict[str, str]:
        """Returns the SHA-256 of each model file in use, by file name."""
        ...

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns the parts seen in a picture.

        Args:
            picture: the whole upright picture.
            known: parts that detectors earlier in the tuple saw; they may guide the search, and are not returned again.
        """
        ...

    def close(self) -> None:
        """Frees the model."""
        ...


@runtime_checkable
class Completing(Protocol):
    """A detector that has the last word on what all detectors saw."""

    name: str

    def complete(self, picture: Picture, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns all parts, with what this detector can add: sights of one thing joined, missing readings filled in."""
        ...
