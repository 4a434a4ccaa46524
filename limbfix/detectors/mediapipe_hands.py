"""Where are the hands? MediaPipe's hand model over many windows, and how far the windows agree.

One call on the whole picture finds two of five hands in generated pictures. So the search looks at the picture, at
2 x 2 and 3 x 3 overlapping tiles and around every pose wrist; then each candidate is looked at again in four close
windows, one of them mirrored. How many windows agree is the detection score; how far their keypoints lie apart
(`Part.spread`) is a measurement of its own: a normal hand gives the same joints from every window, a malformed one
does not (hand by hand on AI pictures: AUROC 0.67, against 0.55 for the model's own confidence; benchmarks/).

Beside limbfix's own finder the search goes its own way, and `limbfix_hands` joins what both saw: the finder proposes too much for four
windows each. For boxes that are given (labels), `second` asks for an opinion on each.

The model names five digits whatever the picture shows. It locates hands; it never counts digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix import weights
from limbfix.detectors import mediapipe_tasks
from limbfix.detectors.crops import Window, cut, tile_boxes, whole_window
from limbfix.detectors.mediapipe_sightings import (
    DETECTOR,
    SAME_HAND_IOU,
    Candidate,
    Sighting,
    as_part,
    distinct,
    is_believed,
    merge,
    reach,
)
from limbfix.geometry import Box, distance
from limbfix.parts import Part, PartKind

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

_MOST_AGREED = len(CLOSE_WINDOWS) + 2
"""How many windows can agree on a hand: the close ones, and at most two of the search."""


class MediaPipeHands:
    """Finds hands.

    Args:
        device: `cpu` or `gpu`.
        search: `full` as the module says, or `single` for one call on the whole picture.
        second: whether an opinion is wanted on each hand in `known`.
    """

    name = DETECTOR

    def __init__(self, *, device: str = "cpu", search: str = "full", second: bool = False) -> None:
        mediapipe_tasks.load_tasks()  # a missing library is told at once, not picture by picture
        self._device, self._search, self._second = device, search, second
        self._graphs: dict[str, Any] = {}

    def model_hashes(self) -> dict[str, str]:
        """Returns the SHA-256 of the hand bundle."""
        return {MODEL: weights.model_sha256(MODEL)}

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns hands with keypoints; bodies in `known` guide the search. See `Detector.detect`.

        As a second opinion, each hand in `known` is answered by a part with its box: with keypoints, or with `views` of (0, n) where
        no window showed a hand.
        """
        return mediapipe_tasks.run(self.name, lambda: self._detect(picture, known))

    def close(self) -> None:
        """Frees the graph."""
        mediapipe_tasks.stop_all(self._graphs)

    def _detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        if self._search == "single":
            candidates = merge([(sighting, False) for sighting in self._sightings(whole_window(picture.pixels))])
            return distinct([as_part(candidate, picture, total=None) for candidate in candidates])
        people = [reach(part) for part in known if part.kind in (PartKind.PERSON, PartKind.FACE)]
        found = self._searched(picture, known)
        if self._second:
            hands = [part for part in known if part.kind is PartKind.HAND]
            return self._opinions(picture, hands, people, found)
        return self._believed(merge(found), people, picture)

    def _searched(self, picture: Picture, known: tuple[Part, ...]) -> list[tuple[Sighting, bool]]:
        """Returns what all search windows show, each with whether a forearm pointed there."""
        pixels = picture.pixels
        bodies = [part for part in known if part.kind is PartKind.PERSON and part.keypoints is not None]
        wrists = [window for box in _wrist_boxes(bodies) if (window := cut(pixels, box, WRIST_PX)) is not None]
        boxes = [box for count in TILE_COUNTS for box in tile_boxes(picture.width, picture.height, count)]
        tiles = [window for box in boxes if (window := cut(pixels, box, TILE_PX)) is not None]
        found = [(sighting, True) for window in wrists for sighting in self._sightings(window)]
        windows = (*reversed(tiles), whole_window(pixels))
        return found + [(sighting, False) for window in windows for sighting in self._sightings(window)]

    def _believed(self, candidates: list[Candidate], people: list[Box], picture: Picture) -> tuple[Part, ...]:
        for candidate in candidates:
            self._look_closely(candidate, candidate.box, picture.pixels)
        kept = [candidate for candidate in candidates if is_believed(candidate, people)]
        return distinct([as_part(candidate, picture, total=_MOST_AGREED) for candidate in kept])

    def _opinions(
        self, picture: Picture, hands: list[Part], people: list[Box], found: list[tuple[Sighting, bool]]
    ) -> tuple[Part, ...]:
        """Returns one part for each of `hands`, in their order, then the hands that only the search found."""
        candidates = [Candidate() for _ in hands]
        missed: list[tuple[Sighting, bool]] = []
        for sighting, near_wrist in found:
            seen = Box.around(sighting[0])
            overlaps = [seen.iou(hand.box) for hand in hands]
            best = int(np.argmax(overlaps)) if overlaps else -1
            if not overlaps or overlaps[best] <= SAME_HAND_IOU:
                missed.append((sighting, near_wrist))
                continue
            candidates[best].add(sighting)
            candidates[best].windows += 1
        for candidate, hand in zip(candidates, hands, strict=True):
            self._look_closely(candidate, hand.box, picture.pixels)
        opinions = [
            as_part(candidate, picture, total=_MOST_AGREED, box=hand.box)
            for candidate, hand in zip(candidates, hands, strict=True)
        ]
        return (*opinions, *self._believed(merge(missed), people, picture))

    def _look_closely(self, candidate: Candidate, box: Box, pixels: np.ndarray) -> None:
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
                candidate.add(best)

    def _sightings(self, window: Window) -> list[Sighting]:
        """Returns what the model sees in a window."""
        mediapipe, _ = mediapipe_tasks.load_tasks()
        landmarker = mediapipe_tasks.started(self._graphs, MODEL, self._created)
        result = landmarker.detect(mediapipe_tasks.as_image(mediapipe, window.pixels))
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

    def _created(self) -> Any:
        _, tasks = mediapipe_tasks.load_tasks()
        options = tasks.vision.HandLandmarkerOptions(
            base_options=mediapipe_tasks.base_options(tasks, MODEL, self._device),
            num_hands=MAX_HANDS,
            min_hand_detection_confidence=CONFIDENCE,
            min_hand_presence_confidence=CONFIDENCE,
        )
        return tasks.vision.HandLandmarker.create_from_options(options)


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
