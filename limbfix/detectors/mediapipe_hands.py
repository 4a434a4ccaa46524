"""Where are the hands? MediaPipe's hand model over many windows, and how far the windows agree.

One call on the whole picture finds two of five hands in generated pictures. So the search looks at the picture, at
2 x 2 and 3 x 3 overlapping tiles and around every pose wrist; then each candidate is looked at again in four close
windows, one of them mirrored. How many windows agree is the detection score; how far their keypoints lie apart
(`Part.spread`) is a measurement of its own: a normal hand gives the same joints from every window, a malformed one
does not (hand by hand on AI pictures: AUROC 0.67, against 0.55 for the model's own confidence; benchmarks/).

The model names five digits whatever the picture shows. It locates hands; it never counts digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix import weights
from limbfix.detectors import mediapipe_tasks
from limbfix.detectors.crops import Window, cut, tile_boxes, whole_window
from limbfix.geometry import Box, distance
from limbfix.layouts import HAND21
from limbfix.parts import Keypoints, Part, PartKind, Side

if TYPE_CHECKING:
    from limbfix.images import Picture

MODEL = "hand_landmarker.task"
CONFIDENCE = 0.3
"""Palm and presence confidence of the search. Higher loses one deformed hand in four; what it lets in is held back by
the close windows below (`ai_images` and `backgrounds`, benchmarks/)."""

MAX_HANDS = 12
TILE_COUNTS = (2, 3)
TILE_PX = 512
WRIST_PX = 320
CLOSE_PX = 288
CLOSE_WINDOWS = ((2.2, False), (2.2, True), (3.2, False), (1.7, False))
"""(window side in hand sizes, mirrored). Two to three hand sizes is the palm model's own training crop."""

SAME_HAND_IOU = 0.3
SAME_PALM = 0.25
"""Two sightings are one hand if their boxes overlap, or their palm centers lie within this share of the hand's size."""

PALM = (0, 5, 9, 13, 17)


@dataclass(slots=True)
class _Candidate:
    """One hand as several windows saw it; the first sighting came from the closest window."""

    xy: list[np.ndarray] = field(default_factory=list)
    world: list[np.ndarray] = field(default_factory=list)
    left_score: list[float] = field(default_factory=list)
    windows: int = 0
    near_wrist: bool = False
    confirmed: int = 0

    @property
    def box(self) -> Box:
        return Box.around(self.xy[0])


class MediaPipeHands:
    """Finds hands.

    Args:
        device: `cpu` or `gpu`.
        search: `full` as the module says, or `single` for one call on the whole picture.
    """

    name = "mediapipe_hands"

    def __init__(self, *, device: str = "cpu", search: str = "full") -> None:
        mediapipe_tasks.load_tasks()  # a missing library is told at once, not picture by picture
        self._device, self._search = device, search
        self._landmarker: Any = None

    def model_hashes(self) -> dict[str, str]:
        """Returns the SHA-256 of the hand bundle."""
        return {MODEL: weights.model_sha256(MODEL)}

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns hands with keypoints; bodies in `known` guide the search. See `Detector.detect`."""
        return mediapipe_tasks.run(self.name, lambda: self._detect(picture, known))

    def close(self) -> None:
        """Frees the graph."""
        if self._landmarker is not None:
            mediapipe_tasks.stop(self._landmarker)
            self._landmarker = None

    def _detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        pixels = picture.pixels
        whole = whole_window(pixels)
        if self._search == "single":
            candidates = _merge([(sighting, False) for sighting in self._sightings(whole)])
            return _distinct([_part(candidate, picture, shown=None) for candidate in candidates])
        bodies = [part for part in known if part.kind is PartKind.PERSON and part.keypoints is not None]
        wrists = [window for box in _wrist_boxes(bodies) if (window := cut(pixels, box, WRIST_PX)) is not None]
        boxes = [box for count in TILE_COUNTS for box in tile_boxes(picture.width, picture.height, count)]
        tiles = [window for box in boxes if (window := cut(pixels, box, TILE_PX)) is not None]
        found = [(sighting, True) for window in wrists for sighting in self._sightings(window)]
        found += [(sighting, False) for window in (*reversed(tiles), whole) for sighting in self._sightings(window)]
        candidates = _merge(found)
        for candidate in candidates:
            self._look_closely(candidate, pixels)
        people = [_reach(part) for part in known if part.kind in (PartKind.PERSON, PartKind.FACE)]
        kept = [candidate for candidate in candidates if _is_believed(candidate, people)]
        return _distinct([_part(candidate, picture, shown=len(CLOSE_WINDOWS)) for candidate in kept])

    def _look_closely(self, candidate: _Candidate, pixels: np.ndarray) -> None:
        box = candidate.box
        for scale, mirrored in CLOSE_WINDOWS:
            window = cut(pixels, box.squared(scale), CLOSE_PX, mirrored=mirrored)
            if window is None:
                continue
            matches = [
                sighting for sighting in self._sightings(window) if Box.around(sighting[0]).iou(box) > SAME_HAND_IOU
            ]
            if matches:
                best = max(matches, key=lambda sighting: Box.around(sighting[0]).iou(box))
                candidate.confirmed += 1
                candidate.xy.append(best[0])
                candidate.world.append(best[1])
                candidate.left_score.append(best[2])

    def _sightings(self, window: Window) -> list[tuple[np.ndarray, np.ndarray, float]]:
        """Returns (xy (21, 2) px of the picture, world (21, 3) m, belief 0-1 that it is the subject's left hand)."""
        mediapipe, tasks = mediapipe_tasks.load_tasks()
        if self._landmarker is None:
            options = tasks.vision.HandLandmarkerOptions(
                base_options=mediapipe_tasks.base_options(tasks, MODEL, self._device),
                num_hands=MAX_HANDS,
                min_hand_detection_confidence=CONFIDENCE,
                min_hand_presence_confidence=CONFIDENCE,
            )
            self._landmarker = mediapipe_tasks.start(lambda: tasks.vision.HandLandmarker.create_from_options(options))
        result = self._landmarker.detect(mediapipe_tasks.as_image(mediapipe, window.pixels))
        sightings = []
        for index, landmarks in enumerate(result.hand_landmarks):
            xy = window.to_picture(np.array([[point.x, point.y] for point in landmarks]))
            world = np.array([[point.x, point.y, point.z] for point in result.hand_world_landmarks[index]])
            if window.mirrored:
                world = world * [-1, 1, 1]
            category = result.handedness[index][0]
            left = category.score if category.category_name == "Left" else 1 - category.score
            sightings.append((xy, world, 1 - left if window.mirrored else left))
        return sightings


def _wrist_boxes(bodies: list[Part]) -> list[Box]:
    """Returns square boxes around hands as the forearms of bodies point to them."""
    boxes = []
    for body in bodies:
        if body.keypoints is None or "left_index" not in body.keypoints.layout.landmarks:
            continue  # a 17-point body has no knuckles to point with
        point = body.keypoints.point
        trunk = distance(point("left_shoulder"), point("right_hip"))
        for side in ("left", "right"):
            center = (point(f"{side}_wrist") + point(f"{side}_index")) / 2
            size = max(1.6 * distance(point(f"{side}_elbow"), point(f"{side}_wrist")), 0.35 * trunk, 48.0)
            if np.isfinite(size) and np.isfinite(center).all():
                boxes.append(
                    Box(center[0] - size / 2, center[1] - size / 2, center[0] + size / 2, center[1] + size / 2)
                )
    return boxes


def _merge(sightings: list[tuple[tuple[np.ndarray, np.ndarray, float], bool]]) -> list[_Candidate]:
    """Joins sightings of one hand; the first sighting of each keeps the lead."""
    candidates: list[_Candidate] = []
    for (xy, world, left), near_wrist in sightings:
        match = next((candidate for candidate in candidates if _is_same(candidate.xy[0], xy)), None)
        if match is None:
            match = _Candidate()
            candidates.append(match)
        match.xy.append(xy)
        match.world.append(world)
        match.left_score.append(left)
        match.windows += 1
        match.near_wrist |= near_wrist
    return candidates


def _is_same(first: np.ndarray, second: np.ndarray) -> bool:
    box, other = Box.around(first), Box.around(second)
    palm_gap = distance(first[list(PALM)].mean(axis=0), second[list(PALM)].mean(axis=0))
    return box.iou(other) > SAME_HAND_IOU or palm_gap < SAME_PALM * min(box.size, other.size)


def _is_believed(candidate: _Candidate, people: list[Box]) -> bool:
    """Holds back textures: what one window saw, and no forearm points to, must be seen again from close by.

    Once beside a person, twice elsewhere. On `ai_images` and `backgrounds` (2026-11-23) once everywhere would find a
    further 0.02 of the visible hands and double the false ones.
    """
    if candidate.windows >= 2 or candidate.near_wrist:
        return True
    x, y = candidate.box.center
    beside = any(box.x_min <= x <= box.x_max and box.y_min <= y <= box.y_max for box in people)
    return candidate.confirmed >= (1 if beside else 2)


def _reach(part: Part) -> Box:
    """Returns where the hands of a person may be: around the body, or five faces wide and seven high below a face."""
    if part.kind is PartKind.PERSON:
        return part.box.grown(0.2)
    x, y = part.box.center
    size = part.box.size
    return Box(x - 2.5 * size, y - size, x + 2.5 * size, y + 6 * size)


def _distinct(parts: list[Part]) -> tuple[Part, ...]:
    """Keeps the best seen of hands that cover each other: first sightings too far apart to merge at once."""
    kept: list[Part] = []
    for part in sorted(parts, key=lambda part: -(part.detection_score or 0.0)):
        if not any(part.box.iou(other.box) > 0.45 or part.box.overlap_of_smaller(other.box) > 0.8 for other in kept):
            kept.append(part)
    return tuple(kept)


def _part(candidate: _Candidate, picture: Picture, *, shown: int | None) -> Part:
    """Builds the part; its keypoints are the median over the windows, which no single wild window can move."""
    stack = np.stack(candidate.xy)  # (V, 21, 2) px
    xy = np.median(stack, axis=0)
    size = max(Box.around(xy).size, 1.0)
    gaps = np.linalg.norm(stack - xy, axis=2)
    left = float(np.mean(candidate.left_score))
    agreed = candidate.confirmed + min(candidate.windows, 2)
    total = None if shown is None else shown + 2
    return Part(
        kind=PartKind.HAND,
        box=Box.around(xy).grown(0.06).clipped(picture.width, picture.height),
        detection_score=max(left, 1 - left) if total is None else agreed / total,
        detector=MediaPipeHands.name,
        side=Side.LEFT if left > 0.5 else Side.RIGHT,
        side_score=max(left, 1 - left),
        keypoints=Keypoints(layout=HAND21, xy=xy, score=np.full(21, np.nan), world=candidate.world[0]),
        views=None if total is None else (agreed, total),
        spread=float(gaps.mean() / size) if len(stack) > 1 else None,
    )
