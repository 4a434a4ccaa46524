"""Drawn hands for tests of surgery: four fingers and a thumb in skin colour on a textured wall, with exact joints."""

from __future__ import annotations

import cv2
import numpy as np

from limbfix.detectors.mediapipe_hands import MediaPipeHands
from limbfix.geometry import Box
from limbfix.layouts import HAND21
from limbfix.parts import Keypoints, Part, PartKind, Side

SKIN = (205, 150, 125)


def joints(size_px: int = 240) -> np.ndarray:
    """Returns (21, 2) px of an open hand, fingers up, thumb to the left."""
    wrist, palm = np.array([0.52, 0.88]), 0.3
    rows = [wrist]
    rows += [wrist + palm * np.array(step) for step in ((-0.35, -0.2), (-0.65, -0.5), (-0.95, -0.75), (-1.2, -0.95))]
    for across, lean, length in ((-0.42, -0.22, 0.9), (-0.12, -0.06, 1.0), (0.17, 0.1, 0.93), (0.43, 0.28, 0.72)):
        base = wrist + palm * np.array([across, -0.98])
        axis = np.array([lean, -1.0]) / np.hypot(lean, 1.0)
        rows += [base + palm * length * share * axis for share in (0.0, 0.45, 0.75, 1.0)]
    return np.array(rows) * size_px


def draw(size_px: int = 240, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (pixels, joints, mask) of the drawn hand."""
    xy, rng = joints(size_px), np.random.default_rng(seed)
    palm = float(np.linalg.norm(xy[9] - xy[0]))
    mask = np.zeros((size_px, size_px), np.uint8)
    shade = np.zeros((size_px, size_px), np.float32)
    for digit, width in enumerate((0.24, 0.2, 0.2, 0.19, 0.16)):
        line = np.round(xy[4 * digit + 1 : 4 * digit + 5]).astype(np.int32)
        cv2.polylines(mask, [line], False, 1, round(width * palm))
        aside = np.array([round(width * palm / 2), 0])
        for rim in (line[1:] + aside, line[1:] - aside):
            cv2.polylines(
                shade, [rim.astype(np.int32)], False, 60.0, 4
            )  # the dark edge by which fingers are told apart
    cv2.fillPoly(mask, [np.round(xy[[0, 1, 2, 5, 9, 13, 17]]).astype(np.int32)], 1)
    cv2.line(mask, np.round(xy[0]).astype(int).tolist(), (round(float(xy[0, 0])), size_px), 1, round(0.55 * palm))
    mask = cv2.dilate(mask, np.ones((5, 5), np.uint8))
    wall = np.full((size_px, size_px, 3), (70, 95, 120), np.float32)
    wall += cv2.GaussianBlur(rng.normal(0, 40, wall.shape).astype(np.float32), (0, 0), 2)
    hand = (
        np.full_like(wall, SKIN)
        - cv2.GaussianBlur(shade, (0, 0), 1.0)[..., None]
        + rng.normal(0, 4, wall.shape).astype(np.float32)
    )
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)[..., None]
    pixels = np.clip(wall * (1 - alpha) + hand * alpha, 0, 255).astype(np.uint8)
    return pixels, xy, mask.astype(bool)


class DrawnHandDetector:
    """Finds the drawn hand wherever its skin lies: joints follow the box of the skin.

    Args:
        wobble: px by which the second and later looks at other sizes of picture disagree.
    """

    name = MediaPipeHands.name

    def __init__(self, wobble: float = 0.0) -> None:
        self.wobble, self.looks = wobble, 0

    def model_hashes(self) -> dict[str, str]:
        return {}

    def detect(self, picture, known):
        self.looks += 1
        skin = picture.pixels[..., 0].astype(int) > picture.pixels[..., 2].astype(int) + 30
        if skin.sum() < 400:
            return ()
        y, x = np.nonzero(cv2.erode(skin.astype(np.uint8), np.ones((3, 3), np.uint8)))
        drawn = joints(240)
        # Skin of the hand drawn at 240 px spans these columns and begins at this row.
        left, right, top = 29.0, 176.0, 62.0
        scale = (x.max() - x.min()) / (right - left)
        xy = (drawn - (left, top)) * scale + (x.min(), y.min())
        if self.looks % 2 == 0:
            xy = xy + self.wobble
        keypoints = Keypoints(layout=HAND21, xy=xy, score=np.full(21, np.nan))
        box = Box.around(xy)
        return (
            Part(
                kind=PartKind.HAND, box=box, detection_score=1.0, detector="drawn", side=Side.RIGHT, keypoints=keypoints
            ),
        )

    def close(self) -> None:
        pass
