"""A drawn open hand with joints and mask, for tests of what works on photographs: no MediaPipe, no picture from outside."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.synthesis.melting.jointed_views import HandView
from limbfix.synthesis.photograph_masks import bone_capsules
from limbfix.synthesis.photographs import HandPhoto
from limbfix.synthesis.seeds import rng_for

SIZE = 160

_ROOTS = ((-22, -14), (-17, -42), (-6, -45), (5, -43), (15, -37))
_ANGLES = (-58, -10, -2, 7, 17)
_BONES = ((14, 13, 11), (18, 12, 10), (20, 13, 11), (18, 12, 10), (14, 9, 9))


def hand_keypoints(spread: float = 1.0, turn: float = 0.0) -> np.ndarray:
    """Returns an upright open left hand's joints, float32 (21, 2) px of a picture of `SIZE`."""
    points = [(0.0, 0.0)]
    for (x, y), angle, bones in zip(_ROOTS, _ANGLES, _BONES, strict=True):
        way = np.array([np.sin(np.radians(angle * spread)), -np.cos(np.radians(angle * spread))])
        joints = [np.array([x, y], float)]
        for bone in bones:
            joints.append(joints[-1] + way * bone)
        points += [tuple(joint) for joint in joints]
    xy = np.array(points)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (xy @ spin.T + (SIZE / 2, SIZE * 0.72)).astype(np.float32)


def drawn_hand(seed: int = 0, spread: float = 1.0, turn: float = 0.0) -> HandView:
    """Returns a skin-coloured hand with grain and creases before a mottled ground."""
    keypoints, rng = hand_keypoints(spread, turn), rng_for(seed, "drawn")
    mask = bone_capsules(keypoints, (SIZE, SIZE), 1.0)
    cv2.line(mask_bytes := mask.astype(np.uint8), _px(keypoints[0]), (SIZE // 2, SIZE), 1, 30)
    mask = mask_bytes.astype(bool)
    ground = cv2.resize(rng.uniform(40, 110, (9, 9, 3)).astype(np.float32), (SIZE, SIZE))
    pixels = np.where(mask[..., None], np.array([205.0, 160, 135]), ground)
    for digit in range(5):
        for joint in keypoints[4 * digit + 1 : 4 * digit + 4]:
            cv2.circle(pixels, _px(joint), 3, (165, 115, 95), -1)
    pixels = cv2.GaussianBlur(pixels, (0, 0), 0.8) + rng.normal(0, 3, pixels.shape)
    return HandView(pixels=np.clip(pixels, 0, 255).astype(np.uint8), keypoints=keypoints, mask=mask)


@dataclass
class DrawnPhotos:
    """Stands in for `HandPhotos`."""

    count: int = 6

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> HandPhoto:
        view = drawn_hand(index, spread=1 - 0.1 * index, turn=0.1 * index - 0.2)
        return HandPhoto(
            pixels=view.pixels,
            keypoints=view.keypoints,
            mask=view.mask,
            side="left",
            source=f"drawn/{index}.png",
            sha256="0" * 64,
            framing="centred",
            mask_source="segmentation",
        )


def _px(xy: np.ndarray) -> tuple[int, int]:
    return int(xy[0]), int(xy[1])
