"""Where are the bodies? MediaPipe's 33-point pose of several people, on the picture and on crops around lonely faces.

BlazePose names two arms and two legs whatever it sees. What it cannot say is left to the checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix import weights
from limbfix.detectors import mediapipe_tasks
from limbfix.detectors.crops import Window, cut, whole_window
from limbfix.geometry import Box, distance
from limbfix.layouts import BLAZEPOSE33
from limbfix.parts import Keypoints, Part, PartKind

if TYPE_CHECKING:
    from limbfix.images import Picture

MODEL = "pose_landmarker.task"
MAX_PEOPLE = 6
"""Bodies per window. The pose graph's time grows with it; crowds are reached through crops around faces."""

MAX_FACE_CROPS = 8
FACE_TO_BODY = 7.5
"""A standing adult is 7 to 8 heads tall (anthropometric canon; ANSUR II: stature / head height = 7.5), so a crop of
this many face boxes in each direction holds the body that belongs to a face."""


class MediaPipePose:
    """Finds bodies.

    Args:
        device: `cpu` or `gpu`.
        crops: whether to look again around faces that no body owns.
        masks: whether to compute person masks (half as slow again).
    """

    name = "mediapipe_pose"

    def __init__(self, *, device: str = "cpu", crops: bool = True, masks: bool = True) -> None:
        mediapipe_tasks.load_tasks()  # a missing library is told at once, not picture by picture
        self._device, self._crops, self._masks = device, crops, masks
        self._landmarkers: dict[tuple[int, bool], Any] = {}

    def model_hashes(self) -> dict[str, str]:
        """Returns the SHA-256 of the pose bundle."""
        return {MODEL: weights.model_sha256(MODEL)}

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns bodies with keypoints, and masks where asked for. See `Detector.detect`."""
        return mediapipe_tasks.run(self.name, lambda: self._detect(picture, known))

    def _detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        bodies = self._bodies(whole_window(picture.pixels), MAX_PEOPLE, (picture.height, picture.width))
        if not self._crops:
            return tuple(bodies)
        lonely = [
            part for part in known if part.kind is PartKind.FACE and not any(_owns(body, part) for body in bodies)
        ]
        for face in sorted(lonely, key=lambda part: -part.box.area)[:MAX_FACE_CROPS]:
            window = cut(picture.pixels, _body_box(face.box), 512)
            if window is None:
                continue
            found = self._bodies(window, 1, (picture.height, picture.width))
            bodies += [body for body in found if _owns(body, face) and not any(_owns(old, face) for old in bodies)]
        return tuple(bodies)

    def close(self) -> None:
        """Frees the graphs."""
        mediapipe_tasks.stop_all(self._landmarkers)

    def _landmarker(self, people: int, masks: bool) -> Any:
        def create() -> Any:
            _, tasks = mediapipe_tasks.load_tasks()
            options = tasks.vision.PoseLandmarkerOptions(
                base_options=mediapipe_tasks.base_options(tasks, MODEL, self._device),
                num_poses=people,
                output_segmentation_masks=masks,
            )
            return tasks.vision.PoseLandmarker.create_from_options(options)

        return mediapipe_tasks.started(self._landmarkers, (people, masks), create)

    def _bodies(self, window: Window, people: int, shape_hw: tuple[int, int]) -> list[Part]:
        mediapipe, _ = mediapipe_tasks.load_tasks()
        landmarker = self._landmarker(people, self._masks)
        result = landmarker.detect(mediapipe_tasks.as_image(mediapipe, window.pixels))
        bodies = []
        for index, landmarks in enumerate(result.pose_landmarks):
            world = np.array([[point.x, point.y, point.z] for point in result.pose_world_landmarks[index]])
            mask = None
            if self._masks and result.segmentation_masks:
                mask = _in_picture(result.segmentation_masks[index].numpy_view(), window, shape_hw)
            bodies.append(_body(landmarks, world, window, mask))
        return bodies


def _body(landmarks: Any, world: np.ndarray, window: Window, mask: np.ndarray | None) -> Part:
    fractions = np.array([[point.x, point.y] for point in landmarks])
    visibility = np.array([point.visibility for point in landmarks])
    xy = window.to_picture(fractions)
    shown = xy[visibility >= 0.5] if (visibility >= 0.5).sum() >= 3 else xy
    # The model scores no body as a whole; the mean visibility of shoulders and hips is the part it is surest of.
    score = float(np.clip(visibility[[11, 12, 23, 24]].mean(), 0, 1))
    return Part(
        kind=PartKind.PERSON,
        box=Box.around(shown),
        detection_score=score,
        detector=MediaPipePose.name,
        keypoints=Keypoints(layout=BLAZEPOSE33, xy=xy, score=visibility, world=world),
        mask=mask,
    )


def _in_picture(values: np.ndarray, window: Window, shape_hw: tuple[int, int]) -> np.ndarray:
    """Turns a window's float mask, 0-1, into a bool mask of the picture."""
    inside = np.squeeze(values) > 0.5
    if window.whole:
        return np.ascontiguousarray(inside)
    from PIL import Image

    mask = np.zeros(shape_hw, dtype=bool)
    height, width = window.pixels.shape[:2]
    size_wh = (round(width / window.scale_xy[0]), round(height / window.scale_xy[1]))
    left, top = int(window.left), int(window.top)
    patch = np.asarray(Image.fromarray(inside).resize(size_wh, Image.Resampling.NEAREST))
    patch = patch[: shape_hw[0] - top, : shape_hw[1] - left]
    mask[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return mask


def _owns(body: Part, face: Part) -> bool:
    return body.keypoints is not None and distance(body.keypoints.point("nose"), face.box.center) < face.box.size


def _body_box(face: Box) -> Box:
    x, y = face.center
    reach = face.size * FACE_TO_BODY
    return Box(x - reach / 2, y - face.size * 1.5, x + reach / 2, y - face.size * 1.5 + reach)
