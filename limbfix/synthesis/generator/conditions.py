"""What is the generator told about a hand? Its mask and its digits, drawn as small maps beside the latents."""

from __future__ import annotations

import cv2
import numpy as np

from limbfix.geometry import scaled_from_first_centre

CHANNELS = 7
"""Mask, five digits from thumb to little finger, and all 21 joints."""

_DIGIT_SIGMA = 0.8
_JOINT_SIGMA = 0.6
"""Widths in latents. A finger of a hand that fills half of the picture is two latents wide."""

_DIGITS = tuple((first, first + 1, first + 2, first + 3) for first in (1, 5, 9, 13, 17))


def condition_maps(
    mask: np.ndarray | None, keypoints: np.ndarray | None, *, side: int, scale_xy: tuple[float, float]
) -> np.ndarray:
    """Returns the maps of one hand.

    Args:
        mask: (h, w) bool, skin of hand and forearm, of any size; None says nothing about it.
        keypoints: (21, 2) px from the centre of the picture's first pixel, HAND21; None says nothing about them.
        side: of the square of latents.
        scale_xy: latents per px of the keypoints.

    Returns:
        float32 (`CHANNELS`, side, side), 0 to 1; 0 where nothing is said.
    """
    maps = np.zeros((CHANNELS, side, side), np.float32)
    if mask is not None:
        maps[0] = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    if keypoints is not None:
        xy = scaled_from_first_centre(np.asarray(keypoints, np.float32), np.asarray(scale_xy, np.float32))
        for channel, joints in enumerate(_DIGITS, start=1):
            maps[channel] = np.exp(-0.5 * (_distance_to_line(xy[list(joints)], side) / _DIGIT_SIGMA) ** 2)
        maps[6] = np.exp(-0.5 * (_distance_to_points(xy, side) / _JOINT_SIGMA) ** 2)
    return maps


def _grid(side: int) -> np.ndarray:
    """Returns (side, side, 2): x and y of each latent."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    return np.stack([x, y], axis=-1)


def _distance_to_points(xy: np.ndarray, side: int) -> np.ndarray:
    return np.linalg.norm(_grid(side)[:, :, None] - xy, axis=-1).min(axis=-1)


def _distance_to_line(xy: np.ndarray, side: int) -> np.ndarray:
    """Returns (side, side): distance to the nearest of the segments between consecutive points."""
    starts, along = xy[:-1], np.diff(xy, axis=0)
    offsets = _grid(side)[:, :, None] - starts
    lengths = np.maximum((along**2).sum(axis=-1), 1e-6)
    shares = np.clip((offsets * along).sum(axis=-1) / lengths, 0.0, 1.0)
    return np.linalg.norm(offsets - shares[..., None] * along, axis=-1).min(axis=-1)
