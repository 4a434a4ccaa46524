"""Which sightings are one hand, and is it believed? What several windows saw is joined to one part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from limbfix.geometry import Box, distance
from limbfix.layouts import HAND21
from limbfix.parts import Keypoints, Part, PartKind, Side

if TYPE_CHECKING:
    from limbfix.images import Picture

DETECTOR = "mediapipe_hands"

SAME_HAND_IOU = 0.3
SAME_PALM = 0.25
"""Two sightings are one hand if their boxes overlap, or their palm centers lie within this share of the hand's size."""

PALM = (0, 5, 9, 13, 17)

Sighting = tuple[np.ndarray, np.ndarray, float]
"""xy (21, 2) px of the picture; world (21, 3) m; belief 0-1 that it is the subject's left hand."""


@dataclass(slots=True)
class Candidate:
    """One hand as several windows saw it; the first sighting came from the closest window."""

    xy: list[np.ndarray] = field(default_factory=list)
    world: list[np.ndarray] = field(default_factory=list)
    left_score: list[float] = field(default_factory=list)
    windows: int = 0
    near_wrist: bool = False
    confirmed: int = 0

    @property
    def box(self) -> Box:
        """Around the keypoints of the first sighting, px."""
        return Box.around(self.xy[0])

    def add(self, sighting: Sighting) -> None:
        """Takes in another sighting."""
        self.xy.append(sighting[0])
        self.world.append(sighting[1])
        self.left_score.append(sighting[2])


def merge(sightings: list[tuple[Sighting, bool]]) -> list[Candidate]:
    """Joins sightings of one hand; the first sighting of each keeps the lead."""
    candidates: list[Candidate] = []
    for (xy, world, left), near_wrist in sightings:
        match = next((candidate for candidate in candidates if is_same(candidate.xy[0], xy)), None)
        if match is None:
            match = Candidate()
            candidates.append(match)
        match.add((xy, world, left))
        match.windows += 1
        match.near_wrist |= near_wrist
    return candidates


def is_same(first: np.ndarray, second: np.ndarray) -> bool:
    """Tells whether two sightings (21, 2) px are of one hand."""
    box, other = Box.around(first), Box.around(second)
    palm_gap = distance(first[list(PALM)].mean(axis=0), second[list(PALM)].mean(axis=0))
    return box.iou(other) > SAME_HAND_IOU or palm_gap < SAME_PALM * min(box.size, other.size)


def is_believed(candidate: Candidate, people: list[Box]) -> bool:
    """Holds back textures: what one window saw, and no forearm points to, must be seen again from close by.

    Once beside a person, twice elsewhere. On `ai_images` and `backgrounds` (2026-11-23) once everywhere would find a
    further 0.02 of the visible hands and double the false ones.
    """
    if candidate.windows >= 2 or candidate.near_wrist:
        return True
    x, y = candidate.box.center
    beside = any(box.holds(x, y) for box in people)
    return candidate.confirmed >= (1 if beside else 2)


def reach(part: Part) -> Box:
    """Returns where the hands of a person may be: around the body, or five faces wide and seven high below a face."""
    if part.kind is PartKind.PERSON:
        return part.box.grown(0.2)
    x, y = part.box.center
    size = part.box.size
    return Box(x - 2.5 * size, y - size, x + 2.5 * size, y + 6 * size)


def distinct(parts: list[Part]) -> tuple[Part, ...]:
    """Keeps the best seen of hands that cover each other: first sightings too far apart to merge at once."""
    kept: list[Part] = []
    for part in sorted(parts, key=lambda part: -(part.detection_score or 0.0)):
        if not any(part.box.iou(other.box) > 0.45 or part.box.overlap_of_smaller(other.box) > 0.8 for other in kept):
            kept.append(part)
    return tuple(kept)


def as_part(candidate: Candidate, picture: Picture, *, total: int | None, box: Box | None = None) -> Part:
    """Builds the part; its keypoints are the median over the windows, which no single wild window can move.

    Args:
        candidate: the hand.
        picture: in which it lies.
        total: how many agreements were possible; None for a single look.
        box: the hand's, if known; else around the keypoints.
    """
    agreed = candidate.confirmed + min(candidate.windows, 2)
    views = None if total is None else (agreed, total)
    if not candidate.xy:
        box = box or Box(0, 0, 0, 0)
        return Part(kind=PartKind.HAND, box=box, detection_score=0.0, detector=DETECTOR, views=views)
    stack = np.stack(candidate.xy)  # (V, 21, 2) px
    xy = np.median(stack, axis=0)
    size = max(Box.around(xy).size, 1.0)
    gaps = np.linalg.norm(stack - xy, axis=2)
    left = float(np.mean(candidate.left_score))
    return Part(
        kind=PartKind.HAND,
        box=box or Box.around(xy).grown(0.06).clipped(picture.width, picture.height),
        detection_score=max(left, 1 - left) if total is None else agreed / total,
        detector=DETECTOR,
        side=Side.LEFT if left > 0.5 else Side.RIGHT,
        side_score=max(left, 1 - left),
        keypoints=Keypoints(layout=HAND21, xy=xy, score=np.full(21, np.nan), world=candidate.world[0]),
        views=views,
        spread=float(gaps.mean() / size) if len(stack) > 1 else None,
    )
