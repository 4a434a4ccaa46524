"""How many people are there? MediaPipe's short-range face detector, on the picture and on tiles for small faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix import weights
from limbfix.detectors import mediapipe_tasks
from limbfix.detectors.crops import Window, cut, tile_boxes, whole_window
from limbfix.geometry import Box
from limbfix.parts import Part, PartKind

if TYPE_CHECKING:
    from limbfix.images import Picture

MODEL = "face_detector.tflite"
MIN_SCORE = 0.8
"""Tiles see many textures. At 0.6 they show 64 faces in 343 pictures of `backgrounds`, at 0.75 four, at 0.8 none;
109 of 150 faces in `subhih` and 190 of 283 in `ai_images` remain (2026-11-23)."""

_TILE_PX = 384


class MediaPipeFaces:
    """Finds faces.

    Args:
        device: `cpu` or `gpu`.
    """

    name = "mediapipe_faces"

    def __init__(self, *, device: str = "cpu") -> None:
        mediapipe_tasks.load_tasks()  # a missing library is told at once, not picture by picture
        self._device = device
        self._graphs: dict[str, Any] = {}

    def model_hashes(self) -> dict[str, str]:
        """Returns the SHA-256 of the face model."""
        return {MODEL: weights.model_sha256(MODEL)}

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns faces without keypoints. See `Detector.detect`."""
        return mediapipe_tasks.run(self.name, lambda: self._detect(picture))

    def close(self) -> None:
        """Frees the graph."""
        mediapipe_tasks.stop_all(self._graphs)

    def _detect(self, picture: Picture) -> tuple[Part, ...]:
        windows = [whole_window(picture.pixels)]
        for count in (2, 3):
            boxes = tile_boxes(picture.width, picture.height, count)
            windows += [window for box in boxes if (window := cut(picture.pixels, box, _TILE_PX)) is not None]
        faces = [face for window in windows for face in self._faces(window)]
        kept: list[Part] = []
        for face in sorted(faces, key=lambda part: -(part.detection_score or 0)):
            if not any(face.box.overlap_of_smaller(other.box) > 0.4 for other in kept):
                kept.append(face)
        return tuple(kept)

    def _faces(self, window: Window) -> list[Part]:
        mediapipe, _ = mediapipe_tasks.load_tasks()
        detector = mediapipe_tasks.started(self._graphs, MODEL, self._created)
        result = detector.detect(mediapipe_tasks.as_image(mediapipe, window.pixels))
        return [_face(detection, window) for detection in result.detections]

    def _created(self) -> Any:
        _, tasks = mediapipe_tasks.load_tasks()
        options = tasks.vision.FaceDetectorOptions(
            base_options=mediapipe_tasks.base_options(tasks, MODEL, self._device), min_detection_confidence=MIN_SCORE
        )
        return tasks.vision.FaceDetector.create_from_options(options)


def _face(detection: Any, window: Window) -> Part:
    height, width = window.pixels.shape[:2]
    box = detection.bounding_box
    corners = np.array(
        [[box.origin_x, box.origin_y], [box.origin_x + box.width, box.origin_y + box.height]], dtype=float
    )
    return Part(
        kind=PartKind.FACE,
        box=Box.around(window.to_picture(corners / [width, height])),
        detection_score=float(detection.categories[0].score),
        detector=MediaPipeFaces.name,
    )
