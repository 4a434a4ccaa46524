"""A drawn person for tests of limb surgery: a grey body with spread arms and legs on a textured wall, with exact joints."""

from __future__ import annotations

import cv2
import numpy as np

from limbfix.layouts import BLAZEPOSE33

CLOTH = (60, 70, 90)

_PLACES = {
    "nose": (0.5, 0.16), "left_ear": (0.53, 0.16), "right_ear": (0.47, 0.16),
    "left_shoulder": (0.58, 0.28), "right_shoulder": (0.42, 0.28),
    "left_elbow": (0.72, 0.34), "right_elbow": (0.28, 0.34),
    "left_wrist": (0.85, 0.30), "right_wrist": (0.15, 0.30),
    "left_pinky": (0.89, 0.29), "right_pinky": (0.11, 0.29), "left_index": (0.89, 0.27), "right_index": (0.11, 0.27),
    "left_hip": (0.55, 0.54), "right_hip": (0.45, 0.54),
    "left_knee": (0.6, 0.71), "right_knee": (0.4, 0.71),
    "left_ankle": (0.63, 0.87), "right_ankle": (0.37, 0.87),
    "left_foot_index": (0.69, 0.9), "right_foot_index": (0.31, 0.9),
}  # fmt: skip

_BONES = (
    ("shoulder", "elbow", 0.055), ("elbow", "wrist", 0.045), ("wrist", "index", 0.04),
    ("hip", "knee", 0.075), ("knee", "ankle", 0.055), ("ankle", "foot_index", 0.045),
)  # fmt: skip


def joints(size_px: int) -> np.ndarray:
    """Returns (33, 2) px; what is not drawn lies at the nose."""
    return np.array([_PLACES.get(name, _PLACES["nose"]) for name in BLAZEPOSE33.landmarks]) * size_px


def draw(size_px: int = 256, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (pixels, joints, mask)."""
    xy, rng = joints(size_px), np.random.default_rng(seed)
    at = {name: np.round(xy[index]).astype(np.int32) for index, name in enumerate(BLAZEPOSE33.landmarks)}
    mask = np.zeros((size_px, size_px), np.uint8)
    for side in ("left", "right"):
        for start, end, width in _BONES:
            line = np.stack([at[f"{side}_{start}"], at[f"{side}_{end}"]])
            cv2.polylines(mask, [line], False, 1, round(width * size_px))
    trunk = np.stack([at["left_shoulder"], at["right_shoulder"], at["right_hip"], at["left_hip"]])
    cv2.fillPoly(mask, [trunk], 1)
    cv2.circle(mask, at["nose"].tolist(), round(0.07 * size_px), 1, -1)
    cv2.polylines(
        mask, [np.stack([at["nose"], trunk[:2].mean(axis=0).astype(np.int32)])], False, 1, round(0.05 * size_px)
    )
    wall = np.full((size_px, size_px, 3), (190, 180, 150), np.float32)
    wall += cv2.GaussianBlur(rng.normal(0, 40, wall.shape).astype(np.float32), (0, 0), 2)
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)[..., None]
    person = np.full_like(wall, CLOTH) + rng.normal(0, 4, wall.shape).astype(np.float32)
    return np.clip(wall * (1 - alpha) + person * alpha, 0, 255).astype(np.uint8), xy, mask.astype(bool)
